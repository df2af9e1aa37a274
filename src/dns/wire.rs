//! Messages of DNS, read and written by means of hickory.
//!
//! Only what questions need is read: header, question and the extension record. The parsers of all the
//! kinds of records there are stay out of the program, which they would make larger by a fiftieth.

use std::net::Ipv4Addr;

use hickory_proto::ProtoError;
use hickory_proto::op::{
    Edns, Header, HeaderCounts, MessageType, Metadata, OpCode, Query, ResponseCode,
};
use hickory_proto::rr::rdata::{A, SOA, TXT};
use hickory_proto::rr::{Name, Record, RecordType};
use hickory_proto::serialize::binary::{
    BinDecodable as _, BinDecoder, BinEncodable as _, BinEncoder, DecodeError,
};

/// What we take in one piece, as is recommended: it passes through any network.
pub(super) const PAYLOAD: u16 = 1232;

/// The least that everybody takes.
pub(super) const SMALLEST: u16 = 512;

/// The longest text in one string of a record.
const LONGEST_TEXT: usize = 255;

/// A message as far as it matters.
pub(super) struct Read {
    pub(super) metadata: Metadata,
    pub(super) counts: HeaderCounts,
    /// The first question.
    pub(super) query: Option<Query>,
    /// What the sender takes in one piece and the version of the extension, if it knows that.
    pub(super) extension: Option<Extension>,
    /// The addresses in the answer.
    pub(super) addresses: Vec<Ipv4Addr>,
}

#[derive(Debug, Clone, Copy)]
pub(super) struct Extension {
    pub(super) payload: u16,
    pub(super) version: u8,
}

/// Why a message cannot be read.
pub(super) enum Unreadable {
    /// There is not even a header.
    NoMessage,
    /// What follows the header is no message.
    Malformed(Metadata),
}

/// Reads a message.
///
/// # Errors
/// Bytes that are none.
pub(super) fn read(bytes: &[u8]) -> Result<Read, Unreadable> {
    let mut decoder = BinDecoder::new(bytes);
    let header = Header::read(&mut decoder).map_err(|_| Unreadable::NoMessage)?;
    let malformed = |_: DecodeError| Unreadable::Malformed(header.metadata);
    let mut query = None;
    for _ in 0..header.counts.queries {
        let next = Query::read(&mut decoder).map_err(malformed)?;
        query.get_or_insert(next);
    }
    let mut message = Read {
        metadata: header.metadata,
        counts: header.counts,
        query,
        extension: None,
        addresses: Vec::new(),
    };
    let counts = header.counts;
    let answers = usize::from(counts.answers);
    let others = usize::from(counts.authorities) + usize::from(counts.additionals);
    for number in 0..answers + others {
        let found = record(&mut decoder).map_err(malformed)?;
        match found {
            Found::Address(address) if number < answers => message.addresses.push(address),
            // There may be one only.
            Found::Extension(extension) => match message.extension {
                None => message.extension = Some(extension),
                Some(_) => return Err(Unreadable::Malformed(header.metadata)),
            },
            Found::Address(_) | Found::Other => {}
        }
    }
    Ok(message)
}

enum Found {
    Address(Ipv4Addr),
    Extension(Extension),
    Other,
}

fn record(decoder: &mut BinDecoder<'_>) -> Result<Found, DecodeError> {
    Name::read(decoder)?;
    let kind = RecordType::read(decoder)?;
    let class = decoder.read_u16()?.unverified();
    let time = decoder.read_u32()?.unverified();
    let length = usize::from(decoder.read_u16()?.unverified());
    let data = decoder.read_slice(length)?.unverified();
    Ok(match (kind, data) {
        (RecordType::A, [a, b, c, d]) => Found::Address(Ipv4Addr::new(*a, *b, *c, *d)),
        (RecordType::OPT, _) => {
            let [_, version, ..] = time.to_be_bytes();
            Found::Extension(Extension { payload: class.max(SMALLEST), version })
        }
        _ => Found::Other,
    })
}

/// An answer before it is written.
pub(super) struct Answer<'a> {
    pub(super) metadata: Metadata,
    pub(super) query: Option<&'a Query>,
    pub(super) addresses: &'a [Ipv4Addr],
    pub(super) texts: &'a [String],
    /// Whether the zone is described in the answer itself, or below a name that has nothing.
    pub(super) zone: Option<(Section, Record<SOA>)>,
    pub(super) extended: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Section {
    Answer,
    Authority,
}

impl Answer<'_> {
    /// As bytes, of which there are `limit` at the most: an answer that is longer is left out, and the
    /// message says so.
    ///
    /// # Errors
    /// What cannot be written; nothing that is made here is of that kind.
    pub(super) fn write(mut self, limit: usize) -> Result<Vec<u8>, ProtoError> {
        let bytes = self.encode()?;
        if bytes.len() <= limit {
            return Ok(bytes);
        }
        (self.addresses, self.texts, self.zone) = (&[], &[], None);
        self.metadata.truncation = true;
        self.encode()
    }

    fn encode(&self) -> Result<Vec<u8>, ProtoError> {
        let mut bytes = Vec::with_capacity(usize::from(SMALLEST));
        let mut encoder = BinEncoder::new(&mut bytes);
        let place = encoder.place::<Header>()?;
        let mut counts = HeaderCounts::default();
        if let Some(query) = self.query {
            query.emit(&mut encoder)?;
            counts.queries = 1;
            for address in self.addresses {
                Record::from_rdata(query.name.clone(), 0, A(*address)).emit(&mut encoder)?;
                counts.answers += 1;
            }
            for text in self.texts {
                let text = TXT::from_bytes(text.as_bytes().chunks(LONGEST_TEXT).collect());
                Record::from_rdata(query.name.clone(), 0, text).emit(&mut encoder)?;
                counts.answers += 1;
            }
        }
        if let Some((section, zone)) = &self.zone {
            zone.emit(&mut encoder)?;
            match section {
                Section::Answer => counts.answers += 1,
                Section::Authority => counts.authorities += 1,
            }
        }
        if self.extended {
            extension(self.metadata.response_code).emit(&mut encoder)?;
            counts.additionals = 1;
        }
        place.replace(&mut encoder, Header { metadata: self.metadata, counts })?;
        Ok(bytes)
    }
}

fn extension(code: ResponseCode) -> Edns {
    let mut extension = Edns::new();
    extension.set_max_payload(PAYLOAD).set_rcode_high(code.high());
    extension
}

/// A question as bytes.
///
/// # Errors
/// As [`Answer::write`].
pub(super) fn question(id: u16, query: &Query) -> Result<Vec<u8>, ProtoError> {
    let mut bytes = Vec::with_capacity(64);
    let mut encoder = BinEncoder::new(&mut bytes);
    let place = encoder.place::<Header>()?;
    query.emit(&mut encoder)?;
    extension(ResponseCode::NoError).emit(&mut encoder)?;
    let mut metadata = Metadata::new(id, MessageType::Query, OpCode::Query);
    metadata.recursion_desired = true;
    let counts = HeaderCounts { queries: 1, additionals: 1, ..HeaderCounts::default() };
    place.replace(&mut encoder, Header { metadata, counts })?;
    Ok(bytes)
}
