//! Whether the names inside a project's networks are answered as they should be: what has to be asked
//! from which container, and what an answer means.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::engine::Attachment;

/// A container of a service.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Container {
    pub id: String,
    pub name: String,
    pub service: String,
    pub runs: bool,
    /// `host`, `none`, `container:ID`, or the name of a network.
    pub mode: String,
    /// By the names of the networks.
    pub networks: BTreeMap<String, Attachment>,
}

/// A question for the server of a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ask {
    pub network: String,
    /// The name as it is asked for: with that of the network behind it, where a server takes that and
    /// there are several networks.
    pub asked: String,
    /// The name that is meant.
    pub name: String,
    /// What is right: one of these.
    pub right: Vec<BTreeSet<Ipv4Addr>>,
}

/// What a server has said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Heard {
    pub addresses: BTreeSet<Ipv4Addr>,
    /// `NXDOMAIN` and the like; empty if there is an answer.
    pub problem: String,
}

/// What [`Heard::problem`] says if nobody has answered.
pub const SILENCE: &str = "no answer";

/// How an engine answers names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Server {
    /// In each container, for one of its networks at a time, which may be named.
    Inside,
    /// At the gateway of each network, for all networks of who asks.
    AtGateways,
}

/// Networks whose engines answer no names on them.
const NAMELESS: [&str; 4] = ["bridge", "host", "none", "podman"];

/// The networks of a container on which names are answered.
fn named(container: &Container) -> impl Iterator<Item = (&str, &Attachment)> {
    let networks = container.networks.iter();
    networks
        .filter(|(name, _)| !NAMELESS.contains(&name.as_str()))
        .map(|(name, attachment)| (name.as_str(), attachment))
}

/// Why a container is not asked, or has no name that others could ask for; `None` if it is like any
/// other.
#[must_use]
pub fn apart(container: &Container, all: &[Container]) -> Option<String> {
    if !container.runs {
        return Some("it does not run, so it has no name".to_owned());
    }
    match container.mode.as_str() {
        "host" => {
            return Some(
                "it shares the network of the engine's machine, where the engine answers no names; others \
                 reach it there, and not by the name of its service"
                    .to_owned(),
            );
        }
        "none" => return Some("it has no network, and so no names".to_owned()),
        _ => {}
    }
    if let Some(owner) = container.mode.strip_prefix("container:") {
        let owner = all.iter().find(|it| it.id == owner).map_or(owner, |it| &it.name);
        return Some(format!("it shares the network of {owner}, and is answered as that is"));
    }
    match (named(container).next(), container.networks.keys().next()) {
        (Some(_), _) => None,
        (None, Some(network)) => Some(format!(
            "it is on the engine's own network `{network}` alone, on which there are no names; networks of \
             the project have them"
        )),
        (None, None) => Some("it is connected to no network, so it has no name".to_owned()),
    }
}

/// The names of a container on one of its networks, but for its ID.
fn names<'a>(container: &'a Container, attachment: &'a Attachment) -> BTreeSet<&'a str> {
    let is_id = |name: &str| name.len() >= 12 && container.id.starts_with(name);
    let aliases = attachment.aliases.iter().map(String::as_str);
    let own = [container.name.as_str(), container.service.as_str()];
    aliases.chain(own).filter(|name| !name.is_empty() && !is_id(name)).collect()
}

/// All names on a network with their addresses.
fn directory<'a>(network: &str, all: &'a [Container]) -> BTreeMap<&'a str, BTreeSet<Ipv4Addr>> {
    let mut directory: BTreeMap<&str, BTreeSet<Ipv4Addr>> = BTreeMap::new();
    for container in all.iter().filter(|it| it.runs) {
        let Some(attachment) = container.networks.get(network) else { continue };
        for name in names(container, attachment) {
            directory.entry(name).or_default().extend(attachment.address);
        }
    }
    directory.retain(|_, addresses| !addresses.is_empty());
    directory
}

/// What is to be asked from a container.
#[must_use]
pub fn asks(from: &Container, all: &[Container], server: Server) -> Vec<Ask> {
    let networks: Vec<&str> = named(from).map(|(name, _)| name).collect();
    let directories: Vec<BTreeMap<&str, BTreeSet<Ipv4Addr>>> =
        networks.iter().map(|network| directory(network, all)).collect();
    let mut asks = Vec::new();
    for (network, directory) in networks.iter().zip(&directories) {
        for (name, addresses) in directory {
            let mut right: Vec<BTreeSet<Ipv4Addr>> =
                directories.iter().filter_map(|it| it.get(name).cloned()).collect();
            if server == Server::AtGateways {
                right.push(right.iter().flatten().copied().collect());
            }
            let ask = |asked: String, right| Ask {
                network: (*network).to_owned(),
                asked,
                name: (*name).to_owned(),
                right,
            };
            asks.push(ask((*name).to_owned(), right));
            if server == Server::Inside && networks.len() > 1 {
                asks.push(ask(format!("{name}.{network}"), vec![addresses.clone()]));
            }
        }
    }
    asks
}

