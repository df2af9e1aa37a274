//! Where the builders behind `POST /build` differ: Docker's classic one and Podman's.

use std::collections::BTreeMap;

use crate::engine::facts::{Api, Facts};
use crate::spec::{BuildContext, BuildSpec, Dockerfile, NamedContext};

/// A build as it is asked for over the endpoint that is older than `BuildKit`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BuildRequest {
    /// Parameters; a name may come several times.
    pub query: Vec<(&'static str, String)>,
    /// Secrets by their IDs, with the names that they have in the archive.
    pub secrets: Vec<(String, String)>,
    /// Contexts besides the main one.
    pub contexts: Vec<(String, OtherContext)>,
}

/// A context besides the main one, as engines know it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OtherContext {
    Image(String),
    Address(String),
    /// It is sent beside the main one.
    Folder,
}

impl BuildRequest {
    fn take(&mut self, name: &str) -> Vec<String> {
        let (taken, left) =
            std::mem::take(&mut self.query).into_iter().partition(|it| it.0 == name);
        self.query = left;
        let taken: Vec<(&str, String)> = taken;
        taken.into_iter().map(|(_, value)| value).collect()
    }

    fn add(&mut self, name: &'static str, value: &serde_json::Value) {
        self.query.push((name, value.to_string()));
    }
}

/// Something that `BuildKit` takes without a word, and without effect.
pub struct BuildLoss {
    /// The key, or the flag.
    pub asks: &'static str,
    pub asked: fn(&BuildSpec) -> bool,
    pub lost: fn(&Facts) -> bool,
    /// A clause.
    pub says: &'static str,
}

/// The first interface of engines whose `BuildKit` can limit commands and give them memory to share: that
/// of Docker 23.
const LIMITED: Api = Api(1, 42);

pub static BUILD_LOSSES: &[BuildLoss] = &[
    BuildLoss {
        asks: "isolation",
        asked: |spec| spec.isolation.as_deref().is_some_and(|it| it != "default"),
        lost: |_| true,
        says: "BuildKit has one kind of isolation",
    },
    BuildLoss {
        asks: "--memory",
        asked: |spec| spec.memory.is_some(),
        lost: |_| true,
        says: "only the classic builder limits memory",
    },
    BuildLoss {
        asks: "shm_size",
        asked: |spec| spec.shm_size.is_some(),
        lost: |engine| engine.api < LIMITED,
        says: "BuildKit of Docker 23 first has it",
    },
    BuildLoss {
        asks: "ulimits",
        asked: |spec| !spec.ulimits.is_empty(),
        lost: |engine| engine.api < LIMITED,
        says: "BuildKit of Docker 23 first has them",
    },
];

/// What of a build has no effect with the `BuildKit` of this engine.
pub fn lost<'a>(spec: &'a BuildSpec, facts: &'a Facts) -> impl Iterator<Item = &'static BuildLoss> {
    BUILD_LOSSES.iter().filter(|loss| (loss.asked)(spec) && (loss.lost)(facts))
}

/// A difference between the builders behind that endpoint.
pub struct BuildQuirk {
    pub name: &'static str,
    pub applies: fn(&Facts) -> bool,
    pub adapt: fn(&mut BuildRequest),
    /// Where it is said or was seen.
    pub because: &'static str,
}

