//! Names that the project, the engine and Docker's configuration know. What cannot be read knows none.

use std::collections::BTreeSet;
use std::time::Duration;

use crate::commands::completing::Word;
use crate::commands::options::Context;
use crate::commands::{self, session};
use crate::compose::files::Files;
use crate::compose::{self, EnvFiles, Steps};
use crate::engine::endpoint::{Choice, Endpoint, Wanted};
use crate::engine::{DockerConfig, Engine, discover};
use crate::env::Env;
use crate::labels;
use crate::report::Terminal;
use crate::yaml::Node;

/// How long the engine may take.
const PATIENCE: Duration = Duration::from_millis(300);

/// What is known where the command line is typed.
pub(super) struct Known {
    /// `None` if the flags cannot be.
    context: Option<Context>,
}

/// What a service says of itself.
struct Service {
    name: String,
    image: String,
    profiles: Vec<String>,
}

impl Known {
    /// With the flags that stand before the command.
    pub(super) fn new(globals: &[String], env: Env) -> Self {
        let context = commands::global_options(globals).map(|options| {
            let terminal = Terminal::new(&env);
            Context::new(options, env, terminal)
        });
        Self { context }
    }

    /// Services of the files, also those that are off; where there are none, of the containers of a project
    /// that a flag names.
    pub(super) fn services(&mut self) -> Vec<Word> {
        let Some(context) = &mut self.context else { return Vec::new() };
        if let Some(services) = services(context) {
            return services.into_iter().map(|it| Word::new(it.name, it.image)).collect();
        }
        let wanted = context.wanted();
        let variable = context.env.non_empty("COMPOSE_PROJECT_NAME");
        let Some(project) = wanted.project_name.as_deref().or(variable) else { return Vec::new() };
        let rows = of_engine(context, async |engine| engine.containers(project).await.ok());
        let names: BTreeSet<String> =
            rows.iter().flatten().map(|row| row.label(labels::SERVICE).to_owned()).collect();
        names.into_iter().map(Word::bare).collect()
    }

    /// Profiles, with the services that they turn on.
    pub(super) fn profiles(&mut self) -> Vec<Word> {
        let services = self.context.as_mut().and_then(services).unwrap_or_default();
        let names: BTreeSet<&String> = services.iter().flat_map(|it| &it.profiles).collect();
        let on = |profile: &String| {
            let on = services.iter().filter(|it| it.profiles.contains(profile));
            on.map(|it| it.name.as_str()).collect::<Vec<_>>().join(", ")
        };
        names.iter().map(|profile| Word::new(profile.as_str(), on(profile))).collect()
    }

    /// Projects of the engine, with where their files are.
    pub(super) fn projects(&self) -> Vec<Word> {
        let Some(context) = &self.context else { return Vec::new() };
        let projects = of_engine(context, async |engine| engine.projects().await.ok());
        let files = |files: Option<Vec<String>>| files.unwrap_or_default().join(", ");
        projects
            .into_iter()
            .flatten()
            .map(|it| Word::new(it.name, files(it.config_files)))
            .collect()
    }

    /// Contexts of Docker's configuration.
    pub(super) fn contexts(&self) -> Vec<Word> {
        let Some(context) = &self.context else { return Vec::new() };
        let mut names = DockerConfig::find(&context.env).names();
        names.push("default".to_owned());
        names.sort();
        names.dedup();
        names.into_iter().map(Word::bare).collect()
    }
}

/// The services of the files; `None` if they cannot be read.
fn services(context: &mut Context) -> Option<Vec<Service>> {
    let mut wanted = context.wanted();
    let variable = context.env.get("COMPOSE_FILE").unwrap_or_default();
    // Standard input is not there to be read.
    if wanted.files.iter().map(String::as_str).chain(variable.split(':')).any(|file| file == "-") {
        return None;
    }
    // Those that are off can be turned on by name.
    wanted.profiles = vec!["*".to_owned()];
    let steps = Steps {
        normalize: false,
        resolve_paths: false,
        consistency: false,
        env_files: EnvFiles::Unread,
        required_variables: false,
        ..Steps::default()
    };
    // What is elsewhere stays there.
    let (env, files, sources) = (&context.env, Files::Disk, &mut context.sources);
    let told = |name: &String, node: &Node| Service {
        name: name.clone(),
        image: node.str_of("image").unwrap_or_default().to_owned(),
        profiles: compose::profiles_of(node).map(str::to_owned).collect(),
    };
    if let Ok((model, _)) = compose::load(&wanted, &[], &steps, env, &files, sources) {
        return Some(model.services.iter().map(|(name, it)| told(name, &it.node)).collect());
    }
    // A problem in one place hides no names in others.
    let (root, _) = compose::load_raw(&wanted, &steps, env, &files, sources).ok()?;
    let services = root.get("services")?.as_map()?;
    Some(services.iter().map(|(name, it)| told(name, &it.node)).collect())
}

/// Asks the engine, which may take its time elsewhere. One that would have to be logged in to, or to be started
/// first, is left alone.
fn of_engine<T>(context: &Context, ask: impl AsyncFnOnce(&Engine) -> Option<T>) -> Option<T> {
    let (env, wanted) = (&context.env, context.engine());
    let work = async {
        let wanted = match Choice::find(env, &wanted).ok()? {
            Choice::Named { endpoint: Endpoint::Ssh(_), .. } => return None,
            Choice::Named { .. } => wanted,
            Choice::Any => {
                let places = discover::survey(env, &wanted).await.ok()?;
                let found = places.into_iter().find(|place| place.outcome.is_ok())?;
                let host = found.candidate.endpoint.to_string();
                Wanted { host: Some(host), ..Wanted::default() }
            }
        };
        let engine = Engine::connect(env, &wanted, None).await.ok()?;
        ask(&engine).await
    };
    let answer = session::block_on(async { Ok(tokio::time::timeout(PATIENCE, work).await) });
    answer.ok()?.ok()?
}
