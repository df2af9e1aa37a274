//! The rules of an ignore file, such as `.dockerignore`: which paths of a folder are left out.
//!
//! They are those of Docker, not of Git. A pattern begins at the root of the folder, whether it has a
//! slash or not. What is in a folder that matches matches as well. The last rule that matches holds, and
//! one that begins with `!` takes paths back in, below a folder that is left out as well.

use std::borrow::Cow;

use crate::archive;
use crate::context::pattern::Pattern;

/// The rules, in their order.
#[derive(Debug, Clone, Default)]
pub struct Patterns {
    rules: Vec<Rule>,
    /// Whether a rule that matches a folder matches all in it, also where it would change nothing for the
    /// folder.
    by_parents: bool,
}

/// A line that is no comment.
#[derive(Debug, Clone)]
struct Rule {
    /// From 1.
    line: usize,
    text: String,
    /// Whether it begins with `!`: what it matches is not matched after all.
    takes_back: bool,
    pattern: Pattern,
}

/// A line that is no pattern.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: `{text}` is not a valid pattern")]
pub struct PatternError {
    /// From 1.
    pub line: usize,
    pub text: String,
}

/// The rule that decides about a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision<'a> {
    /// From 1.
    pub line: usize,
    /// The pattern in its shortest form, with its `!`.
    pub pattern: &'a str,
    /// Whether the path is matched, and not taken back.
    pub matches: bool,
}

/// Which rules match a folder, so that they need not be asked again for what is in it.
#[derive(Debug, Clone, Default)]
pub struct Above {
    matched: Vec<bool>,
}

impl Patterns {
    /// Reads an ignore file.
    ///
    /// # Errors
    /// The first line that is no pattern.
    pub fn parse(text: &str) -> Result<Self, PatternError> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut patterns = Self::default();
        for (number, line) in (1..).zip(text.lines()) {
            // Only at the very beginning: after a blank it is a part of the pattern.
            if line.starts_with('#') || line.trim().is_empty() {
                continue;
            }
            patterns.add(number, &normal(line.trim()))?;
        }
        Ok(patterns)
    }

    /// Takes patterns that somebody has read already. Those that begin with a slash match nothing.
    ///
    /// # Errors
    /// The first that is none; its place counts as its line.
    pub fn of_lines<'a>(lines: impl IntoIterator<Item = &'a str>) -> Result<Self, PatternError> {
        let mut patterns = Self::default();
        for (number, line) in (1..).zip(lines) {
            patterns.add(number, line)?;
        }
        Ok(patterns)
    }

    fn add(&mut self, line: usize, text: &str) -> Result<(), PatternError> {
        let text = text.trim();
        if text.is_empty() {
            return Ok(());
        }
        let text = clean(text);
        let (takes_back, pattern) = match text.strip_prefix('!') {
            Some(pattern) => (true, pattern),
            None => (false, &*text),
        };
        match Pattern::compile(pattern).filter(|_| !pattern.is_empty()) {
            Some(pattern) => {
                self.rules.push(Rule { line, text, takes_back, pattern });
                Ok(())
            }
            None => Err(PatternError { line, text }),
        }
    }

    /// The same, but if one rule matches everything at the top by `*`, all that match are gone, and those
    /// that take back are left. That is what the peer's `watch` makes of such lists.
    #[must_use]
    pub fn without_everything(mut self) -> Self {
        if self.rules.iter().any(|rule| rule.text == "*") {
            self.rules.retain(|rule| rule.takes_back);
        }
        self
    }

    /// The same, but each rule is compared with a path and with all that it is in, as the peer's `watch`
    /// does it, while builders forget rules that change nothing for a folder.
    #[must_use]
    pub fn by_parents(mut self) -> Self {
        self.by_parents = true;
        self
    }

    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.rules.is_empty()
    }

    /// Whether a path is matched: it is left out, if these are the rules of an ignore file. The path is
    /// relative to the folder, and clean.
    #[must_use]
    pub fn matches(&self, path: impl AsRef<[u8]>) -> bool {
        self.explain(path).is_some_and(|decision| decision.matches)
    }

    /// The rule that decides about a path; `None` if none matches.
    #[must_use]
    pub fn explain(&self, path: impl AsRef<[u8]>) -> Option<Decision<'_>> {
        let path = path.as_ref();
        let mut above = Above::default();
        for (slash, _) in path.iter().enumerate().filter(|(_, byte)| **byte == b'/') {
            (_, above) = self.enter(&path[..slash], &above);
        }
        let rule = &self.rules[self.decides(path, &above, |_| ())?];
        let matches = !rule.takes_back;
        Some(Decision { line: rule.line, pattern: &rule.text, matches })
    }

    /// Whether a path is matched, if `above` tells of the folder that it is in. Of folders at the top,
    /// the default does.
    #[must_use]
    pub fn matches_in(&self, path: &[u8], above: &Above) -> bool {
        self.decides(path, above, |_| ()).is_some_and(|rule| !self.rules[rule].takes_back)
    }

    /// The same of a folder, with what is to be told of it for what is in it.
    #[must_use]
    pub fn enter(&self, folder: &[u8], above: &Above) -> (bool, Above) {
        let mut matched = vec![false; self.rules.len()];
        let rule = self.decides(folder, above, |rule| matched[rule] = true);
        if self.by_parents {
            for (number, rule) in self.rules.iter().enumerate() {
                let is_known = above.matched.get(number).is_some_and(|matched| *matched);
                matched[number] = matched[number] || is_known || rule.pattern.matches(folder);
            }
        }
        (rule.is_some_and(|rule| !self.rules[rule].takes_back), Above { matched })
    }

    /// The last rule that changes something, and a word for each that matches.
    ///
    /// A rule that would change nothing is not compared. So for what is in a folder it counts as one that
    /// has not matched the folder, which moby's walk does as well: after `**/b` and `!a`, `a/b` is
    /// matched.
    fn decides(&self, path: &[u8], above: &Above, mut tell: impl FnMut(usize)) -> Option<usize> {
        let mut decides = None;
        let mut matched = false;
        for (number, rule) in self.rules.iter().enumerate() {
            let known = above.matched.get(number).is_some_and(|matched| *matched);
            if known || rule.takes_back == matched && rule.pattern.matches(path) {
                tell(number);
                if matched == rule.takes_back {
                    decides = Some(number);
                }
                matched = !rule.takes_back;
            }
        }
        decides
    }

    /// Whether a rule can match something in a folder.
    #[must_use]
    pub fn can_match_below(&self, folder: &[u8]) -> bool {
        self.reaches(folder, false)
    }

    /// Whether a rule can take back something in a folder that is matched itself. If none can, nobody
    /// needs to look into it.
    #[must_use]
    pub fn can_take_back_below(&self, folder: &[u8]) -> bool {
        self.reaches(folder, true)
    }

    fn reaches(&self, folder: &[u8], takes_back: bool) -> bool {
        let mut rules = self.rules.iter().filter(|rule| rule.takes_back == takes_back).peekable();
        if rules.peek().is_none() {
            return false;
        }
        let inside = [folder, b"/"].concat();
        rules.any(|rule| rule.pattern.reaches(&inside))
    }
}

