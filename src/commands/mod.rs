//! The command line: one file per command, and what they share.

mod analyze;
mod attach;
mod build;
mod carrier;
mod ci;
mod commit;
mod companion;
mod completing;
mod completion;
mod config;
mod control;
mod cp;
mod create;
mod detach;
mod digests;
mod dns;
mod doctor;
mod dossier;
mod down;
mod events;
mod exec;
mod exit;
mod explain;
mod export;
mod failure;
mod fetching;
mod findings;
mod followed;
mod gc;
mod help;
mod images;
mod images_of;
mod job;
mod kill;
mod lint;
mod listing;
mod lock;
mod locking;
mod logs;
mod ls;
mod options;
mod outputs;
mod parcel;
mod pause;
mod pinning;
mod plan;
mod planning;
mod plugin;
mod port;
mod preview;
mod programs;
mod ps;
mod publish;
mod pull;
mod push;
mod restart;
mod rm;
mod run;
mod scale;
mod sensitive;
mod session;
mod signals;
mod start;
mod stats;
mod stop;
mod switches;
mod test;
mod timeline;
mod top;
mod unpause;
mod up;
mod variables;
mod version;
mod volumes;
mod wait;
mod watch;
mod watching;
mod work;

use std::path::Path;

use clap::{CommandFactory as _, FromArgMatches as _, Parser, Subcommand};

pub use crate::commands::completing::Shell;
pub use crate::commands::exit::{Error, Exit};
use crate::commands::options::{Context, GlobalOptions};
use crate::env::Env;
use crate::report::Terminal;

/// Define and run multi-container applications on Docker and Podman.
#[derive(Debug, Parser)]
#[command(
    name = "rcompose",
    disable_version_flag = true,
    subcommand_required = false,
    args_override_self = true
)]
struct Cli {
    #[command(flatten)]
    options: GlobalOptions,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    Analyze(analyze::Args),
    Attach(attach::Args),
    Build(build::Args),
    Ci(ci::Args),
    Commit(commit::Args),
    Completion(completion::Args),
    Config(config::Args),
    Cp(cp::Args),
    Create(create::Args),
    Dns(dns::Args),
    Doctor(doctor::Args),
    Down(down::Args),
    Events(events::Args),
    Exec(exec::Args),
    Export(export::Args),
    Explain(explain::Args),
    Gc(gc::Args),
    Images(images::Args),
    Kill(kill::Args),
    Lint(lint::Args),
    Lock(lock::Args),
    Logs(logs::Args),
    Ls(ls::Args),
    Pause(pause::Args),
    Plan(plan::Args),
    Port(port::Args),
    Ps(ps::Args),
    Publish(publish::Args),
    Pull(pull::Args),
    Push(push::Args),
    Restart(restart::Args),
    Rm(rm::Args),
    Run(run::Args),
    Scale(scale::Args),
    Start(start::Args),
    Stats(stats::Args),
    Stop(stop::Args),
    Test(test::Args),
    Top(top::Args),
    Unpause(unpause::Args),
    Up(up::Args),
    Version(version::Args),
    Volumes(volumes::Args),
    Wait(wait::Args),
    Watch(watch::Args),
}

impl Command {
    /// What the headline of progress says that is done.
    fn headline(&self) -> &'static str {
        match self {
            Self::Build(_) => "build",
            Self::Ci(_) => "ci",
            Self::Commit(_) => "commit",
            Self::Cp(_) => "copy",
            Self::Create(_) => "create",
            Self::Down(_) => "down",
            Self::Export(_) => "export",
            Self::Gc(_) => "gc",
            Self::Kill(_) => "kill",
            Self::Lock(_) => "lock",
            Self::Pause(_) => "pause",
            Self::Publish(_) => "publish",
            Self::Pull(_) => "pull",
            Self::Push(_) => "push",
            Self::Restart(_) => "restart",
            Self::Rm(_) => "remove",
            Self::Run(_) => "run",
            Self::Scale(_) => "scale",
            Self::Start(_) => "start",
            Self::Stop(_) => "stop",
            Self::Test(_) => "test",
            Self::Unpause(_) => "unpause",
            Self::Up(_) => "up",
            _ => "done",
        }
    }
}

/// The command line, for those who make completions and documents of it.
#[must_use]
pub fn cli() -> clap::Command {
    Cli::command()
}

/// The flags before a command, if they can be.
fn global_options(flags: &[String]) -> Option<GlobalOptions> {
    let args = [&["rcompose".to_owned()], flags].concat();
    let cli = parse(switches::normalize(args, cli), &mut cli()).ok()?;
    cli.command.is_none().then_some(cli.options)
}

/// What the words ask for.
fn parse(args: Vec<String>, command: &mut clap::Command) -> Result<Cli, clap::Error> {
    let mut matches = command.try_get_matches_from_mut(args)?;
    Cli::from_arg_matches_mut(&mut matches).map_err(|error| error.format(command))
}

