//! Tables of templates and what they give; what Go gives was asked of Go.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Labels, Mode, Row, Template, Value};

fn port(target: i64) -> Value {
    Value::Struct(vec![("URL", "0.0.0.0".into()), ("TargetPort", target.into())])
}

fn row() -> Value {
    let labels = BTreeMap::from([("a.b".to_owned(), "<1>".to_owned())]);
    let map = BTreeMap::from([("k".to_owned(), "v".into()), ("j".to_owned(), Value::Int(2))]);
    Value::Row(Rc::new(Row {
        what: "a container",
        fields: BTreeMap::from([
            ("Name", "web-1".into()),
            ("Empty", "".into()),
            ("Size", Value::Float(1.5)),
            ("ExitCode", 7.into()),
            ("Labels", "x=a<b&c".into()),
            ("Ports", Value::List(vec![port(80), port(443)])),
            ("None", Value::List(Vec::new())),
            ("Map", Value::Map(map)),
            ("Up", Value::Bool(true)),
        ]),
        labels: Labels::Of(labels),
    }))
}

fn render(template: &str, mode: Mode) -> String {
    let dot = match mode {
        Mode::Data => row(),
        Mode::Titles => Value::Row(Rc::new(Row {
            what: "a title",
            fields: BTreeMap::from([("Name", "NAME".into()), ("ID", "CONTAINER ID".into())]),
            labels: Labels::Titles,
        })),
    };
    let template = Template::parse(template);
    let place = |error: super::Error| {
        let help = error.help.map_or(String::new(), |help| format!(" ({help})"));
        format!("{}..{}: {}{help}", error.at.start, error.at.end, error.message)
    };
    match template.map(|template| template.render(&dot, mode)) {
        Ok(Ok(text)) => text,
        Ok(Err((text, error))) => format!("{text}!{}", place(error)),
        Err(error) => place(error),
    }
}

fn check(table: &[(&str, &str)]) {
    for (template, want) in table {
        assert_eq!(render(template, Mode::Data), *want, "{template}");
    }
}

#[test]
fn text_and_fields() {
    check(&[
        ("", ""),
        ("hello", "hello"),
        ("{{.Name}}", "web-1"),
        ("a\\tb\\n{{.Name}}", "a\tb\nweb-1"),
        ("{{ .Name }} {{.ExitCode}} {{.Size}} {{.Up}}", "web-1 7 1.5 true"),
        ("{{.Ports}} {{.None}} {{.Map}}", "[{0.0.0.0 80} {0.0.0.0 443}] [] map[j:2 k:v]"),
        ("{{.Map.k}}{{.Map.gone}}", "v<no value>"),
        ("{{(index .Ports 1).TargetPort}}", "443"),
        ("{{$.Name}}{{$x := .Name}}{{$x}}", "web-1web-1"),
        ("{{.Label \"a.b\"}} {{.Label \"c\"}}|{{\"a.b\" | .Label}}", "<1> |<1>"),
        ("a {{- .Name -}} b", "aweb-1b"),
        ("a {{- /* note */ -}} b{{/* and */}} c", "ab c"),
        (
            "{{\"a\\tb\\\"\\u00e9\"}}{{`raw\\t`}}{{'a'}}{{0x10}}{{-3}}{{1.5e3}}{{1e30}}",
            "a\tb\"\u{e9}raw\t9716-315001e+30",
        ),
    ]);
}

#[test]
fn json_is_that_of_go() {
    check(&[
        ("{{json .Name}}{{json .ExitCode}}{{json .None}}", "\"web-1\"7[]"),
        ("{{json .Labels}}", "\"x=a<b&c\""),
        (
            "{{json .Ports}}",
            r#"[{"URL":"0.0.0.0","TargetPort":80},{"URL":"0.0.0.0","TargetPort":443}]"#,
        ),
        (
            "{{json .}}",
            "{\"Empty\":\"\",\"ExitCode\":7,\"Labels\":\"x=a\\u003cb\\u0026c\",\"Map\":{\"j\":2,\"k\":\"v\"},\
             \"Name\":\"web-1\",\"None\":[],\"Ports\":[{\"URL\":\"0.0.0.0\",\"TargetPort\":80},\
             {\"URL\":\"0.0.0.0\",\"TargetPort\":443}],\"Size\":1.5,\"Up\":true}",
        ),
    ]);
}

