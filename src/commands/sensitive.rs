//! What should not be published by mistake, as questions: folders of this machine, secrets, and what
//! services are told.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::commands::parcel::Parcel;
use crate::compose::files::Files;
use crate::compose::model::Model;
use crate::yaml::{Node, Value};

/// Parts of names whose values are secret as a rule.
const NAMES: [&str; 12] = [
    "password",
    "passwd",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "api_key",
    "apikey",
    "access_key",
    "private_key",
    "credential",
    "auth_key",
];
/// Beginnings of secrets that look like nothing else, and what they are.
const SHAPES: [(&str, &str); 8] = [
    ("-----BEGIN ", "private key"),
    ("AKIA", "AWS access key"),
    ("ghp_", "GitHub token"),
    ("github_pat_", "GitHub token"),
    ("glpat-", "GitLab token"),
    ("xoxb-", "Slack token"),
    ("sk_live_", "Stripe key"),
    ("eyJhbGciOi", "JSON web token"),
];
/// Characters of a secret at least, with its beginning.
const SHORTEST: usize = 16;

/// What has to be agreed to before a project is published.
pub(super) fn questions(model: &Model, parcel: &Parcel, with_env: bool) -> Vec<String> {
    let mut questions = Vec::new();
    questions.extend(about_mounts(model));
    questions.extend(about_secrets(model, parcel, with_env));
    if !with_env {
        questions.extend(about_environment(parcel));
    }
    questions.extend(about_configs(parcel));
    questions
}

fn about_mounts(model: &Model) -> Option<String> {
    let mut text = String::new();
    for (name, entry) in &model.services {
        let mounts = entry.node.get("volumes").and_then(Node::as_list).into_iter().flatten();
        for mount in mounts.filter(|mount| mount.str_of("type") == Some("bind")) {
            let part = |key| mount.str_of(key).unwrap_or_default();
            let _ = writeln!(text, "  {name}: {} at {}", part("source"), part("target"));
        }
    }
    (!text.is_empty()).then(|| {
        format!(
            "Folders of this machine are mounted. What is published names them, without their \
             content:\n{text}Publish these bind mounts?"
        )
    })
}

fn about_secrets(model: &Model, parcel: &Parcel, with_env: bool) -> Option<String> {
    let mut found = BTreeSet::new();
    let mut look = |what: &str, content: &[u8]| {
        for kind in shapes(&String::from_utf8_lossy(content)) {
            found.insert(format!("  {what}: a {kind}\n"));
        }
    };
    for layer in &parcel.layers {
        look(&layer.name, &layer.content);
    }
    for layer in parcel.env_files.iter().filter(|_| with_env) {
        look("an env file", &layer.content);
    }
    for section in ["configs", "secrets"] {
        for name in model.names(section) {
            let file = model.node(&[section, name, "file"]).and_then(Node::as_str);
            if let Some(content) = file.and_then(|path| Files::Disk.read(path).ok()) {
                look(&format!("{section}.{name}"), &content);
            }
        }
    }
    (!found.is_empty()).then(|| {
        let list: String = found.into_iter().collect();
        format!("These look like secrets:\n{list}Publish the project all the same?")
    })
}

/// What a text has that looks like a secret.
fn shapes(text: &str) -> BTreeSet<&'static str> {
    let ends = |char: char| char.is_whitespace() || matches!(char, '"' | '\'' | ',' | ';');
    let is_long = |rest: &str| rest.find(ends).unwrap_or(rest.len()) >= SHORTEST;
    let mut found = BTreeSet::new();
    for (start, kind) in SHAPES {
        let mut places = text.match_indices(start).map(|(at, _)| &text[at..]);
        let is_key = start.starts_with("-----");
        if places.any(|rest| {
            if is_key {
                rest.lines().next().is_some_and(|line| line.contains("PRIVATE KEY"))
            } else {
                is_long(rest)
            }
        }) {
            found.insert(kind);
        }
    }
    // `scheme://user:password@host`
    for (at, _) in text.match_indices("://") {
        let rest = &text[at + 3..];
        let rest = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let login = rest.split('/').next().unwrap_or(rest).rsplit_once('@');
        let password = login.and_then(|(login, _)| login.split_once(':')).map(|(_, it)| it);
        if password.is_some_and(|it| !it.is_empty() && !it.starts_with('$')) {
            found.insert("password in an address");
        }
    }
    found
}

