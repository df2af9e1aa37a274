//! Projects in registries: run from there, once the user has agreed to what they are.

use crate::digests::registry;
use crate::project::Project;

/// Where it is kept and what exactly it is are told; variables are shown and must be agreed to.
#[test]
fn a_project_in_a_registry_is_run_once_it_is_agreed_to() {
    let Some(project) = Project::new() else { return };
    let Some(registry) = registry(&project) else { return };
    let stack = |name: &str, extra: &str| {
        project.compose(&format!(
            "name: {}\nservices:\n  web: {{image: busybox, command: sleep 600, init: true, \
             stop_grace_period: 0s{extra}}}\n",
            project.name
        ));
        let to = format!("{}/apps/{name}:1", registry.address);
        project.succeed(&["publish", "-y", &to]);
        format!("oci://{to}")
    };
    let plain = stack("plain", "");
    let variable = stack("variable", ", environment: {A: '${SHOWN:-a}'}");
    std::fs::remove_file(project.path().join("compose.yaml")).unwrap();
    // Who is asked and does not answer has not agreed.
    let output = project.run_reading(&["-f", &variable, "up", "-d"], "");
    assert_eq!(output.code, Some(1), "{}", output.stdout);
    for text in
        ["is stored in", "\nIt is sha256:", "SHOWN      a       compose file   no         a"]
    {
        assert!(output.stdout.contains(text), "{text}: {}", output.stdout);
    }
    assert!(output.stderr.contains("operation cancelled by user"), "{}", output.stderr);
    assert_eq!(project.resources(), [""; 0]);
    let output = project.run_reading(&["-f", &variable, "up", "-d"], "y\n");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    let first = project.instance("web-1");
    project.succeed(&["-f", &variable, "up", "-d", "-y"]);
    assert_eq!(project.instance("web-1"), first);
    // Without variables nobody is asked who is not at a terminal, as with the peer.
    let output = project.run_reading(&["-f", &plain, "up", "-d"], "");
    assert_eq!(output.code, Some(0), "{}", output.stderr);
    assert!(output.stdout.contains("It is sha256:"), "{}", output.stdout);
    assert_eq!(project.status("web-1"), "running");
}
