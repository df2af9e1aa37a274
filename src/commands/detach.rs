//! The keys by which one leaves a program to itself.

use crate::commands::exit::Error;
use crate::engine::DockerConfig;
use crate::env::Env;

/// What one types to leave, as bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct DetachKeys {
    keys: Vec<u8>,
    /// As it was written, which is what engines want to know.
    pub text: String,
}

impl DetachKeys {
    /// Those that the flag names, or the configuration, or the usual ones.
    ///
    /// # Errors
    /// Keys that there are not.
    pub(super) fn find(flag: Option<&str>, env: &Env) -> Result<Self, Error> {
        let text = flag.filter(|keys| !keys.is_empty()).map(str::to_owned);
        let text = text.or_else(|| DockerConfig::find(env).text("detachKeys"));
        let text = text.unwrap_or_else(|| "ctrl-p,ctrl-q".to_owned());
        let keys: Option<Vec<u8>> = text.split(',').map(key).collect();
        match keys {
            Some(keys) => Ok(Self { keys, text }),
            None => Err(Error::Usage(format!(
                "invalid detach keys {text:?}: use characters and ctrl-CHARACTER, with commas between them"
            ))),
        }
    }

    /// Begins to look for the keys in what is typed.
    pub(super) fn watch(self) -> Watch {
        Watch { keys: self.keys, matched: 0 }
    }
}

fn key(name: &str) -> Option<u8> {
    match name.as_bytes() {
        [byte] if byte.is_ascii() => Some(*byte),
        b"DEL" => Some(127),
        [b'c', b't', b'r', b'l', b'-', letter] => match letter {
            b'a'..=b'z' => Some(letter - b'a' + 1),
            b'@' => Some(0),
            b'[' => Some(27),
            b'\\' => Some(28),
            b']' => Some(29),
            b'^' => Some(30),
            b'_' => Some(31),
            _ => None,
        },
        _ => None,
    }
}

/// Looks for the keys in what is typed, which may come in any pieces.
#[derive(Debug)]
pub(super) struct Watch {
    keys: Vec<u8>,
    matched: usize,
}

impl Watch {
    /// What is to be passed on of `typed`, and whether the keys were all there. The first keys of the
    /// sequence are kept back until it is clear that it is none.
    pub(super) fn pass(&mut self, typed: &[u8]) -> (Vec<u8>, bool) {
        let mut out = Vec::with_capacity(typed.len());
        for byte in typed {
            if self.keys.get(self.matched) == Some(byte) {
                self.matched += 1;
                if self.matched == self.keys.len() {
                    self.matched = 0;
                    return (out, true);
                }
                continue;
            }
            out.extend(&self.keys[..self.matched]);
            // It may be the beginning of another one.
            self.matched = usize::from(self.keys.first() == Some(byte));
            if self.matched == 0 {
                out.push(*byte);
            }
        }
        (out, false)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_have_names() {
        let env = Env::default();
        let bytes = |text: &str| DetachKeys::find(Some(text), &env).map(|it| it.keys).ok();
        assert_eq!(bytes(""), Some(vec![16, 17]));
        assert_eq!(bytes("ctrl-a,d"), Some(vec![1, b'd']));
        assert_eq!(
            bytes("ctrl-@,ctrl-[,ctrl-\\,ctrl-],ctrl-^,ctrl-_,DEL"),
            Some(vec![0, 27, 28, 29, 30, 31, 127])
        );
        for text in ["foo", "ctrl-A", "a,,b", "ctrl-"] {
            assert_eq!(bytes(text), None, "{text}");
        }
    }

    #[test]
    fn keys_are_found_in_any_pieces() {
        let check = |pieces: &[&[u8]], want: &[u8], left: bool| {
            let mut watch = Watch { keys: vec![16, 17], matched: 0 };
            let mut out = Vec::new();
            let mut found = false;
            for piece in pieces {
                let (passed, over) = watch.pass(piece);
                out.extend(passed);
                found |= over;
            }
            assert_eq!((&*out, found), (want, left), "{pieces:?}");
        };
        check(&[b"ab"], b"ab", false);
        check(&[b"a\x10\x11b"], b"a", true);
        check(&[b"\x10", b"\x11"], b"", true);
        check(&[b"\x10", b"x"], b"\x10x", false);
        check(&[b"\x10\x10\x11"], b"\x10", true);
        check(&[b"\x10"], b"", false);
    }
}
