//! The names that are answered, and what for.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use crate::dns::members::{Member, Port};
use crate::dns::suffix::{Suffix, is_label};

/// All names below a suffix, at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Zone {
    suffix: Suffix,
    /// By name without the suffix, in lower case.
    names: BTreeMap<String, Entry>,
    /// What only has names below it.
    inner: BTreeSet<String>,
    /// Services that can have no name, as `SERVICE of PROJECT`.
    nameless: Vec<String>,
}

/// What a name stands for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Entry {
    pub addresses: Vec<Ipv4Addr>,
    /// What there is to know besides: published ports, and why there is no address. Sentences.
    pub notes: Vec<String>,
    /// Whether it is the name of a service as people would write it, rather than that of a replica or
    /// another spelling.
    pub is_main: bool,
}

/// What a zone says to a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'a> {
    /// It is none of ours.
    Outside,
    /// Nobody has it.
    Unknown,
    /// It is there and has nothing itself: the suffix, or a project.
    Empty {
        is_apex: bool,
    },
    Entry(&'a Entry),
}

/// The longest name in characters, with a dot behind it and the byte before its first label.
const LONGEST: usize = 253;

impl Zone {
    #[must_use]
    pub fn new(suffix: Suffix, members: &[Member]) -> Self {
        let mut zone =
            Self { suffix, names: BTreeMap::new(), inner: BTreeSet::new(), nameless: Vec::new() };
        // What people wrote goes before names that are derived from it.
        for rank in [Rank::Service, Rank::Replica, Rank::Other] {
            let mut names: BTreeMap<String, Entry> = BTreeMap::new();
            for member in members {
                for name in rank.names(member) {
                    if zone.is_name(&name) {
                        names.entry(name).or_default().add(member);
                    } else if rank == Rank::Service {
                        zone.nameless.push(format!("{} of {}", member.service, member.project));
                    }
                }
            }
            for (name, mut entry) in names {
                entry.is_main = rank == Rank::Service;
                zone.names.entry(name).or_insert(entry);
            }
        }
        zone.nameless.dedup();
        let inner = zone.names.keys().flat_map(|name| {
            name.match_indices('.').map(|(dot, _)| name[dot + 1..].to_owned()).collect::<Vec<_>>()
        });
        zone.inner = inner.filter(|name| !zone.names.contains_key(name)).collect();
        zone
    }

    #[must_use]
    pub fn suffix(&self) -> &Suffix {
        &self.suffix
    }

    /// Services that can have no name, as `SERVICE of PROJECT`.
    #[must_use]
    pub fn nameless(&self) -> &[String] {
        &self.nameless
    }

    /// The names of services, whole, with what they stand for.
    pub fn services(&self) -> impl Iterator<Item = (String, &Entry)> {
        let services = self.names.iter().filter(|(_, entry)| entry.is_main);
        services.map(|(name, entry)| (format!("{name}.{}", self.suffix), entry))
    }

    fn is_name(&self, name: &str) -> bool {
        name.split('.').all(is_label) && name.len() + 1 + self.suffix.as_str().len() <= LONGEST
    }

    /// Looks up a name by its labels, in any case.
    pub fn find<'a>(&self, labels: impl Iterator<Item = &'a [u8]>) -> Found<'_> {
        let mut name = String::new();
        // A label may hold any byte, dots included: those that do are none of ours, but may be below.
        let mut is_odd = false;
        for label in labels {
            if !name.is_empty() {
                name.push('.');
            }
            let text = std::str::from_utf8(label).ok().filter(|label| is_label(label));
            is_odd |= text.is_none();
            name.push_str(text.unwrap_or("?"));
        }
        name.make_ascii_lowercase();
        let suffix = self.suffix.as_str();
        let Some(rest) = name.strip_suffix(suffix) else {
            return Found::Outside;
        };
        let own = match rest.strip_suffix('.') {
            None if rest.is_empty() => return Found::Empty { is_apex: true },
            // `besttest` does not end in `.test`.
            None => return Found::Outside,
            Some(own) => own,
        };
        match self.names.get(own).filter(|_| !is_odd) {
            Some(entry) => Found::Entry(entry),
            None if !is_odd && self.inner.contains(own) => Found::Empty { is_apex: false },
            None => Found::Unknown,
        }
    }
}

/// In which order names are given away.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Rank {
    Service,
    Replica,
    /// The same with hyphens for underscores, which not every program takes in a name.
    Other,
}

impl Rank {
    fn names(self, member: &Member) -> Vec<String> {
        let service = format!("{}.{}", member.service, member.project).to_ascii_lowercase();
        let replica = member.number.map(|number| format!("{number}.{service}"));
        match self {
            Self::Service => vec![service],
            Self::Replica => replica.into_iter().collect(),
            Self::Other => {
                let both = [Some(service), replica].into_iter().flatten();
                let other = both.filter(|name| name.contains('_'));
                other.map(|name| name.replace('_', "-")).collect()
            }
        }
    }
}

