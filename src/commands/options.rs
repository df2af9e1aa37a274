//! Flags of all commands, and what commands are given.

use std::collections::BTreeMap;
use std::path::Path;
use std::rc::Rc;

use clap::{Args, ValueEnum};

use crate::commands::exit::Error;
use crate::commands::fetching::Fetcher;
use crate::compose::discover::Wanted;
use crate::compose::model::Model;
use crate::compose::{self, EnvFiles, Steps};
use crate::diagnostic::{Diagnostics, Format, Severity};
use crate::engine::connect::Trace;
use crate::engine::{self, Engine};
use crate::env::Env;
use crate::names::Separator;
use crate::report::{self, Ansi, Progress, Terminal};
use crate::source::SourceMap;
use crate::yaml::Node;

/// Flags that stand before the command.
#[derive(Debug, Clone, Args)]
pub(super) struct GlobalOptions {
    /// Compose file; the first says where the project is, later ones override it (`-`: standard input)
    #[arg(short, long = "file", value_name = "FILE", help_heading = "Project")]
    files: Vec<String>,
    /// Project name
    #[arg(short, long, value_name = "NAME", help_heading = "Project")]
    project_name: Option<String>,
    /// Profile to turn on (`*`: all)
    #[arg(long = "profile", value_name = "PROFILE", help_heading = "Project")]
    profiles: Vec<String>,
    /// File of variables to read instead of `.env`
    #[arg(long = "env-file", value_name = "FILE", help_heading = "Project")]
    env_files: Vec<String>,
    /// Folder that relative paths start from
    #[arg(long, value_name = "FOLDER", help_heading = "Project")]
    project_directory: Option<String>,
    /// Name containers as version 1 of Docker Compose did
    #[arg(long, help_heading = "Project")]
    pub(super) compatibility: bool,
    /// Keep resources that no service uses
    #[arg(long, help_heading = "Project")]
    all_resources: bool,
    /// How much is done at once, at the most (-1: no limit of ours)
    #[arg(long, value_name = "NUMBER", allow_negative_numbers = true, help_heading = "Engine")]
    parallel: Option<i64>,
    /// How progress is shown: auto, tty, plain, json or quiet
    #[arg(long, value_name = "FORM", help_heading = "Output")]
    progress: Option<String>,
    /// When colours are shown: auto, never or always
    #[arg(long, value_name = "WHEN", help_heading = "Output")]
    ansi: Option<String>,
    /// The older way to say `--ansi never`
    #[arg(long, hide = true)]
    no_ansi: bool,
    /// The older name of `--project-directory`
    #[arg(long = "workdir", value_name = "FOLDER", hide = true)]
    older_project_directory: Option<String>,
    /// Address of the engine (`unix:///PATH`, `tcp://HOST:PORT`)
    #[arg(
        short = 'H',
        long,
        value_name = "URL",
        conflicts_with = "context",
        help_heading = "Engine"
    )]
    host: Option<String>,
    /// Context of the Docker configuration to take the engine's address from
    #[arg(long, value_name = "NAME", help_heading = "Engine")]
    context: Option<String>,
    /// Show what would be done, and change nothing
    #[arg(long, global = true)]
    pub(super) dry_run: bool,
    /// Encrypt the connection to the engine
    #[arg(long, help_heading = "Engine")]
    tls: bool,
    /// Encrypt it, and have the engine prove who it is
    #[arg(long = "tlsverify", help_heading = "Engine")]
    tls_verify: bool,
    /// Certificate of the authority that signed the engine's
    #[arg(long = "tlscacert", value_name = "FILE", help_heading = "Engine")]
    tls_ca: Option<String>,
    /// Certificate that we show to the engine
    #[arg(long = "tlscert", value_name = "FILE", help_heading = "Engine")]
    tls_certificate: Option<String>,
    /// Key of that certificate
    #[arg(long = "tlskey", value_name = "FILE", help_heading = "Engine")]
    tls_key: Option<String>,
    /// Registry of projects that is spoken to without encryption
    #[arg(long = "insecure-registry", value_name = "HOST", hide = true)]
    pub(super) insecure_registries: Vec<String>,
    /// Show each request to the engine on standard error
    #[arg(short = 'D', long, alias = "verbose", help_heading = "Output")]
    debug: bool,
    /// What is said at least: debug, info, warn, error or fatal
    #[arg(short = 'l', long, value_name = "LEVEL", help_heading = "Output")]
    log_level: Option<String>,
    /// How problems in files are shown
    #[arg(long, value_enum, default_value_t, value_name = "FORM", help_heading = "Output")]
    diagnostics: DiagnosticsForm,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
