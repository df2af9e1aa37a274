//! What the commands share that list things.

use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::diagnostic::Diagnostic;
use crate::engine::ContainerRow;
use crate::labels;
use crate::report::format::{Format, Named};
use crate::report::template::{self, Row};
use crate::report::time::Timestamp;
use crate::source::Span;
use jiff::tz::TimeZone;

/// The value of `--format`, read.
#[derive(Debug)]
pub(super) struct Form {
    format: Format,
    text: String,
}

impl Form {
    /// # Errors
    /// A template that cannot be, with the place.
    pub(super) fn parse(text: &str, named: Named, context: &mut Context) -> Result<Self, Error> {
        let format = Format::parse(text, named).map_err(|error| problem(text, error, context))?;
        Ok(Self { format, text: text.to_owned() })
    }

    pub(super) fn asks_for(&self, field: &str) -> bool {
        self.format.asks_for(field)
    }

    /// Rows as they are asked for.
    ///
    /// # Errors
    /// Fields that there are not, with the place.
    pub(super) fn render(
        &self,
        titles: &[(&'static str, &str)],
        rows: impl IntoIterator<Item = Row>,
        context: &mut Context,
    ) -> Result<String, Error> {
        let text = self.format.render(titles, rows);
        text.map_err(|error| problem(&self.text, error, context))
    }
}

fn problem(text: &str, error: template::Error, context: &mut Context) -> Error {
    let file = context.sources.add("--format".to_owned(), text.to_owned(), None);
    let problem = Diagnostic::error(Span::new(file, error.at), error.message);
    Error::Project(problem.help_opt(error.help).into())
}

/// The only container of a service that a command is for: the one with the number, or else the first;
/// one-offs come last.
///
/// # Errors
/// There is none.
pub(super) fn choose(
    mut rows: Vec<ContainerRow>,
    service: &str,
    index: u32,
) -> Result<ContainerRow, Error> {
    let number =
        |row: &ContainerRow| row.label(labels::CONTAINER_NUMBER).parse::<u32>().unwrap_or(u32::MAX);
    rows.retain(|row| {
        row.label(labels::SERVICE) == service && (index == 0 || number(row) == index)
    });
    let chosen = rows.into_iter().min_by_key(|row| (row.is_one_off(), number(row)));
    chosen.ok_or_else(|| {
        Error::Usage(match index {
            0 => format!("service {service:?} is not running"),
            index => format!("service {service:?} is not running container #{index}"),
        })
    })
}

/// Whether a container is in a list that is not of `--all`: as the engine's own.
pub(super) fn is_listed(row: &ContainerRow) -> bool {
    matches!(row.state.as_str(), "running" | "paused" | "restarting")
}

/// The time that a flag gives, as engines take it.
///
/// # Errors
/// What is no time.
pub(super) fn moment(flag: &str, text: Option<&str>) -> Result<Option<jiff::Timestamp>, Error> {
    let Some(text) = text.filter(|text| !text.is_empty()) else {
        return Ok(None);
    };
    let now = Timestamp::now();
    let moment = Timestamp::parse(text, now, &TimeZone::system()).ok_or_else(|| {
        Error::Usage(format!(
            "invalid {flag} option {text:?}: use a time (2013-01-02T13:23:37Z), seconds since 1970, or an age (42m)"
        ))
    })?;
    Ok(Some(moment.moment()))
}

/// Whether the value of a `--format` without templates is JSON, and no table.
///
/// # Errors
/// Any other word.
pub(super) fn is_json(format: &str) -> Result<bool, Error> {
    match format.to_lowercase().as_str() {
        "" | "table" | "pretty" => Ok(false),
        "json" => Ok(true),
        _ => {
            let message = format!("format value {format:?} could not be parsed: use table or json");
            Err(Error::Usage(message))
        }
    }
}