/// Networks that the files give a service, and that its container is not on: what to say of it.
#[must_use]
pub fn missing(container: &Container, wanted: &[String]) -> Vec<(String, String)> {
    let missing = wanted.iter().filter(|it| !container.networks.contains_key(*it));
    let text = |network: &String| {
        let text = format!(
            "{} is not on it, as its service should be: `rcompose up -d {}` makes it anew",
            container.name, container.service
        );
        (network.clone(), text)
    };
    missing.map(text).collect()
}

/// What is wrong with an answer; `None` if it is right. `serves` says whether that server has answered
/// anything at all: one that does not know a name asks others, of whom there may be none.
#[must_use]
pub fn judge(ask: &Ask, heard: &Heard, all: &[Container], serves: bool) -> Option<String> {
    if ask.right.contains(&heard.addresses) {
        return None;
    }
    if heard.problem == SILENCE && !serves {
        return Some(
            "nobody answers: the engine's own server of names does not work there".to_owned(),
        );
    }
    let owners: Vec<&Container> = all
        .iter()
        .filter(|it| it.runs)
        .filter(|it| {
            it.networks.get(&ask.network).is_some_and(|on| names(it, on).contains(&*ask.name))
        })
        .collect();
    // Connected by hand, a container has no aliases but those that were given then.
    let by_hand = owners.iter().find(|it| {
        let aliases = it.networks.get(&ask.network).map(|on| &on.aliases);
        it.name != ask.name && aliases.is_some_and(|them| !them.contains(&ask.name))
    });
    let mut reasons = Vec::new();
    if let Some(container) = by_hand {
        reasons.push(format!(
            "{} is connected without the alias `{}`, as it is by hand: `rcompose up -d --force-recreate {}` \
             connects it anew",
            container.name, ask.name, container.service
        ));
    }
    let wanted: BTreeSet<Ipv4Addr> = ask.right.iter().flatten().copied().collect();
    for address in heard.addresses.difference(&wanted) {
        let owner = all
            .iter()
            .find(|it| it.runs && it.networks.values().any(|on| on.address == Some(*address)));
        reasons.push(match owner {
            Some(owner) if owner.networks.contains_key(&ask.network) => {
                format!("{address} is {}, which is not called so", owner.name)
            }
            Some(owner) => format!("{address} is {} on another network", owner.name),
            None => format!("{address} belongs to no running container of the project: it is stale, or somebody else's"),
        });
    }
    let expected = ask.right.first().cloned().unwrap_or_default();
    let lost: Vec<String> = expected
        .difference(&heard.addresses)
        .map(|address| {
            let owner = owners.iter().find(|it| {
                it.networks.get(&ask.network).is_some_and(|on| on.address == Some(*address))
            });
            owner.map_or_else(|| address.to_string(), |it| format!("{address} ({})", it.name))
        })
        .collect();
    if reasons.is_empty() && !lost.is_empty() {
        let said =
            if heard.problem.is_empty() { String::new() } else { format!(" ({})", heard.problem) };
        reasons.push(format!(
            "{} is missing{said}: the engine has lost the name; connect the container anew",
            lost.join(", ")
        ));
    }
    if reasons.is_empty() {
        let told =
            if heard.problem.is_empty() { "the answer is another one" } else { &heard.problem };
        reasons.push(told.to_owned());
    }
    Some(reasons.join("; "))
}

