//! How a system is told to ask us for the names below a suffix, and nobody else about them; and how
//! that is taken back.
//!
//! A file of ours carries a mark. One that is there without it belongs to somebody else, and stays.
//!
//! systemd-resolved knows scopes of names since release 258 (`systemd.dns-delegate(5)`): our server is
//! asked for our suffix then, and for nothing else. Before that, a server in a drop-in of `resolved.conf`
//! is one of the global servers. Its routing domain brings it our names; others are still asked at the
//! servers of the links, but of us, too, who refuse them. That works as long as ours is the only global
//! server, and links have others: else names would go to the wrong one, so it is not done then.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use crate::dns::suffix::Suffix;

/// What the first line of our files says.
pub const MARK: &str = "# Made by `rcompose dns install`; `rcompose dns uninstall` takes it away.";

/// What the second line says if the folder was made for the file, and goes with it.
const FOLDER_MARK: &str = "# So is its folder.";

/// The first release of systemd-resolved that sends names below a suffix elsewhere.
const DELEGATES: u32 = 258;

/// The first release that takes the port of a server.
const PORTS: u32 = 246;

/// What makes systemd-resolved read its files again.
pub const RESTART: [&str; 3] = ["systemctl", "restart", "systemd-resolved.service"];

/// A way to send names below a suffix to a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Means {
    /// A delegate of systemd-resolved.
    Delegate,
    /// A global server of systemd-resolved with a routing domain.
    DropIn,
    /// A file of macOS.
    Resolver,
}

impl Means {
    pub const ALL: [Self; 3] = [Self::Delegate, Self::DropIn, Self::Resolver];

    /// The folder of its file, without the slash at the beginning.
    #[must_use]
    pub fn folder(self) -> &'static Path {
        Path::new(match self {
            Self::Delegate => "etc/systemd/dns-delegate.d",
            Self::DropIn => "etc/systemd/resolved.conf.d",
            Self::Resolver => "etc/resolver",
        })
    }

    /// The file for a suffix, likewise.
    #[must_use]
    pub fn file(self, suffix: &Suffix) -> PathBuf {
        self.folder().join(match self {
            Self::Delegate => format!("rcompose-{suffix}.dns-delegate"),
            Self::DropIn => format!("rcompose-{suffix}.conf"),
            // Its name is the suffix.
            Self::Resolver => suffix.to_string(),
        })
    }

    /// What is in it.
    #[must_use]
    pub fn content(self, suffix: &Suffix, server: SocketAddr, made_folder: bool) -> String {
        let folder = if made_folder { format!("{FOLDER_MARK}\n") } else { String::new() };
        let body = match self {
            Self::Delegate => format!("[Delegate]\nDNS={server}\nDomains=~{suffix}\n"),
            Self::DropIn => format!("[Resolve]\nDNS={server}\nDomains=~{suffix}\n"),
            Self::Resolver => format!("nameserver {}\nport {}\n", server.ip(), server.port()),
        };
        format!("{MARK}\n{folder}{body}")
    }

    fn is_of_resolved(self) -> bool {
        self != Self::Resolver
    }
}

/// What a machine has to send names with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Machine {
    pub macos: bool,
    pub resolved: Option<Resolved>,
}

/// systemd-resolved as it is there.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Resolved {
    pub version: Option<u32>,
    pub runs: bool,
    /// Files that name global servers.
    pub global: Vec<String>,
    /// Whether links have servers.
    pub has_links: bool,
    /// Whether programs ask it, which is so if `/etc/resolv.conf` is its own.
    pub is_asked: bool,
}

/// One of the places where a file of ours may be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub means: Means,
    pub has_folder: bool,
    pub content: Option<String>,
}

impl Place {
    /// Whether a file of ours is there.
    #[must_use]
    pub fn is_ours(&self) -> bool {
        self.content.as_deref().is_some_and(|it| it.lines().next() == Some(MARK))
    }

    fn is_foreign(&self) -> bool {
        self.content.is_some() && !self.is_ours()
    }

    fn made_folder(&self) -> bool {
        self.is_ours() && self.content.as_deref().is_some_and(made_folder)
    }

    /// The server that a file of ours names, as it is written there.
    #[must_use]
    pub fn server(&self) -> Option<SocketAddr> {
        let lines = self.content.as_deref().filter(|_| self.is_ours())?.lines();
        let value = |key: &str| lines.clone().find_map(|line| line.strip_prefix(key));
        match self.means {
            Means::Delegate | Means::DropIn => value("DNS=")?.parse().ok(),
            Means::Resolver => {
                let (address, port) = (value("nameserver ")?, value("port ")?);
                Some(SocketAddr::new(address.parse().ok()?, port.parse().ok()?))
            }
        }
    }
}

