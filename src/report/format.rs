//! `--format`: what is listed, as a table, as JSON, or as a template says.

use std::collections::BTreeMap;
use std::rc::Rc;

use crate::report::table;
use crate::report::template::{Error, Labels, Mode, Row, Template, Value};

/// How rows are shown.
#[derive(Debug)]
pub struct Format {
    template: Template,
    is_table: bool,
    /// Bytes of what was asked for before the template.
    offset: usize,
}

/// Forms that have a name, and their templates.
#[derive(Debug, Clone, Copy)]
pub struct Named {
    pub table: &'static str,
    pub raw: Option<&'static str>,
}

impl Format {
    /// Reads what was asked for: `table`, `json`, `raw`, `table TEMPLATE` or `TEMPLATE`.
    ///
    /// # Errors
    /// The first problem of the template, with its place in `text`.
    pub fn parse(text: &str, named: Named) -> Result<Self, Error> {
        match (text, named.raw) {
            ("table", _) => return Self::of(named.table, true, 0),
            ("json", _) => return Self::of("{{json .}}", false, 0),
            ("raw", Some(raw)) => return Self::of(raw, false, 0),
            _ => {}
        }
        let (rest, is_table) = match text.strip_prefix("table") {
            Some(rest) => (rest, true),
            None => (text, false),
        };
        let trimmed = rest.trim_start_matches(' ');
        Self::of(trimmed.trim_end_matches(' '), is_table, text.len() - trimmed.len())
    }

    fn of(template: &str, is_table: bool, offset: usize) -> Result<Self, Error> {
        let template = Template::parse(template).map_err(|error| moved(error, offset))?;
        Ok(Self { template, is_table, offset })
    }

    /// Whether the value of a field may matter.
    #[must_use]
    pub fn asks_for(&self, field: &str) -> bool {
        self.template.asks_for(field)
    }

    /// Shows rows. A table has `titles` for its fields.
    ///
    /// # Errors
    /// What the template asks for and is not there, with its place.
    pub fn render(
        &self,
        titles: &[(&'static str, &str)],
        rows: impl IntoIterator<Item = Row>,
    ) -> Result<String, Error> {
        let mut text = String::new();
        for row in rows {
            let row = Value::Row(Rc::new(row));
            let line = self.template.render(&row, Mode::Data);
            text.push_str(&line.map_err(|(_, error)| moved(error, self.offset))?);
            text.push('\n');
        }
        if !self.is_table {
            return Ok(text);
        }
        let fields: BTreeMap<&'static str, Value> =
            titles.iter().map(|(field, title)| (*field, Value::from(*title))).collect();
        let titles = Value::Row(Rc::new(Row { what: "a title", fields, labels: Labels::Titles }));
        // What has no title gets none, and that is no problem of those who look at rows.
        let titles = self.template.render(&titles, Mode::Titles);
        let titles = titles.unwrap_or_else(|(begun, _)| begun);
        Ok(table::tabbed(&format!("{titles}\n{text}"), 10, 3))
    }
}

fn moved(error: Error, offset: usize) -> Error {
    Error { at: error.at.start + offset..error.at.end + offset, ..error }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMED: Named = Named { table: "{{.Name}}", raw: Some("name: {{.Name}}\\n") };

    fn render(format: &str) -> String {
        let row = |name: &str, id: i64| Row {
            what: "a thing",
            fields: BTreeMap::from([("Name", name.into()), ("ID", id.into())]),
            labels: Labels::None,
        };
        let titles = [("Name", "NAME"), ("ID", "NUMBER")];
        let format = match Format::parse(format, NAMED) {
            Ok(format) => format,
            Err(error) => return format!("{}: {error}", error.at.start),
        };
        match format.render(&titles, [row("a", 1), row("a-longer-name", 20)]) {
            Ok(text) => text,
            Err(error) => format!("{}: {error}", error.at.start),
        }
    }

    #[test]
    fn forms() {
        let table = [
            (
                "table {{.Name}}\\t{{.ID}}",
                "NAME            NUMBER\na               1\na-longer-name   20\n",
            ),
            ("table{{.ID}}|", "NUMBER|\n1|\n20|\n"),
            ("{{.ID}} ", "1\n20\n"),
            ("raw", "name: a\n\nname: a-longer-name\n\n"),
            ("json", "{\"ID\":1,\"Name\":\"a\"}\n{\"ID\":20,\"Name\":\"a-longer-name\"}\n"),
            ("x", "x\nx\n"),
            ("", "\n\n"),
            ("table  {{.Nam}}", "9: a thing has no field `Nam`"),
            ("  {{.Nam", "2: the action is not closed"),
        ];
        for (format, want) in table {
            assert_eq!(render(format), want, "{format}");
        }
    }
}
