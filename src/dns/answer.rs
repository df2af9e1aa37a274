//! What is answered to a question: names of services with addresses that may be used once, and a plain
//! refusal of everything else.

use std::net::Ipv4Addr;

use hickory_proto::op::{MessageType, Metadata, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{DNSClass, Name, Record, RecordType};

use crate::dns::wire::{self, Answer, PAYLOAD, Read, SMALLEST, Section, Unreadable};
use crate::dns::zone::{Entry, Found, Zone};

/// How a question has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    Udp,
    Tcp,
}

/// Seconds between tries of servers that copy the zone, of which there are none.
const TRIES: i32 = 60;

/// The answer to a message; `None` if there is to be none: to what is no message, and to answers.
///
/// Addresses may not be kept: they are others whenever a container is made anew.
#[must_use]
pub fn answer(zone: &Zone, message: &[u8], transport: Transport) -> Option<Vec<u8>> {
    let read = match wire::read(message) {
        Ok(read) => read,
        Err(Unreadable::NoMessage) => return None,
        Err(Unreadable::Malformed(asked)) => return refuse(&asked, ResponseCode::FormErr),
    };
    if read.metadata.message_type == MessageType::Response {
        return None;
    }
    let limit = match (transport, read.extension) {
        (Transport::Tcp, _) => usize::from(u16::MAX),
        (Transport::Udp, None) => usize::from(SMALLEST),
        (Transport::Udp, Some(it)) => usize::from(it.payload.min(PAYLOAD)),
    };
    let mut metadata = Metadata::response_from_request(&read.metadata);
    let mut answer = Answer {
        metadata,
        query: read.query.as_ref(),
        addresses: &[],
        texts: &[],
        zone: None,
        extended: read.extension.is_some(),
    };
    let query = match asked(&read) {
        Ok(query) => query,
        Err(code) => {
            answer.metadata.response_code = code;
            return answer.write(limit).ok();
        }
    };
    let found = zone.find(query.name.iter());
    if found == Found::Outside {
        answer.metadata.response_code = ResponseCode::Refused;
        return answer.write(limit).ok();
    }
    metadata.authoritative = true;
    if found == Found::Unknown {
        metadata.response_code = ResponseCode::NXDomain;
    }
    answer.metadata = metadata;
    // Who asks again begins with another replica.
    let turned = |entry: &Entry| {
        let mut addresses: Vec<Ipv4Addr> = entry.addresses.clone();
        if let Some(rest) = usize::from(read.metadata.id).checked_rem(addresses.len()) {
            addresses.rotate_left(rest);
        }
        addresses
    };
    let addresses;
    match (found, query.query_type) {
        (Found::Entry(entry), RecordType::A) => {
            addresses = turned(entry);
            answer.addresses = &addresses;
        }
        (Found::Entry(entry), RecordType::TXT) => answer.texts = &entry.notes,
        (Found::Entry(entry), RecordType::ANY) => {
            addresses = turned(entry);
            answer.addresses = &addresses;
            answer.texts = &entry.notes;
        }
        (Found::Empty { is_apex: true }, RecordType::SOA | RecordType::ANY) => {
            answer.zone = Some((Section::Answer, about(zone, &query.name)?));
        }
        _ => {}
    }
    if answer.addresses.is_empty() && answer.texts.is_empty() && answer.zone.is_none() {
        answer.zone = Some((Section::Authority, about(zone, &query.name)?));
    }
    answer.write(limit).ok()
}

/// The question of a message that may be answered, or why it may not.
fn asked(read: &Read) -> Result<&Query, ResponseCode> {
    if read.extension.is_some_and(|extension| extension.version > 0) {
        return Err(ResponseCode::BADVERS);
    }
    if read.metadata.op_code != OpCode::Query {
        return Err(ResponseCode::NotImp);
    }
    let counts = &read.counts;
    let Some(query) = read.query.as_ref().filter(|_| counts.queries == 1 && counts.answers == 0)
    else {
        return Err(ResponseCode::FormErr);
    };
    let is_copy = matches!(query.query_type, RecordType::AXFR | RecordType::IXFR);
    if query.query_class != DNSClass::IN || is_copy {
        return Err(ResponseCode::Refused);
    }
    Ok(query)
}

