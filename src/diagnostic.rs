//! Problems, with their place and what to do about them.
//!
//! A [`Diagnostic`] is data; [`Diagnostics::render`] turns it into text for people, machines or CI
//! annotations. Messages are lower-case clauses without a final dot, help is an imperative sentence.

mod nearest;

use std::collections::HashSet;
use std::fmt::{self, Write as _};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use annotate_snippets::{Annotation, AnnotationKind, Level, Renderer, Snippet};

pub use crate::diagnostic::nearest::nearest;
use crate::source::{FileId, SourceMap, Span, floor_char_boundary};

/// Lines longer than this many bytes are shown only around the place.
const LONGEST_LINE: usize = 400;
/// Two places of one file are drawn in one snippet if no more than this many lines lie between.
const WIDEST_WINDOW: usize = 10_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// Worth knowing, and no problem.
    Info,
    Warning,
    Error,
}

impl Severity {
    fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Warning => "warning",
            Self::Error => "error",
        }
    }
}

/// One problem.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    pub severity: Severity,
    /// The name of the rule that was broken, if it is one that may be turned off. A reference to it is
    /// half as wide, and problems are returned by value everywhere.
    pub rule: Option<&'static &'static str>,
    pub message: String,
    /// Where the problem is; [`Span::NOWHERE`] if it is in no file.
    pub span: Span,
    /// Other places that explain it, each with a short label.
    pub context: Vec<(Span, String)>,
    /// What else is worth knowing; each may have several lines.
    pub notes: Vec<String>,
    pub help: Vec<String>,
}

impl Diagnostic {
    fn new(severity: Severity, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity,
            rule: None,
            message: message.into(),
            span,
            context: Vec::new(),
            notes: Vec::new(),
            help: Vec::new(),
        }
    }

    #[must_use]
    pub fn error(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, span, message)
    }

    #[must_use]
    pub fn warning(span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, span, message)
    }

    /// A finding of a rule that may be turned off. It is drawn with its source line, whatever its
    /// severity.
    #[must_use]
    pub fn finding(
        rule: &'static &'static str,
        severity: Severity,
        span: Span,
        message: impl Into<String>,
    ) -> Self {
        Self { rule: Some(rule), ..Self::new(severity, span, message) }
    }

    /// Adds a second place, such as `first defined here`.
    #[must_use]
    pub fn context(mut self, span: Span, label: impl Into<String>) -> Self {
        if !span.is_nowhere() {
            self.context.push((span, label.into()));
        }
        self
    }

    #[must_use]
    pub fn note(mut self, text: impl Into<String>) -> Self {
        self.notes.push(text.into());
        self
    }

    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    #[must_use]
    pub fn help_opt(self, text: Option<String>) -> Self {
        match text {
            Some(text) => self.help(text),
            None => self,
        }
    }
}

/// How to render diagnostics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// Source lines and carets, in colour or not.
    #[default]
    Plain,
    Coloured,
    /// One JSON object a line.
    Json,
    /// GitHub Actions workflow commands.
    Github,
}

/// Problems in the order in which they were found.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    all: Vec<Diagnostic>,
    /// Places and hashes of messages, to know what was said already.
    known: HashSet<(Span, u64)>,
}

/// Problems of one severity that people are shown. Nobody reads more.
const MOST_SHOWN: usize = 100;

