//! `shell-form`: programs that a shell keeps signals from.

use crate::dockerfile::{Command, Form, Instruction, Kind, Simple};
use crate::lint::read::Image;
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "shell-form",
    level: Level::Warning,
    summary: "`CMD` or `ENTRYPOINT` as a line for the shell",
    reason: "the shell is the first process and passes no signals on, so the program is killed after the \
             grace period instead of stopping.",
    fix: "write it as a list: `CMD [\"program\", \"argument\"]`",
    bad: Sample::Dockerfile("FROM node:22\nCMD node server.js\n"),
    good: Sample::Dockerfile("FROM node:22\nCMD [\"node\", \"server.js\"]\n"),
    check: Check::Image(check),
};

fn check(image: &Image, findings: &mut Findings) {
    for (last, _) in image.finals() {
        let made_by = image.made_by(last);
        let all: Vec<&Instruction> = made_by
            .iter()
            .flat_map(|stage| &stage.instructions)
            .filter(|it| !it.is_trigger)
            .collect();
        // Other shells are those of another system.
        if all.iter().any(|it| matches!(&it.kind, Kind::Shell(words) if !is_posix(words.first()))) {
            continue;
        }
        let entrypoint = all.iter().rev().find_map(|it| match &it.kind {
            Kind::Entrypoint(command) => Some((*it, "ENTRYPOINT", command)),
            _ => None,
        });
        let cmd = all.iter().rev().find_map(|it| match &it.kind {
            Kind::Cmd(command) => Some((*it, "CMD", command)),
            _ => None,
        });
        let is_replaced = image.uses.iter().all(|it| it.has_command);
        // A line as the entrypoint takes no arguments, so what `CMD` says does not matter.
        let is_ignored = matches!(entrypoint, Some((_, _, Command { form: Form::Shell(_), .. })));
        for (instruction, keyword, command) in
            entrypoint.into_iter().chain(cmd.filter(|_| !is_replaced && !is_ignored))
        {
            let Form::Shell(commands) = &command.form else { continue };
            if commands.is_empty() || commands.iter().any(|it| is(it, "exec")) {
                continue;
            }
            let message = format!("this `{keyword}` runs in a shell, which passes no signals on");
            findings
                .add(command.span, message)
                .within(instruction.span)
                .help(help(keyword, commands));
        }
    }
}

fn is_posix(program: Option<&crate::dockerfile::Word>) -> bool {
    let name = program.map_or("", |word| word.text.rsplit('/').next().unwrap_or(""));
    name.ends_with("sh") && name != "pwsh"
}

fn is(command: &Simple, program: &str) -> bool {
    command.words.first().is_some_and(|word| word.text == program)
}

fn help(keyword: &str, commands: &[Simple]) -> String {
    if let [command] = commands {
        let words: Vec<&str> = command.words.iter().map(|word| word.text.as_str()).collect();
        if !words.iter().any(|word| word.contains(['$', '`', '*', '>', '<', '~', '"', '\\', '\n']))
        {
            return format!("write it as a list: `{keyword} [\"{}\"]`", words.join("\", \""));
        }
    }
    "put `exec` before the program that stays, or write a list".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::{dockerfile, dockerfile_of};

    #[test]
    fn forms() {
        let check = |lines: &str, want: &[&str]| {
            assert_eq!(dockerfile(&RULE, &format!("FROM a:1\n{lines}\n")), want, "{lines}");
        };
        check("CMD node x", &["node x"]);
        check("ENTRYPOINT node x\nCMD y z", &["node x"]);
        check("CMD a\nCMD b && c", &["b && c"]);
        check("CMD [ 'a' ]", &["[ 'a' ]"]);
        check("CMD a\nCMD [\"b\"]", &[]);
        check("CMD exec node x", &[]);
        check("CMD a && exec b", &[]);
        check("SHELL [\"powershell\"]\nCMD a", &[]);
        check("ONBUILD CMD a", &[]);
        assert_eq!(dockerfile(&RULE, "FROM a:1 AS x\nCMD a\nFROM b:1\n"), [""; 0]);
        assert_eq!(dockerfile(&RULE, "FROM a:1 AS x\nCMD a\nFROM x\n"), ["a"]);
        let own = "build: {context: .}\ncommand: [x]";
        assert_eq!(dockerfile_of(&RULE, "FROM a:1\nCMD a\n", own), [""; 0]);
    }
}
