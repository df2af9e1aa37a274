//! `dns install`, `dns uninstall` and `dns status`: whether the system asks us for our names.
#![expect(
    clippy::disallowed_methods,
    reason = "files of the system are looked at and written here, and nowhere else"
)]

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::commands::dns::ask::ask_all;
use crate::commands::dns::{LISTEN, address, problem, suffix};
use crate::commands::exit::{Error, Exit};
use crate::commands::options::Context;
use crate::commands::session;
use crate::dns::split::{self, Machine, Means, Place, RESTART, Resolved, Step};
use crate::dns::suffix::Suffix;

/// Have this system ask `dns serve` for names below `test`, and nobody else
///
/// systemd-resolved and macOS can be told so. Shows what is changed; `--dry-run` only shows it. That takes root.
#[derive(Debug, clap::Args)]
pub(super) struct InstallArgs {
    /// Where `dns serve` answers
    #[arg(long, value_name = "ADDRESS:PORT", default_value = LISTEN)]
    listen: String,
    #[command(flatten)]
    place: PlaceArgs,
}

/// Take back what `dns install` has changed, and nothing else
#[derive(Debug, clap::Args)]
pub(super) struct UninstallArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

/// Show whether this system asks `dns serve` for its names, and whether that answers
///
/// The exit code is 1 unless both is so.
#[derive(Debug, clap::Args)]
pub(super) struct StatusArgs {
    #[command(flatten)]
    place: PlaceArgs,
}

#[derive(Debug, clap::Args)]
struct PlaceArgs {
    /// What names end in
    #[arg(long, value_name = "SUFFIX", default_value = "test")]
    suffix: String,
    /// Root of another system, whose files are meant; nothing is started again then
    #[arg(long, value_name = "FOLDER")]
    root: Option<String>,
}

/// A system, by its files.
struct System {
    root: PathBuf,
    /// Whether it is the one that runs.
    is_live: bool,
}

/// Folders with the libraries of systemd.
const LIBRARIES: [&str; 4] = [
    "usr/lib/systemd",
    "lib/systemd",
    "usr/lib/x86_64-linux-gnu/systemd",
    "usr/lib/aarch64-linux-gnu/systemd",
];

/// Places of the configuration of systemd-resolved, and of drop-ins for it.
const CONFIGURATIONS: [&str; 3] = ["etc/systemd", "run/systemd", "usr/lib/systemd"];

impl System {
    fn new(args: &PlaceArgs, context: &Context) -> Self {
        match &args.root {
            Some(root) => Self { root: context.env.working_directory().join(root), is_live: false },
            None => Self { root: PathBuf::from("/"), is_live: true },
        }
    }

    fn exists(&self, path: impl AsRef<Path>) -> bool {
        self.root.join(path).exists()
    }

