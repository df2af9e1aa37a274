//! Which paths of a watched folder count.
//!
//! Four lists leave paths out, each on its own: what an ignore file leaves out of the build context of the
//! service, what the rule says itself, files that editors have for a moment, and repositories of Git. A
//! list of what is included leaves out all else.

use std::path::{Path, PathBuf};

use crate::context::patterns::Above;
use crate::context::{PatternError, Patterns};

/// Files that editors and tools have for a moment. Those that the peer leaves out.
const PASSING: [&str; 13] = [
    "**/*___jb_old___",
    "**/*___jb_tmp___",
    "**/.idea/**",
    "**/.#*",
    "**/#*#",
    "**/4913",
    "**/*~",
    "**/.*.swp",
    "**/.*.swx",
    "**/.*.swo",
    "**/.*.swn",
    "**/.*.kate-swp",
    "**/*-go-tmp-umask",
];

/// Where a list of patterns comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// An ignore file.
    File(PathBuf),
    /// The rule's own `ignore`.
    Rule,
    /// What editors leave lying about.
    Passing,
    Git,
}

#[derive(Debug, Clone)]
struct List {
    origin: Origin,
    root: Root,
    patterns: Patterns,
}

/// Where the root of a list is, seen from the watched folder.
#[derive(Debug, Clone)]
enum Root {
    /// Above, or the same: the path of the watched folder in it, with a slash at its end unless empty.
    Above(Vec<u8>),
    /// Below: its path, with a slash at its end.
    Below(Vec<u8>),
}

/// What decides about the paths of one watched folder. All are relative to it.
#[derive(Debug, Clone, Default)]
pub struct Sieve {
    lists: Vec<List>,
    /// Nothing else counts, if there are any.
    include: Option<Patterns>,
}

/// Why a path does not count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Left<'a> {
    /// A pattern leaves it out.
    Ignored {
        origin: &'a Origin,
        /// From 1.
        line: usize,
        pattern: &'a str,
    },
    /// No pattern of `include` matches.
    NotIncluded,
}

/// What is known of a folder, for what is in it.
#[derive(Debug, Clone, Default)]
pub struct Level {
    lists: Vec<Above>,
    included: Above,
}

/// What becomes of a folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fate {
    /// Whether it counts itself.
    pub counts: bool,
    /// Whether something in it may count.
    pub is_open: bool,
}

impl Sieve {
    /// What all rules leave out.
    #[must_use]
    pub fn new() -> Self {
        let mut sieve = Self::default();
        let own = |lines: &[&str]| Patterns::of_lines(lines.iter().copied()).unwrap_or_default();
        sieve.add(Origin::Git, Root::Above(Vec::new()), own(&["**/.git"]));
        sieve.add(Origin::Passing, Root::Above(Vec::new()), own(&PASSING));
        sieve
    }

    fn add(&mut self, origin: Origin, root: Root, patterns: Patterns) {
        if !patterns.is_empty() {
            self.lists.push(List { origin, root, patterns: patterns.by_parents() });
        }
    }

    /// Adds the rule's own list. As with the peer, a pattern that begins with a slash is a path of this
    /// machine, and where there is `*` alone, only what takes paths back in is left.
    ///
    /// # Errors
    /// The first that is no pattern, by its position from 1.
    pub fn ignore(&mut self, folder: &Path, lines: &[String]) -> Result<(), PatternError> {
        let lines: Vec<String> = lines.iter().map(|line| relative(line, folder)).collect();
        let patterns = Patterns::of_lines(lines.iter().map(String::as_str))?;
        self.add(Origin::Rule, Root::Above(Vec::new()), patterns.without_everything());
        Ok(())
    }

    /// Adds what is included. Unlike with the peer, which then includes nothing, `*` stands for all.
    ///
    /// # Errors
    /// As [`Sieve::ignore`].
    pub fn include(&mut self, folder: &Path, lines: &[String]) -> Result<(), PatternError> {
        let lines: Vec<String> = lines.iter().map(|line| relative(line, folder)).collect();
        let patterns = Patterns::of_lines(lines.iter().map(String::as_str))?;
        self.include = Some(patterns.by_parents()).filter(|patterns| !patterns.is_empty());
        Ok(())
    }

