//! The images of a project, for commands that care for nothing else of it.

use std::collections::BTreeMap;

use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::compose::files::Files;
use crate::compose::model::Model;
use crate::compose::{EnvFiles, Steps};
use crate::plan::Failures;
use crate::state::desired::{Desired, Surroundings};

/// Loads a project and the images of the services that are named (all, if none are). What only
/// containers need is not looked at, and need not be right.
pub(super) fn load(
    services: &[String],
    dependencies: bool,
    context: &mut Context,
) -> Result<(Model, Desired), Error> {
    let steps = Steps { dependencies, env_files: EnvFiles::Unread, ..context.steps() };
    let model = context.load(services, &steps)?;
    let desired = of_model(&model, context)?;
    Ok((model, desired))
}

/// The images of a project that is loaded.
pub(super) fn of_model(model: &Model, context: &mut Context) -> Result<Desired, Error> {
    let around = Surroundings {
        separator: context.separator(model),
        scale: BTreeMap::new(),
        read: &|path| Files::Disk.read_text(path),
    };
    let (desired, warnings) = Desired::of_images(model, &around).map_err(Error::Project)?;
    context.show(&warnings);
    Ok(desired)
}

pub(super) fn failures(ignored: bool) -> Failures {
    if ignored { Failures::Warnings } else { Failures::Errors }
}
