//! Files put into containers.

use jiff::Timestamp;

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::error::Error;
use crate::spec::InlineFile;

impl Engine {
    /// Puts files into a container, whether it runs or not.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn put_files(&self, id: &str, files: &[InlineFile]) -> Result<(), Error> {
        let now = Timestamp::now().as_second();
        let archive = archive(files, u64::try_from(now).unwrap_or_default())?;
        // Owners are in the archive: to be asked for, some engines look them up in the image.
        let path = format!("/containers/{}/archive?path=%2F", encode(id));
        self.transport.put(&path, archive).await
    }
}

/// The files as an archive that is unpacked at the root.
fn archive(files: &[InlineFile], now: u64) -> Result<Vec<u8>, Error> {
    let mut archive = tar::Builder::new(Vec::new());
    for file in files {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Regular);
        header.set_size(file.content.len() as u64);
        header.set_mode(file.mode);
        header.set_uid(file.user);
        header.set_gid(file.group);
        header.set_mtime(now);
        let path = file.target.trim_start_matches('/');
        archive.append_data(&mut header, path, file.content.as_bytes())?;
    }
    Ok(archive.into_inner()?)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    #[test]
    fn files_keep_their_owners_and_long_names() {
        let long = format!("/{}/{}", "a".repeat(90), "b".repeat(90));
        let file = InlineFile {
            target: long.clone(),
            content: "text".to_owned(),
            mode: 0o440,
            user: 1000,
            group: 7,
        };
        let bytes = archive(&[file], 5).unwrap();
        let mut archive = tar::Archive::new(&*bytes);
        let mut entry = archive.entries().unwrap().next().unwrap().unwrap();
        assert_eq!(entry.path().unwrap().to_str().unwrap(), &long[1..]);
        let header = entry.header();
        assert_eq!(header.mode().unwrap(), 0o440);
        assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (1000, 7));
        let mut text = String::new();
        entry.read_to_string(&mut text).unwrap();
        assert_eq!(text, "text");
    }
}
