//! A build in the words of the builder's Dockerfile frontend.

use std::collections::{BTreeMap, HashMap};

use bollard_buildkit_proto::moby::buildkit::v1::sourcepolicy::{
    MatchType, Policy, PolicyAction, Rule, Selector, Update,
};
use bollard_buildkit_proto::moby::buildkit::v1::{
    CacheOptions, CacheOptionsEntry, Exporter, SolveRequest,
};

use crate::engine::build::Refusal;
use crate::engine::build::input::ImageInput;
use crate::spec::{BuildContext, BuildSpec, NamedContext};

/// What the frontend calls the folder of the Dockerfile, and the main context.
pub(super) const DOCKERFILE: &str = "dockerfile";
pub(super) const CONTEXT: &str = "context";

/// What is known once a build begins.
pub(super) struct Around<'a> {
    /// How the builder knows this build, and the session that goes with it.
    pub reference: &'a str,
    pub session: &'a str,
    /// The session that offers the context.
    pub context_session: Option<&'a str>,
    /// The name of the Dockerfile in its folder.
    pub dockerfile: &'a str,
    /// Whether its folder is offered by the session, and no part of a context that the builder fetches.
    pub local_dockerfile: bool,
    /// Images that the build starts from, which no registry is asked for, by the names of contexts.
    pub inputs: &'a BTreeMap<String, ImageInput>,
    /// What stands for the host's address.
    pub gateway: Option<&'a str>,
}

/// The name by which a build has the folder of a named context.
pub(super) fn folder_of(name: &str) -> String {
    format!("context-{name}")
}

