//! Logins at registries, from where users have them already: the configuration of Docker's command
//! line with its helpers, then the auth files of Podman.
//!
//! What is secret is never printed, and never an argument of a program.
#![expect(clippy::disallowed_methods, reason = "logins are files of the user's")]

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::OnceLock;

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;
use tokio::sync::Mutex;

use crate::engine::contexts::DockerConfig;
use crate::engine::error::Error;
use crate::engine::observe::nullable;
use crate::env::Env;
use crate::reference::{DEFAULT_REGISTRY, Reference};

/// What the default registry is called where logins are kept.
const DEFAULT_KEY: &str = concat!("https://index.", "docker", ".io/v1/");

/// The user's name of helpers that keep an identity token.
const TOKEN: &str = "<token>";

/// Something that proves who one is.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    Password {
        user: String,
        password: String,
    },
    /// From a login in a browser; the registry gives tokens for it.
    Identity(String),
    /// One that is shown as it is.
    Bearer(String),
}

impl fmt::Debug for Login {
    /// Without what is secret: what is printed to look for a mistake must not tell it.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Password { user, .. } => out.debug_tuple("Password").field(user).finish(),
            Self::Identity(_) => out.write_str("Identity"),
            Self::Bearer(_) => out.write_str("Bearer"),
        }
    }
}

impl Login {
    /// User and secret, for those who know nothing else; a token has no user.
    #[must_use]
    pub fn pair(&self) -> (&str, &str) {
        match self {
            Self::Password { user, password } => (user, password),
            Self::Identity(token) | Self::Bearer(token) => ("", token),
        }
    }

    /// In the engine's words.
    fn object(&self, server: &str) -> Value {
        match self {
            Self::Password { user, password } => {
                json!({"username": user, "password": password, "serveraddress": server})
            }
            Self::Identity(token) => json!({"identitytoken": token, "serveraddress": server}),
            Self::Bearer(token) => json!({"registrytoken": token, "serveraddress": server}),
        }
    }

    /// As Docker's command line keeps it.
    fn entry(&self) -> Value {
        match self {
            Self::Password { user, password } => {
                json!({"auth": STANDARD.encode(format!("{user}:{password}"))})
            }
            Self::Identity(token) => json!({"identitytoken": token}),
            Self::Bearer(token) => json!({"registrytoken": token}),
        }
    }
}

/// A file of logins.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Kept {
    #[serde(deserialize_with = "nullable")]
    auths: BTreeMap<String, Entry>,
    /// Who keeps all logins.
    #[serde(rename = "credsStore", deserialize_with = "nullable")]
    store: String,
    /// Who keeps those of single hosts.
    #[serde(rename = "credHelpers", deserialize_with = "nullable")]
    helpers: BTreeMap<String, String>,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Entry {
    /// User and password, which may have colons in it, as base64.
    auth: String,
    username: String,
    password: String,
    identitytoken: String,
    registrytoken: String,
}

impl Entry {
    /// An entry without anything says that a helper knows more, or that there is no login.
    fn login(&self) -> Option<Login> {
        let some = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        if let Some(token) = some(&self.identitytoken) {
            return Some(Login::Identity(token));
        }
        if let Some(token) = some(&self.registrytoken) {
            return Some(Login::Bearer(token));
        }
        let bytes = STANDARD_NO_PAD.decode(self.auth.trim_end_matches('=')).unwrap_or_default();
        let text = String::from_utf8_lossy(&bytes);
        let (user, password) = match text.split_once(':') {
            Some((user, password)) => (user, password.trim_matches('\0')),
            None => (self.username.as_str(), self.password.as_str()),
        };
        some(user).map(|user| Login::Password { user, password: password.to_owned() })
    }
}

impl Kept {
    /// A file that is not there, or is none, keeps nothing.
    fn read(path: &Path) -> Self {
        let text = std::fs::read_to_string(path).unwrap_or_default();
        serde_json::from_str(&text).unwrap_or_default()
    }
}

/// All that is kept.
struct Files {
    /// `DOCKER_AUTH_CONFIG`, which wins over the others.
    variable: Kept,
    docker: Kept,
    /// Those of Podman, the first that has a login wins.
    others: Vec<Kept>,
}

/// What helpers have told of servers.
type Told = BTreeMap<(String, String), Option<Login>>;

/// The logins that the user has. Files are read when the first one is asked for.
pub struct Credentials {
    env: Env,
    files: OnceLock<Files>,
    told: Mutex<Told>,
}