/// An answer without a question in it.
fn refuse(asked: &Metadata, code: ResponseCode) -> Option<Vec<u8>> {
    if asked.message_type == MessageType::Response {
        return None;
    }
    let mut metadata = Metadata::response_from_request(asked);
    metadata.response_code = code;
    let answer =
        Answer { metadata, query: None, addresses: &[], texts: &[], zone: None, extended: false };
    answer.write(usize::from(SMALLEST)).ok()
}

/// What describes the zone: that nothing of it may be kept, not even that a name is not there.
fn about(zone: &Zone, asked: &Name) -> Option<Record<SOA>> {
    let count = zone.suffix().as_str().split('.').count();
    // As the question has it, in its case.
    let apex = asked.trim_to(count);
    let server = apex.prepend_label("ns").ok()?;
    let person = apex.prepend_label("hostmaster").ok()?;
    let soa = SOA::new(server, person, 1, TRIES, TRIES, TRIES, 0);
    Some(Record::from_rdata(apex, 0, soa))
}

#[cfg(test)]
mod tests {
    use hickory_proto::op::{Edns, Message};
    use hickory_proto::rr::RData;

    use super::*;
    use crate::dns::members::Member;
    use crate::dns::suffix::Suffix;
    use crate::dns::zone::tests::{member, zone};

    fn query(name: &str, kind: RecordType) -> Message {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.metadata.recursion_desired = true;
        message.add_query(Query::query(Name::from_ascii(name).unwrap(), kind));
        message
    }

    fn ask(message: &Message, transport: Transport) -> Option<Message> {
        let bytes = answer(&zone(), &message.to_vec().unwrap(), transport)?;
        Some(Message::from_vec(&bytes).unwrap())
    }

    /// Code, flags, answers and what describes the zone, in a line.
    fn told(answer: &Message) -> String {
        let data = |it: &Record| {
            assert_eq!(it.ttl, 0);
            match &it.data {
                RData::TXT(text) => String::from_utf8_lossy(&text.txt_data.concat()).into_owned(),
                other => other.to_string(),
            }
        };
        let list = |records: &[Record]| records.iter().map(data).collect::<Vec<_>>().join(", ");
        let metadata = &answer.metadata;
        assert!(!metadata.recursion_available && metadata.message_type == MessageType::Response);
        let flag = if metadata.authoritative { " aa" } else { "" };
        let code = format!("{:?}", metadata.response_code);
        format!("{code}{flag} [{}] [{}]", list(&answer.answers), list(&answer.authorities))
    }

    #[track_caller]
    fn check(name: &str, kind: RecordType, want: &str) {
        let question = query(name, kind);
        for transport in [Transport::Udp, Transport::Tcp] {
            let answer = ask(&question, transport).unwrap();
            assert_eq!(told(&answer), want, "{name} {kind}");
            assert_eq!((answer.metadata.id, &answer.queries), (7, &question.queries));
            assert!(answer.metadata.recursion_desired && !answer.metadata.truncation);
        }
    }

    const SOA_TEST: &str = "ns.test. hostmaster.test. 1 60 60 60 0";

    #[test]
    fn known_names() {
        use RecordType::{A, AAAA, ANY, HTTPS, TXT};
        check("web.shop.test.", A, "NoError aa [10.0.0.2, 10.0.0.1] []");
        check("1.web.shop.test.", A, "NoError aa [10.0.0.1] []");
        let nothing = format!("NoError aa [] [{SOA_TEST}]");
        for kind in [AAAA, HTTPS, TXT, RecordType::SRV, RecordType::Unknown(999)] {
            check("web.shop.test.", kind, &nothing);
        }
        check("shop.test.", A, &nothing);
        check("test.", A, &nothing);
        check("test.", RecordType::SOA, &format!("NoError aa [{SOA_TEST}] []"));
        let port = "80/tcp is published at 127.0.0.1:8080";
        check("api.v1.shop.test.", TXT, &format!("NoError aa [{port}] []"));
        check("api.v1.shop.test.", ANY, &format!("NoError aa [10.0.0.5, {port}] []"));
        // The case of the question is kept, by which some tell forged answers.
        let upper = ask(&query("WEB.Shop.teST.", A), Transport::Udp).unwrap();
        assert_eq!(upper.answers[0].name.to_string(), "WEB.Shop.teST.");
        assert_eq!(upper.answers.len(), 2);
    }

