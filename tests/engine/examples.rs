//! The stacks in `examples/`: each shows what its `README.md` says, with Docker Compose as well.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::engine::{Engine, eventually, moment, say};
use crate::peer::Tool;
use crate::project::{Project, free_port};

/// These stacks are large: one at a time leaves the engine to the other scenarios.
static TURN: Mutex<()> = Mutex::new(());

/// A copy of an example with a port of its own.
struct Example {
    project: Project,
    port: u16,
    tool: Tool,
    _turn: MutexGuard<'static, ()>,
}

impl Example {
    /// The example for our program, and for Docker Compose if it is there; none where the engine lacks
    /// images, which one line says.
    fn all(name: &str, images: &[&str]) -> impl Iterator<Item = Self> {
        let engine = Engine::get().filter(|engine| has(engine, name, images));
        let name = name.to_owned();
        engine.into_iter().flat_map(|_| Tool::all()).map(move |tool| {
            let turn = TURN.lock().unwrap_or_else(PoisonError::into_inner);
            let project = Project::new().unwrap();
            copy(&folder(&name), project.path());
            let (_, port) = free_port();
            let env = fs::read_to_string(project.path().join(".env")).unwrap_or_default();
            project.file(".env", &format!("{env}PORT={port}\n"));
            Self { project, port, tool, _turn: turn }
        })
    }

    #[track_caller]
    fn succeed(&self, args: &[&str]) -> String {
        self.tool.succeed(&self.project, args).stdout
    }

    /// What the example answers on its port, without the head.
    fn page(&self, path: &str) -> Option<String> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
        write!(stream, "GET {path} HTTP/1.0\r\nHost: example\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        head.contains(" 200 ").then(|| body.trim().to_owned())
    }

    /// Waits until the output of a service has `text`; gives all of it.
    #[track_caller]
    fn says(&self, service: &str, text: &str) -> String {
        eventually(format!("`{text}` from {service}"), || {
            let lines = self.succeed(&["logs", "--no-log-prefix", service]);
            lines.contains(text).then_some(lines)
        })
    }

    /// Runs a `down`. Volumes without a name stay behind unless it says otherwise, and would pile up here.
    #[track_caller]
    fn goes(&self, args: &[&str]) {
        let volumes = self.project.anonymous_volumes();
        self.succeed(args);
        for name in volumes {
            self.project.engine.request("DELETE", &format!("/volumes/{name}"), "");
        }
    }

    /// The last `down`, which leaves nothing of the project.
    #[track_caller]
    fn ends(&self, args: &[&str]) {
        self.goes(args);
        assert_eq!(self.project.resources(), [""; 0]);
    }
}

/// Whether the engine has the images of an example; a line says which it lacks.
pub(crate) fn has(engine: &Engine, example: &str, images: &[&str]) -> bool {
    let lacks =
        |image: &&&str| engine.request("GET", &format!("/images/{image}/json"), "").0 != 200;
    let lacking: Vec<&str> = images.iter().filter(lacks).copied().collect();
    if !lacking.is_empty() {
        let lacking = lacking.join(", ");
        say(&format!("example {example} is left out: scripts/engine.sh has not made {lacking}"));
    }
    lacking.is_empty()
}