impl fmt::Debug for Credentials {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("Credentials")
    }
}

impl Credentials {
    #[must_use]
    pub fn new(env: &Env) -> Self {
        Self { env: env.clone(), files: OnceLock::new(), told: Mutex::default() }
    }

    fn files(&self) -> &Files {
        self.files.get_or_init(|| {
            let variable = self.env.non_empty("DOCKER_AUTH_CONFIG").unwrap_or_default();
            let docker = DockerConfig::find(&self.env).folder().map(|it| it.join("config.json"));
            Files {
                variable: serde_json::from_str(variable).unwrap_or_default(),
                docker: docker.map(|path| Kept::read(&path)).unwrap_or_default(),
                others: self.other_paths().iter().map(|path| Kept::read(path)).collect(),
            }
        })
    }

    /// Where Podman keeps logins.
    fn other_paths(&self) -> Vec<PathBuf> {
        if let Some(path) = self.env.non_empty("REGISTRY_AUTH_FILE") {
            return vec![self.env.working_directory().join(path)];
        }
        let runtime = self.env.non_empty("XDG_RUNTIME_DIR").map(PathBuf::from);
        let config = self.env.non_empty("XDG_CONFIG_HOME").map(PathBuf::from);
        let config = config.or_else(|| self.env.home().map(|home| home.join(".config")));
        let folders = [runtime, config].into_iter().flatten();
        folders.map(|folder| folder.join("containers/auth.json")).collect()
    }

    /// The login for an image.
    ///
    /// # Errors
    /// A helper that fails; one that knows no login is fine.
    pub async fn of_reference(&self, reference: &Reference) -> Result<Option<Login>, Error> {
        self.find(&reference.registry, &reference.repository).await
    }

    /// The login at a host, as builders ask for it.
    ///
    /// # Errors
    /// As [`Credentials::of_reference`].
    pub async fn of_host(&self, host: &str) -> Result<Option<Login>, Error> {
        self.find(host, "").await
    }

    async fn find(&self, host: &str, path: &str) -> Result<Option<Login>, Error> {
        let files = self.files();
        let server = key(host);
        if let Some(login) = written(&files.variable.auths, server) {
            return Ok(Some(login));
        }
        let docker = &files.docker;
        let store = Some(&docker.store).filter(|store| !store.is_empty());
        let login = match docker.helpers.get(server).or(store) {
            Some(helper) => self.ask(helper, server).await?,
            None => written(&docker.auths, server),
        };
        if login.is_some() {
            return Ok(login);
        }
        for kept in &files.others {
            let login = match kept.helpers.get(host) {
                Some(helper) => self.ask(helper, host).await?,
                None => of_namespace(&kept.auths, host, path),
            };
            if login.is_some() {
                return Ok(login);
            }
        }
        Ok(None)
    }

    /// What the engine is told of who asks for an image: `X-Registry-Auth`.
    ///
    /// # Errors
    /// As [`Credentials::of_reference`].
    pub async fn header(&self, reference: &Reference) -> Result<String, Error> {
        let server = key(&reference.registry);
        let login = self.of_reference(reference).await?;
        let object = login.map_or_else(|| json!({}), |login| login.object(server));
        Ok(URL_SAFE.encode(object.to_string()))
    }

    /// What the engine is told before a build, whose images may come from anywhere:
    /// `X-Registry-Config`.
    pub async fn config_header(&self) -> String {
        let all = self.all().await;
        let objects: Map<String, Value> =
            all.iter().map(|(server, login)| (server.clone(), login.object(server))).collect();
        URL_SAFE.encode(Value::Object(objects).to_string())
    }

    /// All logins, as a configuration of Docker's command line that has nothing else.
    pub async fn config(&self) -> String {
        let all = self.all().await;
        let entries: Map<String, Value> =
            all.iter().map(|(server, login)| (server.clone(), login.entry())).collect();
        json!({ "auths": entries }).to_string()
    }

