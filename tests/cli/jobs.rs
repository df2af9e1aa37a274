//! `ci`, `test` and `gc` before there is an engine: what they refuse.

use insta::assert_snapshot;

use crate::sandbox::Sandbox;

#[test]
fn what_cannot_be_is_refused_before_the_engine_is_asked() {
    let check = |args: &[&str]| {
        let sandbox = Sandbox::with("services: {a: {image: i}}");
        let socket = format!("unix://{}/no.sock", sandbox.path().display());
        sandbox.env("DOCKER_HOST", &socket).run(args).failed()
    };
    assert_snapshot!(check(&["ci"]), @"
    error: the following required arguments were not provided:
      <COMMAND>...

    Usage: rcompose ci [SERVICES]... -- <COMMAND>...

    For more information, try '--help'.
    ");
    assert_snapshot!(check(&["ci", "b", "--", "true"]), @"error: no such service: b");
    assert_snapshot!(check(&["ci", "--scale", "a=x", "--", "true"]), @r#"error: invalid --scale option "a=x". Should be SERVICE=NUM"#);
    assert_snapshot!(check(&["ci", "--older-than", "5", "--", "true"]), @r#"error: invalid --older-than option "5": use a duration such as 90m or 6h"#);
    assert_snapshot!(check(&["ci", "--pull", "often", "--", "true"]), @r#"error: invalid --pull option "often": use always, missing, never or build"#);
    assert_snapshot!(check(&["test", "b"]), @"error: no such service: b");
    assert_snapshot!(check(&["gc", "--older-than", "-1h"]), @"
    error: unexpected argument '-1' found

    Usage: rcompose gc [OPTIONS]

    For more information, try '--help'.
    ");
    let unreachable = check(&["ci", "--env-file", "out.env", "--", "true"]);
    assert!(unreachable.contains("cannot connect to the container engine"), "{unreachable}");
}

#[test]
fn the_help_says_how_services_are_found() {
    let help = Sandbox::new().run(&["ci", "--help"]).quiet();
    for text in ["WEB_PORT_53_UDP", "COMPOSE_PROJECT_NAME", "--free-ports", "-- <COMMAND>..."] {
        assert!(help.contains(text), "no `{text}` in\n{help}");
    }
}
