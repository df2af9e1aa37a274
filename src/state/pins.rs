//! Which images a project takes from registries, and the same project with exactly those of a lock.

use std::collections::BTreeMap;

use crate::compose::model::Model;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::dockerfile::{Base, Dockerfile, Flag, Kind};
use crate::lock::Lock;
use crate::reference::Reference;
use crate::source::Span;
use crate::spec::{BuildSpec, MountType, NamedContext};
use crate::state::desired::{Desired, DesiredService};
use crate::yaml::Node;

/// What is before the reference in a context that is an image.
const IMAGE_CONTEXT: &str = "docker-image://";
/// The argument that stands for `# syntax=`.
const SYNTAX: &str = "BUILDKIT_SYNTAX";

/// An image that is taken from a registry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// As it is written.
    pub text: String,
    pub span: Span,
}

/// The images that a service names in the Compose files: its own unless it is built, those of hooks,
/// and volumes that are images.
#[must_use]
pub fn of_service(model: &Model, service: &str) -> Vec<Taken> {
    let Some(entry) = model.services.get(service) else { return Vec::new() };
    let node = &entry.node;
    let list = |key| node.get(key).and_then(Node::as_list).into_iter().flatten();
    let own = node.get("image").filter(|_| node.get("build").is_none());
    let hooks = list("pre_start").filter_map(|hook| hook.get("image"));
    let mounts = list("volumes").filter(|mount| mount.str_of("type") == Some("image"));
    let mounts = mounts.filter_map(|mount| mount.get("source"));
    // A volume may be the image of another service.
    let is_service = |it: &&Node| it.as_str().is_some_and(|it| model.services.contains_key(it));
    let mounts = mounts.filter(|source| !is_service(source));
    let taken = own.into_iter().chain(hooks).chain(mounts).filter_map(|image| {
        let text = image.as_str().filter(|text| !text.is_empty())?;
        Some(Taken { text: text.to_owned(), span: image.span })
    });
    taken.collect()
}

/// The images that a build takes: what its stages start from, what is copied or mounted from images,
/// the frontend, and contexts that are images. What cannot be known is a problem.
#[must_use]
pub fn of_build(file: &Dockerfile, spec: &BuildSpec, at: Span) -> (Vec<Taken>, Diagnostics) {
    let mut taken = Vec::new();
    let mut problems = Diagnostics::default();
    if let Some(text) = spec.args.get(SYNTAX).filter(|text| !text.is_empty()) {
        taken.push(Taken { text: text.clone(), span: at });
    } else if let Some(syntax) = &file.syntax {
        taken.push(Taken { text: syntax.text.clone(), span: syntax.span });
    }
    for context in spec.contexts.values() {
        if let NamedContext::Remote(address) = context
            && let Some(text) = address.strip_prefix(IMAGE_CONTEXT)
        {
            taken.push(Taken { text: text.to_owned(), span: at });
        }
    }
    for (number, stage) in file.stages.iter().enumerate() {
        match file.base(number, &spec.args) {
            Base::Image(text) if !spec.contexts.contains_key(&text) => {
                taken.push(Taken { text, span: stage.base.span });
            }
            Base::Unknown(names) => {
                let names: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                let message = format!("what `{}` stands for depends on the build", stage.base.text);
                problems.push(
                    Diagnostic::error(stage.base.span, message)
                        .note(format!("without a value: {}", names.join(", ")))
                        .help("give the `ARG` a default, or set it in `build.args`"),
                );
            }
            Base::Image(_) | Base::Stage(_) | Base::Scratch => {}
        }
        for instruction in &stage.instructions {
            let sources: Vec<(String, Span)> = match &instruction.kind {
                Kind::Copy(copy) | Kind::Add(copy) => {
                    copy.flags.iter().filter(|flag| flag.name == "from").filter_map(whole).collect()
                }
                Kind::Run(run) => run
                    .flags
                    .iter()
                    .filter(|flag| flag.name == "mount")
                    .filter_map(mounted)
                    .collect(),
                _ => Vec::new(),
            };
            let is_image = |text: &str| {
                let is_number = text.parse::<usize>().is_ok();
                !is_number && file.stage(text).is_none() && !spec.contexts.contains_key(text)
            };
            let images = sources.into_iter().filter(|(text, _)| is_image(text));
            taken.extend(images.map(|(text, span)| Taken { text, span }));
        }
    }
    (taken, problems)
}