#[test]
fn blocks() {
    check(&[
        ("{{if .Up}}up{{else}}down{{end}}", "up"),
        ("{{if .Empty}}a{{else if eq .ExitCode 7}}b{{else}}c{{end}}", "b"),
        ("{{if .Empty}}a{{end}}.", "."),
        ("{{with .Name}}{{.}}{{end}}{{with .Empty}}x{{else}}{{.Name}}{{end}}", "web-1web-1"),
        ("{{with .Empty}}x{{else with .Name}}<{{.}}>{{end}}", "<web-1>"),
        ("{{range .Ports}}{{.TargetPort}},{{end}}", "80,443,"),
        (
            "{{range $i, $p := .Ports}}{{$i}}={{$p.TargetPort}} {{$.Name}};{{end}}",
            "0=80 web-1;1=443 web-1;",
        ),
        ("{{range $k, $v := .Map}}{{$k}}{{$v}}{{end}}", "j2kv"),
        ("{{range .None}}x{{else}}none{{end}}", "none"),
        ("{{range 3}}{{.}}{{end}}", "012"),
        ("{{range .Ports}}{{if eq .TargetPort 443}}{{break}}{{end}}{{.TargetPort}}{{end}}", "80"),
        (
            "{{range .Ports}}{{if eq .TargetPort 80}}{{continue}}{{end}}{{.TargetPort}}{{end}}",
            "443",
        ),
        ("{{$x := 1}}{{if true}}{{$x = 2}}{{end}}{{$x}}", "2"),
        ("{{$x := 1}}{{if true}}{{$x := 2}}{{end}}{{$x}}", "1"),
    ]);
}

#[test]
fn functions() {
    check(&[
        (
            "{{upper .Name}} {{lower \"AB\"}} {{title \"ab cd-ef\"}} {{trim \" a \"}}",
            "WEB-1 ab Ab Cd-Ef a",
        ),
        ("{{join (split .Name \"-\") \"+\"}} {{split .Name \"-\"}}", "web+1 [web 1]"),
        (
            "{{pad .Name 1 2}}|{{pad .Empty 3 3}}|{{truncate .Name 3}}|{{truncate .Name 9}}",
            " web-1  ||web|web-1",
        ),
        ("{{len .Name}} {{len .Ports}} {{index .Map \"k\"}} {{slice .Name 1 3}}", "5 2 v eb"),
        (
            "{{and .Up .Name}} {{or .Empty .Name}} {{not .Up}} {{and .Empty (index .None 1)}}",
            "web-1 web-1 false ",
        ),
        (
            "{{eq .ExitCode 1 7}} {{ne .Name \"x\"}} {{lt 1 2}} {{le 2 2}} {{gt 1 2}} {{ge 2 2}}",
            "true true true true false true",
        ),
        ("{{.Name | upper | printf \"%s!\"}}", "WEB-1!"),
        ("{{print 1 2 \"a\" \"b\" 3}}|{{println .Name 1}}", "1 2ab3|web-1 1\n"),
        (
            "{{printf \"%-8s|%8s|%.2s|%q\" .Name .Name .Name .Name}}",
            "web-1   |   web-1|we|\"web-1\"",
        ),
        (
            "{{printf \"%5d|%-5d|%05d|%+d|%x|%c|%v\" 42 42 -42 42 255 65 .Ports}}",
            "   42|42   |-0042|+42|ff|A|[{0.0.0.0 80} {0.0.0.0 443}]",
        ),
        (
            "{{printf \"%.1f %6.2f %v %g %e\" 1.25 1.5 1.5 1e21 12.5}}",
            "1.2   1.50 1.5 1e+21 1.250000e+01",
        ),
        ("{{printf \"%d %s %t %%\" .Name}}", "%!d(string=web-1) %!s(MISSING) %!t(MISSING) %"),
        (
            "{{printf \"a\" 1}} {{printf \"%v %v\" nil true}} {{printf \"%\"}}",
            "a%!(EXTRA int=1) <nil> true %!(NOVERB)",
        ),
    ]);
}

