//! Questions to the servers of engines, and what they answer.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use hickory_proto::op::{MessageType, Query, ResponseCode};
use hickory_proto::rr::{Name, RecordType};

use crate::dns::wire;

/// A question for the addresses of a name.
#[derive(Debug, Clone)]
pub struct Question {
    id: u16,
    query: Query,
}

/// What a server says to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    pub addresses: BTreeSet<Ipv4Addr>,
    /// Why there may be none, in the words of the field: `NXDOMAIN`, `REFUSED` …; empty if nothing is
    /// wrong.
    pub problem: String,
    /// Whether there is more, for who asks over TCP.
    pub truncated: bool,
}

impl Question {
    /// The number tells its answer from others. `None` for what can be no name.
    #[must_use]
    pub fn new(id: u16, name: &str) -> Option<Self> {
        let mut labels: Vec<&[u8]> = name.split('.').map(str::as_bytes).collect();
        if labels.last() == Some(&&b""[..]) {
            labels.pop();
        }
        let mut name = Name::from_labels(labels).ok()?;
        name.set_fqdn(true);
        Some(Self { id, query: Query::query(name, RecordType::A) })
    }

    /// As it is sent. `None` for what cannot be: nothing that [`Question::new`] makes.
    #[must_use]
    pub fn bytes(&self) -> Option<Vec<u8>> {
        wire::question(self.id, &self.query).ok()
    }

    /// Reads what has come; `None` if it is no answer to this.
    #[must_use]
    pub fn reply(&self, bytes: &[u8]) -> Option<Reply> {
        let read = wire::read(bytes).ok()?;
        let same = |query: &Query| {
            query.name.to_lowercase() == self.query.name.to_lowercase()
                && query.query_type == self.query.query_type
        };
        let is_ours = read.metadata.message_type == MessageType::Response
            && read.metadata.id == self.id
            && read.query.as_ref().is_none_or(same);
        if !is_ours {
            return None;
        }
        let problem = match read.metadata.response_code {
            ResponseCode::NoError => String::new(),
            ResponseCode::NXDomain => "NXDOMAIN".to_owned(),
            ResponseCode::Refused => "REFUSED".to_owned(),
            ResponseCode::ServFail => "SERVFAIL".to_owned(),
            other => format!("{other:?}").to_uppercase(),
        };
        // Through aliases, all that an answer holds belongs to the question.
        let addresses = read.addresses.into_iter().collect();
        Some(Reply { addresses, problem, truncated: read.metadata.truncation })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dns::answer::{Transport, answer};
    use crate::dns::zone::tests::zone;

    fn ask(name: &str) -> Reply {
        let question = Question::new(77, name).unwrap();
        let bytes = answer(&zone(), &question.bytes().unwrap(), Transport::Udp).unwrap();
        assert_eq!(Question::new(78, name).unwrap().reply(&bytes), None);
        assert_eq!(question.reply(&question.bytes().unwrap()), None);
        question.reply(&bytes).unwrap()
    }

    #[test]
    fn what_is_asked_is_understood() {
        let two = [Ipv4Addr::new(10, 0, 0, 1), Ipv4Addr::new(10, 0, 0, 2)];
        assert_eq!(ask("web.shop.test").addresses, BTreeSet::from(two));
        assert_eq!(ask("WEB.shop.test.").addresses, BTreeSet::from(two));
        assert_eq!(ask("nobody.shop.test").problem, "NXDOMAIN");
        assert_eq!(ask("web").problem, "REFUSED");
        assert!(ask("my_db.shop.test").problem.is_empty());
        for name in ["a..b", &"x".repeat(64), &"a.".repeat(200)] {
            assert!(Question::new(1, name).is_none(), "{name}");
        }
    }
}