    /// All logins, by server. As with Docker's command line, a helper that fails adds none.
    async fn all(&self) -> BTreeMap<String, Login> {
        let files = self.files();
        let mut all = BTreeMap::new();
        // Those that win come last.
        for kept in files.others.iter().rev().chain([&files.docker, &files.variable]) {
            let own = kept.auths.iter();
            all.extend(own.filter_map(|(server, it)| Some((key(server).to_owned(), it.login()?))));
            let mut kept_by: Vec<(String, &str)> = Vec::new();
            if !kept.store.is_empty() {
                let listed = self.run(&kept.store, "list", "").await.unwrap_or_default();
                let listed: BTreeMap<String, Value> =
                    serde_json::from_str(&listed.unwrap_or_default()).unwrap_or_default();
                kept_by.extend(listed.into_keys().map(|server| (server, kept.store.as_str())));
            }
            let single = kept.helpers.iter();
            kept_by.extend(single.map(|(server, helper)| (server.clone(), helper.as_str())));
            for (server, helper) in kept_by {
                if let Ok(Some(login)) = self.ask(helper, &server).await {
                    all.insert(key(&server).to_owned(), login);
                }
            }
        }
        all
    }

    /// Asks a helper for a login; it is asked once, as each question is the start of a program.
    async fn ask(&self, helper: &str, server: &str) -> Result<Option<Login>, Error> {
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase")]
        struct Answer {
            username: String,
            secret: String,
        }
        let question = (helper.to_owned(), server.to_owned());
        // Held while it is asked: others who want to know the same wait.
        let mut told = self.told.lock().await;
        if let Some(login) = told.get(&question) {
            return Ok(login.clone());
        }
        let login = match self.run(helper, "get", server).await? {
            None => None,
            Some(text) => {
                let Answer { username, secret } =
                    serde_json::from_str(&text).map_err(|_| Error::Helper {
                        helper: program(helper),
                        // Its answer has a secret in it.
                        message: "it answers something that is no login".to_owned(),
                    })?;
                match username.as_str() {
                    TOKEN => Some(Login::Identity(secret)),
                    "" => None,
                    _ => Some(Login::Password { user: username, password: secret }),
                }
            }
        };
        told.insert(question, login.clone());
        Ok(login)
    }

    /// Runs a helper; `None` if it knows no login.
    async fn run(&self, helper: &str, verb: &str, input: &str) -> Result<Option<String>, Error> {
        const UNKNOWN: [&str; 3] =
            ["credentials not found", "no credentials server URL", "no credentials username"];
        let failed = |message: String| Error::Helper { helper: program(helper), message };
        let mut child = Command::new(program(helper))
            .arg(verb)
            .env_clear()
            .envs(self.env.variables())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| failed(error.to_string()))?;
        if let Some(mut stdin) = child.stdin.take() {
            // One that does not read what it is asked says so by its answer.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let output = child.wait_with_output().await.map_err(|error| failed(error.to_string()))?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        if output.status.success() {
            return Ok(Some(text));
        }
        if UNKNOWN.iter().any(|words| text.contains(words)) {
            return Ok(None);
        }
        let said = text.trim();
        Err(failed(if said.is_empty() { output.status.to_string() } else { said.to_owned() }))
    }
}

fn program(helper: &str) -> String {
    format!("docker-credential-{helper}")
}

/// What a host is called where logins are kept.
fn key(host: &str) -> &str {
    let plain = host.trim_start_matches("index.").trim_start_matches("registry-1.");
    if plain == DEFAULT_REGISTRY { DEFAULT_KEY } else { host }
}

/// The host of a key, which may be an address of older times.
fn host_of(key: &str) -> &str {
    let bare = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    bare.split('/').next().unwrap_or(bare)
}

/// The login of a server.
fn written(auths: &BTreeMap<String, Entry>, server: &str) -> Option<Login> {
    if let Some(entry) = auths.get(server) {
        return entry.login();
    }
    auths.iter().find(|(key, _)| host_of(key) == host_of(server)).and_then(|(_, it)| it.login())
}

