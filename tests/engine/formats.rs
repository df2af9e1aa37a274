//! `--format` and `--filter`: lists as people want them.

use serde_json::Value;

use crate::engine::eventually;
use crate::project::Project;

const STACK: &str = "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    ports: ['127.0.0.1::80']
    labels: {who: a<b, some.long-name: yes}
    deploy: {replicas: 2}
  task: {image: busybox, command: sh -c 'exit 4'}
";

fn up() -> Option<Project> {
    let project = Project::with(STACK)?;
    project.succeed(&["up", "-d"]);
    eventually("the end of the task", || (project.status("task-1") == "exited").then_some(()));
    Some(project)
}

/// A template is filled for every container, with all that templates of Docker have.
#[test]
fn templates_are_filled_for_each_container() {
    let Some(project) = up() else { return };
    let ps = |format: &str| project.succeed(&["ps", "-a", "--format", format]).stdout;
    assert_eq!(ps("{{.Name}}"), "[PROJECT]-task-1\n[PROJECT]-web-1\n[PROJECT]-web-2\n");
    assert_eq!(
        ps("{{.Service}}: {{if eq .State \"running\"}}up{{else}}{{.ExitCode}}{{end}}"),
        "task: 4\nweb: up\nweb: up\n"
    );
    assert_eq!(
        ps("{{upper .Service | printf \"%-6s|\"}}{{.Label \"who\"}}"),
        "TASK  |\nWEB   |a<b\nWEB   |a<b\n"
    );
    assert_eq!(
        ps("{{range .Publishers}}{{.TargetPort}}/{{.Protocol}}{{else}}none{{end}}"),
        "none\n80/tcp\n80/tcp\n"
    );
    assert_eq!(ps("{{with .Health}}{{.}}{{else}}-{{end}}"), "-\n-\n-\n");
    assert_eq!(ps("words"), "words\nwords\nwords\n");
    let json = project.succeed(&["ps", "--format", "{{json .Publishers}}", "web"]).stdout;
    let ports: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!(ports[0]["TargetPort"], 80);
    // Nothing is there to fill a template for.
    assert_eq!(project.succeed(&["ps", "--format", "{{.Name}}", "task"]).stdout, "");
}

/// `table` puts titles above, and makes columns of tabs.
#[test]
fn tables_have_titles() {
    let Some(project) = up() else { return };
    let ps = |format: &str| project.succeed(&["ps", "-a", "--format", format]).stdout;
    let table = ps("table {{.Service}}\\t{{.State}}\\t{{.Label \"some.long-name\"}}");
    assert_eq!(
        table,
        "SERVICE   STATE     long name\n\
         task      exited    \n\
         web       running   yes\n\
         web       running   yes\n"
    );
    let table = ps("table {{.Publishers}}|{{lower .Service}}");
    assert_eq!(table.lines().next(), Some("<no value>|SERVICE"));
    // A list of nothing has titles all the same.
    let table = project.succeed(&["ps", "--format", "table {{.ID}}\\t{{.Names}}", "task"]).stdout;
    assert_eq!(table, "CONTAINER ID   <no value>\n");
}

/// `raw` has a line for each thing, and a blank one behind each container.
#[test]
fn raw_lists() {
    let Some(project) = up() else { return };
    let raw = project.succeed(&["ps", "-a", "--format", "raw", "task"]).stdout;
    let names: Vec<&str> = raw.lines().map(|line| line.split(':').next().unwrap()).collect();
    let want = [
        "container_id",
        "image",
        "command",
        "created_at",
        "state",
        "status",
        "names",
        "labels",
        "ports",
        "",
    ];
    assert_eq!(names, want);
    assert!(raw.contains("busybox") && raw.contains("\nstate: exited\n"), "{raw}");
    assert!(raw.ends_with("\nports:\n\n"), "{raw}");
}

/// What is wrong with a template is shown where it is, before anything is listed.
#[test]
fn problems_of_templates_have_places() {
    let Some(project) = up() else { return };
    let message = project.fail(&["ps", "--format", "{{.Name}} {{.Sevrice}}"]);
    assert!(message.contains("a container has no field `Sevrice`"), "{message}");
    assert!(message.contains("--format:1:13"), "{message}");
    assert!(message.contains("did you mean `.Service`?"), "{message}");
    let message = project.fail(&["volumes", "--format", "table {{.Name}"]);
    assert!(
        message.contains("the action is not closed") && message.contains("--format:1:7"),
        "{message}"
    );
    let message = project.fail(&["stats", "--no-stream", "--format", "{{.Memory}}"]);
    assert!(message.contains("has no field `Memory`"), "{message}");
}

/// The format of the configuration is for those who ask for none at all.
#[test]
fn format_of_the_configuration() {
    let Some(project) = up() else { return };
    project.file(
        ".docker/config.json",
        r#"{"psFormat": "<{{.Service}}>", "statsFormat": "{{.Name}}!"}"#,
    );
    assert_eq!(project.succeed(&["ps", "--format", ""]).stdout, "<web>\n<web>\n");
    assert!(project.succeed(&["ps"]).stdout.starts_with("NAME "));
    let stats = project.succeed(&["stats", "--no-stream", "web"]).stdout;
    assert_eq!(stats, "[PROJECT]-web-1!\n[PROJECT]-web-2!\n");
}

/// Filters by state, in both ways to say it, and what they cannot be.
#[test]
fn filters_of_states() {
    let Some(project) = up() else { return };
    let services = |args: &[&str]| {
        let args = [&["ps", "--format", "{{.Service}}"], args].concat();
        project.succeed(&args).stdout.replace('\n', " ")
    };
    assert_eq!(services(&["--filter", "status=exited"]), "task ");
    assert_eq!(services(&["--filter", "status=running", "--status", "exited"]), "task web web ");
    assert_eq!(services(&["--status", "paused"]), "");
    assert!(project.fail(&["ps", "--filter", "name=web"]).contains("unknown filter name"));
    let message = project.fail(&["ps", "--filter", "status"]);
    assert!(message.contains("should be in form KEY=VAL"), "{message}");
}

/// Projects are found by name, or by an expression.
#[test]
fn projects_are_filtered() {
    let Some(project) = up() else { return };
    let ls = |filters: &[&str]| {
        let filters = filters.iter().flat_map(|filter| ["--filter", filter]);
        let args: Vec<&str> = ["ls", "-q"].into_iter().chain(filters).collect();
        project.succeed(&args).stdout
    };
    let exact = format!("name={}", project.name);
    assert_eq!(ls(&[&exact]), "[PROJECT]\n");
    assert_eq!(ls(&["name=nobody", &exact]), "[PROJECT]\n");
    let number = project.name.rsplit('-').next().unwrap().to_owned();
    let expression = format!("name=^scenario-{}-{number}$", std::process::id());
    assert_eq!(ls(&[&expression]), "[PROJECT]\n");
    assert_eq!(ls(&["name=^nobody$"]), "");
    let json = project.succeed(&["ls", "--filter", &exact, "--format", "JSON"]).stdout;
    let want = r#"[{"Name":"[PROJECT]","Status":"running(2)","ConfigFiles":"[DIR]/compose.yaml"}]"#;
    assert_eq!(json, format!("{want}\n"));
    assert!(project.fail(&["ls", "--filter", "label=x"]).contains("invalid filter 'label'"));
    assert!(project.fail(&["ls", "--filter", "name=["]).contains("invalid filter"));
    assert!(project.fail(&["ls", "--filter", "name"]).contains("bad format of filter"));
    assert!(project.fail(&["ls", "--format", "x"]).contains("could not be parsed"));
}