    #[test]
    fn unknown_names_and_others() {
        let unknown = format!("NXDomain aa [] [{SOA_TEST}]");
        check("nobody.shop.test.", RecordType::A, &unknown);
        check("web.test.", RecordType::AAAA, &unknown);
        check("web\\.shop.test.", RecordType::A, &unknown);
        for name in ["example.com.", "web.shop.local.", "besttest.", "."] {
            check(name, RecordType::A, "Refused [] []");
        }
        check("test.", RecordType::AXFR, "Refused [] []");
        let mut question = query("web.shop.test.", RecordType::A);
        question.queries[0].query_class = DNSClass::CH;
        assert_eq!(told(&ask(&question, Transport::Udp).unwrap()), "Refused [] []");
    }

    #[test]
    fn what_is_no_question() {
        let mut message = query("web.shop.test.", RecordType::A);
        message.metadata.message_type = MessageType::Response;
        assert_eq!(ask(&message, Transport::Udp), None);
        let mut message = query("web.shop.test.", RecordType::A);
        message.metadata.op_code = OpCode::Update;
        let code = |message: &Message| ask(message, Transport::Udp).unwrap().metadata.response_code;
        assert_eq!(code(&message), ResponseCode::NotImp);
        let mut message = query("web.shop.test.", RecordType::A);
        message.add_query(Query::query(Name::root(), RecordType::A));
        assert_eq!(code(&message), ResponseCode::FormErr);
        message.queries.clear();
        assert_eq!(code(&message), ResponseCode::FormErr);
        let mut bytes = query("web.shop.test.", RecordType::A).to_vec().unwrap();
        bytes.truncate(20);
        let malformed = answer(&zone(), &bytes, Transport::Udp).unwrap();
        let malformed = Message::from_vec(&malformed).unwrap();
        assert_eq!(malformed.metadata.response_code, ResponseCode::FormErr);
        assert_eq!((malformed.metadata.id, malformed.queries.len()), (7, 0));
        assert_eq!(answer(&zone(), &bytes[..11], Transport::Udp), None);
        assert_eq!(answer(&zone(), &[], Transport::Tcp), None);
    }

    #[test]
    fn the_extension() {
        let mut message = query("web.shop.test.", RecordType::A);
        message.set_edns(Edns::new());
        let answered = ask(&message, Transport::Udp).unwrap();
        let extension = answered.edns.as_ref().unwrap();
        assert_eq!((extension.version(), extension.max_payload()), (0, PAYLOAD));
        assert_eq!(answered.answers.len(), 2);
        message.edns.as_mut().unwrap().set_version(1);
        let answered = ask(&message, Transport::Udp).unwrap();
        // Which has the number of another code.
        assert_eq!(u16::from(answered.metadata.response_code), u16::from(ResponseCode::BADVERS));
        assert_eq!(answered.answers.len(), 0);
        let without = ask(&query("web.shop.test.", RecordType::A), Transport::Udp).unwrap();
        assert!(without.edns.is_none());
    }

    /// A zone with one service of so many replicas.
    fn large(count: u8) -> Zone {
        let members: Vec<Member> =
            (1..=count).map(|it| member("shop", "web", it.into(), it)).collect();
        Zone::new(Suffix::parse("test").unwrap(), &members)
    }

    #[test]
    fn answers_have_room_or_say_that_they_have_none() {
        let zone = large(250);
        let mut message = query("web.shop.test.", RecordType::A);
        let mut size = |payload: Option<u16>, transport: Transport| {
            message.edns = payload.map(|it| {
                let mut edns = Edns::new();
                edns.set_max_payload(it);
                edns
            });
            let bytes = answer(&zone, &message.to_vec().unwrap(), transport).unwrap();
            let answer = Message::from_vec(&bytes).unwrap();
            (bytes.len(), answer.metadata.truncation, answer.answers.len())
        };
        for payload in [None, Some(0), Some(512), Some(1232), Some(4096), Some(65_535)] {
            let (length, truncated, answers) = size(payload, Transport::Udp);
            assert!(length <= 512 && truncated && answers == 0, "{payload:?}: {length}");
        }
        let (length, truncated, answers) = size(None, Transport::Tcp);
        assert!(length > 4000 && !truncated && answers == 250);
        let message = query("web.shop.test.", RecordType::A).to_vec().unwrap();
        let fits = answer(&large(20), &message, Transport::Udp).unwrap();
        assert_eq!(Message::from_vec(&fits).unwrap().answers.len(), 20);
    }

