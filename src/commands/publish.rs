//! `publish`: a project as an artifact in a registry.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session::{self, Signals};
use crate::commands::{control, digests, images_of, parcel, pinning, sensitive};
use crate::compose::model::Model;
use crate::compose::print::Dialect;
use crate::compose::{EnvFiles, Steps};
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::credentials::Credentials;
use crate::event::{Event, Status, Subject};
use crate::labels;
use crate::plan;
use crate::reference::Reference;
use crate::registry::Registries;
use crate::remote::artifact::{Form, Layer, LayerKind, Project};
use crate::report::logs::LogPrinter;
use crate::report::{Reporter, Streams};
use crate::source::Span;
use crate::yaml::emit;

/// Publish the project to a registry, from where `-f oci://REPOSITORY[:TAG]` runs it
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  rcompose publish example.com/me/app:1.0   Publish it; `-f oci://…` runs it")]
pub(super) struct Args {
    /// Where to: REPOSITORY[:TAG]
    #[arg(value_name = "REPOSITORY[:TAG]")]
    repository: String,
    /// Publish the images of services beside it
    #[arg(long)]
    app: bool,
    /// Pin the tags of images to digests
    #[arg(long)]
    resolve_image_digests: bool,
    /// Include env files
    #[arg(long)]
    with_env: bool,
    /// Version of the artifact's form, 1.0 or 1.1 (the newest that the registry takes)
    #[arg(long, value_name = "VERSION")]
    oci_version: Option<String>,
    /// Answer all questions with yes
    #[arg(short, long)]
    yes: bool,
    /// Speak to the registry without encryption
    #[arg(long, hide = true)]
    insecure_registry: bool,
}

pub(super) fn run(args: &Args, context: &mut Context) -> Result<Exit, Error> {
    let form = match args.oci_version.as_deref() {
        None | Some("") => None,
        Some("1.0") => Some(Form::Old),
        Some("1.1") => Some(Form::New),
        Some(other) => {
            let message = format!("unsupported OCI version: {other}: use 1.0 or 1.1");
            return Err(Error::Usage(message));
        }
    };
    let to = digests::parse(&args.repository, Span::NOWHERE)
        .map_err(|problem| Error::Project(problem.into()))?;
    if to.digest.is_some() {
        let message = "a digest cannot be given: it is what comes of publishing";
        return Err(Error::Usage(message.to_owned()));
    }
    context.take_all_profiles();
    let steps = Steps { env_files: EnvFiles::Unread, ..context.steps() };
    let model = context.load(&[], &steps)?;
    refuse_builds(&model)?;
    let parcel = parcel::pack(&model, context)?;
    if !args.yes {
        for question in sensitive::questions(&model, &parcel, args.with_env) {
            if !control::consent(&question, context)? {
                return Ok(Exit::Interrupted);
            }
        }
    }
    push_images(&model, context)?;
    let mut layers = parcel.layers;
    if args.with_env {
        layers.extend(parcel.env_files);
    }
    let mut images = Vec::new();
    if args.resolve_image_digests || args.app {
        let mut services = model.services.clone();
        pinning::pin(&mut services, context)?;
        let pinned = services.values().filter_map(|entry| entry.node.str_of("image"));
        images.extend(pinned.filter_map(|text| Reference::parse(text).ok()));
        let pins = emit::yaml(&pinning::images_document(&services, Dialect::Yaml));
        layers.push(Layer {
            kind: LayerKind::Compose,
            name: "image-digests.yaml".to_owned(),
            content: pins.into_bytes(),
        });
    }
    if !args.app {
        images.clear();
    }
    let created = Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
    let project = Project { layers: &layers, version: labels::COMPOSE_VERSION, created };
    let publication = Publication { project, form, to: &to, images };
    let plain = if args.insecure_registry { vec![to.registry.clone()] } else { Vec::new() };
    session::block_on(publication.carry_out(&plain, context))
}

/// What has no image in a registry means nothing elsewhere.
fn refuse_builds(model: &Model) -> Result<(), Error> {
    let mut problems = Diagnostics::default();
    for (name, entry) in &model.services {
        let image = entry.node.str_of("image").filter(|image| !image.is_empty());
        if image.is_none() && entry.node.get("build").is_some() {
            let message = format!("`{name}` has no `image`, but a `build` alone");
            problems.push(
                Diagnostic::error(model.span(&["services", name, "build"]), message)
                    .help("give it an `image` that others can pull"),
            );
        }
    }
    if problems.is_empty() { Ok(()) } else { Err(Error::Project(problems)) }
}

/// Pushes what is built here, so that others can pull it. What cannot be pushed is a warning: it may be there
/// already.
fn push_images(model: &Model, context: &mut Context) -> Result<(), Error> {
    if !model.services.values().any(|entry| entry.node.get("build").is_some()) {
        return Ok(());
    }
    let desired = images_of::of_model(model, context)?;
    let plan = plan::push(&desired, images_of::failures(true));
    session::block_on(async {
        let engine = context.connect().await?;
        let mut signals = Signals::new(&context.terminal)?;
        let project = &desired.project;
        session::carry_out(&plan, project, Some(model), &engine, context, &mut signals).await?;
        Ok(())
    })
}

struct Publication<'a> {
    project: Project<'a>,
    form: Option<Form>,
    to: &'a Reference,
    /// That go with it.
    images: Vec<Reference>,
}

impl Publication<'_> {
    async fn carry_out(&self, plain: &[String], context: &mut Context) -> Result<Exit, Error> {
        let mut signals = Signals::new(&context.terminal)?;
        let dry_run = context.options.dry_run;
        let registries = Registries::new(&context.env, plain);
        let mut reporter =
            Reporter::new(&mut context.terminal, LogPrinter::default(), Streams::Apart);
        let subject = Subject::Artifact(self.to.familiar());
        reporter.on(&Event::progress(&subject, Status::Working, "publishing"))?;
        let mut digest = String::new();
        if !dry_run {
            let credentials = Credentials::new(&context.env);
            let pushed = tokio::select! {
                pushed = self.push(&registries, &credentials) => pushed,
                () = signals.next() => return Ok(Exit::Interrupted),
            };
            match pushed {
                Ok(found) => digest = format!(" {found}"),
                Err(error) => {
                    reporter.on(&Event::progress(&subject, Status::Error, "publishing"))?;
                    let message = format!("cannot publish to `{}`: {error}", self.to);
                    let problem = Diagnostic::error(Span::NOWHERE, message);
                    return Err(Error::Project(problem.help_opt(error.help()).into()));
                }
            }
        }
        reporter.on(&Event::progress(&subject, Status::Done, format!("published{digest}")))?;
        Ok(Exit::Success)
    }

    /// Gives the digest of what is published.
    async fn push(
        &self,
        registries: &Registries,
        credentials: &Credentials,
    ) -> Result<String, digests::Failure> {
        let login = digests::login(self.to, credentials).await?;
        let to = registries.repository(self.to, login);
        let project = self.project.push(&to, self.to.target(), self.form).await?;
        let digest = project.digest.clone();
        if !self.images.is_empty() {
            let mut copies = BTreeMap::new();
            for image in &self.images {
                let login = digests::login(image, credentials).await?;
                let from = registries.repository(image, login);
                let copy = to.copy(&from, image.target()).await?;
                copies.insert(copy.digest.clone(), copy);
            }
            self.project.push_index(&to, project, copies.into_values().collect()).await?;
        }
        Ok(digest)
    }
}
