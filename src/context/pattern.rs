//! One pattern of an ignore file: what it means, and whether a path is meant.
//!
//! The rules are those of moby's patternmatcher, odd ones too: a pattern is written anew as a regular
//! expression there, and that is what holds. So a class in brackets may match a slash, stars in a class
//! are part of it, `\d` is a digit, and where there is a star, `|` stands between alternatives. (`{2}`
//! repeats there; here it is text.) The few kinds of parts that such an expression can have are matched
//! one after the other, in time that grows with the path and the pattern and no faster.

/// A pattern that is ready to be compared with paths.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// The path itself.
    Exact(Vec<u8>),
    /// All paths that begin with it.
    Start(Vec<u8>),
    /// All paths that end in it. After a slash at its beginning, the rest is a path that is meant, too.
    End(Vec<u8>),
    /// One of these.
    Parts(Vec<Vec<Part>>),
}

/// A part of a pattern, and what it takes of a path.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Text(Vec<u8>),
    One(Class),
    /// As many as there are, or none.
    Many(Class),
    /// Nothing, or anything up to a slash and the slash.
    Folders,
    /// What may be on a line.
    Line,
    Anything,
    /// Nothing, at the beginning of the path.
    Beginning,
    /// Nothing, at the edge of a word; or not there.
    Edge(bool),
}

/// Characters, by their numbers.
#[derive(Debug, Clone, Default)]
pub(super) struct Class {
    ranges: Vec<(u32, u32)>,
    negated: bool,
}

/// What stands for a byte that is part of no character.
const NO_CHARACTER: char = char::REPLACEMENT_CHARACTER;

impl Pattern {
    /// Reads a pattern that is clean: without needless slashes and dots. `None` if it is none.
    pub(super) fn compile(pattern: &str) -> Option<Self> {
        let is_text = |char: char| !matches!(char, '*' | '?' | '[' | ']' | '\\');
        if pattern.chars().all(is_text) {
            return Some(Self::Exact(pattern.as_bytes().to_vec()));
        }
        let chars: Vec<char> = pattern.chars().collect();
        if !is_well_formed(&chars) {
            return None;
        }
        if let Some(rest) = pattern.strip_prefix("**") {
            if rest.chars().all(is_text) {
                return Some(Self::End(rest.as_bytes().to_vec()));
            }
        } else if let Some(rest) = pattern.strip_suffix("**") {
            // A slash before the stars stays: what is in the folder is meant, and not the folder.
            if rest.chars().all(is_text) {
                return Some(Self::Start(rest.as_bytes().to_vec()));
            }
        }
        Some(Self::Parts(alternatives(&expression(&chars))?))
    }

    pub(super) fn matches(&self, path: &[u8]) -> bool {
        match self {
            Self::Exact(text) => path == text,
            Self::Start(text) => path.starts_with(text),
            Self::End(text) => path.ends_with(text) || text.strip_prefix(b"/") == Some(path),
            Self::Parts(alternatives) => alternatives.iter().any(|parts| run(parts, path, false)),
        }
    }

    /// Whether something in a folder can be meant. `folder` ends in a slash.
    pub(super) fn reaches(&self, folder: &[u8]) -> bool {
        match self {
            Self::Exact(text) => text.starts_with(folder),
            Self::Start(text) => text.starts_with(folder) || folder.starts_with(text),
            Self::End(_) => true,
            Self::Parts(alternatives) => alternatives.iter().any(|parts| run(parts, folder, true)),
        }
    }
}

/// Whether Go's `filepath.Match` takes its beginning: up to the first star that is not at its beginning,
/// each class is closed and has something in it, and something follows each backslash.
fn is_well_formed(mut rest: &[char]) -> bool {
    while let ['*', after @ ..] = rest {
        rest = after;
    }
    loop {
        rest = match rest {
            [] | ['*', ..] => return true,
            ['\\', _, after @ ..] => after,
            ['\\'] => return false,
            ['[', '^', after @ ..] | ['[', after @ ..] => match class_end(after) {
                Some(after) => after,
                None => return false,
            },
            [_, after @ ..] => after,
        };
    }
}

