//! Where instructions begin and end, as builders read lines: continuations, comments between them, and
//! here-documents.

use std::ops::Range;

/// An instruction before anything in it is read.
#[derive(Debug)]
pub(super) struct Line {
    /// From its keyword to the end of its last line, without here-documents.
    pub range: Range<usize>,
    pub documents: Vec<Document>,
}

/// A here-document.
#[derive(Debug)]
pub(super) struct Document {
    /// `<<EOF`, with the number of a file before it if there is one.
    pub marker: Range<usize>,
    /// Its lines; the one that ends it follows.
    pub body: Range<usize>,
    /// `None` if nothing ends it.
    pub end: Option<usize>,
}

/// What stands before the first instruction, where comments may be directives.
#[derive(Debug, Default)]
pub(super) struct Directives {
    pub syntax: Option<Range<usize>>,
    /// The character that continues lines, if it is not the backslash.
    pub escape: Option<Range<usize>>,
}

impl Line {
    /// The end with here-documents.
    pub(super) fn end(&self) -> usize {
        self.documents
            .last()
            .map_or(self.range.end, |document| document.end.unwrap_or(document.body.end))
    }

    pub(super) fn keyword<'t>(&self, text: &'t str) -> &'t str {
        let line = &text[self.range.clone()];
        line.split(|char: char| char.is_ascii_whitespace()).next().unwrap_or("")
    }
}

/// The lines of a text with their places, each with what ends it.
fn physical(text: &str, from: usize) -> impl Iterator<Item = Range<usize>> {
    let mut at = from;
    text[from..].split_inclusive('\n').map(move |line| {
        let start = at;
        at += line.len();
        start..at
    })
}

/// Finds the directives at the top.
pub(super) fn directives(text: &str) -> Directives {
    let mut found = Directives::default();
    for range in physical(text, 0) {
        let line = &text[range.clone()];
        let Some((name, value)) =
            line.trim_start().strip_prefix('#').and_then(|line| line.split_once('='))
        else {
            break;
        };
        let trimmed = value.trim();
        let start = range.end - value.trim_start().len();
        let place = start..start + trimmed.len();
        match name.trim().to_ascii_lowercase().as_str() {
            "syntax" => found.syntax = found.syntax.or(Some(place)),
            "escape" => found.escape = found.escape.or(Some(place)),
            "check" => {}
            _ => break,
        }
    }
    found
}

fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Whether the next line goes on with this one: it ends in the escape, which is not escaped itself.
fn goes_on(line: &str, escape: char) -> bool {
    let line = line.trim_end_matches(['\n', '\r', ' ', '\t']);
    line.strip_suffix(escape).is_some_and(|before| !before.ends_with(escape))
}

/// Cuts `text` into instructions.
pub(super) fn split(text: &str, escape: char) -> Vec<Line> {
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(first) = physical(text, at).next() {
        at = first.end;
        let line = &text[first.clone()];
        let trimmed = line.trim_start();
        if trimmed.is_empty() || is_comment(line) {
            continue;
        }
        let start = first.end - trimmed.len();
        let mut end = first.start + line.trim_end().len();
        let mut open = goes_on(line, escape);
        while open && let Some(next) = physical(text, at).next() {
            at = next.end;
            let line = &text[next.clone()];
            if line.trim().is_empty() || is_comment(line) {
                continue;
            }
            open = goes_on(line, escape);
            end = next.start + line.trim_end().len();
        }
        let mut line = Line { range: start..end, documents: Vec::new() };
        if takes_documents(&text[start..end]) {
            for (marker, name, tabs) in markers(text, start..end, escape) {
                let (body, end) = body(text, at, &name, tabs);
                at = end.unwrap_or(body.end);
                line.documents.push(Document { marker, body, end });
            }
        }
        found.push(line);
    }
    found
}

/// Whether an instruction may have here-documents.
fn takes_documents(line: &str) -> bool {
    if !line.contains("<<") {
        return false;
    }
    let mut words = line.split_ascii_whitespace();
    let mut first = words.next().unwrap_or("");
    if first.eq_ignore_ascii_case("ONBUILD") {
        first = words.next().unwrap_or("");
    }
    ["RUN", "COPY", "ADD"].iter().any(|keyword| first.eq_ignore_ascii_case(keyword))
        && !words.next().is_some_and(|word| word.starts_with("[\""))
}