/// One change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    Write {
        path: PathBuf,
        content: String,
    },
    Remove {
        path: PathBuf,
    },
    /// Removes a folder if nothing is left in it.
    RemoveFolder {
        path: PathBuf,
    },
    /// Has systemd-resolved read its files.
    Restart,
}

impl fmt::Display for Step {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Write { path, content } => {
                writeln!(out, "write /{}", path.display())?;
                for line in content.lines() {
                    writeln!(out, "    {line}")?;
                }
                Ok(())
            }
            Self::Remove { path } => writeln!(out, "remove /{}", path.display()),
            Self::RemoveFolder { path } => {
                writeln!(out, "remove /{}, which was made with it, if it is empty", path.display())
            }
            Self::Restart => writeln!(out, "run {}", RESTART.join(" ")),
        }
    }
}

/// Why names cannot be sent to us.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error(
        "this system cannot be told to ask us: it has neither systemd-resolved nor the resolver files of macOS"
    )]
    NoMeans,
    #[error("systemd-resolved does not run")]
    NotRunning,
    #[error("{}", too_old(.0.as_ref()))]
    TooOld(Option<u32>),
    #[error(
        "systemd-resolved has other global servers, named by {0}: before release {DELEGATES} they would \
         be asked for `.{1}` as well, and ours for everything"
    )]
    OtherServers(String, Suffix),
    #[error(
        "no link has a server of names: before release {DELEGATES} of systemd-resolved, ours would be the \
         only one that is asked for anything"
    )]
    NoLinks,
    #[error("`/{0}` is there, and was not made by rcompose")]
    Foreign(String),
}

fn too_old(version: Option<&u32>) -> String {
    let found = version.map_or("of an unknown release".to_owned(), |it| format!("of release {it}"));
    format!("systemd-resolved {found} takes no ports: that came with release {PORTS}")
}

impl Refusal {
    /// What to do instead.
    #[must_use]
    pub fn help(&self, suffix: &Suffix, server: SocketAddr) -> String {
        let (address, port) = (server.ip(), server.port());
        let by_hand = format!(
            "let another resolver ask {address} at port {port} for `{suffix}`, such as dnsmasq with \
             `server=/{suffix}/{address}#{port}`, or do without names: `rcompose dns env` prints \
             addresses and ports"
        );
        match self {
            Self::NoMeans | Self::TooOld(_) | Self::OtherServers(..) | Self::NoLinks => by_hand,
            Self::NotRunning => {
                format!("start it (`systemctl enable --now systemd-resolved`), or {by_hand}")
            }
            Self::Foreign(_) => {
                format!(
                    "look at it: move it away if nobody needs it, or choose another ending with --suffix instead of `{suffix}`"
                )
            }
        }
    }
}

/// What has to be done so that names below `suffix` are asked at `server`; nothing if that is so already.
///
/// # Errors
/// A machine that cannot do so, or a file of somebody else.
pub fn install(
    machine: &Machine,
    places: &[Place],
    suffix: &Suffix,
    server: SocketAddr,
) -> Result<Vec<Step>, Refusal> {
    let means = means(machine, suffix)?;
    refuse_foreign(places.iter().filter(|it| it.means == means), suffix)?;
    // What was right for an older system is so no more.
    let old: Vec<&Place> = places.iter().filter(|it| it.means != means && it.is_ours()).collect();
    let mut steps: Vec<Step> = old.iter().flat_map(|place| removal(place, suffix)).collect();
    let place = places.iter().find(|it| it.means == means);
    let makes_folder = place.is_none_or(|it| !it.has_folder || it.made_folder());
    let content = means.content(suffix, server, makes_folder);
    if place.and_then(|it| it.content.as_ref()) != Some(&content) {
        steps.push(Step::Write { path: means.file(suffix), content });
    }
    if !steps.is_empty()
        && (means.is_of_resolved() || old.iter().any(|it| it.means.is_of_resolved()))
    {
        steps.push(Step::Restart);
    }
    Ok(steps)
}

