//! What secrets look like: their names, and values that can be nothing else.

/// Last words of names of secrets.
const WORDS: [&str; 10] = [
    "PASSWORD",
    "PASSWD",
    "PASSPHRASE",
    "PASS",
    "PWD",
    "SECRET",
    "TOKEN",
    "APIKEY",
    "PASSWORDS",
    "SALT",
];
/// Words before `KEY` that make it a secret.
const KEYS: [&str; 16] = [
    "API",
    "SECRET",
    "ACCESS",
    "PRIVATE",
    "ENCRYPTION",
    "ENC",
    "MASTER",
    "SIGNING",
    "AUTH",
    "APP",
    "SERVICE",
    "ADMIN",
    "JWT",
    "SESSION",
    "COOKIE",
    "LICENSE",
];
/// First words of names that switch something.
const SWITCHES: [&str; 10] =
    ["ALLOW", "DISABLE", "ENABLE", "USE", "REQUIRE", "RANDOM", "IGNORE", "SKIP", "GENERATE", "HAS"];

/// Whether a variable of that name holds a secret.
pub(crate) fn is_name(name: &str) -> bool {
    let mut upper = String::with_capacity(name.len());
    let mut before = '_';
    for char in name.chars() {
        // `dbPassword`
        if char.is_ascii_uppercase() && before.is_ascii_lowercase() {
            upper.push('_');
        }
        upper.push(if matches!(char, '-' | '.') { '_' } else { char.to_ascii_uppercase() });
        before = char;
    }
    let upper = upper.trim_end_matches(|char: char| char.is_ascii_digit() || char == '_');
    let words: Vec<&str> = upper.split('_').filter(|word| !word.is_empty()).collect();
    if words.iter().any(|word| SWITCHES.contains(word)) {
        return false;
    }
    match words.as_slice() {
        // The folder that a process is in.
        ["PWD" | "OLDPWD"] => false,
        [.., "PUBLIC" | "PUBLISHABLE" | "ANON", _] => false,
        [.., "SECRET", "KEY", "BASE"] => true,
        [.., before, "KEY"] => KEYS.contains(before),
        [.., last] => WORDS.contains(last) || (last.ends_with("PASSWORD") && last.len() > 8),
        [] => false,
    }
}

/// Whether a value may be a secret at all: it is no switch, number of days, or path of a file.
pub(crate) fn may_be_value(value: &str) -> bool {
    let lower = value.trim().to_ascii_lowercase();
    let words = [
        "", "0", "1", "true", "false", "yes", "no", "on", "off", "none", "null", "nil", "disabled",
        "enabled",
    ];
    !words.contains(&lower.as_str())
        && !value.starts_with(['/', '$', '<'])
        && !value.starts_with("./")
        && !value.starts_with("{{")
        && !value.starts_with("file:")
        && !value.starts_with("__")
        // What is to be replaced is none yet.
        && !lower.starts_with("your")
        && (lower.len() < 3 || !lower.chars().all(|char| char == 'x'))
}

/// What a value is that can be nothing but a secret, by the form its issuer gives it.
pub(crate) fn shape(value: &str) -> Option<&'static str> {
    if let Some(at) = value.find("-----BEGIN ")
        && value[at..].lines().next().is_some_and(|line| line.contains("PRIVATE KEY"))
    {
        return Some("a private key");
    }
    let tokens = value.split(|char: char| !(char.is_ascii_alphanumeric() || "_-.".contains(char)));
    tokens
        .filter(|token| token.len() >= 20)
        .find_map(|token| TOKENS.iter().find(|form| form.fits(token)).map(|form| form.what))
}

/// The form of the tokens of an issuer.
struct Token {
    start: &'static str,
    /// Characters behind `start`, at least.
    rest: usize,
    what: &'static str,
}

const TOKENS: [Token; 17] = [
    Token { start: "ghp_", rest: 36, what: "a GitHub token" },
    Token { start: "gho_", rest: 36, what: "a GitHub token" },
    Token { start: "ghs_", rest: 36, what: "a GitHub token" },
    Token { start: "ghu_", rest: 36, what: "a GitHub token" },
    Token { start: "github_pat_", rest: 40, what: "a GitHub token" },
    Token { start: "glpat-", rest: 20, what: "a GitLab token" },
    Token { start: "AKIA", rest: 16, what: "an AWS access key" },
    Token { start: "ASIA", rest: 16, what: "an AWS access key" },
    Token { start: "xoxb-", rest: 20, what: "a Slack token" },
    Token { start: "xoxp-", rest: 20, what: "a Slack token" },
    Token { start: "sk_live_", rest: 20, what: "a Stripe key" },
    Token { start: "rk_live_", rest: 20, what: "a Stripe key" },
    Token { start: "AIza", rest: 35, what: "a Google API key" },
    Token { start: "npm_", rest: 36, what: "an npm token" },
    Token { start: "dckr_pat_", rest: 20, what: "a token of an image registry" },
    Token { start: "hvs.", rest: 20, what: "a Vault token" },
    Token { start: "sk-ant-", rest: 20, what: "an API key" },
];

