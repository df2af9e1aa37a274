//! Which images must be pulled or built before containers can be planned.
//!
//! An image that several services name is one thing: it is pulled once for each platform, and built
//! by the service that says how. An image that is built for sure is not pulled by anybody.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::compose::units::nanoseconds;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::Subject;
use crate::labels;
use crate::plan::{Action, Cause, Need, OnFailure, Plan, Step, StepId};
use crate::reference::Reference;
use crate::source::Span;
use crate::spec::{BuildSpec, NamedContext, SecretSource};
use crate::state::desired::{Desired, DesiredService};
use crate::state::observed::Observed;

/// When an image is pulled or built.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum PullPolicy {
    #[default]
    Missing,
    Always,
    Never,
    /// It is built, not pulled, if the files say how.
    Build,
    /// Once it has been there for so long.
    Every(Duration),
}

impl PullPolicy {
    /// Reads `pull_policy`. Words that say nothing of a time stand for [`PullPolicy::Missing`], as
    /// the specification's pattern lets any text pass that has a policy in it.
    ///
    /// # Errors
    /// A duration that is none.
    pub(super) fn of_file(word: &str) -> Result<Self, String> {
        const DAY: u64 = 24 * 60 * 60;
        match word {
            "always" => Ok(Self::Always),
            "never" => Ok(Self::Never),
            "build" => Ok(Self::Build),
            "daily" => Ok(Self::Every(Duration::from_secs(DAY))),
            "weekly" => Ok(Self::Every(Duration::from_secs(7 * DAY))),
            _ => {
                let Some(period) = word.strip_prefix("every_") else {
                    return Ok(Self::Missing);
                };
                let period = nanoseconds(period).and_then(|it| u64::try_from(it).ok());
                let period = period.ok_or_else(|| format!("`{word}` has no duration"))?;
                Ok(Self::Every(Duration::from_nanos(period)))
            }
        }
    }

    /// Reads `--pull`; `None` for what it does not take.
    #[must_use]
    pub fn of_flag(word: &str) -> Option<Self> {
        match word {
            "missing" | "if_not_present" => Some(Self::Missing),
            "always" => Some(Self::Always),
            "never" => Some(Self::Never),
            "build" => Some(Self::Build),
            _ => None,
        }
    }
}

/// What the command line says of builds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Builds {
    /// What is not there, and what the files want.
    #[default]
    AsNeeded,
    /// Everything that can be: `--build`.
    All,
    /// Nothing: `--no-build`.
    None,
}

/// How images are come by.
#[derive(Debug, Clone, Copy, Default)]
pub struct ImageOptions {
    /// `--pull`, which wins over what the files say.
    pub pull: Option<PullPolicy>,
    pub builds: Builds,
    pub now: Timestamp,
}

/// Plans pulls and builds.
///
/// # Errors
/// Images that are not there and cannot be come by, and builds that lack a secret.
pub fn images(
    desired: &Desired,
    observed: &Observed,
    options: &ImageOptions,
) -> Result<Plan, Diagnostics> {
    let mut planner = Planner::new(desired, observed, options);
    for service in &desired.services {
        planner.decide(service);
    }
    planner.plan();
    if planner.problems.has_errors() { Err(planner.problems) } else { Ok(planner.plan) }
}

/// Plans the builds of all services that can be built, whatever is there.
///
/// # Errors
/// Builds that lack a secret.
pub fn builds(desired: &Desired) -> Result<Plan, Diagnostics> {
    builds_of(desired, |_| true)
}

/// As [`builds`], of one service.
///
/// # Errors
/// As [`builds`].
pub fn rebuild(desired: &Desired, service: &str) -> Result<Plan, Diagnostics> {
    builds_of(desired, |name| name == service)
}

fn builds_of(desired: &Desired, wants: impl Fn(&str) -> bool) -> Result<Plan, Diagnostics> {
    let observed = Observed::default();
    let options = ImageOptions { builds: Builds::All, ..ImageOptions::default() };
    let mut planner = Planner::new(desired, &observed, &options);
    for service in desired.services.iter().filter(|it| it.build.is_some() && wants(&it.name)) {
        planner.builds.insert(&service.name, Make::Surely(Cause::Asked));
    }
    planner.plan();
    if planner.problems.has_errors() { Err(planner.problems) } else { Ok(planner.plan) }
}

