//! `copy-before-install`: dependencies that are installed anew after every change.

use crate::dockerfile::{Kind, Word};
use crate::lint::read::{Image, copies_all};
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "copy-before-install",
    level: Level::Warning,
    summary: "a `COPY` of everything before the dependencies are installed",
    reason: "a step is cached until something before it changes. With all sources before it, the install \
             runs again after every change of any file.",
    fix: "copy the files that list the dependencies first, install, then copy the rest",
    bad: Sample::Dockerfile("FROM node:22\nCOPY . .\nRUN npm ci\n"),
    good: Sample::Dockerfile(
        "FROM node:22\nCOPY package.json package-lock.json ./\nRUN npm ci\nCOPY . .\n",
    ),
    check: Check::Image(check),
};

/// Programs, the words that make them install what a file lists, and those files.
const INSTALLERS: [(&str, &[&str], &str); 17] = [
    ("npm", &["ci", "install", "i"], "`package.json` and `package-lock.json`"),
    ("yarn", &["", "install"], "`package.json` and `yarn.lock`"),
    ("pnpm", &["install", "i"], "`package.json` and `pnpm-lock.yaml`"),
    ("bun", &["install", "i"], "`package.json` and `bun.lock`"),
    ("pip", &["install"], "`requirements.txt`"),
    ("pip3", &["install"], "`requirements.txt`"),
    ("poetry", &["install"], "`pyproject.toml` and `poetry.lock`"),
    ("uv", &["sync"], "`pyproject.toml` and `uv.lock`"),
    ("pipenv", &["install", "sync"], "`Pipfile` and `Pipfile.lock`"),
    ("bundle", &["install", ""], "`Gemfile` and `Gemfile.lock`"),
    ("composer", &["install"], "`composer.json` and `composer.lock`"),
    ("go", &["mod"], "`go.mod` and `go.sum`"),
    ("cargo", &["fetch"], "`Cargo.toml` and `Cargo.lock`"),
    ("mvn", &["dependency:go-offline", "dependency:resolve"], "`pom.xml`"),
    ("gradle", &["dependencies"], "`build.gradle`"),
    ("dotnet", &["restore"], "the project files"),
    ("mix", &["deps.get"], "`mix.exs` and `mix.lock`"),
];

/// The files that an install reads, if `words` are one.
fn installs(words: &[Word]) -> Option<(&'static str, &'static str)> {
    let text = |at: usize| words.get(at).map_or("", |word| word.text.as_str());
    let mut start = 0;
    if text(0).starts_with("python") && text(1) == "-m" {
        start = 2;
    }
    let program = text(start).rsplit('/').next().unwrap_or("");
    let rest: Vec<&str> = words.iter().skip(start + 1).map(|word| word.text.as_str()).collect();
    let mut plain = rest.iter().copied().filter(|word| !word.starts_with('-'));
    let first = plain.next().unwrap_or("");
    let (_, _, files) =
        INSTALLERS.iter().find(|(name, verbs, _)| *name == program && verbs.contains(&first))?;
    let is_global = rest.iter().any(|word| matches!(*word, "-g" | "--global" | "--version"));
    let is_of_list = match program {
        // Without a list it is told what to install, or installs the project itself.
        "pip" | "pip3" => {
            rest.iter().any(|word| word.starts_with("-r") || word.starts_with("--requirement"))
        }
        "go" => plain.next() == Some("download"),
        "npm" | "pnpm" | "bun" => plain.next().is_none(),
        _ => true,
    };
    (is_of_list && !is_global).then_some((INSTALLERS.iter().find(|it| it.0 == program)?.0, files))
}

fn check(image: &Image, findings: &mut Findings) {
    for stage in &image.file.stages {
        let mut copy = None;
        let mut seen: Vec<&str> = Vec::new();
        for instruction in stage.instructions.iter().filter(|it| !it.is_trigger) {
            if copies_all(instruction) {
                copy = copy.or(Some(instruction));
            }
            let is_cached = matches!(&instruction.kind, Kind::Run(run) if run.flags.iter().any(|flag| {
                flag.value.as_ref().is_some_and(|value| value.text.contains("type=cache"))
            }));
            for words in instruction.run() {
                let Some((program, files)) = installs(words) else { continue };
                let is_first = !seen.contains(&program);
                seen.push(program);
                let Some(copy) = copy.filter(|_| is_first && !is_cached) else { continue };
                let last = words.last().map_or(words[0].span, |word| word.span);
                let command = words[0].span.part(0..last.range().end - words[0].span.start());
                findings
                    .add(copy.span, "all files are copied before dependencies are installed")
                    .context(command, "this runs again after every change")
                    .help(format!("copy {files} first, install, then copy the rest"));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::dockerfile;

    #[test]
    fn orders() {
        for bad in [
            "COPY . .\nRUN npm ci",
            "ADD . /app\nWORKDIR /app\nRUN pip install --no-cache-dir -r requirements.txt",
            "COPY . .\nRUN apk add git && yarn",
            "COPY . .\nRUN python -m pip install -r r.txt",
            "COPY . .\nRUN go mod download && go build",
            "COPY ./ ./\nRUN bundle install",
        ] {
            assert_eq!(dockerfile(&RULE, &format!("FROM a:1\n{bad}")).len(), 1, "{bad}");
        }
        for fine in [
            "COPY package.json .\nRUN npm ci\nCOPY . .",
            "COPY package.json .\nRUN npm ci\nCOPY . .\nRUN npm ci --omit=dev",
            "COPY . .\nRUN npm install -g serve",
            "COPY . .\nRUN npm install express",
            "COPY . .\nRUN pip install .",
            "COPY . .\nRUN go build",
            "COPY . .\nRUN npm run build",
            "COPY --from=x . .\nRUN npm ci",
            "COPY . .\nRUN --mount=type=cache,target=/root/.npm npm ci",
            "ONBUILD COPY . .\nRUN npm ci",
        ] {
            assert_eq!(dockerfile(&RULE, &format!("FROM a:1\n{fine}")), [""; 0], "{fine}");
        }
    }
}