/// What has to be done so that nothing of that is left.
///
/// # Errors
/// A file of somebody else.
pub fn uninstall(places: &[Place], suffix: &Suffix) -> Result<Vec<Step>, Refusal> {
    refuse_foreign(places.iter(), suffix)?;
    let ours: Vec<&Place> = places.iter().filter(|it| it.is_ours()).collect();
    let mut steps: Vec<Step> = ours.iter().flat_map(|place| removal(place, suffix)).collect();
    if ours.iter().any(|it| it.means.is_of_resolved()) {
        steps.push(Step::Restart);
    }
    Ok(steps)
}

fn removal(place: &Place, suffix: &Suffix) -> Vec<Step> {
    let mut steps = vec![Step::Remove { path: place.means.file(suffix) }];
    if place.made_folder() {
        steps.push(Step::RemoveFolder { path: place.means.folder().to_owned() });
    }
    steps
}

fn refuse_foreign<'a>(
    mut places: impl Iterator<Item = &'a Place>,
    suffix: &Suffix,
) -> Result<(), Refusal> {
    match places.find(|it| it.is_foreign()) {
        Some(place) => Err(Refusal::Foreign(place.means.file(suffix).display().to_string())),
        None => Ok(()),
    }
}

/// The exact way, if there is one.
fn means(machine: &Machine, suffix: &Suffix) -> Result<Means, Refusal> {
    if machine.macos {
        return Ok(Means::Resolver);
    }
    let resolved = machine.resolved.as_ref().ok_or(Refusal::NoMeans)?;
    if !resolved.runs {
        return Err(Refusal::NotRunning);
    }
    match resolved.version {
        Some(DELEGATES..) => Ok(Means::Delegate),
        Some(PORTS..) => {
            let own = Means::DropIn.file(suffix).display().to_string();
            match resolved.global.iter().find(|file| !file.ends_with(&own)) {
                Some(file) => Err(Refusal::OtherServers(file.clone(), suffix.clone())),
                None if !resolved.has_links => Err(Refusal::NoLinks),
                None => Ok(Means::DropIn),
            }
        }
        version => Err(Refusal::TooOld(version)),
    }
}

/// Whether the folder of a file of ours was made for it.
#[must_use]
pub fn made_folder(content: &str) -> bool {
    content.lines().nth(1) == Some(FOLDER_MARK)
}

/// The servers that a file of systemd-resolved leaves in force, if it names any.
#[must_use]
pub fn names_servers(content: &str) -> bool {
    let mut named = false;
    for line in content.lines() {
        if let Some(value) = line.trim().strip_prefix("DNS=") {
            // An empty value takes back what was said before.
            named = !value.trim().is_empty();
        }
    }
    named
}

