//! Which images must be pulled before containers can be planned.

use std::collections::BTreeSet;

use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::event::Subject;
use crate::plan::{Action, Cause, Plan, Step};
use crate::state::desired::{Desired, DesiredService};
use crate::state::observed::Observed;

/// When an image is pulled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PullPolicy {
    Missing,
    Always,
    Never,
}

impl PullPolicy {
    /// Reads `pull_policy` or `--pull`; `None` for what is not supported yet.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "" | "missing" | "if_not_present" => Some(Self::Missing),
            "always" => Some(Self::Always),
            "never" => Some(Self::Never),
            _ => None,
        }
    }
}

/// Plans the pulls. `policy` is that of the command line, which wins over those of the files.
///
/// # Errors
/// Images that would have to be built, and policies that are not supported yet.
pub fn images(
    desired: &Desired,
    observed: &Observed,
    policy: Option<PullPolicy>,
) -> Result<Plan, Diagnostics> {
    let mut plan = Plan::default();
    let mut problems = Diagnostics::default();
    let mut seen = BTreeSet::new();
    for service in &desired.services {
        let missing = observed.image(&service.image).is_none();
        let written = service.pull_policy.as_deref().unwrap_or("");
        let policy = match policy.or_else(|| PullPolicy::parse(written)) {
            Some(policy) => policy,
            // An image that is there needs no build, whatever the policy says of building it.
            None if written == "build" && !missing => PullPolicy::Never,
            None if written == "build" && service.build.is_some() => {
                problems.push(must_be_built(service));
                continue;
            }
            None => {
                let message = format!(
                    "the pull policy `{written}` of `{}` is not supported yet",
                    service.name
                );
                problems.push(
                    Diagnostic::error(service.span, message)
                        .help("use `missing`, `always` or `never`"),
                );
                continue;
            }
        };
        let pull = match policy {
            PullPolicy::Always => service.pullable,
            PullPolicy::Missing => missing && service.pullable,
            PullPolicy::Never => false,
        };
        if !pull {
            if missing && service.build.is_some() {
                problems.push(must_be_built(service));
            } else if missing {
                let message = format!(
                    "image `{}` of `{}` is not there, and must not be pulled",
                    service.image, service.name
                );
                problems.push(
                    Diagnostic::error(service.span, message)
                        .help("pull or load the image, or change `pull_policy`"),
                );
            }
        }
        if pull && seen.insert((&service.image, service.template.platform())) {
            let action = Action::Pull {
                reference: service.image.clone(),
                platform: service.template.platform().map(str::to_owned),
            };
            let cause = if missing { Cause::Missing } else { Cause::Asked };
            let step = Step::new(Subject::Image(service.image.clone()), action, cause)
                .service(&service.name)
                .shows("Pulling", "Pulled");
            plan.push(step);
        }
        for image in &service.other_images {
            let missing = observed.image(image).is_none();
            let pull = policy == PullPolicy::Always || (missing && policy == PullPolicy::Missing);
            if pull && seen.insert((image, service.template.platform())) {
                let reference = image.clone();
                let platform = service.template.platform().map(str::to_owned);
                let cause = if missing { Cause::Missing } else { Cause::Asked };
                let action = Action::Pull { reference, platform };
                let step = Step::new(Subject::Image(image.clone()), action, cause);
                plan.push(step.service(&service.name).shows("Pulling", "Pulled"));
            }
        }
    }
    if problems.has_errors() { Err(problems) } else { Ok(plan) }
}

fn must_be_built(service: &DesiredService) -> Diagnostic {
    let message = format!(
        "image `{}` of `{}` must be built, which is not supported yet",
        service.image, service.name
    );
    Diagnostic::error(service.span, message)
        .help(format!("build it and tag it as `{}` first", service.image))
}