/// What follows a class.
fn class_end(mut rest: &[char]) -> Option<&[char]> {
    let mut is_first = true;
    loop {
        match rest {
            [']', after @ ..] if !is_first => return Some(after),
            _ => rest = class_member(rest)?,
        }
        if let ['-', after @ ..] = rest {
            rest = class_member(after)?;
        }
        is_first = false;
    }
}

fn class_member(rest: &[char]) -> Option<&[char]> {
    match rest {
        [] | ['-' | ']', ..] | ['\\'] => None,
        ['\\', _, after @ ..] | [_, after @ ..] => Some(after),
    }
}

/// The pattern as the regular expression that is made of it, without its anchors.
fn expression(mut rest: &[char]) -> Vec<char> {
    let mut out = Vec::with_capacity(rest.len() * 2);
    loop {
        rest = match rest {
            [] => return out,
            ['*', '*', '/'] | ['*', '*'] => {
                out.extend(['.', '*']);
                &[]
            }
            ['*', '*', '/', after @ ..] | ['*', '*', after @ ..] => {
                out.extend("(.*/)?".chars());
                after
            }
            ['*', after @ ..] => {
                out.extend("[^/]*".chars());
                after
            }
            ['?', after @ ..] => {
                out.extend("[^/]".chars());
                after
            }
            [char @ ('.' | '+' | '(' | ')' | '$'), after @ ..] => {
                out.extend(['\\', *char]);
                after
            }
            ['\\', char, after @ ..] => {
                out.extend(['\\', *char]);
                after
            }
            [char, after @ ..] => {
                out.push(*char);
                after
            }
        };
    }
}

/// Reads such an expression. `None` if it is none.
///
/// The anchors belong to the first and the last alternative.
fn alternatives(mut rest: &[char]) -> Option<Vec<Vec<Part>>> {
    let mut done = Vec::new();
    let mut parts: Vec<Part> = Vec::new();
    loop {
        let part;
        (part, rest) = match rest {
            [] => {
                done.push(parts);
                return Some(done);
            }
            ['|', after @ ..] => {
                parts.push(Part::Anything);
                done.push(std::mem::take(&mut parts));
                (Part::Anything, after)
            }
            ['\\'] => return None,
            ['(', '.', '*', '/', ')', '?', after @ ..] => (Part::Folders, after),
            ['.', '*', after @ ..] => (Part::Line, after),
            ['[', after @ ..] => match class(after)? {
                (class, ['*', after @ ..]) => (Part::Many(class), after),
                (class, after) => (Part::One(class), after),
            },
            ['^', after @ ..] | ['\\', 'A', after @ ..] => (Part::Beginning, after),
            ['\\', 'b', after @ ..] => (Part::Edge(true), after),
            ['\\', 'B', after @ ..] => (Part::Edge(false), after),
            ['\\', char, after @ ..] => match shorthand(*char) {
                Some(class) => (Part::One(class), after),
                None => (Part::Text(escaped(*char)?.to_string().into_bytes()), after),
            },
            [char, after @ ..] => (Part::Text(char.to_string().into_bytes()), after),
        };
        match (parts.last_mut(), part) {
            (Some(Part::Text(before)), Part::Text(text)) => before.extend(text),
            (_, part) => parts.push(part),
        }
    }
}

