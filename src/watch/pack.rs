//! What has changed, as an archive that an engine unpacks.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use tar::{EntryType, Header};

use crate::watch::tree::Form;

/// Something that is to be in the containers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// In the container, without the slash at its beginning.
    pub to: PathBuf,
    /// On this machine.
    pub from: PathBuf,
    pub form: Form,
    pub mode: u32,
    /// Seconds since 1970.
    pub modified: u64,
    /// User and group of this machine; engines that can give files to the container's user.
    pub owner: (u32, u32),
}

/// A part of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    Bytes(Bytes),
    /// So many bytes of a file, and zeros if there are no longer as many.
    File {
        path: PathBuf,
        size: u64,
    },
}

/// How many bytes archives are made of.
const BLOCK: u64 = 512;

/// Packs entries, of which the later one holds if two have the same name.
///
/// # Errors
/// Names that an archive cannot have.
pub fn pack(entries: &[Entry]) -> io::Result<Vec<Piece>> {
    let mut pieces = Vec::new();
    let mut builder = tar::Builder::new(Vec::new());
    let mut written = BTreeSet::new();
    let last: Vec<&Entry> =
        entries.iter().rev().filter(|entry| written.insert(entry.to.as_path())).collect();
    for entry in last.into_iter().rev() {
        let mut header = Header::new_gnu();
        header.set_mode(entry.mode);
        header.set_mtime(entry.modified);
        header.set_uid(u64::from(entry.owner.0));
        header.set_gid(u64::from(entry.owner.1));
        header.set_size(0);
        match &entry.form {
            Form::Folder => {
                header.set_entry_type(EntryType::Directory);
                builder.append_data(&mut header, &entry.to, io::empty())?;
            }
            Form::Link(target) => {
                header.set_entry_type(EntryType::Symlink);
                builder.append_link(&mut header, &entry.to, target)?;
            }
            Form::Whole(bytes) => {
                header.set_size(bytes.len() as u64);
                builder.append_data(&mut header, &entry.to, &**bytes)?;
            }
            Form::Large(size) => {
                header.set_size(*size);
                // The header alone: what follows is read when it is sent.
                builder.append_data(&mut header, &entry.to, io::empty())?;
                pieces.push(Piece::Bytes(std::mem::take(builder.get_mut()).into()));
                pieces.push(Piece::File { path: entry.from.clone(), size: *size });
                let rest = usize::try_from((BLOCK - size % BLOCK) % BLOCK).unwrap_or_default();
                builder.get_mut().resize(rest, 0);
            }
        }
    }
    pieces.push(Piece::Bytes(builder.into_inner()?.into()));
    Ok(pieces)
}

/// The entries without the folders that others are in: an engine makes those, and does not look whether
/// a link is in their place.
#[must_use]
pub fn without_implied(entries: &[Entry]) -> Vec<Entry> {
    let filled: BTreeSet<&Path> =
        entries.iter().filter_map(|entry| entry.to.parent()).flat_map(Path::ancestors).collect();
    let is_implied =
        |entry: &&Entry| entry.form == Form::Folder && filled.contains(entry.to.as_path());
    entries.iter().filter(|entry| !is_implied(entry)).cloned().collect()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn entry(to: &str, form: Form) -> Entry {
        Entry { to: to.into(), from: to.into(), form, mode: 0o640, modified: 7, owner: (1, 2) }
    }

    fn unpacked(pieces: &[Piece]) -> Vec<(String, EntryType, Vec<u8>)> {
        let mut bytes = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Bytes(it) => bytes.extend_from_slice(it),
                Piece::File { size, .. } => {
                    bytes.resize(bytes.len() + usize::try_from(*size).unwrap(), b'x');
                }
            }
        }
        let mut archive = tar::Archive::new(&*bytes);
        let entries = archive.entries().unwrap().map(|entry| {
            let mut entry = entry.unwrap();
            let name = entry.path().unwrap().display().to_string();
            assert_eq!(entry.header().mode().unwrap(), 0o640);
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            (name, entry.header().entry_type(), content)
        });
        entries.collect()
    }

    #[test]
    fn all_kinds_travel() {
        let long = format!("app/{}", "n".repeat(300));
        let entries = [
            entry("app/a", Form::Whole(Bytes::from_static(b"old"))),
            entry("app/d", Form::Folder),
            entry("app/l", Form::Link("../x".into())),
            entry("app/big", Form::Large(700)),
            entry(&long, Form::Whole(Bytes::from_static(b"z"))),
            entry("app/a", Form::Whole(Bytes::from_static(b"new"))),
        ];
        let found = unpacked(&pack(&entries).unwrap());
        let want = [
            ("app/d", EntryType::Directory, b"".to_vec()),
            ("app/l", EntryType::Symlink, b"".to_vec()),
            ("app/big", EntryType::Regular, vec![b'x'; 700]),
            (&long, EntryType::Regular, b"z".to_vec()),
            ("app/a", EntryType::Regular, b"new".to_vec()),
        ];
        let found: Vec<_> = found.iter().map(|it| (&*it.0, it.1, it.2.clone())).collect();
        assert_eq!(found, want);
    }

    #[test]
    fn folders_that_are_implied() {
        let file = Form::Whole(Bytes::new());
        let entries = [
            entry("app", Form::Folder),
            entry("app/d", Form::Folder),
            entry("app/d/e", Form::Folder),
            entry("app/d/e/f", file),
            entry("app/empty", Form::Folder),
        ];
        let left: Vec<String> =
            without_implied(&entries).iter().map(|it| it.to.display().to_string()).collect();
        assert_eq!(left, ["app/d/e/f", "app/empty"]);
    }
}