/// Runs the command that `args` (with the program's name first) ask for.
#[must_use]
pub fn run(args: impl IntoIterator<Item = String>, env: Env) -> Exit {
    let mut terminal = Terminal::new(&env);
    let mut args: Vec<String> = args.into_iter().collect();
    let mut env = env;
    let mut called = Path::new(args.first().map_or("", String::as_str))
        .file_name()
        .map_or_else(|| "rcompose".to_owned(), |name| name.to_string_lossy().into_owned());
    match plugin::call(&args, &env) {
        plugin::Call::Direct => {}
        plugin::Call::Handshake => return exit::told(&plugin::handshake(), &mut terminal),
        plugin::Call::Plugin(mut plugin) => {
            if let Err(error) = signals::follow(plugin::Plugin::socket(&env)) {
                return exit::told_of(error.into(), &mut terminal);
            }
            args = std::mem::take(&mut plugin.args);
            called = plugin.command_line();
            env = plugin.environment(env);
        }
    }
    if let Some((words, with_meanings)) = completing::request(&args) {
        return completing::run(words, with_meanings, env, terminal);
    }
    // As the peer, which has a command where others have a flag.
    if let [_, flag] = &mut args[..]
        && matches!(flag.as_str(), "-v" | "--version")
    {
        "version".clone_into(flag);
    }
    let args = switches::normalize(args, cli);
    // Help takes time to be made, which those who want none need not have.
    let parsed =
        parse(args.clone(), &mut cli()).or_else(|_| parse(args, &mut help::dress(cli(), &called)));
    let cli = match parsed {
        Ok(cli) => cli,
        Err(error) => return exit::usage(&error, &mut terminal),
    };
    let Some(command) = cli.command else {
        let help = help::dress(self::cli(), &called).render_help();
        return exit::told(&help.to_string(), &mut terminal);
    };
    terminal.begin(command.headline());
    let mut context = Context::new(cli.options, env, terminal);
    if let Err(error) = context.configure() {
        return exit::finish(Err(error), &mut context);
    }
    let result = match command {
        Command::Analyze(args) => analyze::run(&args, &mut context),
        Command::Attach(args) => attach::run(&args, &mut context),
        Command::Build(args) => build::run(&args, &mut context),
        Command::Ci(args) => ci::run(&args, &mut context),
        Command::Commit(args) => commit::run(&args, &mut context),
        Command::Completion(args) => completion::run(&args, &called, &mut context),
        Command::Config(args) => config::run(&args, &mut context),
        Command::Cp(args) => cp::run(&args, &mut context),
        Command::Create(args) => create::run(&args, &mut context),
        Command::Dns(args) => dns::run(&args, &mut context),
        Command::Doctor(args) => doctor::run(&args, &mut context),
        Command::Down(args) => down::run(&args, &mut context),
        Command::Events(args) => events::run(&args, &mut context),
        Command::Exec(args) => exec::run(&args, &mut context),
        Command::Export(args) => export::run(&args, &mut context),
        Command::Explain(args) => explain::run(&args, &mut context),
        Command::Gc(args) => gc::run(&args, &mut context),
        Command::Images(args) => images::run(&args, &mut context),
        Command::Kill(args) => kill::run(&args, &mut context),
        Command::Lint(args) => lint::run(&args, &mut context),
        Command::Lock(args) => lock::run(&args, &mut context),
        Command::Logs(args) => logs::run(&args, &mut context),
        Command::Ls(args) => ls::run(&args, &mut context),
        Command::Pause(args) => pause::run(&args, &mut context),
        Command::Plan(args) => plan::run(&args, &mut context),
        Command::Port(args) => port::run(&args, &mut context),
        Command::Ps(args) => ps::run(&args, &mut context),
        Command::Publish(args) => publish::run(&args, &mut context),
        Command::Pull(args) => pull::run(&args, &mut context),
        Command::Push(args) => push::run(&args, &mut context),
        Command::Restart(args) => restart::run(&args, &mut context),
        Command::Rm(args) => rm::run(&args, &mut context),
        Command::Run(args) => run::run(&args, &mut context),
        Command::Scale(args) => scale::run(&args, &mut context),
        Command::Start(args) => start::run(&args, &mut context),
        Command::Stats(args) => stats::run(&args, &mut context),
        Command::Stop(args) => stop::run(&args, &mut context),
        Command::Test(args) => test::run(&args, &mut context),
        Command::Top(args) => top::run(&args, &mut context),
        Command::Unpause(args) => unpause::run(&args, &mut context),
        Command::Up(args) => up::run(&args, &mut context),
        Command::Version(args) => version::run(&args, &mut context),
        Command::Volumes(args) => volumes::run(&args, &mut context),
        Command::Wait(args) => wait::run(&args, &mut context),
        Command::Watch(args) => watch::run(&args, &mut context),
    };
    exit::finish(result, &mut context)
}
