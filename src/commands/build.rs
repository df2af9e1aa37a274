//! `build`: images are made, as the files say.

use std::collections::BTreeMap;

use crate::commands::exit::{Error, Exit};
use crate::commands::locking::Held;
use crate::commands::options::Context;
use crate::commands::planning;
use crate::commands::session::{self, Signals};
use crate::commands::work::Work;
use crate::compose::Steps;
use crate::compose::model::Model;
use crate::compose::units;
use crate::engine::{BakeOptions, bake};
use crate::plan::{self, Failures};
use crate::spec::{BuildSpec, SshKeys};

/// Build or rebuild images of services
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose build                         Build what has `build`
  rcompose build --no-cache --pull web   One image from the ground up, on the newest base
  rcompose build --push                  Build, and push to the registries of the names")]
pub(super) struct Args {
    /// Services (all, if none are named)
    services: Vec<String>,
    /// Variable of the build; without a value it is that of the environment
    #[arg(long = "build-arg", value_name = "NAME[=VALUE]")]
    variables: Vec<String>,
    /// Builder of `buildx` to use instead of the engine's own
    #[arg(long, value_name = "NAME")]
    builder: Option<String>,
    /// Check the Dockerfiles, and build nothing
    #[arg(long)]
    check: bool,
    /// Most memory of the build, such as 512m; the classic builder alone knows it
    #[arg(short, long, value_name = "BYTES")]
    memory: Option<String>,
    /// Take base images by the digests of the lock file
    #[arg(long)]
    locked: bool,
    /// Use nothing that was built before
    #[arg(long)]
    no_cache: bool,
    /// Print the builds as a file for `buildx bake`, and build nothing
    #[arg(long)]
    print: bool,
    /// Attach where the image comes from (`true`, `false`, or parameters)
    #[arg(long, value_name = "VALUE", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    provenance: Option<String>,
    /// Ask registries for newer base images
    #[arg(long)]
    pull: bool,
    /// Push the images that have a name
    #[arg(long)]
    push: bool,
    /// Show nothing of the builds
    #[arg(short, long)]
    quiet: bool,
    /// Attach what the image consists of (`true`, `false`, or parameters)
    #[arg(long, value_name = "VALUE", num_args = 0..=1, default_missing_value = "true", require_equals = true)]
    sbom: Option<String>,
    /// Keys that the build may log in with
    #[arg(long, value_name = "default|ID[=PATH]")]
    ssh: Vec<String>,
    /// Build what the services depend on, too
    #[arg(long)]
    with_dependencies: bool,
    /// Accepted for scripts that are older than builders which need no such flags
    #[arg(long, hide = true)]
    parallel: bool,
    #[arg(long, hide = true)]
    compress: bool,
    #[arg(long, hide = true)]
    force_rm: bool,
    #[arg(long, hide = true)]
    no_rm: bool,
    /// How progress is shown: auto, tty, plain, json or quiet
    #[arg(long, hide = true, value_name = "FORM")]
    progress: Option<String>,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    if let Some(form) = &args.progress {
        context.show_progress(form)?;
    }
    let steps = Steps { dependencies: args.with_dependencies, ..context.steps() };
    let model = context.load(&args.services, &steps)?;
    if args.quiet {
        context.terminal.quiet();
    }
    let mut desired = planning::desired(&model, context.separator(&model), &BTreeMap::new())?.0;
    desired.services.retain(|service| service.build.is_some());
    if desired.services.is_empty() {
        context.terminal.err("warning: no services to build\n");
        return Ok(Exit::Success);
    }
    let flags = Flags::new(args, &model)?;
    desired.builds_mut().for_each(|spec| flags.apply(spec));
    // What a Dockerfile takes may depend on the variables.
    if args.locked {
        Held::new(&model, &desired, context)?.pin(&mut desired);
    }
    if args.print {
        let specs: Vec<&BuildSpec> = desired.builds().collect();
        let options = BakeOptions { push: args.push, check: args.check };
        context.terminal.out(&format!("{}\n", bake(&specs, options)))?;
        return Ok(Exit::Success);
    }
    let plan = plan::builds(&desired).map_err(Error::Project)?;
    session::block_on(async {
        let mut engine = context.connect().await?;
        if let Some(name) = &args.builder {
            engine = engine.with_builder(name);
        }
        if args.check {
            let (shown, is_well) = engine.builder(plan.builds()).check().await?;
            context.terminal.out_bytes(&shown)?;
            return Ok(if is_well { Exit::Success } else { Exit::Failure });
        }
        let mut signals = Signals::new(&context.terminal)?;
        let work = Work {
            plan: &plan,
            project: &desired.project,
            model: Some(&model),
            engine: &engine,
            deadline: None,
        };
        let (_, problem) = work.attempt(context, &mut signals).await?;
        if let Some(problem) = problem {
            return Err(problem);
        }
        if args.push {
            let plan = plan::push(&desired, Failures::Errors);
            let work = Work { plan: &plan, ..work };
            let (_, problem) = work.attempt(context, &mut signals).await?;
            return problem.map_or(Ok(Exit::Success), Err);
        }
        Ok(Exit::Success)
    })
}

/// What the flags say of all builds.
struct Flags<'a> {
    args: &'a Args,
    values: BTreeMap<String, String>,
    ssh: Vec<SshKeys>,
    memory: Option<i64>,
}

impl<'a> Flags<'a> {
    fn new(args: &'a Args, model: &Model) -> Result<Self, Error> {
        let value = |arg: &String| match arg.split_once('=') {
            Some((name, value)) => Some((name.to_owned(), value.to_owned())),
            // One that has no value anywhere is not set.
            None => Some((arg.clone(), model.env.get(arg)?.clone())),
        };
        let keys = |text: &String| match text.split_once('=') {
            Some((id, path)) => Ok(SshKeys { id: id.to_owned(), path: Some(path.to_owned()) }),
            None if text == "default" => Ok(SshKeys { id: text.clone(), path: None }),
            None => Err(Error::Usage(format!("invalid ssh key {text:?}"))),
        };
        let memory = args.memory.as_deref().map(units::bytes).transpose();
        Ok(Self {
            args,
            values: args.variables.iter().filter_map(value).collect(),
            ssh: args.ssh.iter().map(keys).collect::<Result<_, _>>()?,
            memory: memory.map_err(|why| Error::Usage(format!("--memory: {why}")))?,
        })
    }

    fn apply(&self, spec: &mut BuildSpec) {
        let Self { args, values, ssh, memory } = self;
        spec.args.extend(values.clone());
        spec.no_cache |= args.no_cache;
        spec.pull |= args.pull;
        spec.ssh.retain(|keys| ssh.iter().all(|other| other.id != keys.id));
        spec.ssh.extend(ssh.iter().cloned());
        spec.memory = *memory;
        for (flag, value) in
            [(&args.provenance, &mut spec.provenance), (&args.sbom, &mut spec.sbom)]
        {
            if flag.is_some() {
                value.clone_from(flag);
            }
        }
    }
}