    fn read(&self, path: impl AsRef<Path>) -> Result<Option<String>, Error> {
        let path = self.root.join(path);
        match fs::read(&path) {
            Ok(bytes) => Ok(Some(String::from_utf8_lossy(&bytes).into_owned())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(Error::Files(named("cannot read", &path, &error))),
        }
    }

    fn files(&self, folder: impl AsRef<Path>) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.root.join(&folder)).into_iter().flatten().flatten();
        let mut files: Vec<PathBuf> =
            entries.map(|entry| folder.as_ref().join(entry.file_name())).collect();
        files.sort();
        files
    }

    fn machine(&self) -> Result<Machine, Error> {
        let macos = self.exists("System/Library/CoreServices/SystemVersion.plist");
        let is_there =
            LIBRARIES.iter().any(|it| self.exists(Path::new(it).join("systemd-resolved")));
        let resolved = if is_there { Some(self.resolved()?) } else { None };
        Ok(Machine { macos, resolved })
    }

    fn resolved(&self) -> Result<Resolved, Error> {
        let libraries = LIBRARIES.iter().flat_map(|folder| self.files(folder));
        let release = |file: PathBuf| split::release(file.file_name()?.to_str()?);
        let mut global = Vec::new();
        for folder in CONFIGURATIONS.map(Path::new) {
            let drop_ins = self.files(folder.join("resolved.conf.d"));
            for file in [folder.join("resolved.conf")].into_iter().chain(drop_ins) {
                if self.read(&file)?.is_some_and(|it| split::names_servers(&it)) {
                    global.push(format!("/{}", file.display()));
                }
            }
        }
        // Where the servers of all links are written down.
        let links = self.read("run/systemd/resolve/resolv.conf")?.unwrap_or_default();
        let asked = self.read("etc/resolv.conf")?.unwrap_or_default();
        let switch = self.read("etc/nsswitch.conf")?.unwrap_or_default();
        let hosts = switch.lines().find(|line| line.trim_start().starts_with("hosts:"));
        Ok(Resolved {
            version: libraries.filter_map(release).max(),
            runs: self.exists("run/systemd/resolve/stub-resolv.conf"),
            global,
            has_links: links.lines().any(|line| line.starts_with("nameserver ")),
            is_asked: asked.contains("nameserver 127.0.0.53")
                || hosts.is_some_and(|hosts| hosts.split_whitespace().any(|it| it == "resolve")),
        })
    }

    fn places(&self, suffix: &Suffix) -> Result<Vec<Place>, Error> {
        let place = |means: Means| {
            let content = self.read(means.file(suffix))?;
            Ok(Place { means, has_folder: self.exists(means.folder()), content })
        };
        Means::ALL.into_iter().map(place).collect()
    }

    /// Carries out the steps. What was done is undone if one fails; `again` is the command that may do so.
    fn carry_out(&self, steps: &[Step], again: &str) -> Result<(), Error> {
        let mut before: Vec<(PathBuf, Option<Vec<u8>>)> = Vec::new();
        for step in steps {
            if let Step::Write { path, .. } | Step::Remove { path } = step {
                let path = self.root.join(path);
                let old = fs::read(&path).ok();
                before.push((path, old));
            }
            if let Err(error) = self.take(step, again) {
                let mut folders = steps.iter().filter_map(|step| match step {
                    Step::Write { path, content } if split::made_folder(content) => path.parent(),
                    _ => None,
                });
                restore(&before);
                if let Some(folder) = folders.next() {
                    // It stays if somebody else has put something there meanwhile.
                    let _ = fs::remove_dir(self.root.join(folder));
                }
                return Err(error);
            }
        }
        Ok(())
    }

    fn take(&self, step: &Step, again: &str) -> Result<(), Error> {
        let failed = |verb: &str, path: &Path, error: &io::Error| match error.kind() {
            io::ErrorKind::PermissionDenied => problem(
                named(verb, path, error).to_string(),
                format!("that takes root: run `sudo {again}`"),
            ),
            _ => Error::Files(named(verb, path, error)),
        };
        match step {
            Step::Write { path, content } => {
                let path = self.root.join(path);
                if let Some(folder) = path.parent() {
                    fs::create_dir_all(folder)
                        .map_err(|error| failed("cannot make", folder, &error))?;
                }
                fs::write(&path, content).map_err(|error| failed("cannot write", &path, &error))
            }
            Step::Remove { path } => {
                let path = self.root.join(path);
                fs::remove_file(&path).map_err(|error| failed("cannot remove", &path, &error))
            }
            Step::RemoveFolder { path } => {
                // Somebody else may have put something there.
                let _ = fs::remove_dir(self.root.join(path));
                Ok(())
            }
            Step::Restart if !self.is_live => Ok(()),
            Step::Restart => {
                let [program, args @ ..] = RESTART;
                let what = RESTART.join(" ");
                let output = Command::new(program).args(args).output();
                let why = match output {
                    Ok(output) if output.status.success() => return Ok(()),
                    Ok(output) => String::from_utf8_lossy(&output.stderr).trim().to_owned(),
                    Err(error) => error.to_string(),
                };
                let message = format!("`{what}` failed, so all is as it was: {why}");
                Err(problem(message, "see `systemctl status systemd-resolved`"))
            }
        }
    }
}

/// Puts files back as they were, the last one first.
fn restore(before: &[(PathBuf, Option<Vec<u8>>)]) {
    for (path, content) in before.iter().rev() {
        // What could not be changed has not been.
        let _ = match content {
            Some(content) => fs::write(path, content),
            None => fs::remove_file(path),
        };
    }
}

fn named(verb: &str, path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{verb} `{}`: {error}", path.display()))
}