fn whole(flag: &Flag) -> Option<(String, Span)> {
    let value = flag.value.as_ref()?;
    Some((value.text.clone(), value.span))
}

/// `from` among the comma-separated fields of a mount.
fn mounted(flag: &Flag) -> Option<(String, Span)> {
    let value = flag.value.as_ref()?;
    let from = value.text.split(',').find_map(|field| field.trim().strip_prefix("from="))?;
    Some((from.trim_matches('"').to_owned(), value.span))
}

/// Reads what is taken as references; what is none is a problem.
#[must_use]
pub fn references(taken: &[Taken]) -> (Vec<(Reference, Span)>, Diagnostics) {
    let mut problems = Diagnostics::default();
    let mut found = Vec::new();
    for Taken { text, span } in taken {
        match Reference::parse(text) {
            Ok(reference) => found.push((reference, *span)),
            Err(why) => {
                let message = format!("`{text}` is no reference of an image: {why}");
                problems.push(Diagnostic::error(*span, message));
            }
        }
    }
    (found, problems)
}

impl Desired {
    /// Has all containers made of exactly what a lock says. The config hashes stay those of the files:
    /// what differs is the image, which counts by its ID. What the lock does not have stays as it is.
    pub fn pin(&mut self, lock: &Lock) {
        for service in &mut self.services {
            service.pin(lock);
        }
    }
}

impl DesiredService {
    fn pin(&mut self, lock: &Lock) {
        let exact = |text: &mut String| {
            if let Some(pinned) = exact(text, lock) {
                *text = pinned;
            }
        };
        if self.build.is_none() {
            exact(&mut self.image);
            self.template.spec.body.image = Some(self.image.clone());
        }
        self.other_images.iter_mut().for_each(exact);
        let hooks = &mut self.template.spec.hooks.pre_start;
        hooks.iter_mut().filter_map(|hook| hook.image.as_mut()).for_each(exact);
        let mounts = self.template.spec.host().mounts.iter_mut().flatten();
        let images = mounts.filter(|mount| mount.typ == Some(MountType::IMAGE));
        images.filter_map(|mount| mount.source.as_mut()).for_each(exact);
    }
}

/// The text of a reference with its digest in the place of its tag, which an engine may know by another
/// digest.
fn exact(text: &str, lock: &Lock) -> Option<String> {
    let reference = Reference::parse(text).ok()?;
    let digest = lock.digest(&reference)?;
    let name = text.split('@').next().unwrap_or(text);
    let last = name.rfind('/').map_or(0, |at| at + 1);
    let name = name[last..].find(':').map_or(name, |colon| &name[..last + colon]);
    Some(format!("{name}@{digest}"))
}

/// Has a build take exactly what a lock says of what it takes.
pub fn pin_build(
    build: &mut BuildSpec,
    taken: &[(Reference, Span)],
    text: Option<&str>,
    lock: &Lock,
) {
    let tagged = taken.iter().filter(|(reference, _)| reference.digest.is_none());
    let pins = tagged
        .filter_map(|(reference, _)| Some((reference.whole(), lock.digest(reference)?.to_owned())));
    build.pins = pins.collect();
    let pinned = text.map(|text| pinned_text(text, build, lock));
    build.pinned = pinned.filter(|pinned| Some(pinned.as_str()) != text);
    for context in build.contexts.values_mut() {
        if let NamedContext::Remote(address) = context
            && let Some(image) = address.strip_prefix(IMAGE_CONTEXT)
            && let Some(exact) = exact(image, lock)
        {
            *address = format!("{IMAGE_CONTEXT}{exact}");
        }
    }
}

