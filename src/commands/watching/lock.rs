//! One watch for a project at a time: a file tells which process has it.
//!
//! It is where Docker Compose has it, so that neither tool watches what the other does.
#![expect(
    clippy::disallowed_methods,
    reason = "a file of the user's session, and none of a project"
)]

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::commands::exit::Error;
use crate::env::Env;

/// The right to watch a project, until this value goes.
#[derive(Debug)]
pub(in crate::commands) struct WatchLock {
    path: PathBuf,
    /// Locked as long as it is open.
    _file: File,
}

impl WatchLock {
    /// Takes it.
    ///
    /// # Errors
    /// A process that has it, which is named; a folder that cannot be written to.
    pub(in crate::commands) fn take(project: &str, env: &Env) -> Result<Self, Error> {
        let refused = |why: String| {
            Error::Usage(format!("cannot take exclusive lock for project \"{project}\": {why}"))
        };
        let folder = folder(env);
        let unwritable = |error: io::Error| refused(format!("{}: {error}", folder.display()));
        fs::create_dir_all(&folder).map_err(unwritable)?;
        let path = folder.join(format!("{project}.pid"));
        let mut file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(&path)
            .map_err(unwritable)?;
        let is_ours = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        let mut text = String::new();
        // What is no number was written by nobody.
        let _ = file.read_to_string(&mut text);
        let other = text.trim().parse::<u32>().ok().filter(|id| *id != std::process::id());
        if let Some(id) = other.filter(|id| !is_ours || runs(*id)) {
            return Err(refused(format!("process with PID {id} is still running")));
        }
        if !is_ours {
            return Err(refused("another process has just taken it".to_owned()));
        }
        let written = file
            .set_len(0)
            .and_then(|()| file.rewind())
            .and_then(|()| write!(file, "{}", std::process::id()));
        written.map_err(unwritable)?;
        Ok(Self { path, _file: file })
    }
}

impl Drop for WatchLock {
    fn drop(&mut self) {
        // One that stays says of a process that has ended, which holds up nobody.
        let _ = fs::remove_file(&self.path);
    }
}

fn runs(id: u32) -> bool {
    Path::new(&format!("/proc/{id}")).exists()
}

fn folder(env: &Env) -> PathBuf {
    if let Some(folder) = env.non_empty("XDG_RUNTIME_DIR") {
        return PathBuf::from(folder);
    }
    env.home().map_or_else(std::env::temp_dir, Path::to_owned).join(".docker/docker-compose")
}