enum DiagnosticsForm {
    /// Source lines and carets
    #[default]
    Plain,
    /// One JSON object a line
    Json,
    /// GitHub Actions annotations
    Github,
}

/// What a command works with.
#[derive(Debug)]
pub(super) struct Context {
    pub options: GlobalOptions,
    pub env: Env,
    pub terminal: Terminal,
    pub sources: SourceMap,
    /// Gets projects that are elsewhere.
    pub fetcher: Rc<Fetcher>,
    /// How many steps run at once, at the most.
    limit: Option<usize>,
    /// Whether each request to the engine is shown.
    traces: bool,
    /// Whether warnings are kept back.
    is_terse: bool,
    /// What stands behind the name of a project that nobody has named.
    pub suffix: Option<String>,
}

fn parallel_limit(text: &str) -> Result<usize, Error> {
    let number: i64 = text.parse().map_err(|_| {
        Error::Usage(format!("COMPOSE_PARALLEL_LIMIT must be an integer (found: {text:?})"))
    })?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

impl Context {
    pub(super) fn new(options: GlobalOptions, env: Env, terminal: Terminal) -> Self {
        let fetcher = Fetcher::new(&env, &options.insecure_registries);
        Self {
            options,
            env,
            terminal,
            sources: SourceMap::default(),
            fetcher,
            limit: None,
            traces: false,
            is_terse: false,
            suffix: None,
        }
    }

    /// Takes in what the flags, or variables in their place, say of how things are shown and done.
    ///
    /// # Errors
    /// Words that they cannot be.
    pub(super) fn configure(&mut self) -> Result<(), Error> {
        self.read_older_flags()?;
        self.configure_by(&BTreeMap::new())
    }

    /// A path as people see it: from the folder they are in, if it is below.
    pub(super) fn shown(&self, path: &str) -> String {
        self.env.shown(Path::new(path))
    }

    /// Shows progress in another form, as flags of some commands have it.
    pub(super) fn show_progress(&mut self, form: &str) -> Result<(), Error> {
        self.options.progress = Some(form.to_owned());
        self.configure()
    }

    /// Takes flags for what their newer names say.
    fn read_older_flags(&mut self) -> Result<(), Error> {
        let mut told = Vec::new();
        let mut both = None;
        if std::mem::take(&mut self.options.no_ansi) {
            told.push("`--no-ansi` is outdated: use `--ansi never`");
            if self.options.ansi.replace("never".to_owned()).is_some() {
                both = Some("`--no-ansi` and `--ansi` do not go together: use `--ansi`");
            }
        }
        if let Some(folder) = self.options.older_project_directory.take() {
            told.push("`--workdir` is outdated: use `--project-directory`");
            if self.options.project_directory.replace(folder).is_some() {
                both = Some(
                    "`--workdir` and `--project-directory` do not go together: use the latter",
                );
            }
        }
        if let Some(message) = both {
            return Err(Error::Usage(message.to_owned()));
        }
        for text in told {
            self.terminal.err(&format!("warning: {text}\n"));
        }
        Ok(())
    }

    /// As [`Context::configure`], with the variables that the project's env files set besides.
    fn configure_by(&mut self, variables: &BTreeMap<String, String>) -> Result<(), Error> {
        let set = |name: &str| {
            let in_files = || variables.get(name).map(String::as_str).filter(|it| !it.is_empty());
            self.env.non_empty(name).or_else(in_files)
        };
        let ansi = match self.options.ansi.as_deref().or(set("COMPOSE_ANSI")).unwrap_or("auto") {
            "auto" => Ansi::Auto,
            "never" => Ansi::Never,
            "always" => Ansi::Always,
            other => {
                let message = "expected never, always or auto";
                return Err(Error::Usage(format!("unknown --ansi value {other:?}: {message}")));
            }
        };
        // This one counts in the environment alone, as with the peer.
        let progress = self.options.progress.as_deref();
        let progress = progress.or(self.env.non_empty("COMPOSE_PROGRESS")).unwrap_or("auto");
        let progress = match progress {
            "plain" if ansi == Ansi::Always => {
                let message = "can't use --progress plain while ANSI support is forced";
                return Err(Error::Usage(message.to_owned()));
            }
            "tty" if ansi == Ansi::Never => {
                let message = "can't use --progress tty while ANSI support is disabled";
                return Err(Error::Usage(message.to_owned()));
            }
            "tty" => Progress::Tty,
            "auto" if ansi != Ansi::Never && Terminal::can_draw(&self.env) => Progress::Tty,
            "auto" | "plain" => Progress::Plain,
            "json" => Progress::Json,
            "quiet" | "none" => Progress::Quiet,
            other => return Err(Error::Usage(format!("unsupported --progress value {other:?}"))),
        };
        let limit = match (self.options.parallel, set("COMPOSE_PARALLEL_LIMIT")) {
            (Some(number), _) => usize::try_from(number).ok(),
            (None, Some(text)) => Some(parallel_limit(text)?),
            (None, None) => None,
        };
        self.limit = limit;
        self.terminal.configure(ansi, progress);
        let level = self.options.log_level.as_deref().unwrap_or("info");
        self.traces = self.options.debug || matches!(level, "debug" | "trace");
        self.is_terse = matches!(level, "error" | "fatal" | "panic");
        if !self.traces && !self.is_terse && !matches!(level, "info" | "warn" | "warning") {
            return Err(Error::Usage(format!("unable to parse logging level: {level}")));
        }
        Ok(())
    }

    /// Turns on whatever can be turned on.
    pub(super) fn take_all_profiles(&mut self) {
        self.options.profiles = vec!["*".to_owned()];
    }

    /// Whether flags say which project is meant.
    pub(super) fn is_project_named(&self) -> bool {
        let options = &self.options;
        let is_set = |flag: &Option<String>| flag.as_ref().is_some_and(|it| !it.is_empty());
        is_set(&options.project_name)
            || is_set(&options.project_directory)
            || !options.files.is_empty()
    }

    /// What the flags say of the project.
    pub(super) fn wanted(&self) -> Wanted {
        Wanted {
            files: self.options.files.clone(),
            project_directory: self.options.project_directory.clone(),
            project_name: self.options.project_name.clone(),
            env_files: self.options.env_files.clone(),
            profiles: self.options.profiles.clone(),
            suffix: self.suffix.clone(),
        }
    }

    /// What stands between the parts of names: as version 1 had it, if that is asked for.
    pub(super) fn separator(&self, model: &Model) -> Separator {
        Separator::new(self.options.compatibility || model.flag("COMPOSE_COMPATIBILITY"))
    }

    /// Connects to the engine.
    pub(super) async fn connect(&self) -> Result<Engine, Error> {
        let trace = self.traces.then_some(report::trace as Trace);
        let engine = Engine::connect(&self.env, &self.engine(), trace).await?;
        Ok(engine.with_limit(self.limit))
    }

    /// What the flags say of the engine.
    pub(super) fn engine(&self) -> engine::endpoint::Wanted {
        let options = &self.options;
        engine::endpoint::Wanted {
            host: options.host.clone(),
            context: options.context.clone(),
            tls: options.tls,
            tls_verify: options.tls_verify,
            ca: options.tls_ca.clone(),
            certificate: options.tls_certificate.clone(),
            key: options.tls_key.clone(),
        }
    }

    /// The project of a command that needs its name and nothing else of it: the flag, the variable, or
    /// what the files say.
    pub(super) fn name(&mut self) -> Result<String, Error> {
        let variable = self.env.non_empty("COMPOSE_PROJECT_NAME");
        let flag = self.options.project_name.as_deref().filter(|name| !name.is_empty());
        if let Some(name) = flag.or(variable) {
            return Ok(name.to_lowercase());
        }
        Ok(self.project_or_name(&[])?.0)
    }

    /// The project of a command that can do with its name alone: its files are read unless `-p` is
    /// there and `-f` is not (`cli.md` §1.6).
    pub(super) fn project_or_name(
        &mut self,
        services: &[String],
    ) -> Result<(String, Option<Model>), Error> {
        self.project_or_name_by(|context, steps| context.read(services, steps))
    }

    /// As [`Context::project_or_name`], of all services: others may follow those that are named. Naming
    /// a service that is off turns it on.
    pub(super) fn whole_project_or_name(
        &mut self,
        services: &[String],
    ) -> Result<(String, Option<Model>), Error> {
        self.project_or_name_by(|context, steps| {
            let whole = context.read(&[], steps)?;
            let are_on = services.iter().all(|service| whole.0.services.contains_key(service));
            if are_on { Ok(whole) } else { context.read(services, steps) }
        })
    }

    fn project_or_name_by(
        &mut self,
        read: impl FnOnce(&mut Self, &Steps) -> Result<(Model, Diagnostics), Diagnostics>,
    ) -> Result<(String, Option<Model>), Error> {
        let name = self.options.project_name.as_ref().filter(|name| !name.is_empty());
        if let Some(name) = name
            && self.options.files.is_empty()
        {
            return Ok((name.to_lowercase(), None));
        }
        let steps = Steps { env_files: EnvFiles::Unread, ..self.steps() };
        let read = read(self, &steps);
        match self.loaded(read) {
            Ok(model) => {
                self.configure_by(&model.env)?;
                Ok((model.name.clone(), Some(model)))
            }
            Err(Error::Project(problems)) => match self.env.non_empty("COMPOSE_PROJECT_NAME") {
                Some(name) => Ok((name.to_owned(), None)),
                None => Err(Error::Project(problems)),
            },
            Err(error) => Err(error),
        }
    }

    /// The steps that the global flags leave.
    pub(super) fn steps(&self) -> Steps {
        Steps { all_resources: self.options.all_resources, ..Steps::default() }
    }

    /// Loads the project, showing its warnings.
    pub(super) fn load(&mut self, services: &[String], steps: &Steps) -> Result<Model, Error> {
        let read = self.read(services, steps);
        let model = self.loaded(read)?;
        self.configure_by(&model.env)?;
        Ok(model)
    }

    fn read(
        &mut self,
        services: &[String],
        steps: &Steps,
    ) -> Result<(Model, Diagnostics), Diagnostics> {
        let (wanted, files) = (self.wanted(), self.fetcher.files());
        compose::load(&wanted, services, steps, &self.env, &files, &mut self.sources)
    }

    /// As [`Context::load`], as written.
    pub(super) fn load_raw(&mut self, steps: &Steps) -> Result<Node, Error> {
        let (wanted, files) = (self.wanted(), self.fetcher.files());
        let loaded = compose::load_raw(&wanted, steps, &self.env, &files, &mut self.sources);
        self.loaded(loaded)
    }

    fn loaded<T>(&mut self, loaded: Result<(T, Diagnostics), Diagnostics>) -> Result<T, Error> {
        let (value, warnings) = loaded.map_err(Error::Project)?;
        self.show(&warnings);
        Ok(value)
    }

    /// Writes diagnostics to standard error in the form asked for.
    pub(super) fn show(&mut self, diagnostics: &Diagnostics) {
        let format = match self.options.diagnostics {
            DiagnosticsForm::Json => Format::Json,
            // Who reads progress by machine reads problems so, too.
            DiagnosticsForm::Plain if self.terminal.progress() == Progress::Json => Format::Json,
            DiagnosticsForm::Github => Format::Github,
            DiagnosticsForm::Plain if self.terminal.colours_errors() => Format::Coloured,
            DiagnosticsForm::Plain => Format::Plain,
        };
        let annotates = matches!(format, Format::Plain | Format::Coloured)
            && self.env.get("GITHUB_ACTIONS") == Some("true");
        let errors = || diagnostics.iter().filter(|it| it.severity == Severity::Error).cloned();
        let text = if self.is_terse {
            errors().collect::<Diagnostics>().render(&self.sources, format)
        } else {
            diagnostics.render(&self.sources, format)
        };
        self.terminal.err(&text);
        // On GitHub Actions the places are shown in the changed files as well.
        if annotates {
            self.terminal.err(&diagnostics.render(&self.sources, Format::Github));
        }
    }
}
