//! `config`: parse, resolve and print a project in canonical form.
#![expect(clippy::disallowed_methods, reason = "`--output` writes a file")]

use std::fmt::Write as _;

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::{pinning, variables};
use crate::compose::model::Model;
use crate::compose::print::{self, Dialect};
use crate::compose::{EnvFiles, Steps};
use crate::diagnostic::nearest;
use crate::names;
use crate::report::table::lines;
use crate::state::hash;
use crate::yaml::{Node, emit};

/// Parse, resolve and print the project in canonical form
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose config                                  The project as it was understood
  rcompose config --services                       Names of services, one a line
  rcompose config --format json --no-interpolate   With its variables, for programs
  rcompose config -o out.yaml                      Into a file")]
pub(super) struct Args {
    /// Services to print, with what they depend on (all, if none are named)
    services: Vec<String>,
    /// Format of the output: yaml or json
    #[arg(long, value_name = "FORMAT")]
    format: Option<String>,
    /// Only check the project, print nothing
    #[arg(short, long)]
    quiet: bool,
    /// Save to a file instead of printing
    #[arg(short, long, value_name = "FILE")]
    output: Option<String>,
    /// Print the names of services, one a line
    #[arg(long = "services")]
    list_services: bool,
    /// Print the names of volumes, one a line
    #[arg(long)]
    volumes: bool,
    /// Print the names of networks, one a line
    #[arg(long)]
    networks: bool,
    /// Print the names of models, one a line
    #[arg(long)]
    models: bool,
    /// Print the config hashes of services, one a line (`*`: of all)
    #[arg(long, value_name = "SERVICES")]
    hash: Option<String>,
    /// Print the names of profiles, one a line
    #[arg(long)]
    profiles: bool,
    /// Print the names of images, one a line
    #[arg(long)]
    images: bool,
    /// Print the variables of the files and their defaults
    #[arg(long)]
    variables: bool,
    /// Print the variables that the files are read with
    #[arg(long)]
    environment: bool,
    /// Leave variables as they are written
    #[arg(long)]
    no_interpolate: bool,
    /// Leave out what the model implies
    #[arg(long)]
    no_normalize: bool,
    /// Leave paths as they are written
    #[arg(long)]
    no_path_resolution: bool,
    /// Do not check references between resources
    #[arg(long)]
    no_consistency: bool,
    /// Leave `env_file` as it is written
    #[arg(long)]
    no_env_resolution: bool,
    /// Pin the tags of images to digests
    #[arg(long)]
    resolve_image_digests: bool,
    /// Print an override file that pins the tags of images to digests
    #[arg(long)]
    lock_image_digests: bool,
}

impl Args {
    /// Whether registries are asked for what the tags of images stand for.
    fn pins(&self) -> bool {
        self.resolve_image_digests || self.lock_image_digests
    }
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let text = selected(args, context)?;
    context.terminal.out(&text)?;
    Ok(Exit::Success)
}