impl Token {
    fn fits(&self, token: &str) -> bool {
        let Some(rest) = token.strip_prefix(self.start) else { return false };
        let is_upper = |char: char| char.is_ascii_uppercase() || char.is_ascii_digit();
        // Keys of AWS have one length and no small letters.
        let is_aws = self.start.len() == 4 && self.rest == 16;
        let fits = if is_aws {
            rest.len() == 16 && rest.chars().all(is_upper)
        } else {
            rest.len() >= self.rest
        };
        // Examples repeat one character, or say that they are some.
        let first = rest.chars().next();
        fits && !token.contains("EXAMPLE") && !rest.chars().all(|char| Some(char) == first)
    }
}

/// The password in `scheme://user:password@host`.
pub(crate) fn in_address(value: &str) -> Option<&str> {
    let (_, rest) = value.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    let (user, _) = authority.rsplit_once('@')?;
    let (_, password) = user.split_once(':')?;
    (may_be_value(password) && !password.contains(['$', '{'])).then_some(password)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names() {
        for name in [
            "POSTGRES_PASSWORD",
            "password",
            "DB_PASS",
            "JWT_SECRET",
            "SECRET_KEY_BASE",
            "API_KEY",
            "apiKey",
            "AWS_SECRET_ACCESS_KEY",
            "GITHUB_TOKEN",
            "KC_DB_PASSWORD",
            "spring.datasource.password",
            "dbPassword",
            "PGPASSWORD",
            "MYSQL_PWD",
            "AUTH_SECRET_1",
        ] {
            assert!(is_name(name), "{name}");
        }
        for name in [
            "POSTGRES_PASSWORD_FILE",
            "TOKEN_TTL",
            "MAX_TOKENS",
            "PRIMARY_KEY",
            "KEY",
            "PUBLIC_KEY",
            "MYSQL_ALLOW_EMPTY_PASSWORD",
            "MYSQL_RANDOM_ROOT_PASSWORD",
            "PWD",
            "BYPASS",
            "SECRET_NAME",
            "API_KEY_HEADER",
            "COMPASS",
            "PASSWORD_MIN_LENGTH",
            "",
        ] {
            assert!(!is_name(name), "{name}");
        }
    }

    #[test]
    fn values() {
        assert!(may_be_value("hunter2"));
        assert!(may_be_value("1234"));
        for value in ["", "true", "0", "/run/secrets/x", "${X}", "<your key>"] {
            assert!(!may_be_value(value), "{value}");
        }
    }

    #[test]
    fn shapes() {
        // Put together here, so that nobody's search for secrets finds this file.
        let token = format!("ghp{}", "_a1B2c3D4e5F6g7H8i9J0a1B2c3D4e5F6g7H8");
        assert_eq!(shape(&format!("https://x:{token}@h/")), Some("a GitHub token"));
        assert_eq!(shape(&format!("AKI{}", "A1234567890ABCDEF")), Some("an AWS access key"));
        let key = format!("-----BEGIN {} KEY-----\nx", "RSA PRIVATE");
        assert_eq!(shape(&key), Some("a private key"));
        assert_eq!(shape(&format!("AKI{}", "AIOSFODNN7EXAMPLE")), None);
        assert_eq!(shape(&format!("ghp_{}", "x".repeat(36))), None);
        assert_eq!(shape("-----BEGIN PUBLIC KEY-----"), None);
        assert_eq!(shape("ghp_short"), None);
    }

    #[test]
    fn addresses() {
        assert_eq!(in_address("postgres://u:pw@db:5432/x"), Some("pw"));
        assert_eq!(in_address("postgres://u:${PW}@db"), None);
        assert_eq!(in_address("postgres://u@db"), None);
        assert_eq!(in_address("http://h:80/a:b@c"), None);
    }
}
