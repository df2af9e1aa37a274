//! `add-where-copy-serves`: `ADD` without what only `ADD` can do.

use crate::dockerfile::Kind;
use crate::lint::read::Image;
use crate::lint::{Check, Findings, Level, Rule, Sample};

pub(super) static RULE: Rule = Rule {
    id: "add-where-copy-serves",
    level: Level::Warning,
    summary: "`ADD` of files, or of an address without a checksum",
    reason: "`ADD` unpacks archives and downloads, which surprises where files are meant to be copied. What \
             it downloads may change any day, and stays in its layer.",
    fix: "use `COPY`",
    bad: Sample::Dockerfile("FROM alpine:3.21\nADD app.conf /etc/app.conf\n"),
    good: Sample::Dockerfile("FROM alpine:3.21\nCOPY app.conf /etc/app.conf\n"),
    check: Check::Image(check),
};

fn check(image: &Image, findings: &mut Findings) {
    for instruction in image.instructions() {
        let Kind::Add(adding) = &instruction.kind else { continue };
        for source in &adding.sources {
            let text = source.text.as_str();
            let is_address = text.contains("://");
            let is_repository = text.starts_with("git@")
                || text.split('#').next().and_then(|it| it.rsplit('.').next()) == Some("git");
            if is_repository || (!is_address && may_be_archive(text)) {
                continue;
            }
            if !is_address {
                findings
                    .add(instruction.keyword, format!("`{text}` is only copied"))
                    .within(instruction.span);
            } else if adding.flag("checksum").is_none() {
                findings
                    .add(source.span, "nothing checks what is downloaded here")
                    .within(instruction.span)
                    .help(
                        "add `--checksum=sha256:…`, or download, check, unpack and remove it in one `RUN`",
                    );
            }
        }
    }
}

/// Whether `ADD` unpacks it, as far as its name tells.
fn may_be_archive(path: &str) -> bool {
    const ENDS: [&str; 10] = [
        ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".gz", ".xz",
    ];
    path.contains('$')
        || ENDS.iter().any(|end| path.ends_with(end))
        || path.ends_with('*') && path.contains(".t")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lint::testing::dockerfile;

    #[test]
    fn sources() {
        let check = |line: &str, want: &[&str]| {
            assert_eq!(dockerfile(&RULE, &format!("FROM a:1\n{line}\n")), want, "{line}");
        };
        check("ADD . /app", &["ADD"]);
        check("ADD x.zip /", &["ADD"]);
        check("ADD https://example.com/x.tgz /", &["https://example.com/x.tgz"]);
        check("ADD --checksum=sha256:00 https://example.com/x.tgz /", &[]);
        check("ADD https://example.com/x.git#v1 /", &[]);
        check("ADD rootfs.tar.gz /", &[]);
        check("ADD $FILE /", &[]);
        check("ADD <<EOF /x\nhi\nEOF", &[]);
    }
}
