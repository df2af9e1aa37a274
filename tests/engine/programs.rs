//! Services that other programs provide, language models, and the socket of the engine in containers.

use crate::peer::Tool;
use crate::project::Project;
use crate::run::Output;

/// A provider that writes down how it is called.
const PROVIDER: &str = r#"#!/bin/sh
case "$*" in
  "compose metadata") exit 1 ;;
esac
echo "$@" >> "$PWD/calls"
case "$*" in
  *" up "*)
    echo '{"type": "info", "message": "half way"}'
    echo '{"type": "debug", "message": "nobody wants to know"}'
    echo '{"type": "setenv", "message": "URL=http://there?a=b"}'
    ;;
  *)
    echo '{"type": "info", "message": "going"}'
    ;;
esac
"#;

const COMPOSE: &str = "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    environment: {MODE: test}
    depends_on: [cloud]
  far: {image: busybox, init: true, command: sleep 600}
  cloud: {provider: {type: rcompose-test-cloud, options: {size: [small, large], region: north}}}
";

fn with_path(project: &Project, tool: &Tool, args: &[&str]) -> Output {
    let path = std::env::var("PATH").unwrap();
    let path = format!("{}:{path}", project.path().join("bin").display());
    tool.start_with(project, &[("PATH", &path)], args).finish()
}

fn calls(project: &Project) -> Vec<String> {
    let text = std::fs::read_to_string(project.path().join("calls")).unwrap_or_default();
    let _ = std::fs::remove_file(project.path().join("calls"));
    text.lines()
        .map(|line| {
            let mut words: Vec<&str> = line.split(' ').collect();
            words.sort_unstable();
            project.masked(&words.join(" "))
        })
        .collect()
}

/// A provider is called on the way up and down, and its variables reach those that depend on it.
///
/// `up`, `up` again and `down` with a provider on the path. The dependent has the variable, the other
/// service does not; a second `up` changes nothing.
#[test]
fn a_provider_gives_variables_to_dependents() {
    for tool in Tool::all() {
        let Some(project) = Project::with(COMPOSE) else { return };
        project.script("bin/rcompose-test-cloud", PROVIDER);
        let up = with_path(&project, &tool, &["up", "-d"]);
        assert_eq!(up.code, Some(0), "{}", up.stderr);
        assert!(up.stderr.contains("half way"), "{}", up.stderr);
        let wanted = |verb: &str| {
            let mut words = [
                "compose",
                "--project-name=[PROJECT]",
                verb,
                "--size=small",
                "--size=large",
                "--region=north",
                "cloud",
            ];
            words.sort_unstable();
            words.join(" ")
        };
        assert_eq!(calls(&project), [wanted("up")]);
        let env = |name: &str| project.told(name, &["sh", "-c", "echo $CLOUD_URL $MODE"]);
        assert_eq!(env("web-1"), "http://there?a=b test\n");
        assert_eq!(env("far-1"), "\n");
        assert_eq!(project.resources().len(), 3);
        let before = project.state();
        let again = with_path(&project, &tool, &["up", "-d"]);
        assert_eq!(again.code, Some(0), "{}", again.stderr);
        assert_eq!(project.state(), before);
        calls(&project);
        let down = with_path(&project, &tool, &["down", "-t", "0"]);
        assert_eq!(down.code, Some(0), "{}", down.stderr);
        assert_eq!(calls(&project), [wanted("down")]);
        assert_eq!(project.resources(), [""; 0]);
    }
}

/// What a provider says of its options decides which it gets, and whether it is stopped.
///
/// `up`, `stop` and `run` with a provider that knows one option for `up` and none for `stop`; then
/// `up` without an option that it must have.
#[test]
fn a_provider_says_what_it_takes() {
    let Some(project) = Project::with(COMPOSE) else { return };
    let script = |required: bool| {
        let metadata = format!(
            r#"{{"description": "a test", "up": {{"parameters": [{{"name": "size"}}, {{"name": "zone", "required": {required}}}]}}, "stop": {{"parameters": []}}}}"#
        );
        let text = PROVIDER.replace("exit 1", &format!("echo '{metadata}'; exit 0"));
        project.script(".docker/cli-plugins/docker-rcompose-test-cloud", &text);
    };
    script(false);
    project.succeed(&["up", "-d"]);
    let up = "--project-name=[PROJECT] --size=large --size=small cloud compose up";
    assert_eq!(calls(&project), [up]);
    project.succeed(&["stop", "-t", "0"]);
    assert_eq!(calls(&project), ["--project-name=[PROJECT] cloud compose stop"]);
    let output = project.succeed(&["run", "--rm", "-T", "web", "sh", "-c", "echo $CLOUD_URL"]);
    assert_eq!(output.stdout, "http://there?a=b\n");
    assert_eq!(calls(&project), [up]);
    let said = project.succeed(&["plan"]).stderr;
    assert!(said.contains("providers and models are not asked for a plan"), "{said}");
    assert_eq!(calls(&project), [""; 0]);
    script(true);
    let error = project.fail(&["up", "-d"]);
    let wanted =
        "required parameter \"zone\" is missing from provider \"rcompose-test-cloud\" definition";
    assert!(error.contains(wanted) && error.contains("compose.yaml:10:"), "{error}");
    assert_eq!(calls(&project), [""; 0]);
}