/// When the image of a service is built.
#[derive(Debug, Clone)]
enum Make<'a> {
    Surely(Cause),
    /// If the image of this service cannot be pulled.
    IfPullFails(&'a str),
}

struct Pull<'a> {
    reference: &'a str,
    platform: Option<&'a str>,
    cause: Cause,
    /// The first service that wants it.
    service: &'a str,
}

struct Planner<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    options: &'a ImageOptions,
    /// The references that some service says how to build.
    buildable: BTreeSet<String>,
    pulls: Vec<Pull<'a>>,
    /// By service.
    builds: BTreeMap<&'a str, Make<'a>>,
    plan: Plan,
    problems: Diagnostics,
}

impl<'a> Planner<'a> {
    fn new(desired: &'a Desired, observed: &'a Observed, options: &'a ImageOptions) -> Self {
        let may_build = options.builds != Builds::None;
        let built = desired.services.iter().filter(|it| may_build && it.build.is_some());
        Self {
            desired,
            observed,
            options,
            buildable: built.map(|service| same(&service.image)).collect(),
            pulls: Vec::new(),
            builds: BTreeMap::new(),
            plan: Plan { on_failure: OnFailure::GoOn, ..Plan::default() },
            problems: Diagnostics::default(),
        }
    }

    /// Decides how the images of a service are come by.
    fn decide(&mut self, service: &'a DesiredService) {
        let can_build = self.options.builds != Builds::None && service.build.is_some();
        let written = service.pull_policy.as_deref().unwrap_or("");
        let policy = match self.options.pull {
            _ if can_build && self.options.builds == Builds::All => PullPolicy::Build,
            Some(policy) => policy,
            None => match PullPolicy::of_file(written) {
                Ok(policy) => policy,
                Err(message) => {
                    self.problems.push(service.bad_policy(&message));
                    return;
                }
            },
        };
        let missing = self.is_missing(service, &service.image);
        if can_build && policy == PullPolicy::Build {
            let cause = if missing { Cause::Missing } else { Cause::Asked };
            self.builds.insert(&service.name, Make::Surely(cause));
        } else if service.pullable && self.is_due(service, &service.image, policy) {
            self.pull(service, &service.image);
            if can_build && missing {
                self.builds.insert(&service.name, Make::IfPullFails(&service.name));
            }
        } else if missing && can_build {
            self.builds.insert(&service.name, Make::Surely(Cause::Missing));
        } else if missing && !self.buildable.contains(&same(&service.image)) {
            self.problems.push(unobtainable(service));
        }
        // Those can be pulled at most.
        let policy = if policy == PullPolicy::Build { PullPolicy::Missing } else { policy };
        for image in &service.other_images {
            if self.is_due(service, image, policy) {
                self.pull(service, image);
            } else if self.is_missing(service, image) && !self.buildable.contains(&same(image)) {
                let name = &service.name;
                let message = format!(
                    "image `{image}`, which `{name}` needs, is not there, and must not be pulled"
                );
                self.problems.push(
                    Diagnostic::error(service.span, message)
                        .help("pull or load the image, or change `pull_policy`"),
                );
            }
        }
    }

    /// Whether there is no such image, or only one for other machines.
    fn is_missing(&self, service: &DesiredService, reference: &str) -> bool {
        let image = self.observed.image(reference);
        !image.is_some_and(|image| image.suits(service.template.platform()))
    }

    fn is_due(&self, service: &DesiredService, reference: &str, policy: PullPolicy) -> bool {
        if self.is_missing(service, reference) {
            return !matches!(policy, PullPolicy::Never | PullPolicy::Build);
        }
        match policy {
            PullPolicy::Always => true,
            PullPolicy::Every(period) => {
                // What does not say how old it is has been there for too long.
                let tagged = self.observed.image(reference).and_then(|image| image.tagged);
                let age = tagged.map(|tagged| self.options.now.duration_since(tagged));
                age.is_none_or(|age| SignedDuration::try_from(period).is_ok_and(|it| age > it))
            }
            PullPolicy::Missing | PullPolicy::Never | PullPolicy::Build => false,
        }
    }

