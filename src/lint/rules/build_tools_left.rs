//! `build-tools-left`: compilers in images that only run.

use crate::dockerfile::{Base, Instruction, Kind, Stage, Word};
use crate::lint::known;
use crate::lint::read::Image;
use crate::lint::rules::packages::{Act, act, installed};
use crate::lint::{Check, Findings, Level, Rule, Sample};
use crate::reference::Reference;

pub(super) static RULE: Rule = Rule {
    id: "build-tools-left",
    level: Level::Warning,
    summary: "compilers and headers that stay in the image",
    reason: "they make the image several times as large, and help whoever breaks into it.",
    fix: "build in a stage of its own, and take only the result with `COPY --from`",
    bad: Sample::Dockerfile(
        "FROM golang:1.24\nCOPY . .\nRUN go build -o /app\nUSER 65532\nCMD [\"/app\"]\n",
    ),
    good: Sample::Dockerfile(
        "FROM golang:1.24 AS build\nCOPY . .\nRUN go build -o /app\nFROM scratch\nCOPY --from=build /app /app\n\
         USER 65532\nCMD [\"/app\"]\n",
    ),
    check: Check::Image(check),
};

const TOOLS: [&str; 14] = [
    "gcc",
    "g++",
    "make",
    "cmake",
    "clang",
    "build-essential",
    "build-base",
    "alpine-sdk",
    "autoconf",
    "automake",
    "gcc-c++",
    "musl-dev",
    "python3-dev",
    "linux-headers",
];
/// Images with a compiler, and the commands after which it is not needed any more.
const COMPILERS: [(&str, &[&str], &[&str]); 5] = [
    ("golang", &["go"], &["build", "install"]),
    ("rust", &["cargo"], &["build", "install"]),
    ("maven", &["mvn", "./mvnw"], &["package", "install", "verify"]),
    ("gradle", &["gradle", "./gradlew"], &["build", "bootJar", "assemble", "shadowJar"]),
    ("dotnet/sdk", &["dotnet"], &["publish", "build"]),
];

fn check(image: &Image, findings: &mut Findings) {
    for (last, stage) in image.finals() {
        let name = stage.name.as_ref().map_or(String::new(), |name| name.text.to_lowercase());
        // Who develops or tests in it needs the tools.
        if ["dev", "debug", "test", "build", "ci"].iter().any(|word| name.contains(word)) {
            continue;
        }
        let made_by = image.made_by(last);
        for instruction in made_by.iter().flat_map(|stage| &stage.instructions) {
            packages(instruction, findings);
        }
        if let Base::Image(root) = image.root(last)
            && let Some(first) = made_by.first()
            && let Ok(root) = Reference::parse(&root)
        {
            compiler(&root, first, &made_by, findings);
        }
    }
}

/// Tools that are installed, and not removed in the same step.
fn packages(instruction: &Instruction, findings: &mut Findings) {
    if instruction.is_trigger || instruction.run().any(|words| act(words) == Some(Act::Remove)) {
        return;
    }
    let is_tool = |word: &&Word| {
        let name = word.text.split('=').next().unwrap_or("");
        TOOLS.contains(&name)
            || (name.starts_with("lib") && (name.ends_with("-dev") || name.ends_with("-devel")))
    };
    let tools: Vec<&Word> = instruction
        .run()
        .filter(|words| act(words) == Some(Act::Install))
        .flat_map(installed)
        .filter(is_tool)
        .collect();
    if let [first, ..] = tools.as_slice() {
        let names: Vec<String> = tools.iter().map(|word| format!("`{}`", word.text)).collect();
        let verb = if names.len() == 1 { "stays" } else { "stay" };
        findings
            .add(first.span, format!("{} {verb} in the image", names.join(", ")))
            .within(instruction.span);
    }
}

fn compiler(root: &Reference, first: &Stage, made_by: &[&Stage], findings: &mut Findings) {
    let Some((_, programs, verbs)) =
        COMPILERS.iter().find(|(image, ..)| *image == known::path(root))
    else {
        return;
    };
    let builds = |words: &[Word]| {
        let is = |word: Option<&Word>, list: &[&str]| {
            word.is_some_and(|it| list.contains(&it.text.as_str()))
        };
        is(words.first(), programs) && words.iter().skip(1).any(|word| is(Some(word), verbs))
    };
    let all = || made_by.iter().flat_map(|stage| &stage.instructions);
    // What is run in the end is not the compiler.
    let runs = all().rev().find_map(|it| match &it.kind {
        Kind::Cmd(command) | Kind::Entrypoint(command) => command.commands().next(),
        _ => None,
    });
    let Some(runs) =
        runs.filter(|words| !words.first().is_some_and(|it| programs.contains(&it.text.as_str())))
    else {
        return;
    };
    let built = all().filter(|it| !it.is_trigger).find(|it| it.run().any(builds));
    if let Some(built) = built {
        let program = runs.first().map_or("", |word| word.text.as_str());
        findings
            .add(first.base.span, format!("the compiler stays in the image that runs `{program}`"))
            .context(built.keyword, "after this it is not needed");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::dockerfile;

    #[test]
    fn tools_and_compilers() {
        let check = |text: &str, want: &[&str]| assert_eq!(dockerfile(&RULE, text), want, "{text}");
        check(
            "FROM python:3.13-slim\nRUN apt-get install -y gcc libpq-dev\nRUN pip install x",
            &["gcc"],
        );
        check("FROM alpine:3\nRUN apk add --no-cache build-base", &["build-base"]);
        check("FROM alpine:3\nRUN apk add --virtual .b gcc && x && apk del .b", &[]);
        check("FROM debian:12\nRUN apt-get install -y gcc && make && apt-get purge -y gcc", &[]);
        check(
            "FROM debian:12 AS b\nRUN apt-get install -y gcc\nFROM debian:12\nCOPY --from=b /a /a",
            &[],
        );
        check("FROM debian:12 AS dev\nRUN apt-get install -y gcc", &[]);
        check("FROM rust:1.88\nRUN cargo build --release\nCMD [\"/x\"]", &["rust:1.88"]);
        check("FROM rust:1.88\nRUN cargo build\nCMD [\"cargo\", \"run\"]", &[]);
        check("FROM golang:1.24\nRUN go build", &[]);
    }
}
