//! Builds as a file for `buildx bake`: what `build --print` shows, and what that program is given where the
//! engine's own builder is not enough.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde::Serialize;

use crate::spec::{BuildContext, BuildSpec, Dockerfile, NamedContext, SecretSource};

/// What all builds have in common.
#[derive(Debug, Clone, Copy, Default)]
pub struct BakeOptions {
    /// Images go to their registries as well.
    pub push: bool,
    /// Dockerfiles are checked, and nothing is built.
    pub check: bool,
}

/// The keys are in the order in which Docker Compose writes them.
#[derive(Debug, Serialize)]
pub(super) struct Bake {
    group: BTreeMap<&'static str, Group>,
    target: BTreeMap<String, Target>,
}

#[derive(Debug, Serialize)]
struct Group {
    targets: Vec<String>,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[expect(clippy::struct_field_names, reason = "the names are those of bake")]
struct Target {
    #[serde(skip_serializing_if = "String::is_empty")]
    context: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    contexts: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "String::is_empty")]
    dockerfile: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    dockerfile_inline: String,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    args: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cache_from: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cache_to: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    target: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    secret: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ssh: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    platforms: Vec<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pull: bool,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    no_cache: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    network: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    no_cache_filter: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shm_size: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ulimits: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    call: Option<&'static str>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    entitlements: Vec<String>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    extra_hosts: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    output: Vec<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    attest: Vec<String>,
}

/// The file for these builds.
#[must_use]
pub fn bake(specs: &[&BuildSpec], options: BakeOptions) -> String {
    let names = target_names(specs);
    let target =
        specs.iter().map(|spec| (names[&spec.service].clone(), target(spec, &names, options)));
    let targets = names.values().cloned().collect::<BTreeSet<String>>();
    let group = [("default", Group { targets: targets.into_iter().collect() })].into();
    let file = Bake { group, target: target.collect() };
    let text = serde_json::to_string_pretty(&file).unwrap_or_default();
    // As Go writes it.
    text.replace('<', "\\u003c").replace('>', "\\u003e").replace('&', "\\u0026")
}

/// The names of targets by service. They cannot have dots, and two services must not have the same.
fn target_names(specs: &[&BuildSpec]) -> BTreeMap<String, String> {
    let services: BTreeSet<&str> = specs.iter().map(|spec| spec.service.as_str()).collect();
    let mut names = BTreeMap::new();
    let mut used = BTreeSet::new();
    for service in services {
        let mut name = service.replace('.', "_");
        while !used.insert(name.clone()) {
            name.push('_');
        }
        names.insert(service.to_owned(), name);
    }
    names
}

/// What bake would otherwise replace with the value of a variable.
fn escaped(text: &str) -> String {
    text.replace("${", "$${")
}

fn target(spec: &BuildSpec, names: &BTreeMap<String, String>, options: BakeOptions) -> Target {
    let (dockerfile, dockerfile_inline) = match (&spec.pinned, &spec.dockerfile, &spec.context) {
        (Some(text), ..) | (None, Dockerfile::Inline(text), _) => (String::new(), escaped(text)),
        (None, Dockerfile::Path(path), BuildContext::Folder(folder)) => {
            (Path::new(folder).join(path).display().to_string(), String::new())
        }
        (None, Dockerfile::Path(path), BuildContext::Remote(_)) => (path.clone(), String::new()),
    };
    let contexts = spec.contexts.iter().map(|(name, context)| {
        let context = match context {
            NamedContext::Folder(path) | NamedContext::Remote(path) => path.clone(),
            NamedContext::Service { service, .. } => {
                format!("target:{}", names.get(service).unwrap_or(service))
            }
        };
        (name.clone(), context)
    });
    let push = options.push && spec.named;
    let output = match () {
        () if options.check => Vec::new(),
        () if spec.platforms.len() > 1 => vec![format!("type=image,push={push}")],
        () if push => vec!["type=registry".to_owned()],
        () => vec!["type=docker".to_owned()],
    };
    // Those that the files list come before the service's own.
    let mut tags: Vec<String> = spec.tags.iter().skip(1).cloned().collect();
    tags.extend(spec.tags.first().cloned());
    let attestations = [("provenance", &spec.provenance), ("sbom", &spec.sbom)];
    Target {
        context: match &spec.context {
            BuildContext::Folder(place) | BuildContext::Remote(place) => place.clone(),
        },
        contexts: contexts.collect(),
        dockerfile,
        dockerfile_inline,
        args: spec.args.iter().map(|(name, value)| (name.clone(), escaped(value))).collect(),
        labels: spec.labels.clone(),
        tags,
        cache_from: spec.cache_from.clone(),
        cache_to: spec.cache_to.clone(),
        target: spec.target.clone(),
        secret: spec.secrets.iter().filter_map(|it| secret(&it.id, &it.source)).collect(),
        ssh: spec
            .ssh
            .iter()
            .map(|keys| format!("{}={}", keys.id, keys.path.as_deref().unwrap_or("")))
            .collect(),
        platforms: spec.platforms.clone(),
        pull: spec.pull,
        no_cache: spec.no_cache,
        network: spec.network.clone(),
        no_cache_filter: spec.no_cache_filter.clone(),
        shm_size: spec.shm_size.map(|size| size.to_string()),
        ulimits: spec
            .ulimits
            .iter()
            .map(|(name, soft, hard)| {
                if soft == hard {
                    format!("{name}={soft}")
                } else {
                    format!("{name}={soft}:{hard}")
                }
            })
            .collect(),
        call: options.check.then_some("lint"),
        entitlements: spec.entitlements.clone(),
        extra_hosts: spec.extra_hosts.iter().cloned().collect(),
        output,
        attest: attestations
            .iter()
            .filter_map(|(kind, value)| match value.as_deref() {
                None | Some("false") => None,
                Some("true") => Some(format!("type={kind}")),
                Some(parameters) => Some(format!("type={kind},{parameters}")),
            })
            .collect(),
    }
}

/// Values of variables are not in the file: they go by the environment.
fn secret(id: &str, source: &SecretSource) -> Option<String> {
    match source {
        SecretSource::File(path) => Some(format!("id={id},type=file,src={path}")),
        SecretSource::Variable { name, .. } => Some(format!("id={id},type=env,env={name}")),
        SecretSource::Elsewhere => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_targets_are_their_own() {
        let spec = |name: &str| BuildSpec { service: name.to_owned(), ..BuildSpec::default() };
        let specs = [spec("a.b"), spec("a_b"), spec("c")];
        let specs: Vec<&BuildSpec> = specs.iter().collect();
        let names: Vec<String> = target_names(&specs).into_values().collect();
        assert_eq!(names, ["a_b", "a_b_", "c"]);
    }

    #[test]
    fn values_of_secrets_stay_out() {
        let value = Some("hidden".to_owned());
        let source = SecretSource::Variable { name: "TOKEN".to_owned(), value };
        let secrets = vec![crate::spec::BuildSecret { id: "s".to_owned(), source }];
        let args = [("A".to_owned(), "${x} <b>".to_owned())].into();
        let spec = BuildSpec { args, secrets, ..BuildSpec::default() };
        let text = bake(&[&spec], BakeOptions::default());
        assert!(text.contains("id=s,type=env,env=TOKEN") && !text.contains("hidden"), "{text}");
        assert!(text.contains(r#""$${x} \u003cb\u003e""#), "{text}");
    }
}
