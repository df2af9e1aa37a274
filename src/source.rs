//! Source text and places in it.
//!
//! Every file that takes part in a load is kept here once, so that any value can be traced back to
//! the bytes it came from. Nothing in this module reads files.

use std::cell::OnceCell;
use std::fmt;
use std::ops::Range;

/// One file of a [`SourceMap`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(u32);

/// A range of bytes in one file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    file: FileId,
    start: u32,
    end: u32,
}

impl Span {
    /// The place of values that stand in no file: defaults, flags, the process environment.
    pub const NOWHERE: Self = Self { file: FileId(u32::MAX), start: 0, end: 0 };

    /// A span of bytes `range` in `file`.
    #[must_use]
    pub fn new(file: FileId, range: Range<usize>) -> Self {
        let at = |offset| u32::try_from(offset).unwrap_or(u32::MAX);
        Self { file, start: at(range.start), end: at(range.end) }
    }

    /// Whether this is [`Span::NOWHERE`].
    #[must_use]
    pub fn is_nowhere(self) -> bool {
        self == Self::NOWHERE
    }

    #[must_use]
    pub fn file(self) -> FileId {
        self.file
    }

    #[must_use]
    pub fn start(self) -> usize {
        self.start as usize
    }

    #[must_use]
    pub fn range(self) -> Range<usize> {
        self.start as usize..self.end as usize
    }

    /// `range` is counted from the start of this span.
    #[must_use]
    pub fn part(self, range: Range<usize>) -> Self {
        Self::new(self.file, self.start() + range.start..self.start() + range.end)
    }
}

impl fmt::Debug for Span {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}:{}..{}", self.file.0, self.start, self.end)
    }
}

/// Why a file was read: the place that names it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// A past participle: `included`, `extended`, `named as env_file`.
    pub how: &'static str,
    pub at: Span,
}

#[derive(Debug)]
struct SourceFile {
    name: String,
    text: String,
    origin: Option<Origin>,
    /// The newlines before each block of the text, counted when first asked for.
    blocks: OnceCell<Vec<usize>>,
}

/// Bytes between two counts of newlines.
const BLOCK: usize = 4096;

impl SourceFile {
    /// The number of newlines before `offset`.
    fn newlines_before(&self, offset: usize) -> usize {
        let count =
            |bytes: &[u8]| bytes.iter().map(|byte| usize::from(*byte == b'\n')).sum::<usize>();
        let blocks = self.blocks.get_or_init(|| {
            let mut sum = 0;
            let each = self.text.as_bytes().chunks(BLOCK);
            std::iter::once(0)
                .chain(each.map(|block| {
                    sum += count(block);
                    sum
                }))
                .collect()
        });
        let block = offset / BLOCK;
        blocks[block] + count(&self.text.as_bytes()[block * BLOCK..offset])
    }
}

/// All source text of one load.
#[derive(Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

/// A place for people: file name, line and column, both counted from 1; columns count characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position<'a> {
    pub file: &'a str,
    pub line: usize,
    pub column: usize,
}

impl SourceMap {
    /// Keeps `text` under the name shown to people.
    pub fn add(&mut self, name: String, text: String, origin: Option<Origin>) -> FileId {
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile { name, text, origin, blocks: OnceCell::new() });
        id
    }

    fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// All files, in the order in which they were added.
    pub fn files(&self) -> impl Iterator<Item = FileId> + use<> {
        (0..u32::try_from(self.files.len()).unwrap_or(u32::MAX)).map(FileId)
    }

    #[must_use]
    pub fn name(&self, id: FileId) -> &str {
        self.file(id).map_or("", |file| &file.name)
    }

    #[must_use]
    pub fn text(&self, id: FileId) -> &str {
        self.file(id).map_or("", |file| &file.text)
    }

    #[must_use]
    pub fn origin(&self, id: FileId) -> Option<Origin> {
        self.file(id).and_then(|file| file.origin)
    }

    /// The text of `span`; empty for [`Span::NOWHERE`].
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text(span.file).get(span.range()).unwrap_or("")
    }

    /// Where `span` begins; `None` for [`Span::NOWHERE`].
    #[must_use]
    pub fn position(&self, span: Span) -> Option<Position<'_>> {
        let file = self.file(span.file)?;
        let offset = floor_char_boundary(&file.text, span.start());
        let before = &file.text[..offset];
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let column = before[line_start..].chars().count() + 1;
        Some(Position { file: &file.name, line: file.newlines_before(offset) + 1, column })
    }

    /// The line, from 1, of a byte of a file.
    #[must_use]
    pub fn line(&self, file: FileId, offset: usize) -> usize {
        let count = |file: &SourceFile| file.newlines_before(offset.min(file.text.len()));
        self.file(file).map_or(1, |file| count(file) + 1)
    }

    /// Where `span` ends: the line and column just after its last character.
    #[must_use]
    pub fn end_position(&self, span: Span) -> Option<Position<'_>> {
        self.position(span.part(span.range().len()..span.range().len()))
    }
}

/// The last character boundary at or before `offset`.
pub(crate) fn floor_char_boundary(text: &str, offset: usize) -> usize {
    let mut at = offset.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_characters() {
        let mut sources = SourceMap::default();
        let file = sources.add("a.yaml".into(), "one\n  é: x\n".into(), None);
        let place = |range| {
            let at = sources.position(Span::new(file, range)).unwrap();
            (at.line, at.column)
        };
        assert_eq!(place(0..1), (1, 1));
        assert_eq!(place(6..8), (2, 3));
        assert_eq!(place(10..11), (2, 6));
        assert_eq!(place(99..100), (3, 1), "past the end is the end");
        assert_eq!(sources.position(Span::NOWHERE), None);
    }
}
