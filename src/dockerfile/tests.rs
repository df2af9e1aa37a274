//! What Dockerfiles are read as, and what is said of those that cannot be.

use super::*;
use crate::diagnostic::Format;
use crate::source::SourceMap;

fn read(text: &str) -> (Dockerfile, Vec<String>) {
    let mut sources = SourceMap::default();
    let id = sources.add("Dockerfile".into(), text.into(), None);
    let (file, problems) = Dockerfile::parse(text, &|range| Span::new(id, range));
    let problem = |it: &crate::diagnostic::Diagnostic| {
        let at = sources.position(it.span).map_or(String::new(), |at| at.to_string());
        format!("{at}: {}", it.message)
    };
    let shown = problems.iter().map(problem).collect();
    assert_eq!(problems.render(&sources, Format::Plain).is_empty(), problems.is_empty());
    (file, shown)
}

#[track_caller]
fn good(text: &str) -> Dockerfile {
    let (file, problems) = read(text);
    assert!(problems.is_empty(), "{problems:?}");
    file
}

#[track_caller]
fn bad(text: &str, want: &[&str]) {
    assert_eq!(read(text).1, want);
}

#[test]
fn stages_and_what_they_start_from() {
    let file = good(
        "# syntax=docker/dockerfile:1.7\nARG TAG=3\nARG FULL=alpine:${TAG}\nFROM --platform=$BUILDPLATFORM $FULL AS Build\n\
         RUN a\nFROM scratch\nFROM build AS test\nFROM x:$NOTHING\nFROM ${IMAGE:-y}",
    );
    let none = BTreeMap::new();
    assert_eq!(file.syntax.as_ref().unwrap().text, "docker/dockerfile:1.7");
    assert_eq!(file.base(0, &none), Base::Image("alpine:3".into()));
    assert_eq!(file.base(1, &none), Base::Scratch);
    assert_eq!(file.base(2, &none), Base::Stage(0));
    assert_eq!(file.base(3, &none), Base::Unknown(vec!["NOTHING".into()]));
    assert_eq!(file.base(4, &none), Base::Image("y".into()));
    let given = BTreeMap::from([("TAG".to_owned(), "4".to_owned())]);
    assert_eq!(file.base(0, &given), Base::Image("alpine:4".into()));
    assert_eq!(file.stages[0].platform.as_ref().unwrap().text, "$BUILDPLATFORM");
    assert_eq!(file.target(None), Some(4));
    assert_eq!(file.target(Some("TEST")), Some(2));
    assert_eq!(file.target(Some("1")), Some(1));
    assert_eq!(file.target(Some("none")), None);
}

#[test]
fn pairs() {
    let file = good("FROM a\nENV A=1 B='x y' \\\n  # why\n  C=\nENV OLD a value\nARG X Y=z\n");
    let pairs: Vec<(String, Option<String>)> = file.stages[0]
        .instructions
        .iter()
        .flat_map(|it| match &it.kind {
            Kind::Env(pairs) | Kind::Arg(pairs) => pairs.clone(),
            _ => Vec::new(),
        })
        .map(|pair| (pair.name.text, pair.value.map(|it| it.text)))
        .collect();
    let text = |text: &str| Some(text.to_owned());
    let want = [
        ("A", text("1")),
        ("B", text("x y")),
        ("C", text("")),
        ("OLD", text("a value")),
        ("X", None),
        ("Y", text("z")),
    ];
    assert_eq!(pairs, want.map(|(name, value)| (name.to_owned(), value)));
}

#[test]
fn here_documents_anywhere() {
    let file = good(
        "FROM a\nRUN cat <<EOF > /f && b\nFROM not\nEOF\nRUN <<-E\n\tapt-get update\n\tE\nCOPY --chown=1 <<X a /y\nz\nX\nUSER u\n",
    );
    let [_, script, copy, user] = &file.stages[0].instructions[..] else { panic!("{file:?}") };
    let run: Vec<_> = script.run().map(|words| words[0].text.clone()).collect();
    assert_eq!(run, ["apt-get"]);
    let Kind::Copy(copying) = &copy.kind else { panic!("{copy:?}") };
    assert_eq!(copying.sources.iter().map(|it| it.text.as_str()).collect::<Vec<_>>(), ["a"]);
    assert!(copying.flag("chown").is_some());
    assert!(matches!(&user.kind, Kind::User(word) if word.text == "u"));
}