/// A provider that can be stopped is stopped with all others when an attached `up` is interrupted.
///
/// `up` that is interrupted, once with a provider that stops and once with one that fails to; what it
/// says of itself is kept for editors.
#[test]
fn an_interrupt_stops_providers() {
    let Some(project) = Project::with(COMPOSE) else { return };
    let metadata = r#"{"description": "a test", "stop": {"parameters": []}}"#;
    let interrupted = |end: &str| {
        let text = PROVIDER
            .replace("exit 1", &format!("echo '{metadata}'; exit 0"))
            .replace("  *)\n", &format!("  *\" stop \"*) exit {end} ;;\n  *)\n"));
        project.script(".docker/cli-plugins/docker-rcompose-test-cloud", &text);
        let up = project.start(&["up"]);
        up.shows("Container [PROJECT]-web-1  Started");
        up.shows("Container [PROJECT]-far-1  Started");
        up.signal("INT");
        let output = up.finish();
        let calls = calls(&project);
        assert!(calls[0].contains(" up"), "{calls:?}");
        assert_eq!(calls[1..], ["--project-name=[PROJECT] cloud compose stop"]);
        assert_eq!(
            (project.status("web-1"), project.status("far-1")),
            ("exited".into(), "exited".into())
        );
        output
    };
    let output = interrupted("0");
    assert_eq!(output.code, Some(130), "{}", output.stderr);
    assert!(output.stderr.contains("cloud  Stopped"), "{}", output.stderr);
    let output = interrupted("3");
    assert_eq!(output.code, Some(1), "{}", output.stderr);
    assert!(output.stderr.contains("error: provider `cloud`: "), "{}", output.stderr);
    let kept = project.path().join(".docker/compose/providers/rcompose-test-cloud.json");
    assert_eq!(std::fs::read_to_string(kept).unwrap(), format!("{metadata}\n"));
}

/// A provider that fails ends `up` before any container is made, with what it said.
///
/// Four ways to fail: a message, an exit code, words that are no message, and not being there.
#[test]
fn a_provider_that_fails_ends_up() {
    let Some(project) = Project::with(COMPOSE) else { return };
    let fail = |script: &str| {
        let text = format!("#!/bin/sh\n[ \"$2\" = metadata ] && exit 1\n{script}\n");
        project.script(".docker/cli-plugins/docker-rcompose-test-cloud", &text);
        let error = project.fail(&["up", "-d"]);
        assert!(!project.resources().iter().any(|it| it.contains("web-1")), "{error}");
        error
    };
    let error = fail(r#"echo '{"type": "error", "message": "no cloud today"}'; exit 1"#);
    assert!(error.contains("provider `cloud`: no cloud today"), "{error}");
    assert!(error.contains("compose.yaml:10:"), "{error}");
    let error = fail("echo this is why >&2; exit 7");
    assert!(error.contains("exit status: 7: this is why"), "{error}");
    let error = fail("echo hello");
    assert!(error.contains("invalid response from plugin: hello"), "{error}");
    std::fs::remove_dir_all(project.path().join(".docker")).unwrap();
    let error = project.fail(&["up", "-d"]);
    assert!(error.contains("the provider is not installed"), "{error}");
}

/// A variable that is taken as it is may override one of the file, which is said.
///
/// `up` with a provider that sets a variable of the service.
#[test]
fn a_raw_variable_overrides_with_a_warning() {
    let Some(project) = Project::with(COMPOSE) else { return };
    let text = PROVIDER.replace(
        r#""setenv", "message": "URL=http://there?a=b""#,
        r#""rawsetenv", "message": "MODE=raw""#,
    );
    project.script(".docker/cli-plugins/docker-rcompose-test-cloud", &text);
    let said = project.succeed(&["up", "-d"]).stderr;
    assert!(said.contains("`MODE` of `web` is overridden by the provider of `cloud`"), "{said}");
    assert_eq!(project.told("web-1", &["sh", "-c", "echo $MODE"]), "raw\n");
}

const MODELS: &str = "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    models: [my-model]
  other:
    image: busybox
    init: true
    command: sleep 600
    models: {there: {endpoint_var: WHERE, model_var: WHICH}}
models:
  my-model: {model: ai/one, context_size: 1024, runtime_flags: [--fast]}
  there: {model: ai/two}
";

/// Models are fetched and configured by their plugin, and services are told of them.
///
/// `up` without the plugin fails; with it, the one that is not there is fetched, both are configured,
/// and the variables are there in the form that the file asks for.
#[test]
fn services_are_told_of_models() {
    let Some(project) = Project::with(MODELS) else { return };
    let error = project.fail(&["up", "-d"]);
    assert!(error.contains("'models' support requires Docker Model plugin"), "{error}");
    assert!(error.contains("compose.yaml:14:"), "{error}");
    assert_eq!(project.resources(), [""; 0]);
    project.script(
        ".docker/cli-plugins/docker-model",
        r#"#!/bin/sh
echo "$@" >> "$PWD/calls"
case "$1" in
  ls) echo '[{"id": "sha256:1", "tags": ["ai/two"], "created": 1}]' ;;
  status) echo '{"running": true, "endpoint": "http://models/v1/"}' ;;
  pull) echo "fetching $2" ;;