#[test]
fn problems_have_places() {
    check(&[
        ("{{.Nmae}}", "!2..7: a container has no field `Nmae` (did you mean `.Name`?)"),
        (
            "x{{range .Ports}}{{.Zone}}{{end}}",
            "x!19..24: a structure has no field `Zone` (there are URL, TargetPort)",
        ),
        ("{{.Name.First}}", "!7..13: a text has no field `First`"),
        ("{{.Name", "0..2: the action is not closed (write `}}` behind it)"),
        ("{{if .Up}}x", "0..10: the block is not closed (write `{{end}}` behind it)"),
        ("x{{end}}", "1..8: there is nothing that `end` could belong to"),
        (
            "{{foo .Name}}",
            "2..5: there is no function `foo` (there are eq, ge, gt, index, join, json, le, len, lower, lt, ne, not, pad, print, printf, println, slice, split, title, trim, truncate, upper, and, or)",
        ),
        (
            "{{Name}}",
            "2..6: there is no function `Name` (write a dot before the name of a field: `.Name`)",
        ),
        ("{{uper .Name}}", "2..6: there is no function `uper` (did you mean `upper`?)"),
        ("{{upper .ExitCode}}", "!2..7: `upper`: expected a text, got an integer"),
        ("{{upper}}", "!2..7: `upper`: it takes 1 values, not 0"),
        ("{{.Name 1}}", "!2..7: only functions, and the field `Label`, take arguments"),
        ("{{.Label}}", "!2..8: `.Label` takes one text (write .Label \"NAME\")"),
        ("{{index .Ports 9}}", "!2..7: `index`: 9 is out of range; the length is 2"),
        ("{{range .Name}}{{end}}", "!8..13: `range` goes over lists and maps; this is a text"),
        ("{{eq .Name 1}}", "!2..4: `eq`: a text cannot be compared with an integer"),
        ("{{}}", "0..4: the action has nothing to do"),
        ("{{$x}}", "2..4: there is no variable `$x`"),
        ("{{(.Name}}", "2..3: the parenthesis is not closed"),
        ("{{.Name}", "0..2: the action is not closed (write `}}` behind it)"),
        ("{{\"abc}}", "2..3: the text is not closed (write a quote behind it)"),
        ("{{.Name | 1}}", "10..11: a constant cannot be given anything"),
        ("{{.Name |}}", "2..9: a value is missing"),
        ("{{1a}}", "2..4: `1a` is no number"),
        ("{{.Name ; 1}}", "8..9: `;` has no meaning in an action"),
        ("{{break}}", "0..9: `break` stands in no range"),
        ("{{template \"x\"}}", "2..10: `template` is not supported"),
        ("{{if}}{{end}}", "2..4: a value is missing"),
        ("{{else}}", "0..8: there is nothing that `else` could belong to"),
        ("{{/* x }}", "2..4: the comment is not closed (write `*/` behind it)"),
    ]);
    let deep = format!("{{{{{}1{}}}}}", "(".repeat(100), ")".repeat(100));
    assert!(render(&deep, Mode::Data).ends_with("the template is nested too deeply"));
}

#[test]
fn titles_stay_as_they_are() {
    let table = [
        ("{{.Name}}\\t{{.ID}}", "NAME\tCONTAINER ID"),
        ("{{.Unknown}} {{.Label \"a.my-label_x\"}}", "<no value> my label x"),
        (
            "{{lower .Name}} {{json .ID}} {{split .Name \"A\"}} {{truncate .Name 1}}",
            "NAME CONTAINER ID NAME NAME",
        ),
        ("{{pad .Name 1 1}}|", " NAME |"),
    ];
    for (template, want) in table {
        assert_eq!(render(template, Mode::Titles), want, "{template}");
    }
    assert!(render("a{{json .}}b", Mode::Titles).starts_with("a!"));
}

#[test]
fn templates_know_what_they_ask_for() {
    let asks = |text: &str| Template::parse(text).unwrap().asks_for("Health");
    assert!(asks("{{.Health}}") && asks("{{json .}}") && asks("{{$.Health}}"));
    assert!(!asks("{{.Name}} Health") && !asks(""));
}
