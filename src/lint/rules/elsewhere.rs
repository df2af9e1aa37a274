//! Rules whose findings are made while files are read, or while findings are sorted out.

use crate::lint::{Check, Level, Rule, Sample};

pub(in crate::lint) static DOCKERFILE_SYNTAX: Rule = Rule {
    id: "dockerfile-syntax",
    level: Level::Error,
    summary: "a Dockerfile that no builder can read",
    reason: "the build stops there.",
    fix: "mend it; the reference of Dockerfiles has the forms of all instructions",
    bad: Sample::Dockerfile("FROM alpine:3.21\nRUNN apk add curl\n"),
    good: Sample::Dockerfile("FROM alpine:3.21\nRUN apk add curl\n"),
    check: Check::Elsewhere,
};

pub(in crate::lint) static DOCKERFILE_MISSING: Rule = Rule {
    id: "dockerfile-missing",
    level: Level::Error,
    summary: "a Dockerfile that is not there, or cannot be read",
    reason: "the image cannot be built.",
    fix: "name the file in `build.dockerfile`, relative to `build.context`",
    bad: Sample::Compose("services:\n  web:\n    build: ./nowhere\n"),
    good: Sample::Compose(
        "services:\n  web:\n    build:\n      dockerfile_inline: FROM alpine:3.21\n",
    ),
    check: Check::Elsewhere,
};

pub(in crate::lint) static UNKNOWN_RULE: Rule = Rule {
    id: "unknown-rule",
    level: Level::Warning,
    summary: "a comment that names a rule which does not exist",
    reason: "it silences nothing.",
    fix: "see `rcompose lint --rules` for all rules",
    bad: Sample::Compose(
        "services:\n  web:\n    # rcompose-lint: ignore priviliged\n    image: web:1\n",
    ),
    good: Sample::Compose(
        "services:\n  web:\n    # rcompose-lint: ignore privileged -- loads a kernel module\n    \
         privileged: true\n    image: web:1\n",
    ),
    check: Check::Elsewhere,
};

pub(in crate::lint) static UNUSED_IGNORE: Rule = Rule {
    id: "unused-ignore",
    level: Level::Warning,
    summary: "a comment that silences nothing",
    reason: "it would hide the next finding there.",
    fix: "remove it",
    bad: Sample::Compose(
        "services:\n  web:\n    # rcompose-lint: ignore floating-tag\n    image: web:1\n",
    ),
    good: Sample::Compose(
        "services:\n  web:\n    # rcompose-lint: ignore floating-tag -- we test the newest\n    \
         image: web:latest\n",
    ),
    check: Check::Elsewhere,
};