fn about_environment(parcel: &Parcel) -> Option<String> {
    let mut services: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for document in &parcel.documents {
        let entries = document.get("services").and_then(Node::as_map).into_iter().flatten();
        for (name, entry) in entries {
            if entry.node.get("env_file").is_some_and(|list| !list.is_null()) {
                services.entry(name).or_default().insert("env_file".to_owned());
            }
            for variable in literals(entry.node.get("environment")) {
                services.entry(name).or_default().insert(format!("a value of `{variable}`"));
            }
        }
    }
    (!services.is_empty()).then(|| {
        let line = |(name, what): (&str, BTreeSet<String>)| {
            format!("  {name}: {}\n", what.into_iter().collect::<Vec<_>>().join(", "))
        };
        let list: String = services.into_iter().map(line).collect();
        format!(
            "What services are told is published as it is written:\n{list}(--with-env agrees to \
             this.) Publish it?"
        )
    })
}

/// Variables with names of secrets that are given a value in the file itself.
fn literals(environment: Option<&Node>) -> Vec<String> {
    let pairs: Vec<(String, String)> = match environment.map(|node| &node.value) {
        Some(Value::Map(map)) => map
            .iter()
            .filter_map(|(name, entry)| Some((name.clone(), entry.node.as_str()?.to_owned())))
            .collect(),
        Some(Value::List(items)) => items
            .iter()
            .filter_map(|item| item.as_str()?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
        _ => Vec::new(),
    };
    let secret = pairs.into_iter().filter(|(name, value)| {
        let name = name.to_lowercase().replace('-', "_");
        NAMES.iter().any(|part| name.contains(part))
            && !name.ends_with("_file")
            && is_literal(value)
    });
    secret.map(|(name, _)| name).collect()
}

/// Whether a text says something itself, not through variables alone.
fn is_literal(value: &str) -> bool {
    let value = value.replace("$$", "X");
    value.len() >= 3 && !value.starts_with('$') && !value.ends_with('}')
}

fn about_configs(parcel: &Parcel) -> Option<String> {
    let mut names = BTreeSet::new();
    for document in &parcel.documents {
        let entries = document.get("configs").and_then(Node::as_map).into_iter().flatten();
        let literal =
            entries.filter(|(_, entry)| entry.node.str_of("content").is_some_and(is_literal));
        names.extend(literal.map(|(name, _)| format!("  {name}\n")));
    }
    (!names.is_empty()).then(|| {
        let list: String = names.into_iter().collect();
        format!("The content of these configs is published as it is written:\n{list}Publish it?")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_looks_like_a_secret() {
        let check = |text: &str, expected: &[&str]| {
            let found: Vec<&str> = shapes(text).into_iter().collect();
            assert_eq!(found, expected, "{text}");
        };
        check("-----BEGIN RSA PRIVATE KEY-----\nx", &["private key"]);
        check("-----BEGIN CERTIFICATE-----", &[]);
        check("key: AKIA0123456789ABCDEF", &["AWS access key"]);
        check("AKIA", &[]);
        check("t='ghp_0123456789abcdef'", &["GitHub token"]);
        check("url: postgres://me:pass@db/x", &["password in an address"]);
        check("url: postgres://me:${PASS}@db/x and http://h:80/a@b", &[]);
    }

    #[test]
    fn literal_values() {
        for value in ["abc", "$$abc", "a$B"] {
            assert!(is_literal(value), "{value}");
        }
        for value in ["", "ab", "$ABC", "${ABC}", "x=${ABC}"] {
            assert!(!is_literal(value), "{value}");
        }
    }
}