/// The words of a line that announce here-documents: their places, the names that end them, and
/// whether tabs before those count.
fn markers(text: &str, range: Range<usize>, escape: char) -> Vec<(Range<usize>, String, bool)> {
    let words = super::words::split(text, range, escape, super::words::Quotes::Kept);
    let marker = |(range, word): (Range<usize>, String)| {
        let rest = word.trim_start_matches(|char: char| char.is_ascii_digit());
        let rest = rest.strip_prefix("<<")?;
        let (rest, tabs) = match rest.strip_prefix('-') {
            Some(rest) => (rest, true),
            None => (rest, false),
        };
        let name: String = rest.chars().filter(|char| !matches!(char, '"' | '\'')).collect();
        (!name.is_empty() && !name.contains('<')).then_some((range, name, tabs))
    };
    words.into_iter().filter_map(marker).collect()
}

/// The body that begins at `from`, and where the line that ends it ends.
fn body(text: &str, from: usize, name: &str, tabs: bool) -> (Range<usize>, Option<usize>) {
    for range in physical(text, from) {
        let line = text[range.clone()].trim_end_matches(['\n', '\r']);
        let line = if tabs { line.trim_start_matches('\t') } else { line };
        if line == name {
            return (from..range.start, Some(range.end));
        }
    }
    (from..text.len(), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, want: &[&str]) {
        let lines = split(text, '\\');
        let got: Vec<&str> = lines.iter().map(|line| &text[line.range.clone()]).collect();
        assert_eq!(got, want);
    }

    #[test]
    fn instructions() {
        check("", &[]);
        check("# a\n\n  FROM a\nRUN b\n", &["FROM a", "RUN b"]);
        check("RUN a \\\n  b\nUSER x", &["RUN a \\\n  b", "USER x"]);
        check("RUN a \\ \n# why\n\n  b\nUSER x", &["RUN a \\ \n# why\n\n  b", "USER x"]);
        check("RUN a \\\r\n b\r\nUSER x\r\n", &["RUN a \\\r\n b", "USER x"]);
        check("RUN a \\\\\nUSER x", &["RUN a \\\\", "USER x"]);
        check("RUN a \\", &["RUN a \\"]);
    }

    #[test]
    fn here_documents() {
        check("RUN <<EOF\na\nEOF\nUSER x", &["RUN <<EOF", "USER x"]);
        check(
            "RUN cat <<'E' > f && \\\n b\nUSER y\nE\nUSER x",
            &["RUN cat <<'E' > f && \\\n b", "USER x"],
        );
        check("COPY <<A <<-B /\n1\nA\n2\n\tB\nUSER x", &["COPY <<A <<-B /", "USER x"]);
        check("RUN cat <<<word\nUSER x", &["RUN cat <<<word", "USER x"]);
        check("RUN echo '<<EOF'\nUSER x", &["RUN echo '<<EOF'", "USER x"]);
        check("ENV A=<<EOF\nUSER x", &["ENV A=<<EOF", "USER x"]);
        check("ONBUILD RUN 3<<E\na\nE\r\nUSER x", &["ONBUILD RUN 3<<E", "USER x"]);
        let text = "RUN <<EOF\na\n";
        let lines = split(text, '\\');
        assert_eq!((&lines[0].documents[0].end, lines[0].end()), (&None, text.len()));
    }

    #[test]
    fn the_directives_at_the_top() {
        let text = "# syntax = docker/dockerfile:1\n#escape=`\nFROM a `\n\n AS b\n# syntax=no";
        let found = directives(text);
        assert_eq!(&text[found.syntax.unwrap()], "docker/dockerfile:1");
        assert_eq!(&text[found.escape.unwrap()], "`");
        assert_eq!(split(text, '`').len(), 1);
        assert!(directives("# hello\n# escape=`\n").escape.is_none());
    }
}