/// Reads a class after its opening bracket.
fn class(mut rest: &[char]) -> Option<(Class, &[char])> {
    let mut class = Class::default();
    if let ['^', after @ ..] = rest {
        (class.negated, rest) = (true, after);
    }
    let mut is_first = true;
    loop {
        rest = match rest {
            [']', after @ ..] if !is_first => return Some((class, after)),
            ['[', ':', after @ ..] if named(after).is_some() => {
                let (ranges, after) = named(after)?;
                class.ranges.extend(ranges?);
                after
            }
            ['\\', char, after @ ..] if shorthand(*char).is_some() => {
                class.ranges.extend(shorthand(*char)?.positive());
                after
            }
            _ => {
                let (low, after) = member(rest)?;
                let (high, after) = match after {
                    // At the end of a class it is a hyphen.
                    ['-', next, ..] if *next != ']' => member(&after[1..])?,
                    _ => (low, after),
                };
                if high < low {
                    return None;
                }
                class.ranges.push((low.into(), high.into()));
                after
            }
        };
        is_first = false;
    }
}

fn member(rest: &[char]) -> Option<(char, &[char])> {
    match rest {
        [] | ['\\'] => None,
        ['\\', char, after @ ..] => Some((escaped(*char)?, after)),
        [char, after @ ..] => Some((*char, after)),
    }
}

/// The character that is meant after a backslash. Letters and digits that Go's expressions know more of
/// (codes, names of scripts) are refused, as are those that they do not know.
fn escaped(char: char) -> Option<char> {
    match char {
        'a' => Some('\x07'),
        'f' => Some('\x0c'),
        'n' => Some('\n'),
        'r' => Some('\r'),
        't' => Some('\t'),
        'v' => Some('\x0b'),
        _ if char.is_ascii() && !char.is_ascii_alphanumeric() => Some(char),
        _ => None,
    }
}

type Range = (char, char);
const DIGITS: &[Range] = &[('0', '9')];
const SPACES: &[Range] = &[('\t', '\n'), ('\x0c', '\r'), (' ', ' ')];
const WORD: &[Range] = &[('0', '9'), ('A', 'Z'), ('_', '_'), ('a', 'z')];

fn ranges(ranges: &[Range]) -> Vec<(u32, u32)> {
    ranges.iter().map(|(low, high)| (u32::from(*low), u32::from(*high))).collect()
}

/// `\d` and the like.
fn shorthand(char: char) -> Option<Class> {
    let named = match char.to_ascii_lowercase() {
        'd' => DIGITS,
        's' => SPACES,
        'w' => WORD,
        _ => return None,
    };
    Some(Class { ranges: ranges(named), negated: char.is_ascii_uppercase() })
}

type Named<'a> = (Option<Vec<(u32, u32)>>, &'a [char]);

/// `[:alpha:]` and the like, after the colon: its characters, if there is such a name.
fn named(rest: &[char]) -> Option<Named<'_>> {
    let end = rest.windows(2).position(|pair| pair == [':', ']'])?;
    let name: String = rest[..end].iter().collect();
    let known: &[Range] = match name.strip_prefix('^').unwrap_or(&name) {
        "alnum" => &[('0', '9'), ('A', 'Z'), ('a', 'z')],
        "alpha" => &[('A', 'Z'), ('a', 'z')],
        "ascii" => &[('\0', '\x7f')],
        "blank" => &[('\t', '\t'), (' ', ' ')],
        "cntrl" => &[('\0', '\x1f'), ('\x7f', '\x7f')],
        "digit" => DIGITS,
        "graph" => &[('!', '~')],
        "lower" => &[('a', 'z')],
        "print" => &[(' ', '~')],
        "punct" => &[('!', '/'), (':', '@'), ('[', '`'), ('{', '~')],
        "space" => &[('\t', '\r'), (' ', ' ')],
        "upper" => &[('A', 'Z')],
        "word" => WORD,
        "xdigit" => &[('0', '9'), ('A', 'F'), ('a', 'f')],
        _ => return Some((None, rest)),
    };
    let class = Class { ranges: ranges(known), negated: name.starts_with('^') };
    Some((Some(class.positive()), &rest[end + 2..]))
}

impl Class {
    fn has(&self, char: char) -> bool {
        let char = u32::from(char);
        self.ranges.iter().any(|(low, high)| *low <= char && char <= *high) != self.negated
    }