impl Diagnostics {
    /// Adds `diagnostic` unless the same message was already given for the same place.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        let mut hasher = DefaultHasher::new();
        (&diagnostic.message, diagnostic.severity).hash(&mut hasher);
        if self.known.insert((diagnostic.span, hasher.finish())) {
            self.all.push(diagnostic);
        }
    }

    pub fn extend(&mut self, other: Self) {
        for diagnostic in other.all {
            self.push(diagnostic);
        }
    }

    /// Adds a note to the last problem.
    pub fn note_last(&mut self, text: impl Into<String>) {
        if let Some(last) = self.all.last_mut() {
            last.notes.push(text.into());
        }
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.all.is_empty()
    }

    #[must_use]
    pub fn has_errors(&self) -> bool {
        self.all.iter().any(|it| it.severity == Severity::Error)
    }

    pub fn iter(&self) -> std::slice::Iter<'_, Diagnostic> {
        self.all.iter()
    }

    /// Takes out the warnings, leaving the errors.
    #[must_use]
    pub fn split_warnings(self) -> (Self, Self) {
        let (warnings, errors): (Vec<_>, Vec<_>) =
            self.all.into_iter().partition(|it| it.severity == Severity::Warning);
        (warnings.into_iter().collect(), errors.into_iter().collect())
    }

    /// Orders by file and place, those without a place first. Errors come after the warnings, where
    /// who looks at the end of the output sees them.
    pub fn sort(&mut self) {
        let is_error = |it: &Diagnostic| it.severity == Severity::Error;
        self.all.sort_by_key(|it| (is_error(it), !it.span.is_nowhere(), it.span));
    }

    /// All problems as text, ending in a newline unless empty. People are shown the first hundred of
    /// each severity, and the number of the others.
    #[must_use]
    pub fn render(&self, sources: &SourceMap, format: Format) -> String {
        let mut out = String::new();
        let mut counts = [(Severity::Info, 0), (Severity::Warning, 0), (Severity::Error, 0)];
        for diagnostic in &self.all {
            let for_people = matches!(format, Format::Plain | Format::Coloured);
            let mut severities = counts.iter_mut();
            if let Some((_, count)) = severities.find(|(it, _)| *it == diagnostic.severity) {
                *count += 1;
                if for_people && *count > MOST_SHOWN {
                    continue;
                }
            }
            match format {
                Format::Plain => plain(&mut out, diagnostic, sources, &Renderer::plain()),
                Format::Coloured => plain(&mut out, diagnostic, sources, &Renderer::styled()),
                Format::Json => json(&mut out, diagnostic, sources),
                Format::Github => github(&mut out, diagnostic, sources),
            }
            out.push('\n');
        }
        if matches!(format, Format::Plain | Format::Coloured) {
            for (severity, count) in counts.into_iter().filter(|(_, count)| *count > MOST_SHOWN) {
                let _ = writeln!(out, "{}: and {} more", severity.word(), count - MOST_SHOWN);
            }
        }
        out
    }
}

impl From<Diagnostic> for Diagnostics {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::from_iter([diagnostic])
    }
}

impl FromIterator<Diagnostic> for Diagnostics {
    fn from_iter<I: IntoIterator<Item = Diagnostic>>(items: I) -> Self {
        let mut all = Self::default();
        items.into_iter().for_each(|it| all.push(it));
        all
    }
}

impl IntoIterator for Diagnostics {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.into_iter()
    }
}

impl<'a> IntoIterator for &'a Diagnostics {
    type Item = &'a Diagnostic;
    type IntoIter = std::slice::Iter<'a, Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.all.iter()
    }
}

/// A piece of source text small enough to draw.
struct Window {
    text: String,
    first_line: usize,
    /// Bytes of the file before `text`.
    skipped: usize,
}

impl Window {
    /// The lines from `first` to `last` (byte offsets), or a piece of one line if it is long.
    fn new(sources: &SourceMap, file: FileId, first: usize, last: usize) -> Self {
        let text = sources.text(file);
        let first = floor_char_boundary(text, first);
        let last = floor_char_boundary(text, last.max(first));
        let start = text[..first].rfind('\n').map_or(0, |at| at + 1);
        let end = text[last..].find('\n').map_or(text.len(), |at| last + at);
        let first_line = sources.line(file, start);
        let whole = &text[start..end];
        if whole.lines().all(|line| line.len() <= LONGEST_LINE) {
            return Self { text: whole.to_owned(), first_line, skipped: start };
        }
        let from = floor_char_boundary(text, first.saturating_sub(LONGEST_LINE / 4)).max(start);
        let upto = floor_char_boundary(text, first + LONGEST_LINE);
        let piece = text[from..upto].lines().next().unwrap_or("");
        Self { text: piece.to_owned(), first_line, skipped: from }
    }

    /// The part of the first line of `span` that lies in this window.
    fn place(&self, text: &str, span: Span) -> std::ops::Range<usize> {
        let start = floor_char_boundary(text, span.start()).saturating_sub(self.skipped);
        let start = floor_char_boundary(&self.text, start);
        let line_end = self.text[start..].find('\n').map_or(self.text.len(), |at| start + at);
        let end = span.range().end.saturating_sub(self.skipped).clamp(start, line_end);
        let end = floor_char_boundary(&self.text, end);
        // A caret needs something to stand under; an empty place is drawn one character wide.
        let width = self.text[start..line_end].chars().next().map_or(0, char::len_utf8);
        start..end.max(start + width)
    }
}