/// A line of an ignore file in its shortest form, relative to the folder.
fn normal(line: &str) -> Cow<'_, str> {
    let (sign, pattern) = match line.strip_prefix('!') {
        Some(pattern) => ("!", pattern.trim()),
        None => ("", line),
    };
    if pattern.is_empty() {
        return Cow::Borrowed(sign);
    }
    let pattern = clean(pattern);
    // A slash alone is the root, which cannot be left out.
    let relative = pattern.strip_prefix('/').filter(|rest| !rest.is_empty()).unwrap_or(&pattern);
    Cow::Owned(format!("{sign}{relative}"))
}

fn clean(path: &str) -> String {
    archive::clean(path).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, table: &[(&str, bool)]) {
        let patterns = Patterns::parse(text).unwrap();
        for (path, matches) in table {
            assert_eq!(patterns.matches(path), *matches, "{path} by {text:?}");
        }
    }

    #[test]
    fn lines_and_what_they_leave_out() {
        check("a", &[("a", true), ("a/b/c", true), ("b/a", false), ("ab", false)]);
        check("/a/", &[("a", true), ("a/b", true), ("b/a", false)]);
        check("./a//b/../c", &[("a/c", true), ("a/b", false), ("a", false)]);
        check("../a", &[("a", false), ("../a", true)]);
        check(".", &[("a", false)]);
        check("/", &[("a", false)]);
        check("..", &[("a", false)]);
        check("*", &[("a", true), ("a/b", true), (".a", true)]);
        check("**/b", &[("b", true), ("a/b", true), ("a/b/c", true), ("a/bc", false)]);
        check("a/**", &[("a", false), ("a/b", true)]);
        check("  a \t", &[("a", true), (" a", false)]);
        check("a b", &[("a b", true), ("a", false)]);
        check("a\r\nb\r\n", &[("a", true), ("b", true)]);
        check("", &[("a", false)]);
        check("\n \n\t\n", &[("a", false), ("", false)]);
    }

    #[test]
    fn comments_stand_at_the_beginning_of_a_line() {
        check("#a\na", &[("#a", false), ("a", true)]);
        check(" #a", &[("#a", true)]);
        check("a#b", &[("a#b", true), ("a", false)]);
        check("\u{feff}a", &[("a", true)]);
        check("\u{feff}#a", &[("#a", false)]);
        check("b\n\u{feff}a", &[("a", false)]);
    }

    #[test]
    fn the_last_rule_that_matches_holds() {
        check("*\n!a", &[("a", false), ("a/b", false), ("b", true)]);
        check("!a\n*", &[("a", true)]);
        check(
            "*.md\n!README*.md\nREADME-secret.md",
            &[("a.md", true), ("README.md", false), ("README-secret.md", true)],
        );
        check(
            "a\n!a/b\na/b/c",
            &[("a", true), ("a/x", true), ("a/b", false), ("a/b/x", false), ("a/b/c/d", true)],
        );
        check("! a\n*\n!/b\n!  c/", &[("a", true), ("b", false), ("c/d", false)]);
        check("**\n!**/keep", &[("a", true), ("keep", false), ("a/keep/b", false)]);
        check("/!a", &[("a", false), ("!a", false)]);
        check("x*\n\\!a", &[("!a", true), ("a", false), ("xa", true)]);
    }

    /// The folder is not matched when the second rule is asked, so the rule is not compared with it.
    #[test]
    fn rules_that_change_nothing_are_forgotten() {
        check("**/f\n!d", &[("d", false), ("d/f", true), ("f", true)]);
        check("d*\n!d", &[("d", false), ("d/f", false), ("da", true)]);
    }

    #[test]
    fn rules_may_be_compared_with_all_parents() {
        let patterns = Patterns::parse("**/f\n!d").unwrap().by_parents();
        let matched = ["f", "d/f", "d/e/f", "e/f"].map(|path| patterns.matches(path));
        assert_eq!(matched, [true, false, false, true]);
    }

    #[test]
    fn lines_that_are_no_patterns() {
        let wrong = |text: &str| Patterns::parse(text).unwrap_err().to_string();
        assert_eq!(wrong("a\n\n[b\nc["), "line 3: `[b` is not a valid pattern");
        assert_eq!(wrong("!"), "line 1: `!` is not a valid pattern");
        assert_eq!(wrong("# a\n!  "), "line 2: `!` is not a valid pattern");
        assert_eq!(wrong("![]"), "line 1: `![]` is not a valid pattern");
        assert_eq!(wrong("!/"), "line 1: `!` is not a valid pattern");
        assert!(Patterns::parse("!.").is_ok());
    }

    #[test]
    fn patterns_that_were_read_by_others() {
        let patterns = Patterns::of_lines(["/a", " b/", "!/c", "", "#d", "!b/e"]).unwrap();
        let matched = ["a", "b", "b/x", "c", "#d", "b/e"].map(|path| patterns.matches(path));
        assert_eq!(matched, [false, true, true, false, true, false]);
        assert!(Patterns::of_lines([""; 2]).unwrap().is_empty());
        assert_eq!(Patterns::of_lines(["a", "["]).unwrap_err().line, 2);
    }

    #[test]
    fn the_rule_that_decides() {
        let patterns = Patterns::parse("# all\n*\n\n!./src/\nsrc/gen\n").unwrap();
        let explain = |path: &str| patterns.explain(path).map(|it| (it.line, it.pattern));
        assert_eq!(explain("a"), Some((2, "*")));
        assert_eq!(explain("src/a/b"), Some((4, "!src")));
        assert_eq!(explain("src/gen/b"), Some((5, "src/gen")));
        assert!(!patterns.explain("src").unwrap().matches);
        assert_eq!(Patterns::parse("a/b").unwrap().explain("a"), None);
        assert_eq!(Patterns::parse("a\n**").unwrap().explain("a/b").unwrap().line, 1);
    }

    #[test]
    fn folders_that_nobody_looks_into() {
        let patterns = Patterns::parse("*\n!src/*.rs\n!docs").unwrap();
        let open = |folder: &str| patterns.can_take_back_below(folder.as_bytes());
        assert!(open("src") && !open("docs") && !open("src/a") && !open("target"));
        let patterns = Patterns::parse("*/b/**\n!c/d").unwrap();
        let reached = |folder: &str| patterns.can_match_below(folder.as_bytes());
        assert!(reached("a") && reached("a/b") && !reached("a/c") && reached("c"));
        assert!(!Patterns::parse("*").unwrap().can_take_back_below(b"a"));
    }
}