    /// Adds an ignore file of a build context. `folder` is the watched folder.
    pub fn ignore_file(&mut self, file: PathBuf, context: &Path, folder: &Path, rules: &Patterns) {
        use std::os::unix::ffi::OsStrExt as _;
        let with_slash = |path: &Path| match path.as_os_str().as_bytes() {
            [] => Vec::new(),
            bytes => [bytes, b"/"].concat(),
        };
        let root = if let Ok(path) = folder.strip_prefix(context) {
            Root::Above(with_slash(path))
        } else if let Ok(path) = context.strip_prefix(folder) {
            Root::Below(with_slash(path))
        } else {
            return;
        };
        self.add(Origin::File(file), root, rules.clone().without_everything());
    }

    /// Why a path does not count; `None` if it does. The watched folder itself always counts.
    #[must_use]
    pub fn leaves_out(&self, path: &[u8]) -> Option<Left<'_>> {
        if path.is_empty() {
            return None;
        }
        for list in &self.lists {
            let Some(inner) = list.root.seen(path) else { continue };
            if let Some(decision) = list.patterns.explain(&inner).filter(|it| it.matches) {
                let (line, pattern) = (decision.line, decision.pattern);
                return Some(Left::Ignored { origin: &list.origin, line, pattern });
            }
        }
        let include = self.include.as_ref()?;
        (!include.matches(path)).then_some(Left::NotIncluded)
    }

    /// What is known of the watched folder itself.
    #[must_use]
    pub fn top(&self) -> Level {
        let lists = self.lists.iter().map(|list| {
            let mut above = Above::default();
            if let Root::Above(path) = &list.root {
                for (slash, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
                    (_, above) = list.patterns.enter(&path[..slash], &above);
                }
            }
            above
        });
        Level { lists: lists.collect(), included: Above::default() }
    }

    /// What becomes of a folder, and what is to be known for what is in it. `level` is that of the folder
    /// it is in.
    #[must_use]
    pub fn enter(&self, folder: &[u8], level: &Level) -> (Fate, Level) {
        let mut fate = Fate { counts: true, is_open: true };
        let mut below = Level::default();
        for (list, above) in self.lists.iter().zip(&level.lists) {
            let Some(inner) = list.root.seen(folder) else {
                below.lists.push(Above::default());
                continue;
            };
            let (matched, inside) = list.patterns.enter(&inner, above);
            fate.counts &= !matched;
            fate.is_open &= !matched || list.patterns.can_take_back_below(&inner);
            below.lists.push(inside);
        }
        if let Some(include) = &self.include {
            let (matched, inside) = include.enter(folder, &level.included);
            fate.counts &= matched;
            fate.is_open &= matched || include.can_match_below(folder);
            below.included = inside;
        }
        (fate, below)
    }

    /// Whether a path that is no folder counts. `level` is that of the folder it is in.
    #[must_use]
    pub fn counts(&self, path: &[u8], level: &Level) -> bool {
        let matched = self.lists.iter().zip(&level.lists).any(|(list, above)| {
            list.root.seen(path).is_some_and(|inner| list.patterns.matches_in(&inner, above))
        });
        let include = self.include.as_ref();
        !matched && include.is_none_or(|include| include.matches_in(path, &level.included))
    }

    /// Whether a folder has to be watched for what may be in it.
    #[must_use]
    pub fn is_open(&self, folder: &[u8]) -> bool {
        let mut level = self.top();
        let ends = folder.iter().enumerate().filter(|(_, byte)| **byte == b'/').map(|(at, _)| at);
        for end in ends.chain([folder.len()]) {
            let fate;
            (fate, level) = self.enter(&folder[..end], &level);
            if !fate.is_open {
                return false;
            }
        }
        true
    }
}

impl Root {
    /// A path of the watched folder as the list sees it; `None` if it is not below its root.
    fn seen<'a>(&self, path: &'a [u8]) -> Option<std::borrow::Cow<'a, [u8]>> {
        match self {
            Self::Above(prefix) if prefix.is_empty() => Some(path.into()),
            Self::Above(prefix) => Some([prefix, path].concat().into()),
            Self::Below(prefix) => Some(path.strip_prefix(&**prefix)?.into()),
        }
    }
}