pub static BUILD_QUIRKS: &[BuildQuirk] = &[
    BuildQuirk {
        name: "limits are text",
        applies: |engine| engine.is_podman(),
        adapt: |request| {
            for limits in request.take("ulimits") {
                let limits: Vec<serde_json::Value> =
                    serde_json::from_str(&limits).unwrap_or_default();
                let text = |limit: &serde_json::Value| {
                    let name = limit["Name"].as_str().unwrap_or_default();
                    format!("{name}={}:{}", limit["Soft"], limit["Hard"])
                };
                let limits: Vec<String> = limits.iter().map(text).collect();
                request.add("ulimits", &serde_json::json!(limits));
            }
        },
        because: "Podman answers 400 to objects",
    },
    BuildQuirk {
        name: "labels are a list",
        applies: |engine| engine.is_podman(),
        adapt: |request| {
            for labels in request.take("labels") {
                let labels: BTreeMap<String, String> =
                    serde_json::from_str(&labels).unwrap_or_default();
                let labels: Vec<String> =
                    labels.iter().map(|(name, value)| format!("{name}={value}")).collect();
                request.add("labels", &serde_json::json!(labels));
            }
        },
        because: "Podman sets those of an object in an order by chance, and so makes another image each \
                  time; a list of its older clients keeps its order",
    },
    BuildQuirk {
        name: "hosts are a list",
        applies: |engine| engine.is_podman(),
        adapt: |request| {
            let hosts = request.take("extrahosts");
            if !hosts.is_empty() {
                request.add("extrahosts", &serde_json::json!(hosts));
            }
        },
        because: "Podman reads the parameter as JSON, and once",
    },
    BuildQuirk {
        name: "networks are policies and namespaces",
        applies: |engine| engine.is_podman(),
        adapt: |request| {
            for network in request.take("networkmode") {
                let space = |host: bool, path: &str| serde_json::json!([{"Name": "network", "Host": host, "Path": path}]);
                match &*network {
                    "" | "default" | "bridge" => {}
                    // Its number; the word is ignored.
                    "none" => request.query.push(("networkmode", "1".to_owned())),
                    "host" => request.add("nsoptions", &space(true, "")),
                    name => request.add("nsoptions", &space(false, name)),
                }
            }
        },
        because: "Podman takes `networkmode=none` and goes on with a network",
    },
    BuildQuirk {
        name: "caches are repositories",
        applies: |engine| engine.is_podman(),
        adapt: |request| drop(request.take("cachefrom")),
        because: "Podman reads names of repositories that its own builds have pushed layers to",
    },
    BuildQuirk {
        name: "secrets come with the context",
        applies: |engine| engine.is_podman(),
        adapt: |request| {
            let secrets = std::mem::take(&mut request.secrets);
            let secrets: Vec<String> =
                secrets.iter().map(|(id, name)| format!("id={id},src={name}")).collect();
            if !secrets.is_empty() {
                request.add("secrets", &serde_json::json!(secrets));
            }
        },
        because: "Podman takes them out of the context before it builds",
    },
    BuildQuirk {
        name: "contexts are one object",
        applies: |engine| engine.podman.is_some_and(|version| version < SEVERAL_CONTEXTS),
        adapt: |request| {
            let object = |context: OtherContext| match context {
                OtherContext::Address(value) => {
                    serde_json::json!({"IsURL": true, "IsImage": false, "Value": value})
                }
                OtherContext::Image(value) => {
                    serde_json::json!({"IsURL": false, "IsImage": true, "Value": value})
                }
                OtherContext::Folder => serde_json::Value::Null,
            };
            let contexts = std::mem::take(&mut request.contexts);
            let contexts: serde_json::Map<String, serde_json::Value> =
                contexts.into_iter().map(|(name, it)| (name, object(it))).collect();
            if !contexts.is_empty() {
                request.add("additionalbuildcontexts", &contexts.into());
            }
        },
        because: "until 5.6 Podman's interface has its builder's own type",
    },
    BuildQuirk {
        name: "contexts come one by one",
        applies: |engine| engine.podman.is_some_and(|version| version >= SEVERAL_CONTEXTS),
        adapt: |request| {
            for (name, context) in std::mem::take(&mut request.contexts) {
                let value = match context {
                    OtherContext::Address(value) => format!("{name}=url:{value}"),
                    OtherContext::Image(value) => format!("{name}=image:{value}"),
                    OtherContext::Folder => continue,
                };
                request.query.push(("additionalbuildcontexts", value));
            }
        },
        because: "since 5.6 Podman takes archives of them, too, each in a part of the request",
    },
];

/// The first Podman that takes folders besides the main one.
const SEVERAL_CONTEXTS: Api = Api(5, 6);

/// Rewrites what Docker's builder is asked for as this engine can take it.
pub fn adapt(request: &mut BuildRequest, facts: &Facts) {
    for quirk in BUILD_QUIRKS.iter().filter(|quirk| (quirk.applies)(facts)) {
        (quirk.adapt)(request);
    }
}

/// Something that not every builder behind that endpoint can do.
pub struct BuildGate {
    /// The key of `build` that asks for it.
    pub key: &'static str,
    pub asked: fn(&BuildSpec) -> bool,
    pub able: fn(&Facts) -> bool,
    /// A clause.
    pub says: &'static str,
}

