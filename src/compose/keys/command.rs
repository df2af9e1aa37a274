//! Commands as text: splitting them as Docker Compose does.

/// Splits `text` into words like a shell, without expanding anything.
///
/// As in the peer, an unquoted `;`, `&`, `|`, `<` or `>` ends the command and the rest is dropped
/// (with a word that begins with a digit right before `>`); backquotes and `$(…)` stay in the text,
/// blanks inside included.
///
/// # Errors
/// A clause saying what is not closed or not understood.
pub fn split(text: &str) -> Result<Vec<String>, &'static str> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut started = false;
    let (mut escaped, mut single, mut double, mut backquote, mut substitution) =
        (false, false, false, false, false);
    for char in text.chars() {
        if escaped {
            word.push(char);
            escaped = false;
            started = true;
            continue;
        }
        match char {
            '\\' if single => word.push(char),
            '\\' => escaped = true,
            ' ' | '\t' | '\r' | '\n' if single || double || backquote || substitution => {
                word.push(char);
            }
            ' ' | '\t' | '\r' | '\n' => {
                if started {
                    words.push(std::mem::take(&mut word));
                    started = false;
                }
                word.clear();
            }
            '"' if !single && !substitution => {
                started |= double;
                double = !double;
            }
            '\'' if !double && !substitution => {
                started |= single;
                single = !single;
            }
            '(' if !single && !double && !backquote => {
                if substitution || !word.ends_with('$') {
                    return Err("`(` stands outside quotes");
                }
                substitution = true;
                word.push(char);
            }
            ';' | '&' | '|' | '<' | '>' if !(single || double || backquote || substitution) => {
                if char == '>' && word.starts_with(|first: char| first.is_ascii_digit()) {
                    started = false;
                }
                break;
            }
            _ => {
                if char == '`' && !single && !double && !substitution {
                    backquote = !backquote;
                } else if char == ')' && !single && !double && !backquote {
                    substitution = !substitution;
                }
                word.push(char);
                started = true;
            }
        }
    }
    if escaped {
        return Err("a backslash stands at the end");
    }
    if single || double || backquote {
        return Err("a quote is not closed");
    }
    if substitution {
        return Err("a `(` or `)` has no partner");
    }
    if started {
        words.push(word);
    }
    Ok(words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn splits_like_the_peer() {
        for (text, want) in [
            ("", vec![]),
            ("  ", vec![]),
            ("a b\tc\nd", vec!["a", "b", "c", "d"]),
            ("echo 'a b' \"c d\"", vec!["echo", "a b", "c d"]),
            (r#"echo "a\"b\n" 'x\y' z\ z"#, vec!["echo", "a\"bn", "x\\y", "z z"]),
            ("echo ''", vec!["echo", ""]),
            ("echo $HOME * ~ #x", vec!["echo", "$HOME", "*", "~", "#x"]),
            ("a; b", vec!["a"]),
            ("a && b", vec!["a"]),
            ("cmd 2>x", vec!["cmd"]),
            ("cmd x>y", vec!["cmd", "x"]),
            ("echo `a b` $(c; d)", vec!["echo", "`a b`", "$(c; d)"]),
        ] {
            assert_eq!(
                split(text).as_deref(),
                Ok(&*want.iter().map(ToString::to_string).collect::<Vec<_>>()),
                "{text}"
            );
        }
        for text in ["'a", "\"a", "a\\", "(a)", "a)", "$(a", "`a"] {
            assert!(split(text).is_err(), "{text}");
        }
    }
}