/// The release of systemd that a library of its own is named after, such as `libsystemd-shared-255.so`.
#[must_use]
pub fn release(library: &str) -> Option<u32> {
    let rest = library.strip_prefix("libsystemd-shared-")?;
    let end = rest.find(|char: char| !char.is_ascii_digit()).unwrap_or(rest.len());
    rest[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn suffix() -> Suffix {
        Suffix::parse("test").unwrap()
    }

    fn server() -> SocketAddr {
        "127.0.0.1:5300".parse().unwrap()
    }

    fn linux(version: u32) -> Machine {
        let resolved = Resolved {
            version: Some(version),
            runs: true,
            global: Vec::new(),
            has_links: true,
            is_asked: true,
        };
        Machine { macos: false, resolved: Some(resolved) }
    }

    fn place(means: Means, has_folder: bool, content: Option<&str>) -> Place {
        Place { means, has_folder, content: content.map(str::to_owned) }
    }

    fn told(steps: Result<Vec<Step>, Refusal>) -> String {
        match steps {
            Ok(steps) => steps.iter().map(ToString::to_string).collect(),
            Err(refusal) => refusal.to_string(),
        }
    }

    const DELEGATE: &str = "\
write /etc/systemd/dns-delegate.d/rcompose-test.dns-delegate
    # Made by `rcompose dns install`; `rcompose dns uninstall` takes it away.
    # So is its folder.
    [Delegate]
    DNS=127.0.0.1:5300
    Domains=~test
run systemctl restart systemd-resolved.service
";

    #[test]
    fn each_system_has_its_way() {
        let plan = |machine: &Machine, places: &[Place]| {
            told(install(machine, places, &suffix(), server()))
        };
        assert_eq!(plan(&linux(258), &[place(Means::Delegate, false, None)]), DELEGATE);
        let drop_in = plan(&linux(255), &[place(Means::DropIn, true, None)]);
        let want = "\
write /etc/systemd/resolved.conf.d/rcompose-test.conf
    # Made by `rcompose dns install`; `rcompose dns uninstall` takes it away.
    [Resolve]
    DNS=127.0.0.1:5300
    Domains=~test
run systemctl restart systemd-resolved.service
";
        assert_eq!(drop_in, want);
        let macos = Machine { macos: true, resolved: None };
        let want = "\
write /etc/resolver/test
    # Made by `rcompose dns install`; `rcompose dns uninstall` takes it away.
    # So is its folder.
    nameserver 127.0.0.1
    port 5300
";
        assert_eq!(plan(&macos, &[]), want);
    }

    #[test]
    fn what_cannot_be_done_exactly_is_not_done() {
        let plan = |machine: &Machine| told(install(machine, &[], &suffix(), server()));
        assert!(plan(&Machine::default()).contains("neither systemd-resolved nor"));
        assert!(plan(&linux(245)).contains("of release 245 takes no ports"));
        let change = |version, change: fn(&mut Resolved)| {
            let mut machine = linux(version);
            change(machine.resolved.as_mut().unwrap());
            plan(&machine)
        };
        assert!(change(255, |it| it.runs = false).contains("does not run"));
        assert!(change(255, |it| it.version = None).contains("unknown release"));
        assert!(change(255, |it| it.has_links = false).contains("no link has a server"));
        let other: fn(&mut Resolved) = |it| it.global.push("/etc/systemd/resolved.conf".to_owned());
        assert!(change(255, other).contains("named by /etc/systemd/resolved.conf"));
        assert!(change(258, other).starts_with("write "));
        let own: fn(&mut Resolved) =
            |it| it.global.push("/etc/systemd/resolved.conf.d/rcompose-test.conf".to_owned());
        assert!(change(255, own).starts_with("write "));
        let help = Refusal::NoMeans.help(&suffix(), server());
        assert!(help.contains("server=/test/127.0.0.1#5300") && help.contains("dns env"));
    }

    #[test]
    fn what_is_taken_back_is_ours() {
        let content = Means::Delegate.content(&suffix(), server(), true);
        let ours = place(Means::Delegate, true, Some(&content));
        assert_eq!(ours.server(), Some(server()));
        let all = [ours.clone(), place(Means::DropIn, true, None)];
        assert_eq!(install(&linux(258), &all, &suffix(), server()), Ok(vec![]));
        let want = "\
remove /etc/systemd/dns-delegate.d/rcompose-test.dns-delegate
remove /etc/systemd/dns-delegate.d, which was made with it, if it is empty
run systemctl restart systemd-resolved.service
";
        assert_eq!(told(uninstall(&all, &suffix())), want);
        assert_eq!(uninstall(&[place(Means::DropIn, true, None)], &suffix()), Ok(vec![]));
        // Another port: the file is ours to change, and the folder stays ours.
        let other: SocketAddr = "127.0.0.1:5301".parse().unwrap();
        let steps = told(install(&linux(258), &all, &suffix(), other));
        assert_eq!(steps, DELEGATE.replace("5300", "5301"));
        // A newer release: the old way is taken back.
        let old =
            place(Means::DropIn, true, Some(&Means::DropIn.content(&suffix(), server(), false)));
        let steps = told(install(&linux(258), &[old], &suffix(), server()));
        assert_eq!(
            steps,
            format!("remove /etc/systemd/resolved.conf.d/rcompose-test.conf\n{DELEGATE}")
        );
        let foreign = [place(Means::Resolver, true, Some("nameserver 192.0.2.1\n"))];
        let macos = Machine { macos: true, resolved: None };
        let want = "`/etc/resolver/test` is there, and was not made by rcompose";
        assert_eq!(told(install(&macos, &foreign, &suffix(), server())), want);
        assert_eq!(told(uninstall(&foreign, &suffix())), want);
        let resolver = Means::Resolver.content(&suffix(), server(), false);
        assert_eq!(place(Means::Resolver, true, Some(&resolver)).server(), Some(server()));
    }

    #[test]
    fn what_files_say() {
        assert!(names_servers("[Resolve]\n DNS=192.0.2.1\n"));
        for none in
            ["", "#DNS=192.0.2.1\n", "DNS=\n", "DNS=192.0.2.1\nDNS=\n", "FallbackDNS=1.1.1.1"]
        {
            assert!(!names_servers(none), "{none}");
        }
        assert_eq!(release("libsystemd-shared-255.so"), Some(255));
        assert_eq!(release("libsystemd-shared-249.11-0ubuntu3.so"), Some(249));
        assert_eq!(release("libsystemd-core-255.so"), None);
    }
}
