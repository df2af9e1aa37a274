//! `commit`: an image of a container as it is now.

use crate::commands::exit::{Error, Exit};
use crate::commands::listing;
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::engine::{CommitOptions, split_reference};
use crate::event::{Event, Status, Subject};
use crate::report::logs::LogPrinter;
use crate::report::{Reporter, Streams};

/// Make an image of a container
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// Service of the container
    service: String,
    /// Name of the image, and its tag (NAME:TAG)
    reference: Option<String>,
    /// Author of the image
    #[arg(short, long, value_name = "AUTHOR", default_value = "", hide_default_value = true)]
    author: String,
    /// Instruction of a Dockerfile to change the image by
    #[arg(short, long, value_name = "INSTRUCTION")]
    change: Vec<String>,
    /// Message of the change
    #[arg(short, long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    message: String,
    /// Freeze the container meanwhile
    #[arg(short, long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_value_t = true, default_missing_value = "true", action = clap::ArgAction::Set)]
    pause: bool,
    /// Number of the container, of a service with several
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    index: u32,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let reference = args.reference.as_deref().filter(|reference| !reference.is_empty());
    if let Some(reference) = reference {
        check(reference)?;
    }
    let project = context.name()?;
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let mut rows = engine.containers(&project).await?;
        rows.retain(listing::is_listed);
        let row = listing::choose(rows, &args.service, args.index)?;
        let subject = Subject::Container(row.name().to_owned());
        let dry_run = context.options.dry_run;
        let printer = LogPrinter::default();
        let mut reporter = Reporter::new(&mut context.terminal, printer, Streams::Apart);
        reporter.on(&Event::progress(&subject, Status::Working, "Committing"))?;
        if dry_run {
            return Ok(Exit::Success);
        }
        let options = CommitOptions {
            reference: reference.map(|reference| {
                let (name, tag) = split_reference(reference);
                (name.to_owned(), tag.to_owned())
            }),
            message: args.message.clone(),
            author: args.author.clone(),
            changes: args.change.clone(),
            pause: args.pause,
        };
        let id = tokio::select! {
            () = signals.next() => return Ok(Exit::Interrupted),
            id = engine.commit(&row.id, &options) => id?,
        };
        let text = format!("Committed as {id}");
        reporter.on(&Event::progress(&subject, Status::Done, text))?;
        Ok(Exit::Success)
    })
}

/// Engines say less of names that cannot be.
fn check(reference: &str) -> Result<(), Error> {
    let (name, _) = split_reference(reference);
    let problem = if reference.contains('@') {
        "a digest cannot be given"
    } else if name.chars().any(char::is_uppercase) {
        "repository name must be lowercase"
    } else {
        return Ok(());
    };
    Err(Error::Usage(format!("invalid reference format: {problem}: {reference}")))
}