    /// Its ranges if it were not negated.
    fn positive(mut self) -> Vec<(u32, u32)> {
        if !self.negated {
            return self.ranges;
        }
        self.ranges.sort_unstable();
        let mut next = 0;
        let mut out = Vec::new();
        for (low, high) in self.ranges {
            if next < low {
                out.push((next, low - 1));
            }
            next = high + 1;
        }
        out.push((next, u32::from(char::MAX)));
        out
    }
}

/// Whether the parts take the whole path; or, of the beginning of one, whether they take it and more.
///
/// What is kept is where in the path the parts so far may end.
fn run(parts: &[Part], path: &[u8], is_beginning: bool) -> bool {
    if !is_beginning {
        // Most paths are told apart by this alone.
        let fits = match (parts.first(), parts.last()) {
            (Some(Part::Text(text)), _) if !path.starts_with(text) => false,
            (_, Some(Part::Text(text))) => path.ends_with(text),
            _ => true,
        };
        if !fits {
            return false;
        }
    }
    let mut places = vec![0];
    let mut next = Vec::new();
    for part in parts {
        if is_beginning {
            let cut = |text: &[u8]| places.iter().any(|at| text.starts_with(&path[*at..]));
            if places.last() == Some(&path.len()) || matches!(part, Part::Text(text) if cut(text)) {
                return true;
            }
        }
        next.clear();
        part.step(path, &places, &mut next);
        std::mem::swap(&mut places, &mut next);
        if places.is_empty() {
            return false;
        }
    }
    places.last() == Some(&path.len())
}

impl Part {
    /// Where in the path it may end, if it begins at one of `places`. Both are in order.
    fn step(&self, path: &[u8], places: &[usize], out: &mut Vec<usize>) {
        match self {
            Self::Text(text) => {
                let fits = places.iter().filter(|at| path[**at..].starts_with(text));
                out.extend(fits.map(|at| at + text.len()));
            }
            Self::One(class) => {
                let after = |at: &usize| Some(at + taken(class, &path[*at..])?);
                out.extend(places.iter().filter_map(after));
            }
            Self::Many(class) => {
                for place in places {
                    // It is on the way of one before.
                    if out.last().is_some_and(|last| last >= place) {
                        continue;
                    }
                    let mut at = *place;
                    out.push(at);
                    while let Some(length) = taken(class, &path[at..]) {
                        at += length;
                        out.push(at);
                    }
                }
            }
            Self::Folders => far(path, places, out, |before| before == b'/'),
            Self::Line => far(path, places, out, |_| true),
            Self::Anything => out.extend(places.first().map_or(0, |at| *at)..=path.len()),
            Self::Beginning => out.extend(places.first().filter(|at| **at == 0)),
            Self::Edge(wanted) => {
                let is_word = |at: Option<usize>| {
                    let byte = at.and_then(|at| path.get(at));
                    byte.is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_')
                };
                let is_edge = |at: usize| is_word(at.checked_sub(1)) != is_word(Some(at));
                out.extend(places.iter().filter(|at| is_edge(**at) == *wanted));
            }
        }
    }
}

/// The places, and all after them that may follow the byte before, but on another line.
fn far(path: &[u8], places: &[usize], out: &mut Vec<usize>, ends: impl Fn(u8) -> bool) {
    let mut places = places.iter().peekable();
    let Some(first) = places.peek().map(|first| **first) else {
        return;
    };
    let mut is_open = false;
    for at in first..=path.len() {
        let before = at.checked_sub(1).map(|before| path[before]);
        is_open &= before != Some(b'\n');
        let is_place = places.next_if(|place| **place == at).is_some();
        if is_place || is_open && before.is_some_and(&ends) {
            out.push(at);
        }
        is_open |= is_place;
    }
}

/// How many bytes a character of the class takes here.
fn taken(class: &Class, path: &[u8]) -> Option<usize> {
    let (char, length) = first_char(path)?;
    class.has(char).then_some(length)
}