/// A pattern below the watched folder, if it is one by its letters.
fn relative(line: &str, folder: &Path) -> String {
    let (sign, path) = match line.trim().strip_prefix('!') {
        Some(path) => ("!", path),
        None => ("", line.trim()),
    };
    match Path::new(path).strip_prefix(folder) {
        Ok(inner) if path.starts_with('/') => format!("{sign}{}", inner.display()),
        _ => format!("{sign}{path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    fn ignoring(patterns: &[&str]) -> Sieve {
        let mut sieve = Sieve::new();
        sieve.ignore(Path::new("/p/app"), &lines(patterns)).unwrap();
        sieve
    }

    /// Both ways to ask agree, whatever the path.
    #[track_caller]
    fn check(sieve: &Sieve, table: &[(&str, bool)]) {
        for (path, counts) in table {
            assert_eq!(sieve.leaves_out(path.as_bytes()).is_none(), *counts, "{path}");
            let (folder, _) = path.rsplit_once('/').unwrap_or(("", path));
            let mut level = sieve.top();
            for (end, _) in path.match_indices('/') {
                (_, level) = sieve.enter(&path.as_bytes()[..end], &level);
            }
            assert_eq!(sieve.counts(path.as_bytes(), &level), *counts, "{path} by levels");
            if *counts && !folder.is_empty() {
                assert!(sieve.is_open(folder.as_bytes()), "{folder} must be watched");
            }
        }
    }

    #[test]
    fn what_passes_is_left_out_everywhere() {
        check(
            &Sieve::new(),
            &[
                ("a", true),
                (".env", true),
                (".git", false),
                ("sub/.git/HEAD", false),
                (".gitignore", true),
                ("sub/.idea/w.xml", false),
                ("a~", false),
                ("sub/.a.swp", false),
                ("a.swp", true),
                ("sub/4913", false),
                ("sub/#a#", false),
                (".#a", false),
            ],
        );
    }

    #[test]
    fn lists_of_rules() {
        check(&ignoring(&["log/"]), &[("log", false), ("log/a", false), ("sub/log/a", true)]);
        check(&ignoring(&["**/*.md", "!README.md"]), &[("a/b.md", false), ("README.md", true)]);
        check(&ignoring(&["/p/app/log"]), &[("log/a", false)]);
        check(&ignoring(&["/log"]), &[("log/a", true)]);
        check(&ignoring(&["*", "a"]), &[("a", true), ("b", true)]);
        check(&ignoring(&["src", "!src/gen"]), &[("src/a", false), ("src/gen/a", true)]);
    }

    #[test]
    fn what_is_included() {
        let mut sieve = Sieve::new();
        sieve.include(Path::new("/p/app"), &lines(&["src", "*.js"])).unwrap();
        check(&sieve, &[("src/a/b", true), ("a.js", true), ("lib/a.js", false), ("src/a~", false)]);
        assert!(!sieve.is_open(b"lib"));
        sieve.include(Path::new("/p/app"), &lines(&["*"])).unwrap();
        check(&sieve, &[("a", true), ("lib/a.js", true)]);
    }

    #[test]
    fn ignore_files_are_rooted_at_their_context() {
        let rules = Patterns::parse("app/log\nother\n**/*.tmp\n!keep.tmp\n").unwrap();
        let sieve = |context: &str, folder: &str| {
            let mut sieve = Sieve::new();
            let file = PathBuf::from(".dockerignore");
            sieve.ignore_file(file, Path::new(context), Path::new(folder), &rules);
            sieve
        };
        check(
            &sieve("/p", "/p/app"),
            &[("log/a", false), ("other", true), ("a.tmp", false), ("keep.tmp", false)],
        );
        check(
            &sieve("/p", "/p"),
            &[("app/log/a", false), ("other/a", false), ("keep.tmp", true), ("app/a", true)],
        );
        check(
            &sieve("/p/x", "/p"),
            &[("x/app/log", false), ("app/log", true), ("x/a.tmp", false), ("a.tmp", true)],
        );
        check(&sieve("/q", "/p"), &[("app/log", true)]);
        // The watched folder is left out itself, and all in it.
        check(&sieve("/p", "/p/other"), &[("a", false), ("b/c", false)]);
        assert!(!sieve("/p", "/p/app").is_open(b"log"));
    }

    const FILES: [&str; 19] = [
        "a",
        "b.md",
        "README.md",
        "README-secret.md",
        "src/a.rs",
        "src/b.md",
        "src/gen/x.rs",
        "src/gen/keep.rs",
        "src/deep/er/y.rs",
        "docs/a.md",
        "docs/b/c.md",
        "node_modules/m/index.js",
        "sub/node_modules/m/index.js",
        "sub/b.txt",
        ".env",
        "log/a.log",
        "log/b.txt",
        "a b",
        "sub/src/x",
    ];

    /// What Docker Compose 2.40.3 leaves out for the same lists and files, as seen by experiment: numbers
    /// of [`FILES`]. In an ignore file a slash at the beginning means nothing.
    #[test]
    fn the_peer_leaves_out_the_same() {
        let src = &[4, 5, 6, 7, 8][..];
        let table: [(&[&str], &[usize]); 26] = [
            (&[], &[]),
            (&["a"], &[0]),
            (&["./a"], &[0]),
            (&["src"], src),
            (&["src/"], src),
            (&["src/*"], src),
            (&["src/**"], src),
            (&["**/*.md"], &[1, 2, 3, 5, 9, 10]),
            (&["*.md"], &[1, 2, 3]),
            (&["*.md", "!README.md"], &[1, 3]),
            (&["*.md", "!README*.md", "README-secret.md"], &[1, 3]),
            (&["node_modules"], &[11]),
            (&["**/node_modules"], &[11, 12]),
            (&["src", "!src/gen"], &[4, 5, 8]),
            (&["src", "!src/gen/keep.rs"], &[4, 5, 6, 8]),
            (&["*", "!src"], &[]),
            (&["**", "!src"], &[0, 1, 2, 3, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18]),
            (&["*"], &[]),
            (&["*", "!src", "src/gen"], &[]),
            (&["!src", "src"], src),
            (&["**/b.md", "!src"], &[1]),
            (&["a b"], &[17]),
            (&["src/gen", "docs"], &[6, 7, 9, 10]),
            (&["s?c"], src),
            (&["[sd]*"], &[4, 5, 6, 7, 8, 9, 10, 12, 13, 18]),
            (&["*.[!ch]"], &[]),
        ];
        for (patterns, left_out) in table {
            let table: Vec<(&str, bool)> =
                (0..).zip(FILES).map(|(at, file)| (file, !left_out.contains(&at))).collect();
            check(&ignoring(patterns), &table);
            let rules = Patterns::parse(&patterns.join("\n")).unwrap();
            let mut sieve = Sieve::new();
            let (context, file) = (Path::new("/p/app"), PathBuf::from(".dockerignore"));
            sieve.ignore_file(file, context, context, &rules);
            check(&sieve, &table);
        }
        let anchored: Vec<(&str, bool)> =
            (0..).zip(FILES).map(|(at, file)| (file, !src.contains(&at))).collect();
        let rules = Patterns::parse("/src").unwrap();
        let mut sieve = Sieve::new();
        let (context, file) = (Path::new("/p/app"), PathBuf::from(".dockerignore"));
        sieve.ignore_file(file, context, context, &rules);
        check(&sieve, &anchored);
    }

    #[test]
    fn what_is_left_out_is_explained() {
        let sieve = ignoring(&["a", "b/*.log"]);
        let why = |path: &[u8]| sieve.leaves_out(path);
        let rule = &Origin::Rule;
        let want = Left::Ignored { origin: rule, line: 2, pattern: "b/*.log" };
        assert_eq!(why(b"b/x.log"), Some(want));
        assert_eq!(why(b""), None);
        let want = Left::Ignored { origin: &Origin::Git, line: 1, pattern: "**/.git" };
        assert_eq!(why(b".git/x"), Some(want));
    }
}