    /// Numbers that look random, the same ones in each run.
    struct Random(u64);

    impl Random {
        fn below(&mut self, limit: usize) -> usize {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            usize::try_from(self.0 >> 11).unwrap() % limit.max(1)
        }

        fn byte(&mut self) -> u8 {
            u8::try_from(self.below(256)).unwrap()
        }
    }

    fn questions() -> Vec<Vec<u8>> {
        let mut all = Vec::new();
        for name in ["web.shop.test.", "1.my_db.shop.test.", "example.com.", "test.", "."] {
            for kind in [RecordType::A, RecordType::HTTPS, RecordType::TXT, RecordType::SOA] {
                let mut message = query(name, kind);
                all.push(message.to_vec().unwrap());
                message.set_edns(Edns::new());
                message.add_answer(Record::from_rdata(
                    Name::from_ascii(name).unwrap(),
                    1,
                    RData::TXT(hickory_proto::rr::rdata::TXT::new(vec!["x".repeat(50)])),
                ));
                all.push(message.to_vec().unwrap());
            }
        }
        // A name that points to itself, and one that points to what comes later.
        for pointer in [[0xc0, 0x0c], [0xc0, 0x20], [0xff, 0xff]] {
            let mut message = vec![0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
            message.extend(pointer);
            message.extend([0, 1, 0, 1]);
            all.push(message);
        }
        all
    }

    #[test]
    fn any_bytes_are_answered_properly_or_not_at_all() {
        let mut random = Random(0x9e37_79b9_7f4a_7c15);
        let (small, large) = (zone(), large(250));
        let (questions, mut answered, mut silent) = (questions(), 0, 0);
        for round in 0..60_000 {
            let mut message = if round % 3 == 0 {
                let length = random.below(600);
                (0..length).map(|_| random.byte()).collect()
            } else {
                questions[random.below(questions.len())].clone()
            };
            for _ in 0..random.below(6) {
                let at = random.below(message.len());
                match random.below(5) {
                    0 => message.truncate(at),
                    1 => message.insert(at, random.byte()),
                    2 if !message.is_empty() => drop(message.remove(at)),
                    3 => message.extend_from_within(at..),
                    _ if !message.is_empty() => message[at] = random.byte(),
                    _ => {}
                }
            }
            let zone = if round % 2 == 0 { &small } else { &large };
            for transport in [Transport::Udp, Transport::Tcp] {
                let Some(bytes) = answer(zone, &message, transport) else {
                    silent += 1;
                    // Only what is no message, and what is an answer, stays without one.
                    assert!(message.len() < 12 || message[2] & 0x80 != 0, "{message:?}");
                    continue;
                };
                answered += 1;
                assert_eq!(message[2] & 0x80, 0, "an answer was answered: {message:?}");
                let most = if transport == Transport::Udp { PAYLOAD } else { u16::MAX };
                assert!(bytes.len() <= usize::from(most));
                let answer = Message::from_vec(&bytes).unwrap();
                assert_eq!(answer.metadata.message_type, MessageType::Response);
                assert_eq!(bytes[..2], message[..2], "the number is that of the question");
                assert!(!answer.metadata.recursion_available);
                let small = message.len() < 12 || answer.edns.is_none();
                assert!(transport == Transport::Tcp || !small || bytes.len() <= 512);
                for record in answer.all_sections() {
                    let end = record.name.to_string().to_lowercase();
                    assert!(end == "test." || end.ends_with(".test."), "{end}");
                }
            }
        }
        assert!(answered > 10_000 && silent > 10_000, "{answered} {silent}");
    }
}
