//! `runs-as-root`: images whose program runs as root.

use crate::dockerfile::{Base, Form, Instruction, Kind, Word};
use crate::lint::known;
use crate::lint::read::Image;
use crate::lint::{Check, Findings, Level, Rule, Sample};
use crate::reference::Reference;

pub(super) static RULE: Rule = Rule {
    id: "runs-as-root",
    level: Level::Warning,
    summary: "an image without a `USER` but root",
    reason: "who breaks into the program is root in the container: one mistake of the kernel or in a mount \
             away from the host.",
    fix: "make a user, and end the stage with `USER`",
    bad: Sample::Dockerfile("FROM node:22\nCMD [\"node\", \"server.js\"]\n"),
    good: Sample::Dockerfile("FROM node:22\nUSER node\nCMD [\"node\", \"server.js\"]\n"),
    check: Check::Image(check),
};

/// Programs that run another one as somebody else.
const STEPS: [&str; 8] = [
    "gosu",
    "su-exec",
    "setpriv",
    "s6-overlay",
    "s6-setuidgid",
    "runuser",
    "supervisord",
    "fixuid",
];

fn check(image: &Image, findings: &mut Findings) {
    if image.uses.iter().all(|it| it.has_user) {
        return;
    }
    for (last, stage) in image.finals() {
        // Of images that are not well known, nobody knows the user.
        let is_root = match image.root(last) {
            Base::Scratch => true,
            Base::Image(name) => Reference::parse(&name).is_ok_and(|reference| {
                !known::path(&reference).contains('/')
                    && !image.is_context(&name)
                    && !known::steps_down(&reference)
            }),
            Base::Stage(_) | Base::Unknown(_) => false,
        };
        let made_by = image.made_by(last);
        let all =
            || made_by.iter().flat_map(|stage| &stage.instructions).filter(|it| !it.is_trigger);
        if all().any(steps_down) {
            continue;
        }
        let mut users = all().rev().filter_map(|it| match &it.kind {
            Kind::User(user) => Some((it, user)),
            _ => None,
        });
        match users.next() {
            Some((instruction, user)) if is_the_root(user) => {
                findings.add(user.span, "the program runs as root").within(instruction.span);
            }
            None if is_root => {
                let help = match image.root(last) {
                    Base::Image(name)
                        if Reference::parse(&name).is_ok_and(|it| known::path(&it) == "node") =>
                    {
                        "end the stage with `USER node`, which the image has"
                    }
                    Base::Scratch => {
                        "end the stage with `USER 65532`; a number needs no file of users"
                    }
                    _ => "make a user, and end the stage with `USER`",
                };
                findings
                    .add(stage.base.span, "no `USER` follows, so the program runs as root")
                    .help(help);
            }
            _ => {}
        }
    }
}

fn is_the_root(user: &Word) -> bool {
    let name = user.text.split(':').next().unwrap_or("");
    name == "root" || name == "0"
}

/// Whether an instruction brings a program that gives root up.
fn steps_down(instruction: &Instruction) -> bool {
    let is_one = |word: &Word| STEPS.iter().any(|step| word.text.contains(step));
    match &instruction.kind {
        Kind::Run(run) => run.command.commands().flatten().any(is_one),
        Kind::Cmd(command) | Kind::Entrypoint(command) => {
            let is_init = matches!(&command.form, Form::Exec(words) if words.first().is_some_and(|it| it.text == "/init"));
            is_init || command.commands().flatten().any(is_one)
        }
        Kind::Copy(copying) | Kind::Add(copying) => {
            copying.sources.iter().chain([&copying.target]).any(is_one)
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{dockerfile, dockerfile_of};

    #[test]
    fn users() {
        let check = |text: &str, want: &[&str]| assert_eq!(dockerfile(&RULE, text), want, "{text}");
        check("FROM python:3.13\nRUN a", &["python:3.13"]);
        check("FROM python:3.13\nUSER app\nRUN a\nUSER root", &["root"]);
        check("FROM scratch\nCOPY a b", &["scratch"]);
        check("FROM python:3.13 AS a\nUSER app\nFROM a", &[]);
        check("FROM golang:1 AS a\nFROM alpine:3\nUSER 1000:1000", &[]);
        check("FROM nginx:1", &[]);
        check("FROM postgres:17", &[]);
        check("FROM example/base:1", &[]);
        check("FROM gcr.example.com/distroless/static:nonroot", &[]);
        check("FROM debian:12\nRUN apt-get install -y gosu", &[]);
        check("FROM debian:12\nENTRYPOINT [\"/init\"]", &[]);
        let own = "build: {context: .}\nuser: '1000'";
        assert_eq!(dockerfile_of(&RULE, "FROM python:3.13", own), [""; 0]);
    }
}
