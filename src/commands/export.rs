//! `export`: all files of a container, as an archive.
#![expect(clippy::disallowed_methods, reason = "the archive is a file that the user names")]

use std::fs;
use std::io::{self, IsTerminal as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::archive::Place;
use crate::commands::exit::{Error, Exit};
use crate::commands::listing;
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::engine::ByteStream;
use crate::event::{Event, Status, Subject};
use crate::report::Terminal;
use crate::report::logs::LogPrinter;
use crate::report::{Reporter, Streams};

/// Write the files of a container as an archive (tar)
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Service of the container
    service: String,
    /// Write to this file instead of standard output
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// Number of the container, of a service with several
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    index: u32,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let project = context.name()?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let mut rows = engine.containers(&project).await?;
        rows.retain(listing::is_listed);
        let row = listing::choose(rows, &args.service, args.index)?;
        let output = args.output.as_deref().filter(|output| !output.is_empty());
        let place = match output {
            Some(output) => {
                let path = context.env.working_directory().join(output);
                let place = Place::find(&path.to_string_lossy());
                let invalid = |error| Error::Usage(format!("failed to export container: {error}"));
                Some(place.map_err(invalid)?.path)
            }
            None if io::stdout().is_terminal() => {
                let message = "output option is required when exporting to terminal";
                return Err(Error::Usage(message.to_owned()));
            }
            None => None,
        };
        let subject = Subject::Container(row.name().to_owned());
        let to = output.map_or_else(|| "standard output".to_owned(), str::to_owned);
        let tell = |status, verb: &str, context: &mut Context| {
            let printer = LogPrinter::default();
            let mut reporter = Reporter::new(&mut context.terminal, printer, Streams::Apart);
            reporter.on(&Event::progress(&subject, status, format!("{verb} to {to}")))
        };
        tell(Status::Working, "Exporting", context)?;
        if context.options.dry_run {
            return Ok(Exit::Success);
        }
        let written = async {
            let bytes = engine.export(&row.id).await?;
            match &place {
                Some(place) => to_file(bytes, place).await,
                None => to_output(bytes, &mut context.terminal).await,
            }
        };
        tokio::select! {
            () = signals.next() => return Ok(Exit::Interrupted),
            written = written => written?,
        }
        tell(Status::Done, "Exported", context)?;
        Ok(Exit::Success)
    })
}

async fn to_output(mut bytes: ByteStream, terminal: &mut Terminal) -> Result<(), Error> {
    while let Some(piece) = bytes.next().await? {
        terminal.out_bytes(&piece)?;
    }
    Ok(terminal.flush()?)
}

/// The file is there as a whole or not at all.
async fn to_file(mut bytes: ByteStream, place: &Path) -> Result<(), Error> {
    let problem = |error| Error::Write { path: place.display().to_string(), error };
    let mut begun = Begun(place.with_file_name(format!(".rcompose-export-{}", std::process::id())));
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&begun.0)
        .map_err(problem)?;
    while let Some(piece) = bytes.next().await? {
        file.write_all(&piece).map_err(problem)?;
    }
    fs::rename(&begun.0, place).map_err(problem)?;
    begun.0 = PathBuf::new();
    Ok(())
}

/// A file that goes if it is not finished.
struct Begun(PathBuf);

impl Drop for Begun {
    fn drop(&mut self) {
        if !self.0.as_os_str().is_empty() {
            let _ = fs::remove_file(&self.0);
        }
    }
}