/// The first character and its length in bytes.
fn first_char(bytes: &[u8]) -> Option<(char, usize)> {
    let first = *bytes.first()?;
    if first.is_ascii() {
        return Some((char::from(first), 1));
    }
    let most = &bytes[..bytes.len().min(4)];
    let valid = match std::str::from_utf8(most) {
        Ok(text) => text,
        Err(error) => std::str::from_utf8(&most[..error.valid_up_to()]).unwrap_or_default(),
    };
    Some(valid.chars().next().map_or((NO_CHARACTER, 1), |char| (char, char.len_utf8())))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Patterns with the paths that they mean and those that they do not.
    #[test]
    fn paths_that_are_meant() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("a/b", &["a/b"], &["a", "a/b/c", "x/a/b"]),
            ("a.b", &["a.b"], &["axb"]),
            ("a^b", &["a^b"], &["ab"]),
            ("*", &["a", ".a", ""], &["a/b"]),
            ("*.go", &["a.go", ".go"], &["a/b.go", "a.goo", "ago"]),
            ("a*c", &["ac", "abc", "abbc"], &["a/c", "acb"]),
            ("*/*", &["a/b"], &["a", "a/b/c"]),
            ("?", &["a", "ä"], &["", "ab", "/"]),
            ("a?c", &["abc", "aöc"], &["ac", "a/c"]),
            ("**", &["a", "a/b/c", ""], &[]),
            ("a**", &["a", "ab", "ab/c", "a/b"], &["b/a"]),
            ("a/**", &["a/b", "a/b/c"], &["a", "ab"]),
            ("**/a", &["a", "b/a", "b/c/a"], &["ba", "a/b"]),
            ("**a", &["a", "ba", "b/ca"], &["ab"]),
            ("**/*.go", &["a.go", "a/b.go", "a/b/c.go"], &["a.goo"]),
            ("**/a/**", &["a/b", "x/a/b", "x/a/b/c"], &["a", "x/a", "xa/b"]),
            ("**/a/*.c", &["a/x.c", "b/a/x.c"], &["a/b/x.c", "ba/x.c"]),
            ("a/**/b", &["a/b", "a/x/b", "a/x/y/b"], &["ab", "a/xb", "a/b/c"]),
            ("a/**/*/b", &["a/x/b", "a/x/y/b"], &["a/b"]),
            ("a**b", &["ab", "ax/b", "a/b", "ax/y/b"], &["axb", "a/xb"]),
            ("*a**b", &["ab", "aab", "xaab", "a/b", "aax/b"], &["axb"]),
            ("**/**/a", &["a", "x/a", "x/y/a"], &["xa"]),
            ("*a*a*a*a*a*b", &["aaaaab", "xaxaxaxaxab"], &["aaaaaaaaaaaaaaaaaaaaaaaaaa"]),
            ("[abc]d", &["ad", "cd"], &["dd", "d"]),
            ("[a-c]", &["b"], &["d", "-"]),
            ("[^a-c]", &["d", "/"], &["b", ""]),
            ("[^^]a", &["xa"], &["^a"]),
            ("[\\-x]", &["-", "x"], &["y"]),
            ("[\\]a]", &["]", "a"], &["b"]),
            ("[!a]", &["!", "a"], &["b"]),
            ("[é-í]x", &["ëx"], &["ex"]),
            ("a]*", &["a]b"], &["ab"]),
            ("\\*", &["*"], &["a", "\\*"]),
            ("a\\?", &["a?"], &["ab"]),
            ("\\[a]*", &["[a]b"], &["ab"]),
            ("\\\\*", &["\\a"], &["a"]),
            // The expression's own rules show.
            ("a^b*", &[], &["a^b", "a^bc", "ab"]),
            ("^a*", &["a", "ab"], &["^a"]),
            ("[a*b]x", &["b]x", "a/b]x"], &["ax", "bx"]),
            ("[?]", &["[]", "/]", "^]"], &["?", "[", "x]"]),
            ("a|b*|c", &["a", "ax/y", "xbx", "xc"], &["xa", "cx", ""]),
            ("a|b", &["a|b"], &["a", "b"]),
            ("a*[]b]", &["a]", "axb"], &["a"]),
            ("a*[b-]", &["a-", "ab"], &["a"]),
            ("*.{js,ts}", &["a.{js,ts}"], &["a.js"]),
            ("[[:alpha:]]x", &["ax", "Zx"], &["1x", ":x"]),
            ("[[:^digit:]]", &["a"], &["1"]),
            ("v\\d", &["v1"], &["vd", "v\\d"]),
            ("v[\\d\\s]", &["v1", "v "], &["vd"]),
            ("v\\D", &["vd"], &["v1"]),
            ("v[\\W]", &["v-"], &["v_"]),
            ("a\\tb", &["a\tb"], &["atb"]),
            ("a\\b", &["a"], &["ab", "a\\b"]),
            ("a\\Bb*", &["ab", "abc"], &["a"]),
            // A line ends what any folder takes, not what a star takes.
            ("*x", &["a\nx"], &[]),
            ("a/**/x", &["a/b/x"], &["a/b\nc/x"]),
        ];
        for (text, meant, others) in table {
            let pattern = Pattern::compile(text).unwrap_or_else(|| panic!("{text} is none"));
            for path in *meant {
                assert!(pattern.matches(path.as_bytes()), "{text} means {path}");
            }
            for path in *others {
                assert!(!pattern.matches(path.as_bytes()), "{text} does not mean {path}");
            }
        }
    }

    #[test]
    fn bytes_that_are_no_text() {
        let matches = |pattern: &str, path: &[u8]| Pattern::compile(pattern).unwrap().matches(path);
        assert!(matches("?", b"\xff") && matches("*", b"a\xff\xc3") && matches("[^a]", b"\xe2"));
        assert!(!matches("?", b"\xff\xff") && !matches("[a-z]", b"\xff"));
        assert!(matches("??", b"\xe2\x82"));
    }

    #[test]
    fn what_is_no_pattern() {
        for text in [
            "[", "[]", "[]a]", "[a", "[a-", "[a-]", "[-a]", "a[", "[^]", "\\", "a\\", "[\\",
            "[\\a", "[z-a]", "[a-?]", "[[:no:]]", "a\\p", "a\\1", "\\ä", "a/[", "**/[", "[/**",
            "a*[", "a*\\", "a*[]",
        ] {
            assert!(Pattern::compile(text).is_none(), "{text}");
        }
    }

    #[test]
    fn what_is_in_a_folder() {
        let table: &[(&str, &[&str], &[&str])] = &[
            ("a/b", &["a/"], &["a/b/", "b/", "ab/"]),
            ("a/**", &["a/", "a/b/"], &["b/"]),
            ("**/a", &["a/", "b/c/"], &[]),
            ("a/*.md", &["a/"], &["a/b/", "b/"]),
            ("a/*/c", &["a/", "a/b/"], &["a/b/c/"]),
            ("a*/c/d", &["a/", "ab/", "ab/c/"], &["b/", "ab/d/"]),
            ("a/**/c*", &["a/", "a/b/c/"], &["b/"]),
            ("[ab]/c/d", &["a/", "b/c/"], &["c/", "a/d/"]),
            ("**/a/**", &["b/", "a/b/"], &[]),
        ];
        for (text, reached, others) in table {
            let pattern = Pattern::compile(text).unwrap();
            for folder in *reached {
                assert!(pattern.reaches(folder.as_bytes()), "{text} reaches {folder}");
            }
            for folder in *others {
                assert!(!pattern.reaches(folder.as_bytes()), "{text} does not reach {folder}");
            }
        }
    }
}