/// The login of the longest part of host and path that has one.
fn of_namespace(auths: &BTreeMap<String, Entry>, host: &str, path: &str) -> Option<Login> {
    let mut name = if path.is_empty() { host.to_owned() } else { format!("{host}/{path}") };
    loop {
        if let Some(login) = auths.get(&name).and_then(Entry::login) {
            return Some(login);
        }
        match name.rfind('/') {
            Some(at) => name.truncate(at),
            None => return written(auths, key(host)),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// A home of its own for a test.
    struct Home(PathBuf);

    impl Home {
        fn new(name: &str) -> Self {
            let folder = format!("rcompose-logins-{name}-{}", std::process::id());
            let folder = std::env::temp_dir().join(folder);
            let _ = std::fs::remove_dir_all(&folder);
            std::fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }

        fn file(&self, path: &str, text: &str) {
            let path = self.0.join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }

        /// A helper that counts how often it is asked.
        fn helper(&self, name: &str, script: &str) {
            let path = format!("bin/docker-credential-{name}");
            let count = self.0.join(format!("{name}.count"));
            let text =
                format!("#!/bin/sh\necho $1 >> {}\nread server\n{script}\n", count.display());
            self.file(&path, &text);
            let mode = std::fs::Permissions::from_mode(0o755);
            std::fs::set_permissions(self.0.join(path), mode).unwrap();
        }

        fn asked(&self, name: &str) -> usize {
            let text = std::fs::read_to_string(self.0.join(format!("{name}.count")));
            text.unwrap_or_default().lines().count()
        }

        fn credentials(&self, variables: &[(&str, &str)]) -> Credentials {
            let home = self.0.to_str().unwrap();
            let path = format!("{home}/bin:/usr/bin:/bin");
            let all = [("HOME", home), ("PATH", &*path)].into_iter();
            Credentials::new(&Env::fixed(&self.0, all.chain(variables.iter().copied())))
        }
    }

    impl Drop for Home {
        fn drop(&mut self) {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }

    fn wait<T>(work: impl Future<Output = T>) -> T {
        let mut builder = tokio::runtime::Builder::new_current_thread();
        builder.enable_all().build().unwrap().block_on(work)
    }

    fn auth(text: &str) -> String {
        STANDARD.encode(text)
    }

    #[test]
    fn the_default_registry_has_a_key_of_its_own() {
        for name in ["", "index.", "registry-1."] {
            assert_eq!(key(&format!("{name}{DEFAULT_REGISTRY}")), DEFAULT_KEY);
        }
        assert_eq!(key("registry.example"), "registry.example");
    }

    fn reference(text: &str) -> Reference {
        Reference::parse(text).unwrap()
    }

    #[test]
    fn logins_in_files() {
        let home = Home::new("files");
        let config = json!({"auths": {
            DEFAULT_KEY: {"auth": auth("hub:a:b:c")},
            "https://old.example/v1/": {"auth": auth("old:hidden1")},
            "token.example": {"auth": auth("me:"), "identitytoken": "hidden2"},
            "bearer.example": {"registrytoken": "hidden3"},
            "plain.example": {"username": "u", "password": "hidden4"},
            "empty.example": {},
        }});
        home.file(".docker/config.json", &config.to_string());
        let credentials = home.credentials(&[]);
        let table = [
            ("nginx", Some(("hub", "a:b:c"))),
            ("old.example/x", Some(("old", "hidden1"))),
            ("token.example/x", Some(("", "hidden2"))),
            ("bearer.example/x", Some(("", "hidden3"))),
            ("plain.example/x", Some(("u", "hidden4"))),
            ("empty.example/x", None),
            ("other.example/x", None),
        ];
        for (text, want) in table {
            let login = wait(credentials.of_reference(&reference(text))).unwrap();
            assert_eq!(login.as_ref().map(Login::pair), want, "{text}");
            let shown = format!("{login:?}");
            assert!(want.is_none_or(|(_, secret)| !shown.contains(secret)), "{shown}");
        }
        let header = |text| {
            let header = wait(credentials.header(&reference(text))).unwrap();
            serde_json::from_slice::<Value>(&URL_SAFE.decode(header).unwrap()).unwrap()
        };
        let hub = json!({"username": "hub", "password": "a:b:c", "serveraddress": DEFAULT_KEY});
        assert_eq!(header("nginx"), hub);
        let token = json!({"identitytoken": "hidden2", "serveraddress": "token.example"});
        assert_eq!(header("token.example/x:1"), token);
        assert_eq!(header("empty.example/x"), json!({}));
        let all: Value = serde_json::from_str(&wait(credentials.config())).unwrap();
        assert_eq!(all["auths"]["plain.example"], json!({"auth": auth("u:hidden4")}));
        assert_eq!(all["auths"]["token.example"], json!({"identitytoken": "hidden2"}));
        assert_eq!(all["auths"].get("empty.example"), None);
        let headers = URL_SAFE.decode(wait(credentials.config_header())).unwrap();
        let headers: Value = serde_json::from_slice(&headers).unwrap();
        assert_eq!(headers[DEFAULT_KEY], hub);
    }

    #[test]
    fn helpers_win_over_the_file() {
        let home = Home::new("helpers");
        let config = json!({
            "auths": {"one.example": {"auth": auth("file:f")}, "two.example": {}},
            "credsStore": "all",
            "credHelpers": {"one.example": "one", "bad.example": "bad", "no.example": "missing"},
        });
        home.file(".docker/config.json", &config.to_string());
        home.helper("one", r#"echo "{\"ServerURL\":\"$server\",\"Username\":\"<token>\",\"Secret\":\"t:$server\"}""#);
        home.helper(
            "all",
            r#"case $1 in list) echo '{"two.example": "me"}'; exit;; esac
case $server in
  two.example) echo '{"Username":"me","Secret":"s"}';;
  *) echo 'credentials not found in native keychain'; exit 1;;
esac"#,
        );
        home.helper("bad", "echo 'the keychain is locked'; exit 1");
        let credentials = home.credentials(&[]);
        let login = |text| wait(credentials.of_reference(&reference(text)));
        for _ in 0..2 {
            let one = Login::Identity("t:one.example".to_owned());
            assert_eq!(login("one.example/a").unwrap(), Some(one));
        }
        assert_eq!(home.asked("one"), 1);
        let two = Login::Password { user: "me".to_owned(), password: "s".to_owned() };
        assert_eq!(login("two.example/a").unwrap(), Some(two));
        assert_eq!(login("three.example/a").unwrap(), None);
        let error = login("bad.example/a").unwrap_err().to_string();
        assert!(error.contains("docker-credential-bad") && error.contains("locked"), "{error}");
        assert!(login("no.example/a").is_err());
        // One that fails does not take away the others.
        let all: Value = serde_json::from_str(&wait(credentials.config())).unwrap();
        let servers: Vec<&String> = all["auths"].as_object().unwrap().keys().collect();
        assert_eq!(servers, ["one.example", "two.example"]);
    }

    #[test]
    fn logins_of_podman_come_after_those_of_docker() {
        let home = Home::new("others");
        let docker = json!({"auths": {"one.example": {"auth": auth("docker:d")}}});
        home.file(".docker/config.json", &docker.to_string());
        let runtime = json!({"auths": {
            "one.example": {"auth": auth("other:o")},
            "two.example/team": {"auth": auth("team:t")},
            "two.example": {"auth": auth("host:h")},
            DEFAULT_REGISTRY: {"auth": auth("hub:x")},
        }});
        home.file("run/containers/auth.json", &runtime.to_string());
        let config = json!({"auths": {"three.example": {"auth": auth("three:3")}}});
        home.file(".config/containers/auth.json", &config.to_string());
        let runtime = home.0.join("run");
        let variable = ("XDG_RUNTIME_DIR", runtime.to_str().unwrap());
        let user = |credentials: &Credentials, text: &str| {
            let login = wait(credentials.of_reference(&reference(text))).unwrap();
            login.map(|login| login.pair().0.to_owned()).unwrap_or_default()
        };
        let credentials = home.credentials(&[variable]);
        let table = [
            ("one.example/a", "docker"),
            ("two.example/team/a:1", "team"),
            ("two.example/a:1", "host"),
            ("three.example/a", "three"),
            ("nginx", "hub"),
        ];
        for (text, want) in table {
            assert_eq!(user(&credentials, text), want, "{text}");
        }
        // Who names a file means it alone.
        home.file(
            "mine.json",
            &json!({"auths": {"two.example": {"auth": auth("mine:m")}}}).to_string(),
        );
        let credentials = home.credentials(&[variable, ("REGISTRY_AUTH_FILE", "mine.json")]);
        assert_eq!(user(&credentials, "two.example/team/a"), "mine");
        assert_eq!(user(&credentials, "three.example/a"), "");
        let inline = json!({"auths": {"one.example": {"auth": auth("inline:i")}}}).to_string();
        let credentials = home.credentials(&[("DOCKER_AUTH_CONFIG", &inline)]);
        assert_eq!(user(&credentials, "one.example/a"), "inline");
    }

    #[test]
    fn files_that_are_none_keep_nothing() {
        let home = Home::new("broken");
        home.file(".docker/config.json", "{ this is no configuration");
        home.file(".config/containers/auth.json", r#"{"auths": null}"#);
        let credentials = home.credentials(&[]);
        assert_eq!(wait(credentials.of_reference(&reference("nginx"))).unwrap(), None);
        assert_eq!(wait(credentials.config()), r#"{"auths":{}}"#);
    }
}
