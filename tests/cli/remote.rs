//! Projects that are elsewhere: published to a registry and read from there, and read from git
//! repositories.

use std::process::{Command, Stdio};

use insta::assert_snapshot;

use crate::registry::{Distribution, USER};
use crate::sandbox::{Output, Sandbox};

const STACK: &str = "
name: shop
services:
  web:
    image: web:1
    env_file:
      - web.env
      - {path: missing.env, required: false}
    volumes: ['data:/data']
  worker:
    extends:
      file: parts/base.yaml
      service: base
volumes: {data: {}}
";

fn shop() -> Sandbox {
    let sandbox = Sandbox::with(STACK).file("web.env", "FROM_FILE=1\n");
    sandbox
        .file("parts/base.yaml", "services: {base: {image: 'worker:1', env_file: worker.env}}\n")
        .file("parts/worker.env", "ROLE=worker\n")
        .file("over.yaml", "services: {web: {labels: {over: 'yes'}}}\n")
}

fn registry(sandbox: &Sandbox) -> Option<Distribution> {
    Distribution::start(sandbox.path(), false)
}

/// Runs the program with what it has fetched in the sandbox.
fn run(sandbox: &Sandbox, args: &[&str], variables: &[(&str, &str)], input: &str) -> Output {
    use std::io::Write as _;
    let mut command = sandbox.command(args);
    command.env("XDG_CACHE_HOME", sandbox.path().join("cache"));
    command.env("PATH", std::env::var_os("PATH").unwrap());
    command.envs(variables.iter().copied());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    let output = child.wait_with_output().unwrap();
    Output {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

#[test]
fn what_is_published_is_the_same_project_elsewhere() {
    let sandbox = shop();
    let Some(registry) = registry(&sandbox) else { return };
    let name = format!("{}/team/shop:1", registry.address);
    let files = ["-f", "compose.yaml", "-f", "over.yaml"];
    for (flags, with_env) in
        [(&["-y"][..], false), (&["-y", "--with-env", "--oci-version", "1.0"], true)]
    {
        let output = run(&sandbox, &[&files[..], &["publish", &name], flags].concat(), &[], "");
        assert_eq!(output.code, Some(0), "{output}");
        assert!(output.stderr.contains("published sha256:"), "{output}");
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let (_, _, manifest) = registry.ask("GET", "/v2/team/shop/manifests/1", kind, b"");
        let manifest: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let layers = manifest["layers"].as_array().unwrap();
        assert_eq!(layers.len(), if with_env { 5 } else { 3 }, "{manifest:#}");
        assert_eq!(manifest["artifactType"].is_null(), with_env, "by the version of the form");
        // No path of this machine is told.
        let address = format!("oci://{name}");
        let read = run(&sandbox, &["-f", &address, "config", "--no-env-resolution"], &[], "");
        assert!(!read.stdout.contains("missing.env") && !read.stdout.contains("parts/"), "{read}");
        if with_env {
            let here = run(&sandbox, &[&files[..], &["config"]].concat(), &[], "");
            let there = run(&sandbox, &["-f", &address, "config"], &[], "");
            assert_eq!((there.code, &there.stdout), (Some(0), &here.stdout), "{there}");
            assert!(there.stdout.contains("ROLE: worker") && there.stdout.contains("over: "));
        }
    }
    let cached = std::fs::read_dir(sandbox.path().join("cache/docker-compose")).unwrap();
    assert_eq!(cached.count(), 2, "one folder for each digest, and nothing half done");
}

#[test]
fn logins_of_the_user_open_registries() {
    use base64::Engine as _;
    let sandbox = shop();
    let Some(registry) = Distribution::start(sandbox.path(), true) else { return };
    let name = format!("{}/team/shop:1", registry.address);
    let publish = |folder: &str| {
        let folder = sandbox.path().join(folder);
        let variables = [("DOCKER_CONFIG", folder.to_str().unwrap())];
        let published = run(&sandbox, &["publish", "-y", &name], &variables, "");
        let address = format!("oci://{name}");
        (published, run(&sandbox, &["-f", &address, "config", "--services"], &variables, ""))
    };
    let (published, read) = publish("nobody");
    assert_eq!((published.code, read.code), (Some(1), Some(1)), "{published}{read}");
    assert!(published.stderr.contains("log in first: `docker login"), "{published}");
    let secret = base64::prelude::BASE64_STANDARD.encode(format!("{}:{}", USER.0, USER.1));
    let config = format!("{{\"auths\": {{\"{}\": {{\"auth\": \"{secret}\"}}}}}}", registry.address);
    std::fs::create_dir(sandbox.path().join("somebody")).unwrap();
    std::fs::write(sandbox.path().join("somebody/config.json"), config).unwrap();
    let (published, read) = publish("somebody");
    assert_eq!(published.code, Some(0), "{published}");
    assert_eq!((read.code, read.stdout.lines().count()), (Some(0), 2), "{read}");
}

#[test]
fn what_cannot_be_published() {
    let sandbox =
        Sandbox::with("include: [part.yaml]\nservices: {a: {build: .}, b: {image: b, build: .}}\n");
    let sandbox = sandbox.file("part.yaml", "services: {c: {image: c}}\n");
    let fails = |args: &[&str]| sandbox.run(&[&["publish"], args].concat()).failed();
    assert_snapshot!(fails(&["127.0.0.1:1/a"]), @"
    error: `a` has no `image`, but a `build` alone
     --> compose.yaml:2:23
      |
    2 | services: {a: {build: .}, b: {image: b, build: .}}
      |                       ^
      |
      = help: give it an `image` that others can pull
    ");
    assert_snapshot!(fails(&["Upper"]), @"error: `Upper` is no reference of an image: a repository must be lowercase");
    assert_snapshot!(fails(&["a", "--oci-version", "2"]), @"error: unsupported OCI version: 2: use 1.0 or 1.1");
    let sandbox = sandbox.file("compose.yaml", "include: [part.yaml]\nservices: {b: {image: b}}\n");
    assert_snapshot!(sandbox.run(&["publish", "-y", "127.0.0.1:1/a"]).failed(), @"
    error: cannot publish compose file with local includes
     --> compose.yaml:1:11
      |
    1 | include: [part.yaml]
      |           ^^^^^^^^^
      |
      = help: publish what `rcompose config` prints, or publish that file, too
    ");
}

#[test]
fn what_may_be_secret_is_asked_about() {
    let sandbox = Sandbox::with(
        "
services:
  web:
    image: web
    volumes: ['./data:/data']
    environment: {DB_PASSWORD: hunter22, DB_TOKEN: '${TOKEN}', KEY_FILE: /run/key}
  db: {image: 'db', environment: ['URL=postgres://me:pass@db']}
configs: {motd: {content: hello}, other: {content: '${OTHER}'}}
",
    );
    let Some(registry) = registry(&sandbox) else { return };
    let name = format!("{}/team/shop:1", registry.address);
    let variables = [("TOKEN", "t"), ("OTHER", "o")];
    let output = run(&sandbox, &["publish", &name], &variables, "y\ny\ny\nn\n");
    assert_eq!(output.code, Some(130), "{output}");
    let folder = sandbox.path().to_str().unwrap();
    assert_snapshot!(output.stdout.replace(folder, "[DIR]"), @"
    Folders of this machine are mounted. What is published names them, without their content:
      web: [DIR]/data at /data
    Publish these bind mounts?These look like secrets:
      compose.yaml: a password in an address
    Publish the project all the same?What services are told is published as it is written:
      web: a value of `DB_PASSWORD`
    (--with-env agrees to this.) Publish it?The content of these configs is published as it is written:
      motd
    Publish it?
    ");
    let path = "/v2/team/shop/manifests/1";
    assert_eq!(registry.ask("GET", path, "*/*", b"").0, 404, "nothing was published");
    let output = run(&sandbox, &["publish", &name, "--with-env"], &variables, "y\ny\ny\n");
    assert_eq!(output.code, Some(0), "{output}");
    assert!(!output.stdout.contains("--with-env agrees"), "{output}");
}

#[test]
fn what_is_no_project_is_refused() {
    let sandbox = Sandbox::new();
    let Some(registry) = registry(&sandbox) else { return };
    registry.put("team/image:1", "x");
    let config = |reference: &str, variables: &[(&str, &str)]| {
        let address = format!("oci://{}/{reference}", registry.address);
        let output = run(&sandbox, &["-f", &address, "config"], variables, "");
        assert_eq!(output.code, Some(1), "{output}");
        output.stderr.replace(&registry.address, "HOST")
    };
    let error = config("team/image:1", &[]);
    assert!(error.contains("it is not a Compose project, but `application/vnd.oci."), "{error}");
    assert!(config("team/nothing:1", &[]).contains("the registry has no `HOST/team/nothing:1`"));
    assert!(config("Team", &[]).contains("must be lowercase"));
    let off = config("team/image:1", &[("COMPOSE_EXPERIMENTAL_OCI_REMOTE", "0")]);
    assert!(off.contains("turned off by COMPOSE_EXPERIMENTAL_OCI_REMOTE"), "{off}");
    let bad = config("team/image:1", &[("COMPOSE_EXPERIMENTAL_OCI_REMOTE", "maybe")]);
    assert!(bad.contains("`maybe`, which is not a boolean"), "{bad}");
}

/// A repository at `git@host`, behind what stands for ssh; `None` if there is no git.
fn repository() -> Option<(Sandbox, String)> {
    let sandbox = Sandbox::new()
        .file("repository/compose.yaml", "services: {a: {image: a, volumes: ['./x:/x']}}\n")
        .file("repository/sub/docker-compose.yml", "services: {b: {image: b}}\n")
        .file(
            "include.yaml",
            "include: ['git@host:repository.git#HEAD:sub']\nservices: {c: {image: c}}\n",
        )
        .file(
            "extends.yaml",
            "services: {d: {extends: {file: 'git@host:repository.git', service: a}}}\n",
        )
        .file("ssh", "cd \"$(dirname \"$0\")\"\nshift\nexec sh -c \"$*\"\n");
    let git = |args: &[&str]| {
        let mut command = Command::new("git");
        command.args(["-c", "user.name=n", "-c", "user.email=e", "-c", "init.defaultBranch=main"]);
        command.args(args).current_dir(sandbox.path().join("repository"));
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").stdout(Stdio::null()).stderr(Stdio::null());
        command.status().ok().filter(std::process::ExitStatus::success)
    };
    git(&["init"])?;
    git(&["add", "."])?;
    git(&["commit", "-m", "first"])?;
    git(&["clone", "--bare", ".", "../repository.git"])?;
    let ssh = format!("sh {}", sandbox.path().join("ssh").display());
    Some((sandbox, ssh))
}

#[test]
fn projects_are_read_from_repositories() {
    let Some((sandbox, ssh)) = repository() else { return };
    let variables = [("GIT_SSH_COMMAND", ssh.as_str()), ("GIT_SSH_VARIANT", "simple")];
    let config = |file: &str, rest: &[&str]| {
        let args = [&["-f", file, "config"], rest].concat();
        run(&sandbox, &args, &variables, "")
    };
    let images = |file: &str| {
        let output = config(file, &["--images"]);
        assert_eq!((output.code, output.stderr.as_str()), (Some(0), ""), "{file}: {output}");
        output.stdout.lines().map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(images("git@host:repository.git"), ["a"]);
    assert_eq!(images("git@host:repository.git#main:sub"), ["b"]);
    assert_eq!(images("git@host:repository.git#:sub/docker-compose.yml"), ["b"]);
    assert_eq!(images("include.yaml"), ["b", "c"]);
    assert_eq!(images("extends.yaml"), ["a"]);
    // What is relative is so to the copy; the name is that of where one is.
    let whole = config("git@host:repository.git", &[]).stdout;
    assert!(whole.starts_with("name: project\n"), "{whole}");
    assert!(whole.contains("/cache/docker-compose/") && whole.contains("/x\n"), "{whole}");
    let fails = |file: &str| {
        let output = config(file, &[]);
        assert_eq!(output.code, Some(1), "{output}");
        output.stderr
    };
    assert!(fails("git@host:repository.git#nothing").contains("has no `nothing`"));
    assert!(fails("git@host:repository.git#main:nothing").contains("no Compose file at `nothing`"));
    assert!(fails("git@host:repository.git#main:../..").contains("leads out of the repository"));
    assert!(fails("git@host:nothing.git").contains("cannot fetch from `git@host:nothing.git`"));
    let off = [("COMPOSE_EXPERIMENTAL_GIT_REMOTE", "false")];
    let output = run(&sandbox, &["-f", "git@host:repository.git", "config"], &off, "");
    assert!(output.stderr.contains("turned off by COMPOSE_EXPERIMENTAL_GIT_REMOTE"), "{output}");
}