impl Entry {
    fn add(&mut self, member: &Member) {
        for address in &member.addresses {
            if !self.addresses.contains(address) {
                self.addresses.push(*address);
            }
        }
        let ports = member.ports.iter().filter_map(Port::told);
        for note in member.note.clone().into_iter().chain(ports) {
            if !self.notes.contains(&note) {
                self.notes.push(note);
            }
        }
    }

    /// The addresses and the notes in one line.
    #[must_use]
    pub fn told(&self) -> String {
        let addresses: Vec<String> = self.addresses.iter().map(ToString::to_string).collect();
        let addresses = match &addresses[..] {
            [] => "no address".to_owned(),
            some => some.join(" "),
        };
        match &self.notes[..] {
            [] => addresses,
            notes => format!("{addresses} ({})", notes.join("; ")),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn member(project: &str, service: &str, number: u32, last: u8) -> Member {
        Member {
            project: project.to_owned(),
            service: service.to_owned(),
            number: Some(number),
            addresses: vec![Ipv4Addr::new(10, 0, 0, last)],
            by_port: false,
            ports: Vec::new(),
            note: None,
        }
    }

    pub(crate) fn zone() -> Zone {
        let mut members = vec![
            member("shop", "web", 1, 1),
            member("shop", "web", 2, 2),
            member("shop", "2.web", 1, 3),
            member("shop", "my_db", 1, 4),
            member("shop", "api.v1", 1, 5),
            member("other_one", "my_db", 1, 6),
            member("other_one", "my-db", 1, 7),
            member("shop", &"x".repeat(64), 1, 8),
            member("shop", "a..b", 1, 9),
        ];
        let published = Some((Ipv4Addr::LOCALHOST, 8080));
        members[4].ports.push(Port { private: 80, protocol: "tcp".to_owned(), published });
        Zone::new(Suffix::parse("test").unwrap(), &members)
    }

    #[track_caller]
    fn check(name: &str, want: &str) {
        let zone = zone();
        let found = match zone.find(name.split('.').map(str::as_bytes)) {
            Found::Outside => "outside".to_owned(),
            Found::Unknown => "unknown".to_owned(),
            Found::Empty { is_apex } => if is_apex { "apex" } else { "empty" }.to_owned(),
            Found::Entry(entry) => entry.told(),
        };
        assert_eq!(found, want, "{name}");
    }

    #[test]
    fn names_of_services_and_replicas() {
        check("web.shop.test", "10.0.0.1 10.0.0.2");
        check("WEB.Shop.TEST", "10.0.0.1 10.0.0.2");
        check("1.web.shop.test", "10.0.0.1");
        // A service that is called so goes before the replica of another.
        check("2.web.shop.test", "10.0.0.3");
        check("1.2.web.shop.test", "10.0.0.3");
        check("3.web.shop.test", "unknown");
        check("api.v1.shop.test", "10.0.0.5 (80/tcp is published at 127.0.0.1:8080)");
        check("v1.shop.test", "empty");
    }

    #[test]
    fn underscores_may_be_hyphens() {
        check("my_db.shop.test", "10.0.0.4");
        check("my-db.shop.test", "10.0.0.4");
        check("1.my-db.shop.test", "10.0.0.4");
        check("my_db.other_one.test", "10.0.0.6");
        // Another service may have that name for itself.
        check("my-db.other_one.test", "10.0.0.7");
        check("my-db.other-one.test", "10.0.0.6 10.0.0.7");
    }

    #[test]
    fn what_is_not_there() {
        check("test", "apex");
        check("shop.test", "empty");
        check("nobody.shop.test", "unknown");
        check("web.test", "unknown");
        check("web.shop.example", "outside");
        check("web.shop.besttest", "outside");
        check("besttest", "outside");
        check("", "outside");
        check("we b.shop.test", "unknown");
        let zone = zone();
        assert_eq!(zone.find([&b"web.shop"[..], b"test"].into_iter()), Found::Unknown);
        assert_eq!(zone.find([&b"\xff"[..], b"shop", b"test"].into_iter()), Found::Unknown);
        assert_eq!(zone.find(std::iter::empty()), Found::Outside);
        let nameless = [format!("{} of shop", "x".repeat(64)), "a..b of shop".to_owned()];
        assert_eq!(zone.nameless(), nameless);
        let services: Vec<String> = zone.services().map(|(name, _)| name).collect();
        assert_eq!(services.len(), 6, "{services:?}");
    }
}
