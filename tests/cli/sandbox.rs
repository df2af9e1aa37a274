//! A folder and an environment for one test.

use std::collections::BTreeMap;
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

/// A folder of files that is gone when the test is over.
pub(crate) struct Sandbox {
    folder: PathBuf,
    env: BTreeMap<String, String>,
    below: String,
}

impl Sandbox {
    pub(crate) fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("sandbox-{}-{number}", std::process::id());
        // Symbolic links would show: the program resolves them in places.
        let target = fs::canonicalize(env!("CARGO_TARGET_TMPDIR")).unwrap();
        let folder = target.join(name).join("project");
        fs::create_dir_all(&folder).unwrap();
        Self { folder, env: BTreeMap::new(), below: String::new() }
    }

    /// A sandbox with one Compose file.
    pub(crate) fn with(compose: &str) -> Self {
        Self::new().file("compose.yaml", compose)
    }

    pub(crate) fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        let path = self.folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
        self
    }

    pub(crate) fn env(mut self, name: &str, value: &str) -> Self {
        self.env.insert(name.to_owned(), value.to_owned());
        self
    }

    /// Runs in a folder below that of the project.
    pub(crate) fn below(mut self, folder: &str) -> Self {
        folder.clone_into(&mut self.below);
        fs::create_dir_all(self.folder.join(folder)).unwrap();
        self
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn read(&self, path: &str) -> String {
        fs::read_to_string(self.folder.join(path)).unwrap()
    }

    /// The program, ready to be started.
    pub(crate) fn command(&self, args: &[&str]) -> Command {
        self.started(Command::new(env!("CARGO_BIN_EXE_rcompose")), args)
    }

    /// The program under another name, ready to be started.
    pub(crate) fn command_named(&self, name: &str, args: &[&str]) -> Command {
        let link = self.folder.parent().unwrap().join(name);
        if !link.exists() {
            std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_rcompose"), &link).unwrap();
        }
        self.started(Command::new(link), args)
    }

    fn started(&self, mut command: Command, args: &[&str]) -> Command {
        let cwd = match &*self.below {
            "" => self.folder.clone(),
            below => self.folder.join(below),
        };
        command.args(args).current_dir(&cwd).env_clear().env("PWD", &cwd).envs(&self.env);
        command.env("HOME", self.folder.parent().unwrap());
        command.stdin(Stdio::null());
        command
    }

    pub(crate) fn run(&self, args: &[&str]) -> Output {
        self.run_with(args, "")
    }

    /// Runs with `input` as standard input.
    pub(crate) fn run_with(&self, args: &[&str], input: &str) -> Output {
        self.finish(self.command(args), input)
    }

    /// Runs to the end what is ready to be started.
    pub(crate) fn finish(&self, mut command: Command, input: &str) -> Output {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // The program need not read it.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| {
            let text = String::from_utf8(bytes).unwrap();
            text.replace(&*self.folder.to_string_lossy(), "[DIR]")
                .replace(&*self.folder.parent().unwrap().to_string_lossy(), "[HOME]")
        };
        Output {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(self.folder.parent().unwrap());
    }
}

/// What a run left: shown in snapshots as a whole.
pub(crate) struct Output {
    /// `None` if a signal ended it.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Output {
    /// Standard output of a run that must have succeeded without a word.
    #[track_caller]
    pub(crate) fn quiet(self) -> String {
        assert_eq!((self.code, self.stderr.as_str()), (Some(0), ""), "{}", self.stdout);
        self.stdout
    }

    /// Standard error of a run that must have failed without data.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_eq!((self.code, self.stdout.as_str()), (Some(1), ""), "{}", self.stderr);
        self.stderr
    }
}

impl fmt::Display for Output {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code {
            Some(code) => writeln!(out, "code: {code}")?,
            None => writeln!(out, "killed")?,
        }
        for (name, text) in [("stdout", &self.stdout), ("stderr", &self.stderr)] {
            if !text.is_empty() {
                writeln!(out, "--- {name}\n{}", text.trim_end())?;
            }
        }
        Ok(())
    }
}
