//! Plans for people and machines to read, instead of being carried out.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::compose::model::Model;
use crate::engine::Engine;
use crate::event::Subject;
use crate::plan::{self, Action, Cause, Change, Entry, Plan, Verb};
use crate::report::Progress;

/// How a plan is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Text,
    Json,
}

impl Form {
    /// The form in which a run that changes nothing shows its plan.
    pub(super) fn of_dry_run(context: &Context) -> Self {
        match context.terminal.progress() {
            Progress::Json => Self::Json,
            _ => Self::Text,
        }
    }
}

/// What `plans`, one after the other, would do to a project.
pub(super) struct Preview<'a> {
    pub project: &'a str,
    pub model: Option<&'a Model>,
    pub engine: &'a Engine,
    pub plans: &'a [&'a Plan],
}

/// An entry of a plan with what differs.
struct Item<'a> {
    entry: Entry<'a>,
    changes: Vec<Change>,
}

impl Preview<'_> {
    /// Writes it to standard output, and gives whether anything would change.
    pub(super) async fn show(&self, form: Form, context: &mut Context) -> Result<bool, Error> {
        let mut items = Vec::new();
        for plan in self.plans {
            for entry in plan::outline(plan) {
                let changes = self.changes(&entry).await?;
                items.push(Item { entry, changes });
            }
        }
        let has_changes = self.plans.iter().any(|plan| plan::has_changes(plan));
        let text = match form {
            Form::Text => self.text(&items, has_changes, context),
            Form::Json => format!("{:#}\n", self.json(&items, has_changes, context)),
        };
        context.terminal.out(&text)?;
        Ok(has_changes)
    }

    /// What differs between a container that is replaced and the one that replaces it.
    async fn changes(&self, entry: &Entry<'_>) -> Result<Vec<Change>, Error> {
        let (Some(old), Some(made)) = (entry.replaced, entry.made) else {
            return Ok(Vec::new());
        };
        let Action::Create { spec, .. } = &made.action else {
            return Ok(Vec::new());
        };
        let old = self.engine.describe(old).await?;
        let image = |value: &Value| value["Image"].as_str().unwrap_or("").to_owned();
        match entry.cause {
            Cause::Diverged => {
                let image = self.engine.describe_image(&image(&old)).await?;
                Ok(plan::changes(spec, &old, &image.unwrap_or_default()))
            }
            Cause::NewImage => {
                let reference = spec.body.image.as_deref().unwrap_or("");
                let new = self.engine.describe_image(reference).await?.unwrap_or_default();
                let new = new["Id"].as_str().map(str::to_owned);
                let key = vec!["image".to_owned()];
                Ok(vec![Change { key, old: Some(image(&old)), new }])
            }
            _ => Ok(Vec::new()),
        }
    }

    /// The place of a key of a service, as `file:line:column`.
    fn place(&self, service: Option<&str>, change: &Change, context: &Context) -> Option<Place> {
        let model = self.model?;
        let keys = change.key.iter().map(|key| {
            let short = key.strip_prefix(self.project).and_then(|rest| rest.strip_prefix('_'));
            // Networks have their engine's name here, and their key in the file.
            if change.key[0] == "networks" { short.unwrap_or(key) } else { key }
        });
        let path: Vec<&str> = ["services", service?].into_iter().chain(keys).collect();
        let at = context.sources.position(model.span(&path))?;
        Some(Place { file: at.file.to_owned(), line: at.line, column: at.column })
    }

    fn text(&self, items: &[Item<'_>], has_changes: bool, context: &Context) -> String {
        use std::fmt::Write as _;
        let mut out = String::new();
        let subjects: Vec<String> = items.iter().map(|it| words(it.entry.subject)).collect();
        let width = subjects.iter().map(|it| it.chars().count()).max().unwrap_or(0);
        for (item, subject) in items.iter().zip(&subjects) {
            let entry = &item.entry;
            let also = if entry.starts { " and start" } else { "" };
            let _ = writeln!(
                out,
                "{} {subject:width$}  {}{also}: {}",
                entry.verb.sign(),
                entry.verb.word(),
                entry.cause
            );
            let keys: Vec<String> = item.changes.iter().map(|it| it.key.join(".")).collect();
            let wide = keys.iter().map(|it| it.chars().count()).max().unwrap_or(0);
            for (change, key) in item.changes.iter().zip(&keys) {
                let value = |of: &Option<String>| of.as_deref().map_or("(none)".to_owned(), shown);
                let (old, new) = (value(&change.old), value(&change.new));
                let place = self.place(entry.service, change, context);
                let place = place.map_or(String::new(), |it| format!("  ({it})"));
                let _ = writeln!(out, "    {key:wide$}  {old} -> {new}{place}");
            }
            for wait in entry.waits.iter().filter(|_| entry.verb != Verb::Wait) {
                let optional = if wait.optional { ", or cannot be" } else { "" };
                let _ =
                    writeln!(out, "    once {} is {}{optional}", wait.container, wait.condition);
            }
        }
        let running = self.running().count();
        let unchanged = match running {
            0 => String::new(),
            1 => "; 1 container runs as it should".to_owned(),
            count => format!("; {count} containers run as they should"),
        };
        if !items.is_empty() {
            out.push('\n');
        }
        let sum = if has_changes { summary(items) } else { "nothing to do".to_owned() };
        let _ = writeln!(out, "{}: {sum}{unchanged}", self.project);
        out
    }

    fn running(&self) -> impl Iterator<Item = &Subject> {
        self.plans.iter().flat_map(|plan| &plan.running)
    }

    fn json(&self, items: &[Item<'_>], has_changes: bool, context: &Context) -> Value {
        let change = |entry: &Entry<'_>, change: &Change| {
            let place = self.place(entry.service, change, context);
            json!({
                "key": change.key.join("."),
                "old": change.old,
                "new": change.new,
                "file": place.as_ref().map(|it| &it.file),
                "line": place.as_ref().map(|it| it.line),
                "column": place.as_ref().map(|it| it.column),
            })
        };
        let resources = items.iter().map(|Item { entry, changes }| {
            let waits = entry.waits.iter().map(|wait| {
                json!({
                    "container": wait.container,
                    "condition": wait.condition,
                    "optional": wait.optional,
                })
            });
            json!({
                "kind": entry.subject.kind(),
                "name": entry.subject.name(),
                "service": entry.service,
                "action": entry.verb.word(),
                "starts": entry.starts || entry.verb == Verb::Start,
                "reason": entry.cause.to_string(),
                "changes": changes.iter().map(|it| change(entry, it)).collect::<Vec<_>>(),
                "waits_for": waits.collect::<Vec<_>>(),
            })
        });
        json!({
            "project": self.project,
            "has_changes": has_changes,
            "resources": resources.collect::<Vec<_>>(),
            "unchanged": self.running().map(Subject::name).collect::<Vec<_>>(),
        })
    }
}

/// Where a key stands.
struct Place {
    file: String,
    line: usize,
    column: usize,
}

impl std::fmt::Display for Place {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(out, "{}:{}:{}", self.file, self.line, self.column)
    }
}

fn words(subject: &Subject) -> String {
    format!("{} {}", subject.kind(), subject.name())
}

/// A value on one line, and not a very long one.
fn shown(value: &str) -> String {
    const LONGEST: usize = 60;
    let value = value.replace('\n', "\\n");
    if value.is_empty() {
        return "\"\"".to_owned();
    }
    match value.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}...", &value[..end]),
        None => value,
    }
}

/// How many resources are made, replaced and so on.
fn summary(items: &[Item<'_>]) -> String {
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    let mut order = Vec::new();
    for item in items {
        let word = item.entry.verb.word();
        *counts.entry(word).or_insert_with(|| {
            order.push(word);
            0
        }) += 1;
    }
    let parts: Vec<String> =
        order.into_iter().map(|word| format!("{} to {word}", counts[word])).collect();
    parts.join(", ")
}
