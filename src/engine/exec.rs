//! Commands run in containers that are there.

use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::Method;
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf};

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::error::Error;
use crate::engine::frames::{Frames, LogChunk};

/// Bytes of a command's output that are kept; engines keep as much of a health check's.
const MOST_KEPT: usize = 4096;

/// A command for a container.
#[derive(Debug, Clone, Default)]
pub struct ExecOptions {
    pub command: Vec<String>,
    /// With a terminal of its own.
    pub tty: bool,
    /// With standard input.
    pub input: bool,
    pub env: Vec<String>,
    pub user: Option<String>,
    pub folder: Option<String>,
    pub privileged: bool,
    /// The keys that leave it to itself; those of the engine if empty.
    pub detach_keys: String,
}

/// What a command writes.
pub struct ExecOutput {
    io: ReadHalf<TokioIo<Upgraded>>,
    frames: Frames,
    buffer: Vec<u8>,
}

/// What a command reads.
pub struct ExecInput {
    io: WriteHalf<TokioIo<Upgraded>>,
}

impl ExecOutput {
    /// Waits for more output; `None` when there is no more. Nothing is lost if this is dropped while it
    /// waits.
    ///
    /// # Errors
    /// A broken connection.
    pub async fn next(&mut self) -> Result<Option<LogChunk>, Error> {
        loop {
            if let Some(chunk) = self.frames.take() {
                return Ok(Some(chunk));
            }
            let read = self.io.read(&mut self.buffer).await;
            match read.map_err(|error| Error::Answer(error.to_string()))? {
                0 => return Ok(None),
                length => self.frames.add(Bytes::copy_from_slice(&self.buffer[..length])),
            }
        }
    }
}

impl ExecInput {
    /// # Errors
    /// A command that reads no more.
    pub async fn write(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.io.write_all(bytes).await?;
        self.io.flush().await
    }

    /// Tells the command that there is no more to read.
    pub async fn end(&mut self) {
        // It may have ended itself.
        let _ = self.io.shutdown().await;
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct State {
    #[serde(default)]
    running: bool,
    exit_code: Option<i64>,
}

impl Engine {
    /// Makes a command ready to run, and gives its ID.
    ///
    /// # Errors
    /// Those of the engine; a container that does not run is one of them.
    pub async fn make_exec(&self, id: &str, options: &ExecOptions) -> Result<String, Error> {
        let wanted = json!({
            "AttachStdin": options.input,
            "AttachStdout": true,
            "AttachStderr": true,
            "Tty": options.tty,
            "Cmd": options.command,
            "Env": options.env,
            "User": options.user.as_deref().unwrap_or(""),
            "WorkingDir": options.folder.as_deref().unwrap_or(""),
            "Privileged": options.privileged,
            "DetachKeys": options.detach_keys,
        });
        let made: Made = self.transport.post(&format!("/containers/{id}/exec"), &wanted).await?;
        Ok(made.id)
    }

    /// Runs a command that was made ready, and leaves it to itself.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn start_exec_detached(&self, exec: &str) -> Result<(), Error> {
        let how = json!({ "Detach": true, "Tty": false });
        self.transport.stream(&format!("/exec/{exec}/start"), &how).await.map(drop)
    }

    /// Runs a command that was made ready.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn start_exec(
        &self,
        exec: &str,
        tty: bool,
    ) -> Result<(ExecOutput, ExecInput), Error> {
        let how = json!({ "Detach": false, "Tty": tty });
        let io = self.transport.upgrade(&format!("/exec/{exec}/start"), Some(&how)).await?;
        let (read, write) = tokio::io::split(io);
        let output =
            ExecOutput { io: read, frames: Frames::new(tty, false), buffer: vec![0; 32 * 1024] };
        Ok((output, ExecInput { io: write }))
    }

    /// Carries what a container reads and writes, from now on, until that ends or `detach_keys` come.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn attach_both(
        &self,
        id: &str,
        tty: bool,
        input: bool,
        detach_keys: &str,
    ) -> Result<(ExecOutput, ExecInput), Error> {
        let (stdin, keys) = (u8::from(input), encode(detach_keys));
        let path = format!(
            "/containers/{id}/attach?stream=1&stdout=1&stderr=1&stdin={stdin}&detachKeys={keys}"
        );
        // A body would be the first that the container reads.
        let io = self.transport.upgrade(&path, None).await?;
        let (read, write) = tokio::io::split(io);
        let output =
            ExecOutput { io: read, frames: Frames::new(tty, false), buffer: vec![0; 32 * 1024] };
        Ok((output, ExecInput { io: write }))
    }

    /// Gives the terminal of a container a size.
    ///
    /// # Errors
    /// Those of the engine, also if the container has ended.
    pub async fn resize(&self, id: &str, rows: u16, columns: u16) -> Result<(), Error> {
        let path = format!("/containers/{id}/resize?h={rows}&w={columns}");
        self.transport.send(Method::POST, &path).await.map(drop)
    }

    /// Gives the terminal of a command a size.
    ///
    /// # Errors
    /// Those of the engine, also if the command has ended.
    pub async fn resize_exec(&self, exec: &str, rows: u16, columns: u16) -> Result<(), Error> {
        let path = format!("/exec/{exec}/resize?h={rows}&w={columns}");
        self.transport.send(Method::POST, &path).await.map(drop)
    }

    /// The exit code of a command; `None` while it runs.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn exec_code(&self, exec: &str) -> Result<Option<i64>, Error> {
        let state: State = self.transport.get(&format!("/exec/{exec}/json")).await?;
        Ok(state.exit_code.filter(|_| !state.running))
    }

    /// Runs a command in a container to its end, as the container's own user and in its environment;
    /// gives the exit code and the beginning of what it wrote.
    ///
    /// # Errors
    /// Those of the engine; a container that does not run is one of them.
    pub async fn exec(&self, id: &str, command: &[String]) -> Result<(i64, String), Error> {
        let options = ExecOptions { command: command.to_vec(), ..ExecOptions::default() };
        self.exec_with(id, &options).await
    }

    /// As [`Engine::exec`], as the options say.
    ///
    /// # Errors
    /// As [`Engine::exec`].
    pub async fn exec_with(&self, id: &str, options: &ExecOptions) -> Result<(i64, String), Error> {
        let exec = self.make_exec(id, options).await?;
        let how = json!({ "Detach": false, "Tty": false });
        // Its end is seen by that of its output.
        let mut output =
            self.transport.stream(&format!("/exec/{exec}/start"), &how).await?.into_body();
        let mut frames = Frames::new(false, false);
        let mut text = Vec::new();
        while let Some(frame) = output.frame().await {
            let frame = frame.map_err(|error| Error::Answer(error.to_string()))?;
            frames.add(frame.into_data().unwrap_or_default());
            while let Some(chunk) = frames.take() {
                let room = MOST_KEPT - text.len();
                text.extend_from_slice(&chunk.bytes[..chunk.bytes.len().min(room)]);
            }
        }
        let code = self.exec_code(&exec).await?.unwrap_or_default();
        Ok((code, String::from_utf8_lossy(&text).trim().to_owned()))
    }
}
