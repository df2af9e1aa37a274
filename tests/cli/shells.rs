//! Completion in the real shells: keys are typed at a terminal, and what is run then is looked at.

use std::io::{Read as _, Write as _};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::sandbox::Sandbox;

const COMPOSE: &str = "
services:
  web: {image: busybox}
  worker: {image: 'busybox:${NEEDED?}'}
  db: {image: busybox, profiles: [debugging, ci]}
";

/// Longer than any shell takes, even on a busy machine.
const PATIENCE: Duration = Duration::from_secs(30);

/// Completes as the program does, but does nothing else than to write down what it is called with.
const RECORDER: &str = "#!/bin/sh
case $1 in
__complete*) exec \"$REAL\" \"$@\" ;;
*) echo \"$@\" >>\"$HOME/calls\" ;;
esac
";

/// A shell at a terminal.
struct Shell {
    sandbox: Sandbox,
    child: Child,
    keys: ChildStdin,
    screen: Arc<Mutex<Vec<u8>>>,
}

impl Drop for Shell {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Shell {
    /// Starts it; `None` if there is none, which one line says.
    fn start(line: &str) -> Option<Self> {
        let name = line.split(' ').next().unwrap();
        let found = Command::new(name).arg("--version").stdout(Stdio::null()).status();
        if !found.is_ok_and(|status| status.success()) {
            let _ = writeln!(std::io::stderr(), "completion of {name} is left out: there is none");
            return None;
        }
        let sandbox = Sandbox::with(COMPOSE)
            .file("other.yaml", "services: {only-there: {image: busybox}}")
            .file("broken.yaml", "services: {web: [")
            .file("bin/rcompose", RECORDER);
        let folder = sandbox.path().to_owned();
        let program = folder.join("bin/rcompose");
        std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        let mut command = Command::new("script");
        command.args(["-qec", line, "/dev/null"]).current_dir(&folder).env_clear();
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", folder.join("bin").display());
        command.env("PATH", path).env("HOME", &folder).env("PWD", &folder).env("TERM", "xterm");
        command.env("REAL", env!("CARGO_BIN_EXE_rcompose"));
        command.env("COMPLETIONS", concat!(env!("CARGO_MANIFEST_DIR"), "/completions"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().unwrap();
        let keys = child.stdin.take().unwrap();
        let mut output = child.stdout.take().unwrap();
        let screen = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&screen);
        std::thread::spawn(move || {
            let mut piece = [0; 4096];
            while let Ok(length @ 1..) = output.read(&mut piece) {
                seen.lock().unwrap().extend_from_slice(&piece[..length]);
            }
        });
        Some(Self { sandbox, child, keys, screen })
    }

    fn types(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// What was shown since the beginning.
    fn shown(&self) -> String {
        String::from_utf8_lossy(&self.screen.lock().unwrap()).into_owned()
    }

    /// Waits until so much as `text` is shown behind the first `after` bytes.
    #[track_caller]
    fn shows(&self, text: &str, after: usize) {
        self.waits(text, || self.shown().get(after..).is_some_and(|it| it.contains(text)));
    }

    #[track_caller]
    fn waits(&self, what: &str, is_there: impl Fn() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_there() {
            assert!(Instant::now() < deadline, "waited in vain for {what}:\n{}", self.shown());
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Runs a line of the shell's own.
    #[track_caller]
    fn prepares(&mut self, line: &str) {
        let before = self.shown().len();
        // Echoed, the mark is in two parts.
        self.types(&format!("{line}; printf '%s%s\\n' prepared -now\r"));
        self.shows("prepared-now", before);
    }

    /// Types the keys and Return; what the program is called with then.
    #[track_caller]
    fn calls(&mut self, keys: &str, want: &str) {
        let calls = |sandbox: &Sandbox| {
            let text = std::fs::read_to_string(sandbox.path().join("calls")).unwrap_or_default();
            text.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let before = calls(&self.sandbox).len();
        self.types(&format!("{keys}\r"));
        self.waits(&format!("{keys:?}"), || calls(&self.sandbox).len() > before);
        assert_eq!(calls(&self.sandbox)[before..], [want], "{keys:?}\n{}", self.shown());
    }

    /// What every shell must do.
    #[track_caller]
    fn completes(&mut self) {
        // Commands, services, profiles, flags.
        self.calls("rcompose unp\t", "unpause");
        self.calls("rcompose up we\t", "up web");
        self.calls("rcompose up web d\twor\t", "up web db worker");
        self.calls("rcompose --profile deb\tps", "--profile debugging ps");
        self.calls("rcompose --profile=deb\tps", "--profile=debugging ps");
        self.calls("rcompose up --force-re\t", "up --force-recreate");
        self.calls("rcompose --project-n\tx ps", "--project-name x ps");
        // Values of flags.
        self.calls("rcompose up --pull=mis\t", "up --pull=missing");
        self.calls("rcompose --progress js\tps", "--progress json ps");
        self.calls("rcompose up --scale web\t3", "up --scale web=3");
        self.calls("rcompose up --exit-code-from wor\t", "up --exit-code-from worker");
        // Files, and the project that the line names.
        self.calls("rcompose -f oth\tps", "-f other.yaml ps");
        self.calls("rcompose -f other.yaml up onl\t", "-f other.yaml up only-there");
        self.calls("rcompose cp oth\tweb\t/x", "cp other.yaml web:/x");
        // Nothing is known of a file that is broken, and nothing said of it.
        let before = self.shown().len();
        self.calls("rcompose -f broken.yaml up we\t", "-f broken.yaml up we");
        assert!(!self.shown()[before..].contains("error"), "{}", self.shown());
        // Of many, all are shown.
        let before = self.shown().len();
        self.types("rcompose logs \t\t");
        for name in ["db", "web", "worker"] {
            self.shows(name, before + "rcompose logs ".len());
        }
        // Takes the line back.
        self.types("\u{15}");
    }
}

#[test]
fn bash() {
    let Some(mut shell) = Shell::start("bash --norc --noprofile -i") else { return };
    shell.prepares("source \"$COMPLETIONS/rcompose.bash\"");
    shell.completes();
    // By a path, and with quotes.
    shell.calls("bin/rcompose up \"we\t", "up web");
    shell.calls("~/bin/rcompose -f ~/other.yaml up onl\t", &{
        let folder = shell.sandbox.path().display().to_string();
        format!("-f {folder}/other.yaml up only-there")
    });
}

/// With colons as parts of words, as some set it.
#[test]
fn bash_with_other_words() {
    let Some(mut shell) = Shell::start("bash --norc --noprofile -i") else { return };
    shell.prepares("COMP_WORDBREAKS=${COMP_WORDBREAKS//[:=]/}");
    shell.prepares("source \"$COMPLETIONS/rcompose.bash\"");
    shell.completes();
}

#[test]
fn zsh() {
    let Some(mut shell) = Shell::start("zsh -f -i") else { return };
    shell.prepares("fpath=(\"$COMPLETIONS\" $fpath); autoload -Uz compinit; compinit -u -D");
    shell.completes();
    shell.calls("bin/rcompose up we\t", "up web");
}

/// As `source <(rcompose completion zsh)` does it.
#[test]
fn zsh_by_reading() {
    let Some(mut shell) = Shell::start("zsh -f -i") else { return };
    shell.prepares("autoload -Uz compinit; compinit -u -D");
    shell.prepares("source <(\"$REAL\" completion zsh)");
    shell.completes();
}

#[test]
fn fish() {
    let Some(mut shell) = Shell::start("fish --no-config --private -i") else { return };
    shell.prepares("source \"$COMPLETIONS/rcompose.fish\"");
    shell.completes();
}

#[test]
fn scripts_are_named_as_the_program() {
    let sandbox = Sandbox::new();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = sandbox.run(&["completion", shell]).quiet();
        assert!(script.contains("rcompose") && !script.contains("NAME"), "{script}");
        let linked = sandbox.command_named("docker-compose", &["completion", shell]);
        let linked = sandbox.finish(linked, "").quiet();
        assert_eq!(linked, script.replace("rcompose", "docker-compose"));
    }
    let error = sandbox.run(&["completion", "csh"]).failed();
    assert!(error.contains("bash, elvish, fish, powershell, zsh"), "{error}");
}

/// Requests as the scripts send them.
#[test]
fn answers() {
    let sandbox = Sandbox::with(COMPOSE);
    let answer = |words: &[&str]| sandbox.run(&[&["__complete"], words].concat()).quiet();
    assert_eq!(answer(&[]), ":4\n");
    assert_eq!(answer(&["up", "w"]), "web\tbusybox\nworker\tbusybox:1\n:4\n");
    assert_eq!(answer(&["up", "web", "w"]), "worker\tbusybox:1\n:4\n");
    assert_eq!(answer(&["--profile", ""]), "ci\tdb\ndebugging\tdb\n:4\n");
    assert_eq!(answer(&["--profile", "ci", "--profile", ""]), "debugging\tdb\n:4\n");
    assert_eq!(answer(&["-f", ""]), "yaml\nyml\n:8\n");
    assert_eq!(answer(&["--project-directory", ""]), ":16\n");
    assert_eq!(answer(&["--env-file", ""]), ":0\n");
    assert_eq!(answer(&["cp", "we"]), "web:\tbusybox\n:2\n");
    assert_eq!(answer(&["cp", "web:/e"]), ":4\n");
    assert_eq!(answer(&["exec", "web", ""]), ":4\n");
    assert_eq!(answer(&["--nope", "up", "w"]), ":4\n");
    assert_eq!(answer(&["-f", "-", "up", ""]), ":4\n");
    assert_eq!(answer(&["-f", "oci://example.com/x", "up", ""]), ":4\n");
    assert_eq!(answer(&["-f", "missing.yaml", "--profile", ""]), ":4\n");
    let bare = sandbox.run(&["__completeNoDesc", "up", "web", "w"]).quiet();
    assert_eq!(bare, "worker\n:4\n");
}

/// An engine that does not answer is not waited for.
#[test]
fn an_engine_that_is_slow() {
    let socket = std::env::temp_dir().join(format!("rcompose-slow-{}", std::process::id()));
    let _engine = std::os::unix::net::UnixListener::bind(&socket).unwrap();
    let sandbox = Sandbox::new().env("DOCKER_HOST", &format!("unix://{}", socket.display()));
    let start = Instant::now();
    assert_eq!(sandbox.run(&["__complete", "-p", ""]).quiet(), ":4\n");
    assert_eq!(sandbox.run(&["__complete", "-p", "x", "up", ""]).quiet(), ":4\n");
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    std::fs::remove_file(&socket).unwrap();
}
