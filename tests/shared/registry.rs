//! The distribution's own registry, for tests.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// The distribution's registry, with its content in a folder of the test's.
pub(crate) struct Distribution {
    /// Host and port.
    pub(crate) address: String,
    process: Child,
    folder: PathBuf,
}

/// Who may do anything at a registry with logins.
pub(crate) const USER: (&str, &str) = ("somebody", "secret");
/// What `htpasswd` makes of that.
const HASH: &str = "$2b$05$abcdefghijklmnopqrstuuOQiyCxlgf/oeuTqixKmWdcYUh4Hjl0a";

impl Distribution {
    /// Starts one; `None`, and a line that says so, if the program is not installed.
    pub(crate) fn start(folder: &Path, with_login: bool) -> Option<Self> {
        static NUMBER: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let folder = folder.join(format!("registry-{}-{number}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        // A port that is free now may be taken the next moment.
        for _ in 0..5 {
            let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
            let address = format!("127.0.0.1:{port}");
            let login = if with_login {
                fs::write(folder.join("users"), format!("{}:{HASH}\n", USER.0)).unwrap();
                format!("auth: {{htpasswd: {{realm: test, path: {}/users}}}}\n", folder.display())
            } else {
                String::new()
            };
            let config = format!(
                "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: \
                 {}/data}}, delete: {{enabled: true}}}}\nhttp: {{addr: \"{address}\"}}\n{login}",
                folder.display()
            );
            fs::write(folder.join("config.yml"), config).unwrap();
            let mut command = Command::new("docker-registry");
            command.arg("serve").arg(folder.join("config.yml"));
            command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
            let Ok(mut process) = command.spawn() else {
                let note = "scenarios with a registry are left out: there is no `docker-registry`";
                let _ = writeln!(std::io::stderr(), "{note}");
                return None;
            };
            let deadline = Instant::now() + Duration::from_secs(30);
            while Instant::now() < deadline && process.try_wait().unwrap().is_none() {
                if TcpStream::connect(&address).is_ok() {
                    return Some(Self { address, process, folder });
                }
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ = process.kill();
        }
        panic!("docker-registry does not start");
    }
}

impl Distribution {
    /// Asks the registry, without the help of the program under test; gives status, head and body.
    pub(crate) fn ask(
        &self,
        method: &str,
        path: &str,
        kind: &str,
        body: &[u8],
    ) -> (u16, String, Vec<u8>) {
        let path = path.strip_prefix(&format!("http://{}", self.address)).unwrap_or(path);
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let head = format!(
            "{method} {path} HTTP/1.0\r\nHost: {}\r\nContent-Type: {kind}\r\nAccept: {kind}\r\n\
             Content-Length: {}\r\n\r\n",
            self.address,
            body.len()
        );
        stream.write_all(head.as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let end = answer.windows(4).position(|it| it == b"\r\n\r\n").unwrap();
        let head = String::from_utf8(answer[..end].to_vec()).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        (status, head, answer[end + 4..].to_vec())
    }

    /// Puts an image without content under a name such as `team/app:1`; gives its digest. Images
    /// differ by `mark`.
    pub(crate) fn put(&self, name: &str, mark: &str) -> String {
        let (repository, tag) = name.rsplit_once(':').unwrap();
        let config = format!("{{\"mark\":\"{mark}\"}}");
        let kind = "application/octet-stream";
        let uploads = format!("/v2/{repository}/blobs/uploads/");
        let (_, head, _) = self.ask("POST", &uploads, kind, b"");
        let at = head.lines().find_map(|line| line.strip_prefix("Location: ")).unwrap();
        let digest = rcompose::registry::sha256(config.as_bytes());
        let (status, ..) =
            self.ask("PUT", &format!("{at}&digest={digest}"), kind, config.as_bytes());
        assert_eq!(status, 201);
        let kind = "application/vnd.oci.image.manifest.v1+json";
        let manifest = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"{kind}\",\"config\":{{\"mediaType\":\
             \"application/vnd.oci.image.config.v1+json\",\"digest\":\"{digest}\",\"size\":{}}},\
             \"layers\":[]}}",
            config.len()
        );
        let path = format!("/v2/{repository}/manifests/{tag}");
        let (status, ..) = self.ask("PUT", &path, kind, manifest.as_bytes());
        assert_eq!(status, 201);
        rcompose::registry::sha256(manifest.as_bytes())
    }
}

impl Drop for Distribution {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}
