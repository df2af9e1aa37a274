//! Images that are pulled or pushed because somebody asked for just that.

use std::collections::BTreeSet;

use crate::diagnostic::Diagnostics;
use crate::event::Subject;
use crate::plan::images::{PullPolicy, same};
use crate::plan::{Action, Cause, OnFailure, Plan, Step};
use crate::reference::Reference;
use crate::state::desired::{Desired, DesiredService};
use crate::state::observed::Observed;

/// What becomes of a failure.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Failures {
    #[default]
    Errors,
    /// They are shown, and are none.
    Warnings,
}

/// What is pulled.
#[derive(Debug, Clone, Default)]
pub struct PullOptions {
    /// `--policy`, which wins over what the files say.
    pub policy: Option<String>,
    /// Whether images that can be built are left out.
    pub ignore_buildable: bool,
    pub failures: Failures,
}

/// Plans the pulls that the user wants. Images without a policy are pulled whether they are there or
/// not: that is what was asked for.
///
/// # Errors
/// Policies that are none.
pub fn pull(
    desired: &Desired,
    observed: &Observed,
    options: &PullOptions,
) -> Result<Plan, Diagnostics> {
    let mut plan = Plan { on_failure: OnFailure::GoOn, ..Plan::default() };
    let mut seen = BTreeSet::new();
    let mut problems = Diagnostics::default();
    for service in &desired.services {
        let written = service.pull_policy.as_deref().unwrap_or("");
        let written = options.policy.as_deref().unwrap_or(written);
        let policy = match PullPolicy::of_file(written) {
            _ if written.is_empty() => None,
            Ok(policy) => Some(policy),
            Err(message) => {
                problems.push(service.bad_policy(&message));
                continue;
            }
        };
        let platform = service.template.platform();
        let mut decide = |image: &str, policy: Option<PullPolicy>, buildable: bool| {
            let subject = Subject::Image(image.to_owned());
            let is_there = observed.image(image).is_some_and(|it| it.suits(platform));
            let is_due = match policy {
                None | Some(PullPolicy::Always | PullPolicy::Every(_)) => true,
                Some(PullPolicy::Never | PullPolicy::Build) => return,
                Some(PullPolicy::Missing) => !is_there || is_latest(image),
            };
            if !is_due {
                plan.skipped.push((subject, "Skipped: image is already present locally"));
            } else if buildable && options.ignore_buildable {
                plan.skipped.push((subject, "Skipped: image can be built"));
            } else if seen.insert((same(image), platform.map(str::to_owned))) {
                let action = Action::Pull {
                    reference: image.to_owned(),
                    platform: platform.map(str::to_owned),
                };
                let step = Step::new(subject, action, Cause::Asked)
                    .service(&service.name)
                    .optional(options.failures == Failures::Warnings)
                    .shows("Pulling", "Pulled");
                plan.push(step);
            }
        };
        if service.pullable {
            decide(&service.image, policy, service.build.is_some());
        }
        // They cannot be built.
        let policy =
            policy.map(|it| if it == PullPolicy::Build { PullPolicy::Missing } else { it });
        for image in &service.other_images {
            decide(image, policy, false);
        }
        if !service.pullable {
            let subject = Subject::Service(service.name.clone());
            plan.skipped.push((subject, "Skipped: no image to be pulled"));
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(plan) }
}

/// Plans pushes of all images that are built and have a name in the files, under all their names.
#[must_use]
pub fn push(desired: &Desired, failures: Failures) -> Plan {
    let mut plan = Plan { on_failure: OnFailure::GoOn, ..Plan::default() };
    let mut seen = BTreeSet::new();
    for service in &desired.services {
        let Some(build) = service.build.as_ref().filter(|build| build.named) else {
            plan.skipped.push((Subject::Service(service.name.clone()), "Skipped"));
            continue;
        };
        for tag in build.tags.iter().filter(|tag| seen.insert(same(tag))) {
            let action = Action::Push { reference: tag.clone() };
            let step = Step::new(Subject::Image(tag.clone()), action, Cause::Asked)
                .service(&service.name)
                .optional(failures == Failures::Warnings)
                .shows("Pushing", "Pushed");
            plan.push(step);
        }
    }
    plan
}

/// The services that can be built, of those whose image is pulled by one of `steps`.
pub fn buildable<'a>(
    desired: &'a Desired,
    steps: impl Iterator<Item = &'a Step>,
) -> BTreeSet<&'a str> {
    let services = steps.filter_map(|step| match &step.action {
        Action::Pull { reference, .. } => Some(reference),
        _ => None,
    });
    let of = |image: &'a String| {
        let is_built =
            move |it: &&DesiredService| same(&it.image) == same(image) && it.build.is_some();
        desired.services.iter().filter(is_built)
    };
    services.flat_map(of).map(|service| service.name.as_str()).collect()
}

