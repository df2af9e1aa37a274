//! Files of a git repository, fetched by the `git` of the system, which knows keys and passwords.

use std::path::{Component, Path, PathBuf};
use std::process::{Command, Output};

use crate::env::Env;

/// The names of a Compose file in a folder that is named alone.
const FILE_NAMES: [&str; 4] =
    ["compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml"];

#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("there is no `git` in any folder of PATH")]
    NoGit,
    #[error("cannot run git: {0}")]
    Run(std::io::Error),
    #[error("the repository `{remote}` has no `{reference}`")]
    NoReference { remote: String, reference: String },
    #[error("cannot fetch from `{remote}`: {output}")]
    Refused { remote: String, output: String },
    #[error("`{0}` begins with a dash, and would be an option of git")]
    Option(String),
    #[error("the folder `{0}` leads out of the repository")]
    Outside(String),
    #[error("the repository has no Compose file at `{0}`")]
    NoFile(String),
}

impl Error {
    pub(super) fn help(&self) -> Option<String> {
        let text = match self {
            Self::NoGit => "install git, or copy the files first",
            Self::Refused { .. } => {
                "see whether `git ls-remote` works there; passwords are not asked for unless \
                 GIT_TERMINAL_PROMPT=1"
            }
            Self::NoReference { .. } => "name a branch, a tag or a commit after the `#`",
            Self::NoFile(_) => "name its folder or the file: `URL#REF:PATH`",
            _ => return None,
        };
        Some(text.to_owned())
    }
}

/// `URL[#[REF][:PATH]]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    pub remote: String,
    /// A branch, a tag or a commit.
    pub reference: String,
    /// A folder, or a file.
    pub path: String,
}

impl Address {
    pub(super) fn parse(text: &str) -> Result<Self, Error> {
        let (remote, fragment) = text.split_once('#').unwrap_or((text, ""));
        let (reference, path) = fragment.split_once(':').unwrap_or((fragment, ""));
        let remote = match remote.strip_prefix("github.com/") {
            Some(path) => format!("https://github.com/{path}"),
            None => remote.to_owned(),
        };
        let reference = if reference.is_empty() { "HEAD" } else { reference };
        if let Some(option) = [&*remote, reference].into_iter().find(|it| it.starts_with('-')) {
            return Err(Error::Option(option.to_owned()));
        }
        let is_inside = |part| matches!(part, Component::Normal(_) | Component::CurDir);
        if !Path::new(path).components().all(is_inside) {
            return Err(Error::Outside(path.to_owned()));
        }
        Ok(Self { remote, reference: reference.to_owned(), path: path.to_owned() })
    }

    fn is_commit(&self) -> bool {
        let text = &self.reference;
        text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
    }
}

fn git(args: &[&str], folder: Option<&Path>, env: &Env) -> Result<Output, Error> {
    let mut command = Command::new("git");
    command.args(args).env_clear().envs(env.variables()).stdin(std::process::Stdio::null());
    if env.non_empty("GIT_TERMINAL_PROMPT").is_none() {
        command.env("GIT_TERMINAL_PROMPT", "0");
    }
    if env.non_empty("GIT_SSH").is_none() && env.non_empty("GIT_SSH_COMMAND").is_none() {
        command.env("GIT_SSH_COMMAND", "ssh -o ControlMaster=no -o BatchMode=yes");
    }
    if let Some(folder) = folder {
        command.current_dir(folder);
    }
    command.output().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::NoGit,
        _ => Error::Run(error),
    })
}

fn refused(of: &Address, output: &Output) -> Error {
    let text = String::from_utf8_lossy(&output.stderr);
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    Error::Refused { remote: of.remote.clone(), output: lines.join("; ") }
}

/// The commit that an address means now.
pub(super) fn resolve(of: &Address, env: &Env) -> Result<String, Error> {
    if of.is_commit() {
        return Ok(of.reference.clone());
    }
    let output = git(&["ls-remote", "--exit-code", &of.remote, &of.reference], None, env)?;
    let missing =
        || Error::NoReference { remote: of.remote.clone(), reference: of.reference.clone() };
    match output.status.code() {
        Some(0) => {}
        Some(2) => return Err(missing()),
        _ => return Err(refused(of, &output)),
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let commit = text.split_whitespace().next().unwrap_or_default();
    let found = Address { reference: commit.to_owned(), ..of.clone() };
    if found.is_commit() { Ok(found.reference) } else { Err(missing()) }
}

/// Puts the files of a commit into a folder.
pub(super) fn checkout(of: &Address, commit: &str, into: &Path, env: &Env) -> Result<(), Error> {
    let steps: [&[&str]; 4] = [
        &["init", "--quiet"],
        &["remote", "add", "origin", &of.remote],
        &["fetch", "--quiet", "--depth=1", "origin", commit],
        &["checkout", "--quiet", commit],
    ];
    for step in steps {
        let output = git(step, Some(into), env)?;
        if !output.status.success() {
            return Err(refused(of, &output));
        }
    }
    Ok(())
}

/// The Compose file that an address means.
pub(super) fn compose_file(folder: &Path, of: &Address) -> Result<PathBuf, Error> {
    let path = folder.join(&of.path);
    let missing = || Error::NoFile(if of.path.is_empty() { "." } else { &of.path }.to_owned());
    // A link of the repository must not lead out of it either.
    let (real, root) = (path.canonicalize(), folder.canonicalize());
    let (Ok(real), Ok(root)) = (real, root) else { return Err(missing()) };
    if !real.starts_with(root) {
        return Err(Error::Outside(of.path.clone()));
    }
    if path.is_file() {
        return Ok(path);
    }
    let files = FILE_NAMES.iter().map(|name| path.join(name));
    files.into_iter().find(|file| file.is_file()).ok_or_else(missing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let check = |text: &str, expected: [&str; 3]| {
            let it = Address::parse(text).unwrap();
            assert_eq!([&*it.remote, &*it.reference, &*it.path], expected, "{text}");
        };
        check("https://h.example/x.git", ["https://h.example/x.git", "HEAD", ""]);
        check("https://h.example/x.git#v1", ["https://h.example/x.git", "v1", ""]);
        check("git@h:x.git#v1:a/b", ["git@h:x.git", "v1", "a/b"]);
        check("ssh://h/x.git#:a/b.yaml", ["ssh://h/x.git", "HEAD", "a/b.yaml"]);
        check("github.com/a/b", ["https://github.com/a/b", "HEAD", ""]);
        for path in ["..", "a/../..", "/etc"] {
            let address = format!("https://h.example/x.git#v1:{path}");
            assert!(matches!(Address::parse(&address), Err(Error::Outside(_))), "{path}");
        }
        let option = Address::parse("https://h.example/x.git#--upload-pack=x");
        assert!(matches!(option, Err(Error::Option(_))));
    }
}