esac
"#,
    );
    let said = project.succeed(&["up", "-d"]).stderr;
    for line in ["my-model  Pulling", "my-model  Pulled", "there  Configured"] {
        assert!(said.contains(line), "{said}");
    }
    let calls = std::fs::read_to_string(project.path().join("calls")).unwrap();
    let mut calls: Vec<&str> = calls.lines().collect();
    calls.sort_unstable();
    assert_eq!(
        calls,
        [
            "configure --context-size 1024 ai/one -- --fast",
            "configure ai/two",
            "ls --json",
            "pull ai/one",
            "status --json",
        ]
    );
    let env = |name: &str, text: &str| project.told(name, &["sh", "-c", text]);
    assert_eq!(env("web-1", "echo $MY_MODEL_MODEL $MY_MODEL_URL"), "ai/one http://models/v1/\n");
    assert_eq!(env("other-1", "echo $WHICH $WHERE"), "ai/two http://models/v1/\n");
    let before = project.state();
    project.succeed(&["up", "-d"]);
    assert_eq!(project.state(), before);
}

/// A plugin of models that fails says why.
#[test]
fn models_that_cannot_be_had_end_up() {
    let Some(project) = Project::with(MODELS) else { return };
    let script = "#!/bin/sh\ncase $1 in\nls) echo '[]' ;;\nstatus) echo '{\"endpoint\": \"x\"}' ;;\n\
                  pull) echo no such model >&2; exit 1 ;;\nesac\n";
    project.script(".docker/cli-plugins/docker-model", script);
    let error = project.fail(&["up", "-d"]);
    assert!(error.contains("exit status: 1: no such model"), "{error}");
    assert!(!project.resources().iter().any(|it| it.contains("web-1")));
}

/// A service may talk to the engine, with the logins of the user.
///
/// `up` of a service with `use_api_socket`. The socket is there, the configuration is found by its
/// variable, and has the logins and nothing else; the next `up` changes nothing.
#[test]
fn the_socket_of_the_engine_is_shared() {
    for tool in Tool::all() {
        let Some(project) = Project::with(
            "
services:
  web: {image: busybox, init: true, command: sleep 600, use_api_socket: true}
",
        ) else {
            return;
        };
        let why = "the socket that is shared is always Docker's";
        if project.engine.cannot("the_socket_of_the_engine_is_shared", why) {
            return;
        }
        let auths = r#""auths": {"example.org": {"auth": "bWU6c2VjcmV0"}}"#;
        project.file(".docker/config.json", &format!("{{{auths}, \"psFormat\": \"x\"}}"));
        let config = project.path().join(".docker").to_string_lossy().into_owned();
        // Docker Compose is a plugin where its configuration is: it keeps the one it has.
        let env: &[(&str, &str)] =
            if tool.is_ours() { &[("DOCKER_CONFIG", config.as_str())] } else { &[] };
        let up = tool.start_with(&project, env, &["up", "-d"]).finish();
        assert_eq!(up.code, Some(0), "{}", up.stderr);
        assert_eq!(project.exec("web-1", &["test", "-S", "/var/run/docker.sock"]).0, 0);
        let text = project.told("web-1", &["sh", "-c", "cat $DOCKER_CONFIG/config.json"]);
        let found: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert!(found["auths"].is_object(), "{text}");
        if tool.is_ours() {
            assert_eq!(found["auths"]["example.org"]["auth"], "bWU6c2VjcmV0");
            assert_eq!(found["psFormat"], serde_json::Value::Null);
        }
        let before = project.state();
        let up = tool.start_with(&project, env, &["up", "-d"]).finish();
        assert_eq!(up.code, Some(0), "{}", up.stderr);
        assert_eq!(project.state(), before);
        // The other one sees no difference either.
        for other in Tool::all() {
            other.succeed(&project, &["up", "-d"]);
            assert_eq!(project.state(), before, "made by us: {}", tool.is_ours());
        }
    }
}