/// Whether a reference means the tag that is expected to move.
fn is_latest(text: &str) -> bool {
    Reference::parse(text).is_ok_and(|it| it.target() == "latest")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{compare, scene};

    #[track_caller]
    fn check(options: &PullOptions, files: &str, observed: &str, want: &str) {
        let scene = scene(files, observed);
        compare(&pull(&scene.desired, &scene.observed, options).unwrap().to_string(), want);
    }

    #[test]
    fn what_is_asked_for_is_pulled() {
        let options = PullOptions::default();
        let pulled = "1. image i:1 pull (asked for)";
        let present = "-. image i:1: Skipped: image is already present locally";
        let table = [
            ("", pulled, pulled),
            (", pull_policy: always", pulled, pulled),
            (", pull_policy: daily", pulled, pulled),
            (", pull_policy: missing", present, pulled),
            (", pull_policy: if_not_present", present, pulled),
            (", pull_policy: never", "", ""),
            (", pull_policy: build", "", ""),
        ];
        for (policy, there, missing) in table {
            let files = format!("services: {{a: {{image: 'i:1'{policy}}}}}");
            check(&options, &files, "", there);
            check(&options, &files, "no i:1", missing);
        }
        for (image, is_latest) in
            [("i", true), ("i:latest", true), ("h:5000/i", true), ("h:5000/i:2", false)]
        {
            let files = format!("services: {{a: {{image: '{image}', pull_policy: missing}}}}");
            let want = if is_latest {
                format!("1. image {image} pull (asked for)")
            } else {
                format!("-. image {image}: Skipped: image is already present locally")
            };
            check(&options, &files, "", &want);
        }
        let files = "services: {a: {image: 'i:1', platform: linux/arm64, pull_policy: missing}}";
        check(&options, files, "image i:1 for linux/amd64", pulled);
    }

    #[test]
    fn the_policy_of_the_flag_wins() {
        let files = "services: {a: {image: 'i:1', pull_policy: never}}";
        let policy =
            |word: &str| PullOptions { policy: Some(word.to_owned()), ..PullOptions::default() };
        let pulled = "1. image i:1 pull (asked for)";
        check(&policy("always"), files, "", pulled);
        check(
            &policy("missing"),
            files,
            "",
            "-. image i:1: Skipped: image is already present locally",
        );
        check(&policy("missing"), files, "no i:1", pulled);
    }

    #[test]
    fn images_of_builds_hooks_and_several_services() {
        let files = "services:
  a: {image: i, build: .}
  b: {image: i}
  c: {build: .}
  d: {image: d, pull_policy: build, pre_start: [{command: x, image: h}]}
";
        let all = "
            -. service c: Skipped: no image to be pulled
            1. image i pull (asked for)
            2. image h pull (asked for)";
        check(&PullOptions::default(), files, "", all);
        let options = PullOptions { ignore_buildable: true, ..PullOptions::default() };
        let alone = "services: {a: {image: i, build: .}}";
        check(&options, alone, "", "-. image i: Skipped: image can be built");
        let options = PullOptions { failures: Failures::Warnings, ..PullOptions::default() };
        check(&options, alone, "", "1. image i pull (asked for) optional");
        let scene = scene(files, "");
        let plan = pull(&scene.desired, &scene.observed, &PullOptions::default()).unwrap();
        let buildable = buildable(&scene.desired, plan.steps.iter());
        assert_eq!(buildable.into_iter().collect::<Vec<_>>(), ["a"]);
    }

    #[test]
    fn what_is_built_under_a_name_is_pushed() {
        let files = "services:
  a: {image: i, build: {context: ., tags: ['j:1', i]}}
  b: {image: k}
  c: {build: .}
";
        let scene = scene(files, "");
        compare(
            &push(&scene.desired, Failures::Errors).to_string(),
            "-. service b: Skipped
             -. service c: Skipped
             1. image i push (asked for)
             2. image j:1 push (asked for)",
        );
    }
}
