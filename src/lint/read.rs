//! Reads the Dockerfiles that services are built from.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::ops::Range;

use crate::compose::files::Files;
use crate::compose::model::Model;
use crate::compose::paths;
use crate::diagnostic::Diagnostic;
use crate::dockerfile::{Base, Dockerfile, Instruction, Stage};
use crate::lint::subject::{chosen, entries};
use crate::lint::{Rule, rules};
use crate::source::{SourceMap, Span};
use crate::yaml::Node;

/// What travels to the builder from a folder.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Measure {
    /// Whether an ignore file leaves something out.
    pub is_filtered: bool,
    pub files: u64,
    pub bytes: u64,
    /// Whether there is more, which was not counted.
    pub is_cut: bool,
    /// The largest entries of the folder, with their bytes.
    pub largest: Vec<(String, u64)>,
}

/// Measures the context of a build, given its folder and the path of its Dockerfile; `None` if it
/// cannot be known.
pub type Gauge<'a> = &'a dyn Fn(&str, Option<&str>) -> Option<Measure>;

/// A Dockerfile, and what is built from it.
#[derive(Debug)]
pub struct Image {
    pub(crate) file: Dockerfile,
    pub(crate) uses: Vec<Use>,
    /// Of its own context, once somebody asks.
    pub(crate) measure: Option<Measure>,
}

/// The build of a service.
#[derive(Debug)]
pub(crate) struct Use {
    pub(crate) target: Option<String>,
    pub(crate) args: BTreeMap<String, String>,
    /// Names that stand for something else than an image.
    pub(crate) contexts: BTreeSet<String>,
    /// Whether the service says as whom it runs.
    pub(crate) has_user: bool,
    /// Whether it says what it runs.
    pub(crate) has_command: bool,
}

/// All Dockerfiles of a project.
#[derive(Debug, Default)]
pub struct Images {
    pub(super) all: Vec<Image>,
    /// What was found while they were read.
    pub(super) problems: Vec<(&'static Rule, Diagnostic)>,
}

/// Where a Dockerfile is.
#[derive(PartialEq, Eq, Hash)]
enum Place {
    File {
        path: String,
        context: String,
    },
    /// In the Compose file.
    Inline(Span),
}

/// Reads what the services of `model` that are to run (of the `whole` project, also those that are off)
/// are built from. Contexts that are no folders of
/// this machine are left out.
pub fn read(
    model: &Model,
    whole: bool,
    files: &Files,
    cwd: &str,
    sources: &mut SourceMap,
    gauge: Gauge<'_>,
) -> Images {
    let mut reader = Reader { files, cwd, sources, gauge, images: Images::default() };
    let mut known: HashMap<Place, Option<usize>> = HashMap::new();
    for (_, entry) in chosen(model, whole) {
        let Some(build) = entry.node.get("build").filter(|build| !build.is_null()) else {
            continue;
        };
        let context = build.str_of("context").unwrap_or("");
        let inline = build.get("dockerfile_inline").filter(|it| it.as_str().is_some());
        if !context.starts_with('/') && inline.is_none() {
            continue;
        }
        let place = if let Some(node) = inline {
            Place::Inline(node.span)
        } else {
            let path = build.str_of("dockerfile").unwrap_or("Dockerfile");
            let is_absolute = path.starts_with('/');
            let path = if is_absolute { paths::clean(path) } else { paths::join(context, path) };
            Place::File { path, context: context.to_owned() }
        };
        let index = known.get(&place).copied().unwrap_or_else(|| {
            let index = reader.image(&place, build, context);
            known.insert(place, index);
            index
        });
        if let Some(image) = index.and_then(|index| reader.images.all.get_mut(index)) {
            image.uses.push(Use::new(&entry.node, build));
        }
    }
    reader.images
}

struct Reader<'a> {
    files: &'a Files,
    cwd: &'a str,
    sources: &'a mut SourceMap,
    gauge: Gauge<'a>,
    images: Images,
}

impl Reader<'_> {
    /// Reads one; `None` if it cannot be read, which is noted.
    fn image(&mut self, place: &Place, build: &Node, context: &str) -> Option<usize> {
        let (file, problems, path) = match place {
            Place::Inline(span) => {
                let text = build.str_of("dockerfile_inline")?;
                let lines = Lines::of(self.sources.slice(*span), text);
                let locate = |range| lines.locate(*span, range);
                let (file, problems) = Dockerfile::parse(text, &locate);
                (file, problems, None)
            }
            Place::File { path, .. } => {
                let text = match self.files.read(path).map(crate::compose::files::decode) {
                    Ok(Ok(text)) => text,
                    Ok(Err(_)) => return self.missing(build, path, "it is no text"),
                    Err(error) => return self.missing(build, path, &error.to_string()),
                };
                let id = self.sources.add(self.shown(path), text.clone(), None);
                let (file, problems) = Dockerfile::parse(&text, &|range| Span::new(id, range));
                (file, problems, Some(path.as_str()))
            }
        };
        let broken = problems.into_iter().map(|problem| (&rules::DOCKERFILE_SYNTAX, problem));
        self.images.problems.extend(broken);
        let mut image = Image { file, uses: Vec::new(), measure: None };
        // Only then does it matter what the folder has.
        if image.copies_everything().next().is_some() && context.starts_with('/') {
            image.measure = (self.gauge)(context, path);
        }
        self.images.all.push(image);
        Some(self.images.all.len() - 1)
    }

    fn missing(&mut self, build: &Node, path: &str, why: &str) -> Option<usize> {
        let at = build.get("dockerfile").map_or(build.span, |node| node.span);
        let shown = self.shown(path);
        let problem = Diagnostic::error(at, format!("cannot read the Dockerfile `{shown}`: {why}"));
        self.images.problems.push((&rules::DOCKERFILE_MISSING, problem));
        None
    }

    fn shown(&self, path: &str) -> String {
        let below = path.strip_prefix(self.cwd).and_then(|rest| rest.strip_prefix('/'));
        below.unwrap_or(path).to_owned()
    }
}