pub static BUILD_GATES: &[BuildGate] = &[
    BuildGate {
        key: "secrets",
        asked: |spec| !spec.secrets.is_empty(),
        able: |engine| engine.is_podman(),
        says: "the classic builder has no secrets",
    },
    BuildGate {
        key: "ssh",
        asked: |spec| !spec.ssh.is_empty(),
        able: |_| false,
        says: "this builder cannot be lent SSH keys",
    },
    BuildGate {
        key: "additional_contexts",
        asked: |spec| !spec.contexts.is_empty(),
        able: |engine| engine.is_podman(),
        says: "the classic builder has one context",
    },
    BuildGate {
        key: "additional_contexts",
        asked: |spec| spec.contexts.values().any(|it| matches!(it, NamedContext::Folder(_))),
        able: |engine| engine.podman.is_some_and(|version| version >= SEVERAL_CONTEXTS),
        says: "a folder needs Podman 5.6 or later",
    },
    BuildGate {
        key: "context",
        asked: |spec| matches!(spec.context, BuildContext::Remote(_)),
        able: |engine| !engine.is_podman(),
        says: "Podman fetches no context",
    },
    BuildGate {
        key: "dockerfile_inline",
        asked: |spec| {
            matches!(spec.context, BuildContext::Remote(_))
                && matches!(spec.dockerfile, Dockerfile::Inline(_))
        },
        able: |_| false,
        says: "this builder looks for the Dockerfile in the context that it fetches",
    },
    BuildGate {
        key: "entitlements",
        asked: |spec| !spec.entitlements.is_empty(),
        able: |_| false,
        says: "this builder has none, and no `privileged`",
    },
    BuildGate {
        key: "platforms",
        asked: |spec| spec.platforms.len() > 1,
        able: |_| false,
        says: "this builder builds for one platform at a time",
    },
    BuildGate {
        key: "cache_to",
        asked: |spec| !spec.cache_to.is_empty(),
        able: |_| false,
        says: "this builder cannot hand over its cache",
    },
    BuildGate {
        key: "no_cache_filter",
        asked: |spec| !spec.no_cache_filter.is_empty(),
        able: |_| false,
        says: "this builder uses its cache for all stages or for none",
    },
    BuildGate {
        key: "provenance",
        asked: |spec| spec.provenance.as_ref().is_some_and(|it| it != "false"),
        able: |_| false,
        says: "this builder attaches nothing to images",
    },
    BuildGate {
        key: "sbom",
        asked: |spec| spec.sbom.as_ref().is_some_and(|it| it != "false"),
        able: |_| false,
        says: "this builder attaches nothing to images",
    },
    BuildGate {
        key: "isolation",
        asked: |spec| spec.isolation.as_ref().is_some_and(|it| it != "default"),
        able: |engine| !engine.is_podman(),
        says: "Podman has no choice of it",
    },
];

/// The file that a builder looks for first to leave files out, if it does that itself: Podman's does, by
/// rules that are almost those of Docker. (With `**` nothing can be taken back.)
#[must_use]
pub fn own_rules(engine: &Facts) -> Option<&'static str> {
    engine.is_podman().then_some(".containerignore")
}

/// The first thing a build asks for that this engine's builder cannot do.
#[must_use]
pub fn refused(spec: &BuildSpec, facts: &Facts) -> Option<&'static BuildGate> {
    BUILD_GATES.iter().find(|gate| (gate.asked)(spec) && !(gate.able)(facts))
}

