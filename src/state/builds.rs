//! How the images of services are built, as the builder is asked for them.

use std::collections::{BTreeMap, BTreeSet};

use crate::compose::graph::{self, Graph, Reason};
use crate::compose::keys::build::Build;
use crate::compose::keys::secrets::Reference;
use crate::compose::keys::service::Service;
use crate::compose::model::Model;
use crate::compose::paths::is_remote_context;
use crate::compose::project::{self, Project};
use crate::diagnostic::Diagnostic;
use crate::labels;
use crate::names::{self, Separator};
use crate::source::Span;
use crate::spec::{
    BuildContext, BuildSecret, BuildSpec, Dockerfile, NamedContext, SecretSource, SshKeys,
};
use crate::yaml::Node;

/// A service that is there to be built alone.
#[derive(Debug)]
pub struct Input {
    pub name: String,
    pub build: BuildSpec,
    /// Where its `build` stands.
    pub span: Span,
}

pub(super) fn is_named(service: &Service) -> bool {
    service.image.as_ref().is_some_and(|image| !image.is_empty())
}

/// The reference of a service's image.
pub(super) fn image(project: &str, name: &str, service: &Service, separator: Separator) -> String {
    let written = service.image.clone().filter(|_| is_named(service));
    written.unwrap_or_else(|| names::image(project, name, separator))
}

/// How a service is built, if the files say so.
pub(super) fn build(
    model: &Model,
    project: &Project,
    separator: Separator,
    name: &str,
    service: &Service,
    platform: Option<&str>,
) -> Option<BuildSpec> {
    let image = image(&project.name, name, service, separator);
    let named = is_named(service);
    let around =
        Around { model, project, service: name, image: &image, named, separator, platform };
    service.build.as_ref().map(|build| spec(build, &around))
}

/// The services that are off and are to be built for others, and the order of all builds.
pub(super) fn inputs(
    model: &Model,
    project: &Project,
    separator: Separator,
) -> Result<(Vec<Input>, Vec<String>), Diagnostic> {
    let all = model.services.iter().chain(&model.disabled);
    let nodes = all.map(|(name, entry)| (name.as_str(), &entry.node));
    let graph = Graph::of_services(nodes, Reason::Build);
    let order = graph.in_order();
    let mut needed: BTreeSet<&str> = model.services.keys().map(String::as_str).collect();
    // Those that need others stand behind them.
    for name in order.iter().rev() {
        if needed.contains(name)
            && let Some(node) = model.node(&["services", name])
        {
            needed.extend(
                graph::edges(node).filter(|it| it.1.reason == Reason::Build).map(|it| it.0),
            );
        }
    }
    let mut inputs = Vec::new();
    for name in order.iter().filter(|name| !model.services.contains_key(**name)) {
        let Some(node) = model.node(&["services", name]).filter(|_| needed.contains(name)) else {
            continue;
        };
        let service = project::service(node)?;
        let platform = service.platform.as_deref().filter(|it| !it.is_empty());
        let platform = platform.or_else(|| model.default_platform());
        if let Some(build) = build(model, project, separator, name, &service, platform) {
            let span = model.span(&["services", name, "build"]);
            inputs.push(Input { name: (*name).to_owned(), build, span });
        }
    }
    let built = order
        .into_iter()
        .filter(|name| needed.contains(name) && model.node(&["services", name, "build"]).is_some());
    Ok((inputs, built.map(str::to_owned).collect()))
}

/// What is known besides the `build` of a service.
struct Around<'a> {
    pub model: &'a Model,
    pub project: &'a Project,
    pub service: &'a str,
    /// The reference of its image, and whether the files name it.
    pub image: &'a str,
    pub named: bool,
    pub separator: Separator,
    /// The platform of its containers.
    pub platform: Option<&'a str>,
}