impl Use {
    fn new(service: &Node, build: &Node) -> Self {
        let text = |node: &Node| node.as_str().filter(|text| !text.is_empty()).map(str::to_owned);
        let args = entries(build.get("args"))
            .filter_map(|(name, entry)| Some((name.to_owned(), entry.node.as_str()?.to_owned())))
            .collect();
        let is_set = |key| service.get(key).is_some_and(|node| !node.is_null());
        Self {
            target: build.get("target").and_then(text),
            args,
            contexts: entries(build.get("additional_contexts"))
                .map(|(name, _)| name.to_owned())
                .collect(),
            has_user: service.get("user").and_then(text).is_some(),
            has_command: is_set("command") || is_set("entrypoint"),
        }
    }
}

impl Image {
    /// Arguments of its first build, which stands for the others.
    fn args(&self) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        self.uses.first().map_or(&NONE, |it| &it.args)
    }

    pub(crate) fn base(&self, stage: usize) -> Base {
        self.file.base(stage, self.args())
    }

    /// Whether a name stands for another context.
    pub(crate) fn is_context(&self, name: &str) -> bool {
        self.uses.iter().any(|it| it.contexts.contains(name))
    }

    /// The stages that images of services end with.
    pub(crate) fn finals(&self) -> impl Iterator<Item = (usize, &Stage)> {
        let found: BTreeSet<usize> =
            self.uses.iter().filter_map(|it| self.file.target(it.target.as_deref())).collect();
        found.into_iter().filter_map(|at| Some((at, self.file.stages.get(at)?)))
    }

    /// Everything an image that ends with stage `last` was made by, in order: the stages it starts from,
    /// then itself.
    pub(crate) fn made_by(&self, last: usize) -> Vec<&Stage> {
        let mut found = Vec::new();
        let mut next = Some(last);
        while let Some(stage) = next.and_then(|at| self.file.stages.get(at)) {
            found.push(stage);
            next = match next.map(|at| self.base(at)) {
                Some(Base::Stage(earlier)) => Some(earlier),
                _ => None,
            };
        }
        found.reverse();
        found
    }

    /// The image outside that a stage starts from in the end.
    pub(crate) fn root(&self, mut stage: usize) -> Base {
        loop {
            match self.base(stage) {
                Base::Stage(earlier) => stage = earlier,
                other => return other,
            }
        }
    }

    /// Instructions of all stages.
    pub(crate) fn instructions(&self) -> impl Iterator<Item = &Instruction> {
        self.file.stages.iter().flat_map(|stage| &stage.instructions)
    }

    /// Instructions that take the whole context into a stage.
    pub(crate) fn copies_everything(&self) -> impl Iterator<Item = &Instruction> {
        self.instructions().filter(|it| copies_all(it))
    }
}

/// Whether an instruction copies the whole context.
pub(crate) fn copies_all(instruction: &Instruction) -> bool {
    use crate::dockerfile::Kind;
    match &instruction.kind {
        Kind::Copy(copying) | Kind::Add(copying) => {
            copying.flag("from").is_none()
                && copying.flag("exclude").is_none()
                && copying
                    .sources
                    .iter()
                    .any(|it| matches!(it.text.as_str(), "." | "./" | "/" | "*" | "./*"))
        }
        _ => false,
    }
}

/// Where the lines of a text stand in the block of a YAML file that it was read from.
struct Lines {
    /// Offsets of lines: in the text, and in the block.
    all: Vec<(usize, Range<usize>)>,
}

impl Lines {
    /// Looks for the lines of `text` one after the other in `block`. A line that was changed on the way,
    /// as `$$` is, stands for all of it.
    fn of(block: &str, text: &str) -> Self {
        // In quotes all lines are one.
        let is_quoted = block.starts_with(['"', '\'']);
        let mut all = Vec::new();
        let mut offset = 0;
        let mut rest = 0;
        for line in text.split_inclusive('\n') {
            let wanted = line.trim();
            let indent = line.len() - line.trim_start().len();
            if wanted.is_empty() {
                all.push((offset, rest..rest));
                offset += line.len();
                continue;
            }
            let there = if is_quoted {
                block[rest..].find(wanted).map(|at| rest + at..rest + at + wanted.len())
            } else {
                next_line(block, rest).map(|range| match block[range.clone()].find(wanted) {
                    Some(at) => range.start + at..range.start + at + wanted.len(),
                    None => range,
                })
            };
            let there = there.unwrap_or(rest..rest);
            rest = there.end;
            all.push((offset, there.start.saturating_sub(indent)..there.end));
            offset += line.len();
        }
        Self { all }
    }

    fn offset(&self, at: usize) -> usize {
        let next = self.all.partition_point(|(start, _)| *start <= at);
        match next.checked_sub(1).and_then(|it| self.all.get(it)) {
            Some((start, block)) => (block.start + (at - start)).min(block.end),
            None => 0,
        }
    }

    fn locate(&self, block: Span, range: Range<usize>) -> Span {
        let start = self.offset(range.start);
        let end = if range.is_empty() { start } else { self.offset(range.end).max(start) };
        block.part(start..end)
    }
}

/// The next line of `text` from `at` on that is not blank, without blanks around it.
fn next_line(text: &str, at: usize) -> Option<Range<usize>> {
    let rest = &text[at..];
    let start = at + (rest.len() - rest.trim_start().len());
    let line = text[start..].lines().next()?.trim_end();
    (!line.is_empty()).then_some(start..start + line.len())
}