#[test]
fn forms_of_commands() {
    let file = good("FROM a\nCMD [\"a\", \"b\"]\nCMD a b && exec c\nCMD [ 'a' ]\nONBUILD RUN x\n");
    let forms: Vec<bool> = file.stages[0]
        .instructions
        .iter()
        .filter_map(|it| match &it.kind {
            Kind::Cmd(command) => Some(matches!(command.form, Form::Exec(_))),
            _ => None,
        })
        .collect();
    assert_eq!(forms, [true, false, false]);
    assert!(file.stages[0].instructions[3].is_trigger);
}

#[test]
fn windows_files() {
    let file = good("# escape=`\r\nFROM a\r\nRUN dir `\r\n  c:\\x\r\nCMD [\"x\"]\r\n");
    assert_eq!(file.stages[0].instructions.len(), 2);
}

#[test]
fn problems() {
    bad("", &["Dockerfile:1:1: there is no `FROM`"]);
    bad("ARG A\n", &["Dockerfile:1:1: there is no `FROM`"]);
    bad("RUN x\nFROM a\n", &["Dockerfile:1:1: `RUN` comes before the first `FROM`"]);
    bad(
        "FROM a\nRUNN x\nCOPY a\nUSER\n",
        &[
            "Dockerfile:2:1: unknown instruction `RUNN`",
            "Dockerfile:3:1: `COPY` requires at least two arguments",
            "Dockerfile:4:1: `USER` requires exactly one argument",
        ],
    );
    bad("FROM a\nRUN <<EOF\nx\n", &["Dockerfile:2:5: nothing ends this here-document"]);
    bad("FROM a b c\nRUN x\n", &["Dockerfile:1:8: expected AS"]);
    bad("# escape=x\nFROM a\n", &["Dockerfile:1:10: invalid escape `x`"]);
    bad("FROM a\nSHELL x\n", &["Dockerfile:2:7: expected JSON array"]);
    // Stages of one name are odd, and allowed.
    good("FROM a AS x\nFROM b AS x\n");
}

#[test]
fn hostile_files() {
    let many = "FROM a\n".to_owned() + &"NO\n".repeat(10_000);
    assert_eq!(read(&many).1.len(), 10_000);
    let broken = "FROM a\n".to_owned() + &"COPY x\n".repeat(10_000);
    assert!(read(&broken).1.len() <= 20);
    let open = "FROM a\n".to_owned() + &"RUN <<A <<B\n".repeat(200);
    assert!(!read(&open).1.is_empty());
    for text in [
        "\0\0\0",
        "FROM \u{feff}a\nRUN \"\u{fffd}",
        "FROM a\nCMD [\"\\ud800\"]",
        "FROM a\nONBUILD ONBUILD RUN x",
        "FROM a\nONBUILD",
        "FROM a\nRUN <<\nRUN <<-\nCOPY <<EOF",
        "FROM a\n\\\n\\\n",
        "FROM a\nHEALTHCHECK NONE x",
        "FROM",
        "\\",
        "# escape=",
        "FROM a\nENV\n",
        "FROM a\nENV =\nENV = =\nARG =",
        "FR\\\nOM a\nRU\\\nN x",
        "FROM a\nRUN $($((`<<'",
    ] {
        read(text);
    }
    // Every beginning of a text with everything in it.
    let text = "# escape=`\nARG A=\"b\nFROM $A AS é\nRUN --mount=type=cache,target=/x `\n # c\n\n a <<'É' && \"b\n\
                é\nÉ\nCOPY [\"a\", \"\\u00e9\"]\nADD --x=<<A <<A /\nA\nONBUILD ENV X y z\nHEALTHCHECK --x CMD [\n";
    for (at, _) in text.char_indices() {
        read(&text[..at]);
        read(&text[at..]);
    }
}