/// The services besides its own that answer to a name on a network: that is allowed, and worth knowing.
#[must_use]
pub fn shared_by(ask: &Ask, all: &[Container]) -> Vec<String> {
    let on = |it: &&Container| {
        it.runs
            && it.networks.get(&ask.network).is_some_and(|on| names(it, on).contains(&*ask.name))
    };
    let services: BTreeSet<&str> = all.iter().filter(on).map(|it| it.service.as_str()).collect();
    if services.len() < 2 { Vec::new() } else { services.into_iter().map(str::to_owned).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(last: u8) -> Ipv4Addr {
        Ipv4Addr::new(10, 0, 0, last)
    }

    fn set(last: &[u8]) -> BTreeSet<Ipv4Addr> {
        last.iter().map(|it| ip(*it)).collect()
    }

    /// `web-1` on networks, each with the last byte of the address and the aliases.
    fn container(name: &str, networks: &[(&str, u8, &[&str])]) -> Container {
        let service = name.rsplit_once('-').unwrap().0;
        let networks = networks.iter().map(|(network, last, aliases)| {
            let aliases = aliases.iter().map(|it| (*it).to_owned()).collect();
            let attachment =
                Attachment { address: Some(ip(*last)), aliases, ..Attachment::default() };
            ((*network).to_owned(), attachment)
        });
        Container {
            id: format!("{:0>64}", service.len()),
            name: name.to_owned(),
            service: service.to_owned(),
            runs: true,
            mode: "front".to_owned(),
            networks: networks.collect(),
        }
    }

    fn project() -> Vec<Container> {
        vec![
            container("web-1", &[("front", 1, &["web", "web-1", "000000000000"])]),
            container("web-2", &[("front", 2, &["web", "web-2"])]),
            container("api-1", &[("back", 11, &["api"]), ("front", 3, &["api", "www"])]),
            container("db-1", &[("back", 12, &["db", "data"])]),
        ]
    }

    fn names_of(asks: &[Ask]) -> String {
        let list: Vec<String> = asks
            .iter()
            .map(|it| format!("{}@{}{:?}", it.asked, it.network, it.right.len()))
            .collect();
        list.join(" ")
    }

    #[test]
    fn what_is_asked() {
        let all = project();
        let from_web = asks(&all[0], &all, Server::Inside);
        let want = "api@front1 api-1@front1 web@front1 web-1@front1 web-2@front1 www@front1";
        assert_eq!(names_of(&from_web), want);
        let web = from_web.iter().find(|it| it.name == "web").unwrap();
        assert_eq!(web.right, [set(&[1, 2])]);
        let from_api = asks(&all[2], &all, Server::Inside);
        let api: Vec<&Ask> = from_api.iter().filter(|it| it.name == "api").collect();
        assert_eq!(
            names_of(&api.into_iter().cloned().collect::<Vec<_>>()),
            "api@back2 api.back@back1 api@front2 api.front@front1"
        );
        let gateways = asks(&all[2], &all, Server::AtGateways);
        let api = gateways.iter().find(|it| it.name == "api").unwrap();
        assert_eq!(api.right, [set(&[11]), set(&[3]), set(&[3, 11])]);
        assert!(gateways.iter().all(|it| it.name == it.asked));
    }

    #[track_caller]
    fn check(all: &[Container], name: &str, heard: &Heard, want: &str) {
        let asks = asks(&all[0], all, Server::Inside);
        let ask = asks.iter().find(|it| it.name == name).unwrap();
        let serves = !want.contains("nobody");
        let text = judge(ask, heard, all, serves).unwrap_or_default();
        assert!(if want.is_empty() { text.is_empty() } else { text.contains(want) }, "{text}");
    }

    fn said(last: &[u8]) -> Heard {
        Heard { addresses: set(last), problem: String::new() }
    }

    fn failed(problem: &str) -> Heard {
        Heard { addresses: BTreeSet::new(), problem: problem.to_owned() }
    }

    #[test]
    fn answers_are_explained() {
        let all = project();
        check(&all, "web", &said(&[2, 1]), "");
        check(&all, "web", &said(&[1]), "10.0.0.2 (web-2) is missing: the engine has lost");
        check(&all, "web", &failed("NXDOMAIN"), "is missing (NXDOMAIN)");
        check(&all, "web", &failed(SILENCE), "nobody answers");
        check(&all, "api", &said(&[3, 9]), "10.0.0.9 belongs to no running container");
        check(&all, "api", &said(&[1]), "10.0.0.1 is web-1, which is not called so");
        check(&all, "api", &said(&[12]), "10.0.0.12 is db-1 on another network");
        let mut all = project();
        all[2].networks.get_mut("front").unwrap().aliases.clear();
        check(&all, "api", &failed("NXDOMAIN"), "api-1 is connected without the alias `api`");
        check(&all, "api", &failed(SILENCE), "api-1 is connected without the alias `api`");
        check(&all, "api-1", &failed(SILENCE), "10.0.0.3 (api-1) is missing (no answer)");
    }

    #[test]
    fn what_is_apart() {
        let all = project();
        let told = |change: fn(&mut Container)| {
            let mut container = all[3].clone();
            change(&mut container);
            apart(&container, &all).unwrap_or_default()
        };
        assert_eq!(told(|_| ()), "");
        assert!(told(|it| it.runs = false).contains("does not run"));
        assert!(told(|it| it.mode = "host".to_owned()).contains("engine's machine"));
        assert!(told(|it| it.mode = "none".to_owned()).contains("no network"));
        let owner = told(|it| it.mode = format!("container:{:0>64}", 3));
        assert!(owner.contains("network of web-1"), "{owner}");
        assert!(told(|it| it.networks.clear()).contains("connected to no network"));
        let bridge = told(|it| {
            it.networks = BTreeMap::from([("bridge".to_owned(), Attachment::default())]);
        });
        assert!(bridge.contains("engine's own network `bridge`"), "{bridge}");
        let lacking = missing(&all[0], &["front".to_owned(), "back".to_owned()]);
        assert_eq!(lacking.len(), 1);
        assert!(lacking[0].1.contains("web-1 is not on it"), "{lacking:?}");
    }

    #[test]
    fn names_of_several_services() {
        let mut all = project();
        all[0].networks.get_mut("front").unwrap().aliases.push("www".to_owned());
        let asks = asks(&all[0], &all, Server::Inside);
        let ask = |name: &str| asks.iter().find(|it| it.name == name).unwrap();
        assert_eq!(ask("www").right, [set(&[1, 3])]);
        assert_eq!(shared_by(ask("www"), &all), ["api", "web"]);
        assert!(shared_by(ask("web"), &all).is_empty());
    }
}