fn plain(out: &mut String, it: &Diagnostic, sources: &SourceMap, renderer: &Renderer) {
    let level = match it.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Info => Level::INFO,
    };
    let notes = all_notes(it, sources);
    if it.severity != Severity::Error && it.rule.is_none() {
        // A warning is one line: a project may have dozens of unset variables.
        let place = sources.position(it.span).map_or(String::new(), |at| format!(" ({at})"));
        let mut group = level
            .primary_title(format!("{}{place}", it.message))
            .elements(std::iter::empty::<annotate_snippets::Message<'_>>());
        for note in &it.notes {
            group = group.element(Level::NOTE.message(note.as_str()));
        }
        for help in &it.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        out.push_str(&renderer.render(&[group]));
        return;
    }
    let places: Vec<(AnnotationKind, Span, &str)> =
        std::iter::once((AnnotationKind::Primary, it.span, ""))
            .chain(
                it.context
                    .iter()
                    .map(|(span, label)| (AnnotationKind::Context, *span, label.as_str())),
            )
            .filter(|(_, span, _)| sources.position(*span).is_some())
            .collect();
    let title = level.primary_title(it.message.as_str());
    let title = match it.rule {
        Some(rule) => title.id(*rule),
        None => title,
    };
    let mut group = title.elements(std::iter::empty::<annotate_snippets::Message<'_>>());
    for snippet in snippets(&places, sources) {
        group = group.element(snippet);
    }
    for note in notes {
        group = group.element(Level::NOTE.message(note));
    }
    for help in &it.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    out.push_str(&renderer.render(&[group]));
}

fn snippets<'a>(
    places: &[(AnnotationKind, Span, &'a str)],
    sources: &'a SourceMap,
) -> Vec<Snippet<'a, Annotation<'a>>> {
    let mut drawn: Vec<Snippet<'a, Annotation<'a>>> = Vec::new();
    let mut rest = places.to_vec();
    while let Some((_, first, _)) = rest.first().copied() {
        let text = sources.text(first.file());
        let near = |span: Span| {
            span.file() == first.file()
                && span.start().abs_diff(first.start()) < LONGEST_LINE * WIDEST_WINDOW
                && text
                    .get(span.start().min(first.start())..span.start().max(first.start()))
                    .is_some_and(|between| {
                        between.lines().count() < WIDEST_WINDOW
                            && between.lines().all(|line| line.len() <= LONGEST_LINE)
                    })
        };
        let (here, later): (Vec<_>, Vec<_>) = rest.into_iter().partition(|it| near(it.1));
        // The first place is near itself whatever its line looks like, so each round takes one.
        let (here, later) = if here.is_empty() {
            let mut later = later;
            (vec![later.remove(0)], later)
        } else {
            (here, later)
        };
        let start = here.iter().map(|it| it.1.start()).min().unwrap_or(0);
        let end = here.iter().map(|it| it.1.start()).max().unwrap_or(0);
        let window = Window::new(sources, first.file(), start, end);
        let annotations: Vec<_> = here
            .iter()
            .map(|(kind, span, label)| {
                let annotation = kind.span(window.place(text, *span));
                if label.is_empty() { annotation } else { annotation.label(*label) }
            })
            .collect();
        drawn.push(
            Snippet::source(window.text)
                .line_start(window.first_line)
                .path(sources.name(first.file()))
                .annotations(annotations),
        );
        rest = later;
    }
    drawn
}

/// How the file was reached, then what the problem itself says.
fn all_notes(it: &Diagnostic, sources: &SourceMap) -> Vec<String> {
    let mut notes = origins(it.span.file(), sources);
    notes.extend(it.notes.iter().cloned());
    notes
}

/// The chain of files that led to `file`, nearest first.
fn origins(file: FileId, sources: &SourceMap) -> Vec<String> {
    let mut notes = Vec::new();
    let mut file = file;
    while let Some(origin) = sources.origin(file) {
        let Some(at) = sources.position(origin.at) else {
            break;
        };
        notes.push(format!("`{}` is {} at {at}", sources.name(file), origin.how));
        if origin.at.file() == file {
            break;
        }
        file = origin.at.file();
    }
    notes
}

impl fmt::Display for crate::source::Position<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

fn json(out: &mut String, it: &Diagnostic, sources: &SourceMap) {
    out.push_str("{\"severity\":");
    json_text(out, it.severity.word());
    if let Some(rule) = it.rule {
        out.push_str(",\"rule\":");
        json_text(out, rule);
    }
    out.push_str(",\"message\":");
    json_text(out, &it.message);
    json_place(out, it.span, sources);
    out.push_str(",\"context\":[");
    for (index, (span, label)) in it.context.iter().enumerate() {
        out.push_str(if index == 0 { "{\"label\":" } else { ",{\"label\":" });
        json_text(out, label);
        json_place(out, *span, sources);
        out.push('}');
    }
    out.push_str("],\"notes\":");
    json_list(out, &all_notes(it, sources));
    out.push_str(",\"help\":");
    json_list(out, &it.help);
    if it.severity == Severity::Error {
        // The key by which Docker Compose's own lines are told apart.
        out.push_str(",\"error\":true");
    }
    out.push('}');
}

fn json_list(out: &mut String, texts: &[String]) {
    out.push('[');
    for (index, text) in texts.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        json_text(out, text);
    }
    out.push(']');
}

fn json_place(out: &mut String, span: Span, sources: &SourceMap) {
    let (Some(start), Some(end)) = (sources.position(span), sources.end_position(span)) else {
        return;
    };
    out.push_str(",\"file\":");
    json_text(out, start.file);
    let _ = write!(
        out,
        ",\"line\":{},\"column\":{},\"end_line\":{},\"end_column\":{}",
        start.line, start.column, end.line, end.column
    );
}

fn json_text(out: &mut String, text: &str) {
    out.push('"');
    for char in text.chars() {
        match char {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            char if u32::from(char) < 0x20 => {
                let _ = write!(out, "\\u{:04x}", u32::from(char));
            }
            char => out.push(char),
        }
    }
    out.push('"');
}

fn github(out: &mut String, it: &Diagnostic, sources: &SourceMap) {
    let value = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| value(text).replace(':', "%3A").replace(',', "%2C");
    // The command for what is no problem has a name of its own.
    let command = if it.severity == Severity::Info { "notice" } else { it.severity.word() };
    let _ = write!(out, "::{command}");
    let mut separator = ' ';
    if let (Some(start), Some(end)) = (sources.position(it.span), sources.end_position(it.span)) {
        let _ = write!(
            out,
            "{separator}file={},line={},endLine={},col={},endColumn={}",
            property(start.file),
            start.line,
            end.line,
            start.column,
            end.column
        );
        separator = ',';
    }
    if let Some(rule) = it.rule {
        let _ = write!(out, "{separator}title={}", property(rule));
    }
    let mut text = it.message.clone();
    for note in all_notes(it, sources) {
        let _ = write!(text, "\nnote: {note}");
    }
    for help in &it.help {
        let _ = write!(text, "\nhelp: {help}");
    }
    let _ = write!(out, "::{}", value(&text));
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::Origin;

    fn sample() -> (SourceMap, Diagnostic) {
        let mut sources = SourceMap::default();
        let main = sources.add("compose.yaml".into(), "include: [sub.yaml]\n".into(), None);
        let origin = Origin { how: "included", at: Span::new(main, 10..18) };
        let text = "services:\n  web:\n    imgae: nginx\n    imgae: x\n";
        let sub = sources.add("sub.yaml".into(), text.into(), Some(origin));
        let diagnostic = Diagnostic::error(Span::new(sub, 38..43), "duplicate key `imgae`")
            .context(Span::new(sub, 21..26), "first defined here")
            .help("did you mean `image`?");
        (sources, diagnostic)
    }

    #[test]
    fn plain_text_has_place_line_caret_chain_and_help() {
        let (sources, diagnostic) = sample();
        let text = Diagnostics::from(diagnostic).render(&sources, Format::Plain);
        assert_eq!(
            text,
            "\
error: duplicate key `imgae`
 --> sub.yaml:4:5
  |
3 |     imgae: nginx
  |     ----- first defined here
4 |     imgae: x
  |     ^^^^^
  |
  = note: `sub.yaml` is included at compose.yaml:1:11
  = help: did you mean `image`?
"
        );
    }

    #[test]
    fn json_is_one_object_a_line() {
        let (sources, diagnostic) = sample();
        let text = Diagnostics::from(diagnostic).render(&sources, Format::Json);
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with(
            r#"{"severity":"error","message":"duplicate key `imgae`","file":"sub.yaml","line":4,"column":5,"end_line":4,"end_column":10,"#
        ));
    }

    #[test]
    fn github_commands_carry_file_and_line() {
        let (sources, diagnostic) = sample();
        let text = Diagnostics::from(diagnostic).render(&sources, Format::Github);
        assert_eq!(
            text,
            "::error file=sub.yaml,line=4,endLine=4,col=5,endColumn=10::duplicate key `imgae`\
             %0Anote: `sub.yaml` is included at compose.yaml:1:11%0Ahelp: did you mean `image`?\n"
        );
    }

    #[test]
    fn a_warning_is_one_line() {
        let (sources, diagnostic) = sample();
        let warning = Diagnostic::warning(diagnostic.span, "something odd");
        let text = Diagnostics::from(warning).render(&sources, Format::Plain);
        assert_eq!(text, "warning: something odd (sub.yaml:4:5)\n");
    }

    #[test]
    fn a_very_long_line_is_cut() {
        let mut sources = SourceMap::default();
        let text = format!("a: {}\n", "x".repeat(1_000_000));
        let file = sources.add("a.yaml".into(), text, None);
        let it = Diagnostic::error(Span::new(file, 500_000..500_010), "too long");
        assert!(Diagnostics::from(it).render(&sources, Format::Plain).len() < 2_000);
    }
}