/// The request that builds an image.
pub(super) fn solve(spec: &BuildSpec, around: &Around<'_>) -> Result<SolveRequest, Refusal> {
    let imports: Vec<CacheOptionsEntry> =
        spec.cache_from.iter().map(|it| cache("cache_from", it)).collect::<Result<_, _>>()?;
    let mut exports: Vec<CacheOptionsEntry> =
        spec.cache_to.iter().map(|it| cache("cache_to", it)).collect::<Result<_, _>>()?;
    // The way to ask for it that is older than cache exports.
    let inline = spec.args.get("BUILDKIT_INLINE_CACHE").is_some_and(|it| is_true(it));
    if inline && exports.iter().all(|export| export.r#type != "inline") {
        exports.push(CacheOptionsEntry { r#type: "inline".to_owned(), attrs: HashMap::new() });
    }
    let mut entitlements = spec.entitlements.clone();
    if spec.network.as_deref() == Some("host") && !entitlements.iter().any(|it| it == HOST_NETWORK)
    {
        entitlements.push(HOST_NETWORK.to_owned());
    }
    let names = ("name".to_owned(), spec.tags.join(","));
    Ok(SolveRequest {
        r#ref: around.reference.to_owned(),
        session: around.session.to_owned(),
        frontend: "dockerfile.v0".to_owned(),
        frontend_attrs: attributes(spec, &imports, around)?,
        exporters: vec![Exporter { r#type: "moby".to_owned(), attrs: [names.clone()].into() }],
        // Builders before 0.13 know one exporter, by these.
        exporter_deprecated: "moby".to_owned(),
        exporter_attrs_deprecated: [names].into(),
        cache: Some(CacheOptions { imports, exports, ..CacheOptions::default() }),
        entitlements,
        frontend_inputs: around
            .inputs
            .iter()
            .map(|(name, input)| (name.clone(), input.definition.clone()))
            .collect(),
        source_policy: (!spec.pins.is_empty()).then(|| policy(spec)),
        ..SolveRequest::default()
    })
}

/// Has images taken by digest, whatever their tags stand for by now.
fn policy(spec: &BuildSpec) -> Policy {
    let image = |reference: &str| format!("docker-image://{reference}");
    let rules = spec.pins.iter().map(|(reference, digest)| Rule {
        action: PolicyAction::Convert.into(),
        selector: Some(Selector {
            identifier: image(reference),
            match_type: MatchType::Exact.into(),
            constraints: Vec::new(),
        }),
        updates: Some(Update {
            identifier: format!("{}@{digest}", image(reference)),
            attrs: HashMap::new(),
        }),
    });
    Policy { version: 1, rules: rules.collect() }
}

const HOST_NETWORK: &str = "network.host";

fn attributes(
    spec: &BuildSpec,
    imports: &[CacheOptionsEntry],
    around: &Around<'_>,
) -> Result<HashMap<String, String>, Refusal> {
    let mut all: HashMap<String, String> = HashMap::new();
    let mut set = |name: &str, value: String| drop(all.insert(name.to_owned(), value));
    set("filename", around.dockerfile.to_owned());
    if let BuildContext::Remote(address) = &spec.context {
        set(CONTEXT, address.clone());
    }
    if let Some(session) = around.context_session {
        set(&format!("local-sessionid:{CONTEXT}"), session.to_owned());
    }
    if around.local_dockerfile && matches!(spec.context, BuildContext::Remote(_)) {
        set("dockerfilekey", DOCKERFILE.to_owned());
    }
    for (name, value) in &spec.args {
        set(&format!("build-arg:{name}"), value.clone());
    }
    for (name, value) in &spec.labels {
        set(&format!("label:{name}"), value.clone());
    }
    if let Some(target) = &spec.target {
        set("target", target.clone());
    }
    if !spec.platforms.is_empty() {
        set("platform", spec.platforms.join(","));
    }
    if spec.no_cache {
        set("no-cache", String::new());
    } else if !spec.no_cache_filter.is_empty() {
        set("no-cache", spec.no_cache_filter.join(","));
    }
    if spec.pull {
        set("image-resolve-mode", "pull".to_owned());
    }
    match spec.network.as_deref() {
        None | Some("default" | "bridge") => {}
        Some(mode @ ("host" | "none")) => set("force-network-mode", mode.to_owned()),
        Some(other) => {
            let message = format!("commands of a build cannot join the network `{other}`");
            return Err(Refusal {
                key: "network",
                message,
                help: "use `host`, `none` or `default`",
            });
        }
    }
    if !spec.extra_hosts.is_empty() {
        let hosts = spec.extra_hosts.iter().map(|(name, address)| {
            let address = match (address.as_str(), around.gateway) {
                (crate::engine::quirks::HOST_GATEWAY, Some(gateway)) => gateway,
                (address, _) => address.trim_start_matches('[').trim_end_matches(']'),
            };
            format!("{name}={address}")
        });
        set("add-hosts", hosts.collect::<Vec<_>>().join(","));
    }
    if let Some(size) = spec.shm_size {
        set("shm-size", size.to_string());
    }
    if !spec.ulimits.is_empty() {
        let limits = spec.ulimits.iter().map(|(name, soft, hard)| format!("{name}={soft}:{hard}"));
        set("ulimit", limits.collect::<Vec<_>>().join(","));
    }
    for (name, context) in &spec.contexts {
        let source = match context {
            NamedContext::Service { .. } if around.inputs.contains_key(name) => {
                format!("input:{name}")
            }
            NamedContext::Folder(_) => format!("local:{}", folder_of(name)),
            NamedContext::Remote(address) => address.clone(),
            NamedContext::Service { image, .. } => format!("docker-image://{image}"),
        };
        set(&format!("context:{name}"), source);
    }
    for (name, input) in around.inputs {
        set(&format!("input-metadata:{name}"), input.metadata.clone());
    }
    if !spec.contexts.is_empty() {
        // A frontend that knows nothing of them says so, instead of pulling an image of that name.
        set("frontend.caps", "moby.buildkit.frontend.contexts+forward".to_owned());
    }
    for (name, value) in [("provenance", &spec.provenance), ("sbom", &spec.sbom)] {
        match value.as_deref() {
            None | Some("false") => {}
            Some("true") => set(&format!("attest:{name}"), String::new()),
            Some(parameters) => set(&format!("attest:{name}"), parameters.to_owned()),
        }
    }
    if !imports.is_empty() {
        let imports = imports.iter();
        let imports = imports.map(|it| serde_json::json!({"Type": it.r#type, "Attrs": it.attrs}));
        set("cache-imports", imports.collect::<serde_json::Value>().to_string());
    }
    Ok(all)
}

fn is_true(word: &str) -> bool {
    matches!(word, "1" | "t" | "T" | "true" | "TRUE" | "True")
}

/// Reads `type=registry,ref=…`, or the reference of an image.
fn cache(key: &'static str, text: &str) -> Result<CacheOptionsEntry, Refusal> {
    let entry = |kind: &str, attrs| CacheOptionsEntry { r#type: kind.to_owned(), attrs };
    if !text.contains('=') {
        return Ok(entry("registry", [("ref".to_owned(), text.to_owned())].into()));
    }
    let mut attrs = HashMap::new();
    for field in text.split(',') {
        let Some((name, value)) = field.split_once('=') else {
            let message = format!("`{text}` is no cache: `{field}` is no `NAME=VALUE`");
            return Err(Refusal { key, message, help: "write `type=registry,ref=IMAGE`" });
        };
        attrs.insert(name.trim().to_lowercase(), value.trim().to_owned());
    }
    let Some(kind) = attrs.remove("type") else {
        let message = format!("`{text}` is no cache: it has no `type`");
        return Err(Refusal { key, message, help: "write `type=registry,ref=IMAGE`" });
    };
    Ok(entry(&kind, attrs))
}

#[cfg(test)]
mod tests {
    use super::*;

    static NO_INPUTS: BTreeMap<String, ImageInput> = BTreeMap::new();

    fn around() -> Around<'static> {
        Around {
            reference: "r",
            session: "s",
            context_session: Some("c"),
            dockerfile: "Dockerfile",
            local_dockerfile: true,
            inputs: &NO_INPUTS,
            gateway: Some("172.17.0.1"),
        }
    }

    fn attribute(change: impl FnOnce(&mut BuildSpec), name: &str) -> Option<String> {
        let mut spec = BuildSpec::default();
        change(&mut spec);
        let request = solve(&spec, &around()).map_err(|it| it.message).unwrap();
        request.frontend_attrs.get(name).cloned()
    }

    #[test]
    fn keys_become_attributes() {
        let text = |text: &str| Some(text.to_owned());
        let check = |change: fn(&mut BuildSpec), name: &str, want: &str| {
            assert_eq!(attribute(change, name).as_deref(), Some(want), "{name}");
        };
        check(|_| {}, "filename", "Dockerfile");
        check(|_| {}, "local-sessionid:context", "c");
        check(|it| drop(it.args.insert("A".into(), "1".into())), "build-arg:A", "1");
        check(|it| drop(it.labels.insert("l".into(), "v".into())), "label:l", "v");
        check(|it| it.target = Some("t".into()), "target", "t");
        check(|it| it.no_cache = true, "no-cache", "");
        check(|it| it.no_cache_filter = vec!["a".into(), "b".into()], "no-cache", "a,b");
        check(|it| it.pull = true, "image-resolve-mode", "pull");
        check(|it| it.network = Some("none".into()), "force-network-mode", "none");
        check(|it| it.shm_size = Some(64), "shm-size", "64");
        check(|it| it.ulimits = vec![("nofile".into(), 1, 2)], "ulimit", "nofile=1:2");
        check(|it| it.platforms = vec!["linux/arm64".into()], "platform", "linux/arm64");
        check(|it| it.sbom = Some("true".into()), "attest:sbom", "");
        check(|it| it.provenance = Some("mode=max".into()), "attest:provenance", "mode=max");
        let hosts = |it: &mut BuildSpec| {
            it.extra_hosts =
                vec![("h".into(), "host-gateway".into()), ("six".into(), "[::1]".into())];
        };
        check(hosts, "add-hosts", "h=172.17.0.1,six=::1");
        assert_eq!(attribute(|it| it.network = text("default"), "force-network-mode"), None);
        assert_eq!(attribute(|it| it.sbom = text("false"), "attest:sbom"), None);
    }

    #[test]
    fn contexts_become_attributes() {
        let context = |context: NamedContext| {
            attribute(|it| drop(it.contexts.insert("n".to_owned(), context)), "context:n").unwrap()
        };
        let service = NamedContext::Service { service: "base".into(), image: "p-base".into() };
        assert_eq!(context(service), "docker-image://p-base");
        assert_eq!(context(NamedContext::Folder("/a".into())), "local:context-n");
        assert_eq!(context(NamedContext::Remote("docker-image://a".into())), "docker-image://a");
        let remote = |it: &mut BuildSpec| it.context = BuildContext::Remote("git@x:y.git".into());
        assert_eq!(attribute(remote, "context").as_deref(), Some("git@x:y.git"));
        assert_eq!(attribute(remote, "dockerfilekey").as_deref(), Some("dockerfile"));
    }

    #[test]
    fn pins_become_a_policy() {
        let pins = [("registry.example/a:1".to_owned(), "sha256:f".to_owned())].into();
        let spec = BuildSpec { pins, ..BuildSpec::default() };
        let request = solve(&spec, &around()).map_err(|it| it.message).unwrap();
        let rule = request.source_policy.unwrap().rules.remove(0);
        assert_eq!(rule.selector.unwrap().identifier, "docker-image://registry.example/a:1");
        let pinned = "docker-image://registry.example/a:1@sha256:f";
        assert_eq!(rule.updates.unwrap().identifier, pinned);
    }

    #[test]
    fn caches() {
        let read = |text: &str| {
            let entry = cache("cache_from", text).ok()?;
            let mut attrs: Vec<_> = entry.attrs.into_iter().collect();
            attrs.sort();
            Some((entry.r#type, attrs))
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read("a:1"), Some(("registry".into(), vec![pair("ref", "a:1")])));
        assert_eq!(read("type=local,src=./c"), Some(("local".into(), vec![pair("src", "./c")])));
        assert_eq!(read("ref=a"), None);
        assert_eq!(read("type=inline,x"), None);
    }

    #[test]
    fn what_builders_cannot_do_is_refused() {
        let refused = |spec: BuildSpec| solve(&spec, &around()).err().map(|it| it.key);
        let spec = BuildSpec { network: Some("mine".into()), ..BuildSpec::default() };
        assert_eq!(refused(spec), Some("network"));
        let spec = BuildSpec { cache_to: vec!["ref=x".into()], ..BuildSpec::default() };
        assert_eq!(refused(spec), Some("cache_to"));
    }
}