    fn pull(&mut self, service: &'a DesiredService, reference: &'a str) {
        let platform = service.template.platform();
        if self
            .pulls
            .iter()
            .any(|it| it.platform == platform && same(it.reference) == same(reference))
        {
            return;
        }
        let missing = self.is_missing(service, reference);
        let cause = if missing { Cause::Missing } else { Cause::Asked };
        self.pulls.push(Pull { reference, platform, cause, service: &service.name });
    }

    /// How a service, or one whose image a build starts from, is built.
    fn spec(&self, name: &str) -> Option<(&'a BuildSpec, Span)> {
        if let Some(service) = self.desired.service(name) {
            return Some((service.build.as_ref()?, service.build_span));
        }
        let input = self.desired.inputs.iter().find(|input| input.name == name)?;
        Some((&input.build, input.span))
    }

    /// Has the images built that others' builds start from, whether or not they are there: what they
    /// are made of may have changed, and a builder knows best.
    fn add_inputs(&mut self) {
        for name in self.desired.build_order.iter().rev() {
            let Some(make) = self.builds.get(name.as_str()).cloned() else {
                continue;
            };
            let Some((spec, _)) = self.spec(name) else {
                continue;
            };
            for input in inputs(spec) {
                let known = self.builds.get(input);
                let wanted = match (&make, known) {
                    (_, Some(Make::Surely(_))) => continue,
                    (Make::Surely(_), _) => Make::Surely(Cause::NeededBy(name.clone())),
                    // It is there, or is come by as it would be without us.
                    (Make::IfPullFails(_), _) if self.desired.service(input).is_some() => continue,
                    (Make::IfPullFails(of), Some(Make::IfPullFails(other))) if of != other => {
                        Make::Surely(Cause::NeededBy(name.clone()))
                    }
                    (Make::IfPullFails(of), _) => Make::IfPullFails(of),
                };
                self.builds.insert(input, wanted);
            }
        }
    }

    /// The image of a service, in the one way of writing it.
    fn image(&self, service: &str) -> Option<String> {
        self.desired.service(service).map(|service| same(&service.image))
    }

    fn plan(&mut self) {
        self.add_inputs();
        let surely: BTreeSet<String> = self
            .builds
            .iter()
            .filter(|(_, make)| matches!(make, Make::Surely(_)))
            .filter_map(|(name, _)| self.image(name))
            .collect();
        for make in self.builds.values_mut() {
            if let Make::IfPullFails(of) = make
                && let Some(service) = self.desired.service(of)
                && surely.contains(&same(&service.image))
            {
                *make = Make::Surely(Cause::Missing);
            }
        }
        let mut pulled = BTreeMap::new();
        for pull in std::mem::take(&mut self.pulls) {
            let Pull { reference, platform, cause, service } = pull;
            if surely.contains(&same(reference)) {
                continue;
            }
            let action = Action::Pull {
                reference: reference.to_owned(),
                platform: platform.map(str::to_owned),
            };
            let step = Step::new(Subject::Image(reference.to_owned()), action, cause)
                .service(service)
                .optional(self.buildable.contains(&same(reference)))
                .shows("Pulling", "Pulled");
            pulled.insert((same(reference), platform), self.plan.push(step));
        }
        self.plan_builds(&pulled);
    }