/// Works out what a builder is to be asked for.
fn spec(build: &Build, around: &Around<'_>) -> BuildSpec {
    let text = |value: &Option<String>| value.clone().filter(|value| !value.is_empty());
    let mut tags = vec![around.image.to_owned()];
    tags.extend(build.tags.iter().filter(|tag| *tag != around.image).cloned());
    let args = build.args.iter();
    let args = args.filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    let mut entitlements = build.entitlements.clone();
    if build.privileged && !entitlements.iter().any(|it| it == INSECURE) {
        entitlements.push(INSECURE.to_owned());
    }
    let platforms = match (&build.platforms[..], around.platform) {
        ([], Some(platform)) => vec![platform.to_owned()],
        _ => build.platforms.clone(),
    };
    BuildSpec {
        service: around.service.to_owned(),
        tags,
        named: around.named,
        context: context(&build.context),
        dockerfile: match (text(&build.dockerfile_inline), text(&build.dockerfile)) {
            (Some(content), _) => Dockerfile::Inline(content),
            (None, Some(path)) => Dockerfile::Path(path),
            (None, None) => Dockerfile::default(),
        },
        contexts: build
            .additional_contexts
            .iter()
            .map(|(name, context)| (name.clone(), named_context(context, around)))
            .collect(),
        args: args.collect(),
        labels: labelled(build, around),
        target: text(&build.target),
        cache_from: build.cache_from.clone(),
        cache_to: build.cache_to.clone(),
        no_cache: build.no_cache,
        no_cache_filter: build.no_cache_filter.clone(),
        pull: build.pull,
        network: text(&build.network),
        extra_hosts: build
            .extra_hosts
            .iter()
            .filter_map(|line| line.split_once('='))
            .map(|(name, address)| (name.to_owned(), address.to_owned()))
            .collect(),
        shm_size: build.shm_size.get(),
        ulimits: build
            .ulimits
            .iter()
            .map(|(name, limit)| (name.clone(), limit.soft, limit.hard))
            .collect(),
        isolation: text(&build.isolation),
        entitlements,
        platforms,
        secrets: build.secrets.iter().map(|it| secret(it, around)).collect(),
        ssh: build
            .ssh
            .iter()
            .map(|(id, path)| {
                // What names no key means the user's agent.
                let agent = || around.model.env.get("SSH_AUTH_SOCK").cloned();
                let path = text(path).or_else(agent).filter(|path| !path.is_empty());
                SshKeys { id: id.clone(), path }
            })
            .collect(),
        provenance: text(&build.provenance),
        sbom: text(&build.sbom),
        pins: BTreeMap::new(),
        pinned: None,
        memory: None,
    }
}

/// What `privileged` asks for.
const INSECURE: &str = "security.insecure";

fn context(context: &str) -> BuildContext {
    if is_remote_context(context) {
        BuildContext::Remote(context.to_owned())
    } else {
        BuildContext::Folder(context.to_owned())
    }
}

fn named_context(context: &str, around: &Around<'_>) -> NamedContext {
    match context.strip_prefix("service:") {
        Some(service) => {
            let written = around.model.node(&["services", service, "image"]);
            let written = written.and_then(Node::as_str).filter(|image| !image.is_empty());
            let image = written.map_or_else(
                || names::image(&around.project.name, service, around.separator),
                str::to_owned,
            );
            NamedContext::Service { service: service.to_owned(), image }
        }
        None if is_remote_context(context) => NamedContext::Remote(context.to_owned()),
        None => NamedContext::Folder(context.to_owned()),
    }
}

fn labelled(build: &Build, around: &Around<'_>) -> BTreeMap<String, String> {
    let own = [
        (labels::PROJECT, around.project.name.as_str()),
        (labels::SERVICE, around.service),
        (labels::VERSION, labels::COMPOSE_VERSION),
    ];
    let own = own.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned()));
    build.labels.clone().into_iter().chain(own).collect()
}

fn secret(reference: &Reference, around: &Around<'_>) -> BuildSecret {
    let filled = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let id = filled(&reference.target).unwrap_or_else(|| reference.source.clone());
    let object = around.project.secrets.get(&reference.source);
    let file = object.and_then(|object| filled(&object.file));
    let variable = object.and_then(|object| filled(&object.environment));
    let source = match (file, variable) {
        (_, Some(name)) => {
            SecretSource::Variable { value: around.model.env.get(&name).cloned(), name }
        }
        (Some(path), None) => SecretSource::File(path),
        (None, None) => SecretSource::Elsewhere,
    };
    BuildSecret { id, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contexts() {
        assert_eq!(context("/a"), BuildContext::Folder("/a".to_owned()));
        let remote = "https://example.com/x.git#main:sub";
        assert_eq!(context(remote), BuildContext::Remote(remote.to_owned()));
    }

    #[test]
    fn a_secret_is_not_printed() {
        let value = Some("hidden".to_owned());
        let source = SecretSource::Variable { name: "TOKEN".to_owned(), value };
        let text = format!("{:?}", BuildSecret { id: "s".to_owned(), source });
        assert!(text.contains("TOKEN") && !text.contains("hidden"));
    }
}