/// What helps where a builder cannot do something.
#[must_use]
pub fn help(facts: &Facts) -> &'static str {
    if facts.is_podman() {
        "leave it out, or build with Docker"
    } else {
        "unset DOCKER_BUILDKIT to build with BuildKit"
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build_request() -> BuildRequest {
        let text = |text: &str| text.to_owned();
        BuildRequest {
            query: vec![
                ("t", text("a")),
                ("labels", text(r#"{"b":"1=2","a":"3"}"#)),
                ("ulimits", text(r#"[{"Name":"nofile","Soft":1,"Hard":2}]"#)),
                ("extrahosts", text("a:1")),
                ("extrahosts", text("b:2")),
                ("networkmode", text("none")),
                ("cachefrom", text(r#"["c"]"#)),
            ],
            secrets: vec![(text("s"), text(".secret-1"))],
            contexts: vec![
                (text("base"), OtherContext::Image(text("b:1"))),
                (text("far"), OtherContext::Address(text("https://x"))),
            ],
        }
    }

    fn adapted(facts: &Facts) -> Vec<String> {
        let mut request = build_request();
        adapt(&mut request, facts);
        request.query.iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    #[test]
    fn builds_are_asked_for_in_the_words_of_the_engine() {
        let mut request = build_request();
        adapt(&mut request, &Facts::docker(Api(1, 51)));
        assert_eq!(request, build_request());
        let both = [
            "t=a",
            r#"ulimits=["nofile=1:2"]"#,
            r#"labels=["a=3","b=1=2"]"#,
            r#"extrahosts=["a:1","b:2"]"#,
            "networkmode=1",
            r#"secrets=["id=s,src=.secret-1"]"#,
        ];
        let old = adapted(&Facts::podman(Api(4, 3)));
        assert_eq!(old[..6], both);
        let contexts = r#"additionalbuildcontexts={"base":{"IsImage":true,"IsURL":false,"Value":"b:1"},"far":{"IsImage":false,"IsURL":true,"Value":"https://x"}}"#;
        assert_eq!(old[6..], [contexts]);
        let new = adapted(&Facts::podman(Api(5, 8)));
        assert_eq!(new[..6], both);
        let contexts =
            ["additionalbuildcontexts=base=image:b:1", "additionalbuildcontexts=far=url:https://x"];
        assert_eq!(new[6..], contexts);
    }

    #[test]
    fn podman_leaves_files_out_itself() {
        assert_eq!(own_rules(&Facts::podman(Api(4, 3))), Some(".containerignore"));
        assert_eq!(own_rules(&Facts::docker(Api(1, 51))), None);
    }

    type Change = fn(&mut BuildSpec);

    #[test]
    fn what_a_builder_cannot_do_is_refused_by_its_key() {
        let key = |change: Change, facts: &Facts| {
            let mut spec = BuildSpec::default();
            change(&mut spec);
            refused(&spec, facts).map(|gate| gate.key)
        };
        let (docker, podman, old) =
            (Facts::docker(Api(1, 51)), Facts::podman(Api(5, 8)), Facts::podman(Api(4, 3)));
        let folder: Change = |spec| {
            spec.contexts.insert("x".to_owned(), NamedContext::Folder("/x".to_owned()));
        };
        let image: Change = |spec| {
            let image = NamedContext::Remote("docker-image://x".to_owned());
            spec.contexts.insert("x".to_owned(), image);
        };
        let isolation: Change = |spec| spec.isolation = Some("process".to_owned());
        let remote: Change = |spec| spec.context = BuildContext::Remote("https://x".to_owned());
        let plain: Change = |spec| spec.provenance = Some("false".to_owned());
        let table: &[(Change, [Option<&str>; 3])] = &[
            (folder, [Some("additional_contexts"), None, Some("additional_contexts")]),
            (image, [Some("additional_contexts"), None, None]),
            (isolation, [None, Some("isolation"), Some("isolation")]),
            (remote, [None, Some("context"), Some("context")]),
            (plain, [None; 3]),
            (|spec| spec.sbom = Some("true".to_owned()), [Some("sbom"); 3]),
            (|spec| spec.cache_to.push("x".to_owned()), [Some("cache_to"); 3]),
            (|spec| spec.entitlements.push("x".to_owned()), [Some("entitlements"); 3]),
        ];
        for (change, wanted) in table {
            assert_eq!([&docker, &podman, &old].map(|facts| key(*change, facts)), *wanted);
        }
    }

    #[test]
    fn losses_name_what_asks_for_them() {
        let spec = BuildSpec {
            isolation: Some("hyperv".to_owned()),
            memory: Some(1),
            shm_size: Some(1),
            ulimits: vec![("nofile".to_owned(), 1, 1)],
            ..BuildSpec::default()
        };
        let asks = |spec: &BuildSpec, api| {
            lost(spec, &Facts::docker(api)).map(|loss| loss.asks).collect::<Vec<_>>()
        };
        assert_eq!(asks(&spec, Api(1, 41)), ["isolation", "--memory", "shm_size", "ulimits"]);
        assert_eq!(asks(&spec, Api(1, 42)), ["isolation", "--memory"]);
        let default = BuildSpec { isolation: Some("default".to_owned()), ..BuildSpec::default() };
        assert_eq!(asks(&default, Api(1, 41)), [""; 0]);
    }
}