    fn plan_builds(&mut self, pulled: &BTreeMap<(String, Option<&'a str>), StepId>) {
        let mut built: BTreeMap<&str, StepId> = BTreeMap::new();
        let mut known: Vec<(BuildSpec, StepId)> = Vec::new();
        let desired = self.desired;
        let pull_of = |service: &str| {
            let service = desired.service(service)?;
            pulled.get(&(same(&service.image), service.template.platform())).copied()
        };
        for name in &desired.build_order {
            let (Some(make), Some((spec, span))) =
                (self.builds.get(name.as_str()), self.spec(name))
            else {
                continue;
            };
            let mut after = Vec::new();
            let cause = match make {
                Make::Surely(cause) => cause.clone(),
                Make::IfPullFails(of) => {
                    after.extend(pull_of(of).map(|pull| (pull, Need::Failure)));
                    Cause::Missing
                }
            };
            for input in inputs(spec) {
                match (self.builds.get(input), built.get(input)) {
                    (Some(Make::IfPullFails(of)), Some(id)) if *of == input => {
                        after.extend(pull_of(input).map(|pull| (pull, Need::Settled)));
                        after.push((*id, Need::Settled));
                    }
                    (Some(_), Some(id)) => after.push((*id, Need::Success)),
                    (Some(_), None) => {
                        let message = format!(
                            "the images of `{name}` and `{input}` are built from each other"
                        );
                        self.problems.push(Diagnostic::error(span, message));
                    }
                    (None, _) => {}
                }
            }
            check(spec, span, &mut self.problems);
            let alike = anonymous(spec);
            if let Some((_, id)) = known
                .iter()
                .find(|(other, id)| *other == alike && self.plan.step(*id).after == after)
            {
                built.insert(name, *id);
                continue;
            }
            // Of those that claim one name, the last one has it, not the slowest.
            let rival =
                known.iter().rev().find(|(other, _)| other.tags.first() == spec.tags.first());
            after.extend(rival.map(|(_, id)| (*id, Need::Settled)));
            let image = spec.tags.first().cloned().unwrap_or_default();
            let action = Action::Build(Box::new(spec.clone()));
            let mut step = Step::new(Subject::Image(image), action, cause)
                .service(name)
                .shows("Building", "Built");
            step.after = after;
            let id = self.plan.push(step);
            known.push((alike, id));
            built.insert(name, id);
        }
    }
}

/// One text for all ways of writing a reference.
pub(super) fn same(image: &str) -> String {
    Reference::parse(image).map_or_else(|_| image.to_owned(), |it| it.familiar())
}

/// The services that a build starts from.
fn inputs(spec: &BuildSpec) -> impl Iterator<Item = &str> {
    spec.contexts.values().filter_map(|context| match context {
        NamedContext::Service { service, .. } => Some(service.as_str()),
        NamedContext::Folder(_) | NamedContext::Remote(_) => None,
    })
}

/// A build without what says whose it is: services that share one have their image built once.
fn anonymous(spec: &BuildSpec) -> BuildSpec {
    let mut spec = spec.clone();
    spec.service.clear();
    spec.labels.remove(labels::SERVICE);
    spec
}

/// Finds what a build cannot do without.
fn check(spec: &BuildSpec, span: Span, problems: &mut Diagnostics) {
    for secret in &spec.secrets {
        let (id, service) = (&secret.id, &spec.service);
        let problem = match &secret.source {
            SecretSource::Variable { name, value: None } => {
                let message = format!(
                    "the build of `{service}` needs the secret `{id}`, whose variable `{name}` is not set"
                );
                Diagnostic::error(span, message).help(format!("set `{name}`"))
            }
            SecretSource::Elsewhere => {
                let message = format!(
                    "the build of `{service}` needs the secret `{id}`, which builders cannot read"
                );
                Diagnostic::error(span, message)
                    .help("give the secret a `file` or an `environment`")
            }
            SecretSource::File(_) | SecretSource::Variable { .. } => continue,
        };
        problems.push(problem);
    }
}

impl DesiredService {
    /// A pull policy that is none.
    pub(super) fn bad_policy(&self, message: &str) -> Diagnostic {
        let message = format!("the pull policy of `{}`: {message}", self.name);
        Diagnostic::error(self.span, message).help("write it as `every_12h` or `every_3d`")
    }
}

fn unobtainable(service: &DesiredService) -> Diagnostic {
    let (image, name) = (&service.image, &service.name);
    if service.build.is_some() {
        let message = format!("image `{image}` of `{name}` is not there, and must not be built");
        return Diagnostic::error(service.span, message)
            .help("build it first, or leave out `--no-build`");
    }
    let message = format!("image `{image}` of `{name}` is not there, and must not be pulled");
    Diagnostic::error(service.span, message).help("pull or load the image, or change `pull_policy`")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{compare, scene};

    const NOW: &str = "2024-05-10T12:00:00Z";

    /// Plans with flags: `--build`, `--no-build` or a word of `--pull`.
    fn plan(flag: &str, files: &str, observed: &str) -> String {
        let scene = scene(files, observed);
        let builds = match flag {
            "--build" => Builds::All,
            "--no-build" => Builds::None,
            _ => Builds::AsNeeded,
        };
        let pull = PullPolicy::of_flag(flag);
        let options = ImageOptions { pull, builds, now: NOW.parse().unwrap() };
        match images(&scene.desired, &scene.observed, &options) {
            Ok(plan) => plan.to_string(),
            Err(problems) => problems.iter().map(|it| format!("{}\n", it.message)).collect(),
        }
    }

    #[track_caller]
    fn check(flag: &str, files: &str, observed: &str, want: &str) {
        compare(&plan(flag, files, observed), want);
    }

    const IMAGE: &str = "services: {a: {image: i}}";
    const BOTH: &str = "services: {a: {image: i, build: .}}";
    const BUILD: &str = "services: {a: {build: .}}";

    /// A service with a policy of its own.
    fn with(files: &str, policy: &str) -> String {
        files.replacen("}}", &format!(", pull_policy: {policy}}}}}"), 1)
    }

    const PULL: &str = "1. image i pull (missing)";
    const REFRESH: &str = "1. image i pull (asked for)";
    /// What is there stays if that fails.
    const OR_KEEP: &str = "1. image i pull (asked for) optional";
    const PULL_OR_BUILD: &str =
        "1. image i pull (missing) optional\n2. image i build (missing) after [1!]";
    const BUILD_IT: &str = "1. image i build (missing)";
    const REBUILD: &str = "1. image i build (asked for)";
    const NO_PULL: &str = "image `i` of `a` is not there, and must not be pulled";
    const NO_BUILD: &str = "image `i` of `a` is not there, and must not be built";

    #[test]
    fn policies_decide() {
        // Policy, and what is done: image there, or not; then the same of a service with `build`.
        let table = [
            ("missing", "", PULL, "", PULL_OR_BUILD),
            ("if_not_present", "", PULL, "", PULL_OR_BUILD),
            ("refresh", "", PULL, "", PULL_OR_BUILD),
            ("always", REFRESH, PULL, OR_KEEP, PULL_OR_BUILD),
            ("never", "", NO_PULL, "", BUILD_IT),
            ("build", "", NO_PULL, REBUILD, BUILD_IT),
        ];
        for (policy, there, missing, built, built_missing) in table {
            check("", &with(IMAGE, policy), "", there);
            check("", &with(IMAGE, policy), "no i", missing);
            check("", &with(BOTH, policy), "", built);
            check("", &with(BOTH, policy), "no i", built_missing);
            // The flag says the same of all services, and wins over the files.
            if policy != "refresh" {
                check(policy, &with(IMAGE, "daily"), "", there);
                check(policy, IMAGE, "no i", missing);
                check(policy, BOTH, "", built);
                check(policy, BOTH, "no i", built_missing);
            }
        }
        check("", IMAGE, "", "");
        check("", IMAGE, "no i", PULL);
        check("", BOTH, "no i", PULL_OR_BUILD);
    }

    #[test]
    fn old_images_are_pulled_again() {
        let table = [
            ("daily", "2024-05-09T11:59:00Z", REFRESH),
            ("daily", "2024-05-09T12:01:00Z", ""),
            ("weekly", "2024-05-03T11:59:00Z", REFRESH),
            ("weekly", "2024-05-03T12:01:00Z", ""),
            ("every_12h", "2024-05-09T23:59:00Z", REFRESH),
            ("every_12h", "2024-05-10T00:01:00Z", ""),
            ("every_1w2d", "2024-05-01T11:59:00Z", REFRESH),
            ("every_1w2d", "2024-05-01T12:01:00Z", ""),
        ];
        for (policy, since, want) in table {
            check("", &with(IMAGE, policy), &format!("image i since {since}"), want);
        }
        check("", &with(IMAGE, "daily"), "no i", PULL);
        // Nobody knows how old it is.
        check("", &with(IMAGE, "daily"), "", REFRESH);
        check("", &with(BOTH, "daily"), "", OR_KEEP);
        check("", &with(BOTH, "daily"), "no i", PULL_OR_BUILD);
        let message = "the pull policy of `a`: `every_1h_or_so` has no duration";
        check("", &with(IMAGE, "every_1h_or_so"), "", message);
    }

    #[test]
    fn flags_about_builds_win() {
        check("--build", BOTH, "", REBUILD);
        check("--build", BOTH, "no i", BUILD_IT);
        check("--build", &with(BOTH, "never"), "", REBUILD);
        check("--build", IMAGE, "no i", PULL);
        check("--no-build", BOTH, "", "");
        check("--no-build", BOTH, "no i", PULL);
        check("--no-build", &with(BOTH, "build"), "", "");
        check("--no-build", &with(BOTH, "build"), "no i", NO_BUILD);
        check("--no-build", &with(BOTH, "never"), "no i", NO_BUILD);
    }

    #[test]
    fn what_is_built_alone_is_not_pulled() {
        check("", BUILD, "", "");
        check("", BUILD, "no p-a", "1. image p-a build (missing)");
        check("always", BUILD, "", "");
        check("always", BUILD, "no p-a", "1. image p-a build (missing)");
        check("never", BUILD, "no p-a", "1. image p-a build (missing)");
        check("", &with(BUILD, "build"), "", "1. image p-a build (asked for)");
    }

    #[test]
    fn a_failure_does_not_stop_the_others() {
        let scene = scene(IMAGE, "no i");
        let plan = images(&scene.desired, &scene.observed, &ImageOptions::default()).unwrap();
        assert_eq!(plan.on_failure, OnFailure::GoOn);
    }

    #[test]
    fn an_image_for_other_machines_is_missing() {
        let files = "services: {a: {image: i, platform: linux/arm64}}";
        check("", files, "image i for linux/amd64", PULL);
        check("", files, "image i for linux/arm64", "");
        check("", files, "image i for linux/aarch64", "");
        check("", IMAGE, "image i for linux/arm64", "");
        let built = "services: {a: {build: ., platform: linux/arm64}}";
        check("", built, "image p-a for linux/amd64", "1. image p-a build (missing)");
    }

    #[test]
    fn one_image_is_pulled_once() {
        let two = "services: {a: {image: i}, b: {image: i}, c: {image: k}}";
        check("", two, "no i", PULL);
        check("always", two, "no i", "1. image i pull (missing)\n2. image k pull (asked for)");
        let message = "image `i` of `a` is not there, and must not be pulled
             image `i` of `b` is not there, and must not be pulled";
        check("never", two, "no i", message);
        let platforms = "services: {a: {image: i}, b: {image: i, platform: linux/arm64}}";
        check("", platforms, "no i", "1. image i pull (missing)\n2. image i pull (missing)");
        let names = "services: {a: {image: i}, b: {image: 'i:latest'}, c: {image: library/i}}";
        check("", names, "no i\nno i:latest\nno library/i", PULL);
    }

    #[test]
    fn images_of_hooks_and_volumes_go_with_the_service() {
        let files = "services: {a: {image: i, pre_start: [{command: x, image: h}], volumes: [{type: image, source: v, target: /v}]}}";
        let pulls = "1. image h pull (missing)\n2. image v pull (missing)";
        check("", files, "", pulls);
        check("build", files, "", pulls);
        check("", files, "image h\nimage v", "");
        let all =
            "1. image i pull (asked for)\n2. image h pull (asked for)\n3. image v pull (missing)";
        check("always", files, "image h", all);
        let message = "image `h`, which `a` needs, is not there, and must not be pulled";
        check("never", files, "image v", message);
        let built = "services: {a: {image: i, pre_start: [{command: x, image: h}]}, b: {image: h, build: ., pull_policy: build}}";
        check("", built, "no h", "1. image h build (missing)");
    }

    #[test]
    fn what_one_service_builds_others_use() {
        let files = "services: {a: {build: .}, b: {image: p-a}}";
        check("", files, "no p-a", "1. image p-a build (missing)");
        check("never", files, "no p-a", "1. image p-a build (missing)");
        check("", files, "", "");
        let named = "services: {a: {image: i, build: .}, b: {image: i}}";
        check("", named, "no i", PULL_OR_BUILD);
        check("--build", named, "", REBUILD);
        check("--build", named, "no i", BUILD_IT);
        // Two services that are built alike are built once.
        let twice = "services: {a: {image: i, build: .}, b: {image: i, build: .}}";
        check("", twice, "no i", PULL_OR_BUILD);
        check("--build", twice, "", REBUILD);
        let rivals = "services: {a: {image: i, build: .}, b: {image: i, build: ./b}}";
        let one_by_one = "1. image i build (asked for)\n2. image i build (asked for) after [1?]";
        check("--build", rivals, "", one_by_one);
    }

    const CHAIN: &str = "services:
  app: {image: app, build: {context: ., additional_contexts: {base: 'service:mid'}}}
  mid: {build: {context: ., additional_contexts: {base: 'service:zero'}}}
  zero: {build: .}
";

    #[test]
    fn what_builds_start_from_is_built_first() {
        let files = "services: {app: {build: {context: ., additional_contexts: {base: 'service:zero'}}}, zero: {build: .}}";
        let chain =
            "1. image p-zero build (needed by app)\n2. image p-app build (missing) after [1]";
        check("", files, "no p-app", chain);
        check("", files, "", "");
        let both = "1. image p-zero build (missing)\n2. image p-app build (missing) after [1]";
        check("", files, "no p-app\nno p-zero", both);
        check("", files, "no p-zero", "1. image p-zero build (missing)");
        let all = "1. image p-zero build (asked for)\n2. image p-app build (asked for) after [1]";
        check("--build", files, "", all);
    }

    #[test]
    fn what_is_needed_after_a_failed_pull_waits_for_it() {
        let files = "services: {app: {image: app, build: {context: ., additional_contexts: {base: 'service:zero'}}}, zero: {image: zero, build: .}}";
        let want = "
            1. image app pull (missing) optional
            2. image zero pull (missing) optional
            3. image zero build (missing) after [2!]
            4. image app build (missing) after [1!, 2?, 3?]";
        check("", files, "no app\nno zero", want);
        let want = "1. image app pull (missing) optional\n2. image app build (missing) after [1!]";
        check("", files, "no app", want);
    }

    #[test]
    fn images_are_not_built_from_each_other() {
        let files = "services: {a: {build: {context: ., additional_contexts: {x: 'service:b'}}}, b: {build: {context: ., additional_contexts: {x: 'service:a'}}}}";
        let message = "the images of `b` and `a` are built from each other";
        check("", files, "no p-a", message);
        check("", files, "", "");
    }

    #[test]
    fn services_that_are_off_are_built_for_others() {
        use crate::compose::discover::Wanted;
        use crate::compose::files::Files;
        use crate::compose::{Steps, load};
        use crate::env::Env;
        use crate::names::Separator;
        use crate::source::SourceMap;
        use crate::state::desired::Surroundings;

        let bytes = CHAIN.as_bytes().to_vec();
        let files = Files::Fixed(BTreeMap::from([("/p/compose.yaml".to_owned(), bytes)]));
        let wanted = Wanted { project_name: Some("p".to_owned()), ..Wanted::default() };
        let env = Env::fixed("/p", [("X", "y")]);
        let mut sources = SourceMap::default();
        let names = ["app".to_owned()];
        let (model, _) =
            load(&wanted, &names, &Steps::default(), &env, &files, &mut sources).unwrap();
        let around = Surroundings {
            separator: Separator::Hyphen,
            scale: BTreeMap::new(),
            read: &|_| Err(String::new()),
        };
        let (desired, _) = Desired::new(&model, &around).unwrap();
        assert_eq!(desired.services.len(), 1);
        let observed = Observed::default();
        let plan = |builds| {
            let options = ImageOptions { builds, ..ImageOptions::default() };
            images(&desired, &observed, &options).unwrap().to_string()
        };
        compare(
            &plan(Builds::All),
            "1. image p-zero build (needed by mid)
             2. image p-mid build (needed by app) after [1]
             3. image app build (missing) after [2]",
        );
        compare(
            &plan(Builds::AsNeeded),
            "1. image app pull (missing) optional
             2. image p-zero build (missing) after [1!]
             3. image p-mid build (missing) after [1!, 2]
             4. image app build (missing) after [1!, 3]",
        );
        compare(&plan(Builds::None), PULL.replace("image i", "image app").as_str());
    }

    #[test]
    fn secrets_of_builds_must_be_there() {
        let files = "services: {a: {build: {context: ., secrets: [s, t]}}}
secrets: {s: {environment: NOT_SET}, t: {environment: KEY}}";
        let message = "the build of `a` needs the secret `s`, whose variable `NOT_SET` is not set";
        check("", files, "no p-a", message);
        check("", files, "", "");
        let files =
            "services: {a: {build: {context: ., secrets: [s]}}}\nsecrets: {s: {external: true}}";
        let message = "the build of `a` needs the secret `s`, which builders cannot read";
        check("--build", files, "", message);
    }
}