/// The text of a Dockerfile with digests in the place of tags, line by line where it was.
fn pinned_text(text: &str, spec: &BuildSpec, lock: &Lock) -> String {
    let here = Span::NOWHERE.file();
    let (file, _) = Dockerfile::parse(text, &|range| Span::new(here, range));
    let (taken, _) = of_build(&file, spec, Span::NOWHERE);
    let mut edits: BTreeMap<usize, (usize, String)> = BTreeMap::new();
    // What stands in the Compose file has no place here.
    for Taken { text: name, span } in taken.iter().filter(|taken| !taken.span.is_nowhere()) {
        let Some(exact) = exact(name, lock) else { continue };
        let range = span.range();
        let written = text.get(range.clone()).unwrap_or_default();
        // A mount has other fields besides.
        let field = format!("from={name}");
        let new = if written.contains(&field) {
            written.replacen(&field, &format!("from={exact}"), 1)
        } else {
            exact
        };
        edits.insert(range.start, (range.end, new));
    }
    let mut pinned = text.to_owned();
    // From the end, so that the places before it stay.
    for (start, (end, new)) in edits.into_iter().rev() {
        pinned.replace_range(start..end, &new);
    }
    pinned
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    fn taken(text: &str, spec: &BuildSpec) -> (Vec<String>, usize) {
        let locate = |_| Span::NOWHERE;
        let (file, problems) = Dockerfile::parse(text, &locate);
        assert!(problems.is_empty(), "{text}");
        let (taken, problems) = of_build(&file, spec, Span::NOWHERE);
        (taken.into_iter().map(|taken| taken.text).collect(), problems.iter().count())
    }

    #[test]
    fn what_a_build_takes() {
        let mut spec = BuildSpec::default();
        let text = "\
# syntax=docker/dockerfile:1
ARG VERSION=3.20
ARG FLAVOUR
FROM alpine:${VERSION} AS base
FROM base AS middle
COPY --from=base /a /b
COPY --from=0 /a /b
COPY --from=busybox:1 /bin/busybox /
RUN --mount=type=bind,from=golang:1,target=/go --mount=type=bind,from=assets,target=/a true
FROM scratch
COPY --from=assets / /
FROM outside
";
        spec.contexts.insert("assets".to_owned(), NamedContext::Folder("/a".to_owned()));
        let outside = NamedContext::Remote("docker-image://team/app:2".to_owned());
        spec.contexts.insert("outside".to_owned(), outside);
        let expected =
            ["docker/dockerfile:1", "team/app:2", "alpine:3.20", "busybox:1", "golang:1"];
        assert_eq!(taken(text, &spec), (expected.map(str::to_owned).to_vec(), 0));
        spec.args.insert("VERSION".to_owned(), "3.21".to_owned());
        spec.args.insert(SYNTAX.to_owned(), "other/frontend".to_owned());
        let (found, _) = taken(text, &spec);
        assert!(found.contains(&"alpine:3.21".to_owned()), "arguments count: {found:?}");
        assert_eq!(found[0], "other/frontend");
        let unknown = "ARG NAME\nFROM ${NAME}:1\n";
        assert_eq!(taken(unknown, &BuildSpec::default()), (Vec::new(), 1));
    }

    #[test]
    fn a_dockerfile_with_digests() {
        let mut lock = Lock::default();
        for text in ["alpine:3", "busybox:1", "docker/dockerfile:1", "golang"] {
            lock.set(&Reference::parse(text).unwrap(), DIGEST.to_owned());
        }
        let text = "\
# syntax=docker/dockerfile:1
ARG BASE=alpine
FROM --platform=linux/amd64 ${BASE}:3 AS first
RUN --mount=type=bind,from=golang,target=/go true
FROM first
COPY --from=busybox:1 /bin/busybox /
COPY --from=first /a /a
FROM outside:1
";
        let expected = text
            .replace("docker/dockerfile:1", &format!("docker/dockerfile@{DIGEST}"))
            .replace("${BASE}:3", &format!("alpine@{DIGEST}"))
            .replace("from=golang", &format!("from=golang@{DIGEST}"))
            .replace("busybox:1", &format!("busybox@{DIGEST}"));
        assert_eq!(pinned_text(text, &BuildSpec::default(), &lock), expected);
    }

    #[test]
    fn names_stay_as_they_are_written() {
        let mut lock = Lock::default();
        for text in ["nginx:1", "localhost:5000/a/b"] {
            lock.set(&Reference::parse(text).unwrap(), DIGEST.to_owned());
        }
        let exact = |text: &str| exact(text, &lock);
        assert_eq!(exact("library/nginx:1"), Some(format!("library/nginx@{DIGEST}")));
        assert_eq!(exact("localhost:5000/a/b"), Some(format!("localhost:5000/a/b@{DIGEST}")));
        assert_eq!(exact("nginx:2"), None);
        assert_eq!(exact(&format!("x:1@{DIGEST}")), Some(format!("x@{DIGEST}")));
    }
}
