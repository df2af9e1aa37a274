//! `proxies` of Docker's configuration: containers and builds find them, as with Docker Compose.

use serde_json::Value;

use crate::project::Project;

/// Variables of containers and arguments of builds, in both spellings; what a service says itself comes
/// first. Nothing has changed for the next `up`, and an address of its own comes before the default.
#[test]
fn containers_and_builds_find_them() {
    let Some(project) = Project::new() else { return };
    // Builders take no notice of proxies when they look for a step that they have done before.
    let compose = "
services:
  web:
    image: busybox
    init: true
    command: sleep 600
    environment: {HTTP_PROXY: own, https_proxy: ''}
  built:
    build: {dockerfile_inline: \"FROM busybox\\nRUN echo $$http_proxy $$NO_PROXY >/said; : NAME\\n\", args: {NO_PROXY: mine, no_proxy: mine}}
";
    project.compose(&compose.replace("NAME", &project.name));
    project.file(
        ".docker/config.json",
        r#"{"proxies": {"default": {"httpProxy": "http://proxy:3128", "httpsProxy": "http://tls:3128", "noProxy": "localhost"}, "unix:///elsewhere.sock": {"httpProxy": "http://no"}}}"#,
    );
    project.succeed(&["up", "-d", "web"]);
    let variables = |container: &Value| -> Vec<String> {
        let all = container["Config"]["Env"].as_array().unwrap().iter();
        let all = all.map(|it| it.as_str().unwrap().to_owned());
        let mut all: Vec<String> = all.filter(|it| it.to_lowercase().contains("proxy=")).collect();
        all.sort();
        all
    };
    let want = [
        "HTTPS_PROXY=http://tls:3128",
        "HTTP_PROXY=own",
        "NO_PROXY=localhost",
        "http_proxy=http://proxy:3128",
        "https_proxy=",
        "no_proxy=localhost",
    ];
    assert_eq!(variables(&project.inspect("web-1")), want);
    project.succeed(&["plan", "--detailed-exitcode", "web"]);
    let said = project.succeed(&["run", "--rm", "-T", "web", "sh", "-c", "echo $http_proxy"]);
    assert_eq!(said.stdout.trim(), "http://proxy:3128");
    project.succeed(&["build", "built"]);
    let said = project.succeed(&["run", "--rm", "-T", "built", "cat", "/said"]);
    assert_eq!(said.stdout.trim(), "http://proxy:3128 mine");
    // The address of this engine.
    let config = format!(
        r#"{{"proxies": {{"default": {{"allProxy": "no"}}, "{}": {{"ftpProxy": "ftp"}}}}}}"#,
        project.engine.address
    );
    project.file(".docker/config.json", &config);
    project.succeed(&["up", "-d", "--force-recreate", "-t", "0", "web"]);
    let want = ["FTP_PROXY=ftp", "HTTP_PROXY=own", "ftp_proxy=ftp", "https_proxy="];
    assert_eq!(variables(&project.inspect("web-1")), want);
}