fn folder(name: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples").join(name)
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

/// The app finds both neighbours by name, and its rows survive `down` and `up`.
#[test]
fn app_db_cache() {
    for example in Example::all("app-db-cache", &["postgres:17", "redis:7"]) {
        example.succeed(&["up", "--detach", "--build"]);
        let lines = example.says("app", "ready");
        for line in ["name lookup: db is ", "name lookup: cache is ", "starts counted by cache: 1"]
        {
            assert!(lines.contains(line), "{lines}");
        }
        assert!(lines.contains("rows in db: 1\n"), "{lines}");
        example.goes(&["down"]);
        example.succeed(&["up", "--detach"]);
        assert!(example.says("app", "ready").contains("rows in db: 2\n"));
        example.ends(&["down", "--volumes"]);
    }
}

/// What one stage makes is served from another that has nothing else, and a stage between checks it.
#[test]
fn build() {
    for example in Example::all("build", &["busybox:1.37"]) {
        example.succeed(&["up", "--detach", "--wait", "--build"]);
        let page = eventually("the page", || example.page("/about.html"));
        assert!(
            page.starts_with("<title>About</title>\n") && page.ends_with("version 1.0</footer>")
        );
        let (_, files) = example.project.exec("web-1", &["find", "/src", "/out", "/srv"]);
        assert!(files.contains("/srv/site/index.html"), "{files}");
        assert!(files.contains("/src: No such file") && files.contains("/out: No such file"));
        let said = example.succeed(&["--profile", "check", "run", "--rm", "--build", "check"]);
        assert!(said.contains("all pages have titles"), "{said}");
        example.project.file("pages/untitled.txt", "\nText\n");
        let checked = example.tool.run(&example.project, &["run", "--rm", "--build", "check"]);
        assert_eq!(checked.code, Some(1), "{}", checked.stdout);
        assert!(checked.stdout.contains("/out/untitled.html has no title"), "{}", checked.stdout);
        example.ends(&["down"]);
    }
}

/// Migrations run after the database is up, before the app, and each of them once.
#[test]
fn migrations() {
    for example in Example::all("migrations", &["postgres:17"]) {
        example.succeed(&["up", "--detach"]);
        assert!(example.says("app", "Ada").contains("(1 row)"));
        let [app, migrate] = ["app-1", "migrate-1"].map(|name| example.project.inspect(name));
        let [start, end] =
            [&app["State"]["StartedAt"], &migrate["State"]["FinishedAt"]].map(moment);
        assert!(end < start, "migrated until {end}, started at {start}");
        assert_eq!(migrate["State"]["ExitCode"], 0);
        let applied = "001-people.sql: applied\n002-first.sql: applied\n";
        assert_eq!(example.succeed(&["logs", "--no-log-prefix", "migrate"]), applied);
        // Another one comes along.
        example.project.file("migrations/003-more.sql", "INSERT INTO people VALUES ('Grace');\n");
        example.succeed(&["up", "--detach", "--force-recreate"]);
        assert!(example.says("app", "Grace").contains("(2 rows)"));
        assert_eq!(
            example.succeed(&["logs", "--no-log-prefix", "migrate"]),
            "001-people.sql: applied before\n002-first.sql: applied before\n003-more.sql: applied\n"
        );
        // One that fails holds the app back.
        example.project.file("migrations/004-wrong.sql", "INSERT INTO nowhere VALUES (1);\n");
        let failed = example.tool.fail(&example.project, &["up", "--detach", "--force-recreate"]);
        assert!(failed.contains("migrate"), "{failed}");
        assert_eq!(example.project.status("app-1"), "created");
        example.ends(&["down", "--volumes"]);
    }
}

/// Only the proxy is published, it reaches both servers, and the site's server does not reach the database.
#[test]
fn networks() {
    let images = ["busybox:1.37", "nginx:1.28-alpine", "redis:7"];
    for example in Example::all("networks", &images) {
        example.succeed(&["up", "--detach", "--wait"]);
        let site = eventually("the site", || example.page("/"));
        assert_eq!(site, "<h1>The site</h1>");
        let visits = eventually("the API", || example.page("/api/visits"));
        let count = |text: &str| text.strip_prefix("visits: ").unwrap().parse::<u32>().unwrap();
        assert_eq!(count(&example.page("/api/visits").unwrap()), count(&visits) + 1);
        let db = example.project.inspect("db-1");
        let networks = db["NetworkSettings"]["Networks"].as_object().unwrap();
        assert_eq!(networks.len(), 1);
        let address = networks.values().next().unwrap()["IPAddress"].as_str().unwrap();
        let reaches = |container: &str| {
            let ping = format!("printf 'PING\\r\\nQUIT\\r\\n' | nc -w 2 {address} 6379");
            example.project.exec(container, &["sh", "-c", &ping]).1.contains("PONG")
        };
        assert!(reaches("api-1"));
        assert!(!reaches("site-1") && !reaches("proxy-1"));
        for inner in ["site-1", "api-1", "db-1"] {
            let ports = example.project.inspect(inner)["HostConfig"]["PortBindings"].take();
            let mut bindings = ports.as_object().into_iter().flat_map(serde_json::Map::values);
            // Podman lists what the image exposes, too.
            assert!(bindings.all(serde_json::Value::is_null), "{ports}");
        }
        example.ends(&["down"]);
    }
}

/// What has a profile is there when the profile is on, or when it is named.
#[test]
fn profiles() {
    for example in Example::all("profiles", &["redis:7"]) {
        let network = "network [PROJECT]_default";
        example.succeed(&["up", "--detach", "--wait"]);
        assert_eq!(example.project.resources(), ["cache-1 running", network]);
        example.succeed(&["--profile", "debug", "up", "--detach", "--wait"]);
        assert_eq!(example.project.resources(), ["cache-1 running", "monitor-1 running", network]);
        example.says("monitor", "OK");
        assert!(example.succeed(&["run", "--rm", "seed"]).contains("OK"));
        example.says("monitor", r#""set" "greeting" "hello""#);
        assert_eq!(
            example.project.told("cache-1", &["redis-cli", "--raw", "get", "greeting"]),
            "hello\n"
        );
        example.ends(&["--profile", "*", "down", "--volumes"]);
    }
}

/// The load balancer reaches all containers, and more of them once it has looked again.
#[test]
fn scale() {
    for example in Example::all("scale", &["busybox:1.37", "nginx:1.28-alpine"]) {
        let answer = |wanted: usize| {
            eventually(format!("answers of {wanted} containers"), || {
                let pages = (0..3 * wanted).filter_map(|_| example.page("/"));
                let names: std::collections::BTreeSet<String> = pages.collect();
                assert!(names.len() <= wanted, "{names:?}");
                (names.len() == wanted).then_some(names)
            })
        };
        example.succeed(&["up", "--detach", "--wait"]);
        let mut hosts: Vec<String> = ["web-1", "web-2", "web-3"]
            .map(|name| example.project.told(name, &["hostname"]).trim().to_owned())
            .into();
        hosts.sort();
        assert_eq!(answer(3).into_iter().collect::<Vec<_>>(), hosts);
        example.succeed(&["scale", "web=5"]);
        example.succeed(&["exec", "-T", "balancer", "nginx", "-s", "reload"]);
        answer(5);
        example.ends(&["down"]);
    }
}

/// Who a secret is for can read it; neither the environment of a container nor its configuration has it.
#[test]
fn secrets() {
    for example in Example::all("secrets", &["busybox:1.37", "postgres:17"]) {
        let project = &example.project;
        example.succeed(&["up", "--detach", "--wait"]);
        let lines = example.says("app", "total");
        for line in ["greeting = hello", "Good morning", "16 /run/secrets/api-token"] {
            assert!(lines.contains(line), "{lines}");
        }
        assert!(project.told("app-1", &["id"]).starts_with("uid=65534"));
        assert_eq!(project.told("app-1", &["cat", "/run/secrets/api-token"]), "not-a-real-token");
        let mode = project.told("app-1", &["stat", "-c", "%u %a", "/run/secrets/api-token"]);
        assert_eq!(mode, "65534 400\n");
        for name in ["app-1", "db-1"] {
            let known = project.inspect(name).to_string();
            assert!(!known.contains("not-a-real"), "{known}");
        }
        // The database has been set up with both.
        let table =
            ["psql", "-U", "postgres", "-P", "pager=off", "-Atc", "SELECT count(*) FROM people"];
        assert_eq!(project.told("db-1", &table), "0\n");
        let login = "PGPASSWORD=$(cat /run/secrets/db-password) psql -h $(hostname) -U postgres -P pager=off -Atc 'SELECT 7'";
        assert_eq!(project.told("db-1", &["sh", "-c", login]), "7\n");
        let login = login.replace("$(cat /run/secrets/db-password)", "wrong");
        assert_ne!(project.exec("db-1", &["sh", "-c", &login]).0, 0);
        example.ends(&["down", "--volumes"]);
    }
}