/// What the first list flag asks for, or the whole project.
fn selected(args: &Args, context: &mut Context) -> Result<String, Error> {
    let without_env_files = Steps { env_files: EnvFiles::Unread, ..steps(args, context) };
    if args.list_services {
        if args.no_interpolate {
            let root = context.load_raw(&without_env_files)?;
            let services = root.get("services").and_then(Node::as_map);
            return Ok(lines(services.into_iter().flatten().map(|(name, _)| name)));
        }
        let model = context.load(&[], &without_env_files)?;
        return Ok(lines(model.graph().in_order()));
    }
    if args.volumes || args.networks {
        let model = context.load(&[], &without_env_files)?;
        return Ok(lines(model.names(if args.volumes { "volumes" } else { "networks" })));
    }
    if args.models {
        let model = context.load(&[], &without_env_files)?;
        let models = model.rest.get("models").and_then(Node::as_map);
        return Ok(lines(
            models.into_iter().flatten().filter_map(|(_, entry)| entry.node.str_of("model")),
        ));
    }
    if let Some(names) = args.hash.as_deref().filter(|names| !names.is_empty()) {
        let model = context.load(&[], &without_env_files)?;
        return hashes(names, &model);
    }
    if args.profiles {
        let model = context.load(&args.services, &without_env_files)?;
        let services = model.services.values().chain(model.disabled.values());
        let mut profiles: Vec<&str> = services
            .flat_map(|entry| entry.node.get("profiles").into_iter().flat_map(Node::items))
            .filter_map(Node::as_str)
            .collect();
        profiles.sort_unstable();
        profiles.dedup();
        return Ok(lines(profiles));
    }
    if args.images {
        let model = context.load(&args.services, &without_env_files)?;
        return Ok(lines(model.services.iter().map(|(name, entry)| {
            match entry.node.str_of("image").filter(|image| !image.is_empty()) {
                Some(image) => image.to_owned(),
                None => names::image(&model.name, name, context.separator(&model)),
            }
        })));
    }
    if args.variables {
        let root = context.load_raw(&without_env_files)?;
        return Ok(variables::text(&root, args.format.as_deref()));
    }
    if args.environment {
        let model = context.load(&args.services, &steps(args, context))?;
        return Ok(lines(model.env.iter().map(|(name, value)| format!("{name}={value}"))));
    }
    let text = whole(args, context)?;
    match &args.output {
        // As the peer, which lists all the same.
        _ if args.quiet => Ok(String::new()),
        Some(path) if !text.is_empty() => {
            std::fs::write(path, &text)
                .map_err(|error| Error::Write { path: path.clone(), error })?;
            Ok(String::new())
        }
        _ => Ok(text),
    }
}

fn steps(args: &Args, context: &Context) -> Steps {
    Steps {
        interpolate: !args.no_interpolate,
        normalize: !args.no_normalize && !context.options.compatibility,
        resolve_paths: !args.no_path_resolution,
        consistency: !args.no_consistency,
        env_files: if args.no_env_resolution { EnvFiles::Unread } else { EnvFiles::Enabled },
        ..context.steps()
    }
}

/// The canonical project.
fn whole(args: &Args, context: &mut Context) -> Result<String, Error> {
    let dialect = match args.format.as_deref() {
        None | Some("" | "yaml") => Dialect::Yaml,
        Some("json") => Dialect::Json,
        Some(other) => return Err(Error::Usage(format!("unsupported format {other:?}"))),
    };
    let write = |node: &Node| match dialect {
        Dialect::Yaml => emit::yaml(node),
        Dialect::Json => emit::json(node),
    };
    let steps = steps(args, context);
    if args.no_interpolate {
        let mut root = context.load_raw(&steps)?;
        if args.pins() {
            let mut services = pinning::take_services(&mut root);
            pinning::pin(&mut services, context)?;
            if args.lock_image_digests {
                pinning::warn_of_hooks(&services, context);
                services = pinning::images_only(&services);
                root = Node::map(root.span, [("services", Node::empty_map(root.span))]);
            }
            pinning::put_services(&mut root, services);
        }
        return Ok(write(&print::sorted(&root, dialect)));
    }
    let mut model = context.load(&args.services, &steps)?;
    if args.pins() {
        pinning::pin(&mut model.services, context)?;
    }
    let document = if args.lock_image_digests {
        pinning::warn_of_hooks(&model.services, context);
        pinning::lock(&model, dialect)
    } else {
        model.document(dialect)
    };
    // A dollar that is left is no variable any more, and must not become one when this is read.
    let text = write(&document).replace('$', "$$");
    // The program is about to end: giving large trees back piece by piece would only take time.
    std::mem::forget((model, document));
    Ok(text)
}

fn hashes(names: &str, model: &Model) -> Result<String, Error> {
    let mut wanted: Vec<&str> = match names {
        "*" => model.services.keys().map(String::as_str).collect(),
        names => names.split(',').collect(),
    };
    wanted.sort_unstable();
    let platform = model.default_platform();
    let mut out = String::new();
    for name in wanted {
        let Some(entry) = model.services.get(name) else {
            let near = nearest(name, model.services.keys().map(String::as_str));
            let hint = near.map_or(String::new(), |near| format!(" (did you mean `{near}`?)"));
            return Err(Error::Usage(format!("no such service: {name}{hint}")));
        };
        let _ = writeln!(out, "{name} {}", hash::service(&entry.node, platform));
    }
    Ok(out)
}