pub(super) fn install(args: &InstallArgs, context: &mut Context) -> Result<Exit, Error> {
    let (server, suffix) = (address(&args.listen)?, suffix(&args.place.suffix)?);
    if server.port() == 0 {
        return Err(problem(
            "port 0 stands for any that is free, which no system can ask",
            "name the port that `dns serve` listens on",
        ));
    }
    let system = System::new(&args.place, context);
    let machine = system.machine()?;
    let steps = split::install(&machine, &system.places(&suffix)?, &suffix, server)
        .map_err(|refusal| problem(refusal.to_string(), refusal.help(&suffix, server)))?;
    if steps.is_empty() {
        context.terminal.out(&format!("names below `{suffix}` are asked at {server} already\n"))?;
        return Ok(Exit::Success);
    }
    let again = format!("rcompose dns install --listen {server} --suffix {suffix}");
    show_and_do(&system, &steps, &again, context)?;
    if !context.options.dry_run {
        let text = format!(
            "names below `{suffix}` are asked at {server} from now on: run `rcompose dns serve`\n"
        );
        context.terminal.out(&text)?;
        let is_asked = machine.resolved.is_none_or(|it| it.is_asked);
        if !is_asked {
            let text = "programs do not ask systemd-resolved here: let /etc/resolv.conf be a link to \
                        /run/systemd/resolve/stub-resolv.conf\n";
            context.terminal.err(&format!("warning: {text}"));
        }
    }
    Ok(Exit::Success)
}

pub(super) fn uninstall(args: &UninstallArgs, context: &mut Context) -> Result<Exit, Error> {
    let suffix = suffix(&args.place.suffix)?;
    let system = System::new(&args.place, context);
    let steps = split::uninstall(&system.places(&suffix)?, &suffix).map_err(|refusal| {
        let server = SocketAddr::from(([127, 0, 0, 1], 0));
        problem(refusal.to_string(), refusal.help(&suffix, server))
    })?;
    if steps.is_empty() {
        context.terminal.out(&format!("nothing is installed for `{suffix}`\n"))?;
    } else {
        let again = format!("rcompose dns uninstall --suffix {suffix}");
        show_and_do(&system, &steps, &again, context)?;
    }
    Ok(Exit::Success)
}

fn show_and_do(
    system: &System,
    steps: &[Step],
    again: &str,
    context: &mut Context,
) -> Result<(), Error> {
    for step in steps.iter().filter(|step| system.is_live || **step != Step::Restart) {
        context.terminal.out(&step.to_string())?;
    }
    context.terminal.flush()?;
    if context.options.dry_run { Ok(()) } else { system.carry_out(steps, again) }
}

pub(super) fn status(args: &StatusArgs, context: &mut Context) -> Result<Exit, Error> {
    let suffix = suffix(&args.place.suffix)?;
    let system = System::new(&args.place, context);
    let machine = system.machine()?;
    let mut server = None;
    for place in system.places(&suffix)? {
        let path = place.means.file(&suffix);
        let line = match (place.content.is_some(), place.server()) {
            (false, _) => continue,
            (true, Some(found)) => {
                server = Some(found);
                format!("installed: /{} sends names below `{suffix}` to {found}\n", path.display())
            }
            (true, None) => format!("not ours: /{}\n", path.display()),
        };
        context.terminal.out(&line)?;
    }
    let Some(server) = server else {
        context
            .terminal
            .out(&format!("not installed: nobody is asked for names below `{suffix}`\n"))?;
        return Ok(Exit::Failure);
    };
    if machine.resolved.as_ref().is_some_and(|it| !it.is_asked) {
        context.terminal.out("not asked: programs do not ask systemd-resolved here\n")?;
    }
    let heard = session::block_on(async { Ok(ask_all(server, &[suffix.to_string()]).await) })?;
    let problem = heard.first().map(|it| it.problem.as_str()).unwrap_or_default();
    let line = match problem {
        "" => format!("answered: at {server}\n"),
        problem => format!("not answered: {problem} from {server}; run `rcompose dns serve`\n"),
    };
    context.terminal.out(&line)?;
    Ok(if problem.is_empty() { Exit::Success } else { Exit::Failure })
}
