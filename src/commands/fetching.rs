//! Projects that are elsewhere: fetching them, and having the user agree to what was fetched.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::IsTerminal as _;
use std::rc::Rc;

use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::commands::variables::{self, Variable};
use crate::commands::{control, digests, session};
use crate::compose::discover::is_remote;
use crate::compose::files::{Fetch, Files, Unfetched};
use crate::compose::model::Model;
use crate::compose::{EnvFiles, Steps};
use crate::engine::credentials::Credentials;
use crate::env::Env;
use crate::reference::Reference;
use crate::registry::Registries;
use crate::remote::{self, Copy, OCI};
use crate::report::{Progress, table};

/// Fetches what is elsewhere, each thing once, and remembers what that was.
#[derive(Debug)]
pub(super) struct Fetcher {
    env: Env,
    /// Registries that are spoken to without encryption.
    plain: Vec<String>,
    fetched: RefCell<BTreeMap<String, Copy>>,
}

impl Fetcher {
    pub(super) fn new(env: &Env, plain: &[String]) -> Rc<Self> {
        let fetched = RefCell::default();
        Rc::new(Self { env: env.clone(), plain: plain.to_vec(), fetched })
    }

    pub(super) fn files(self: &Rc<Self>) -> Files {
        let fetcher = Rc::clone(self);
        Files::Fetching(fetcher)
    }

    fn get(&self, text: &str) -> Result<Copy, remote::Error> {
        let Some(artifact) = text.strip_prefix(OCI) else {
            return remote::fetch_commit(text, &self.env);
        };
        let invalid = |why| remote::Error::Reference { text: artifact.to_owned(), why };
        let reference = Reference::parse(artifact).map_err(invalid)?;
        let (env, plain) = (&self.env, &self.plain);
        // In a thread of its own, as who loads a project may be within a runtime already.
        let fetched = std::thread::scope(|scope| {
            let work = move || {
                session::block_on(async {
                    let registries = Registries::new(env, plain);
                    let login = digests::login(&reference, &Credentials::new(env)).await;
                    Ok(match login {
                        Ok(login) => {
                            remote::fetch_artifact(&reference, login, &registries, env).await
                        }
                        Err(error) => Err(remote::Error::Login(error.to_string())),
                    })
                })
            };
            scope.spawn(work).join()
        });
        match fetched {
            Ok(Ok(copy)) => copy,
            Ok(Err(_)) | Err(_) => Err(remote::Error::NoThread),
        }
    }
}

impl Fetch for Fetcher {
    fn fetch(&self, reference: &str) -> Result<String, Unfetched> {
        if let Some(copy) = self.fetched.borrow().get(reference) {
            return Ok(copy.file.to_string_lossy().into_owned());
        }
        let copy = self.get(reference).map_err(|error| Unfetched {
            message: format!("cannot fetch `{reference}`: {error}"),
            help: error.help(),
        })?;
        let file = copy.file.to_string_lossy().into_owned();
        self.fetched.borrow_mut().insert(reference.to_owned(), copy);
        Ok(file)
    }
}

/// Tells where a project that is elsewhere is kept, and what exactly it is; asks before it is used, as
/// the peer does: because of its variables, or of what it includes from elsewhere; at a terminal also
/// when it is here for the first time.
///
/// # Errors
/// An answer that is no.
pub(super) fn consent(model: &Model, yes: bool, context: &mut Context) -> Result<(), Error> {
    let named = context.wanted().files;
    let Some(main) = named.first().filter(|file| is_remote(file)).cloned() else {
        return Ok(());
    };
    let fetched = context.fetcher.fetched.borrow().clone();
    let Some(copy) = fetched.get(&main) else { return Ok(()) };
    if !matches!(context.terminal.progress(), Progress::Quiet | Progress::Json) {
        let text = format!(
            "Your compose stack {main:?} is stored in {:?}\nIt is {}\n",
            model.folder, copy.identity
        );
        context.terminal.out(&text)?;
    }
    if yes {
        return Ok(());
    }
    let refused = || Error::Usage("operation cancelled by user".to_owned());
    let included: Vec<&String> = fetched.keys().filter(|it| !named.contains(it)).collect();
    if !included.is_empty() {
        let mut text =
            "\nWarning: This Compose project includes files from remote sources:\n".to_owned();
        for name in included {
            let _ = writeln!(text, "  - {name} ({})", fetched[name].identity);
        }
        text.push_str("\nThey may do anything that you may do. Make sure that you trust them.\n");
        context.terminal.out(&text)?;
        if !control::agrees("Do you want to continue? [y/N]: ", false, context)? {
            return Err(refused());
        }
    }
    let steps = Steps { env_files: EnvFiles::Unread, ..context.steps() };
    let found = variables::of(&context.load_raw(&steps)?);
    if !found.is_empty() {
        let text = listed(&found, &context.env);
        context.terminal.out(&text)?;
        let question = "\nDo you want to proceed with these variables? [Y/n]: ";
        if !control::agrees(question, true, context)? {
            return Err(refused());
        }
    } else if !copy.is_known && std::io::stdin().is_terminal() {
        let question = "Do you want to use it? [Y/n]: ";
        if !control::agrees(question, true, context)? {
            return Err(refused());
        }
    }
    Ok(())
}

/// The variables of a project and what they will be.
fn listed(found: &BTreeMap<String, Variable>, env: &Env) -> String {
    let header = ["VARIABLE", "VALUE", "SOURCE", "REQUIRED", "DEFAULT"].map(str::to_owned);
    let mut rows = vec![header];
    for (name, variable) in found {
        let (value, source) = match env.get(name) {
            Some(value) => (value, "environment"),
            None if !variable.default.is_empty() => (variable.default.as_str(), "compose file"),
            None => ("<unset>", "none"),
        };
        let required = if variable.required { "yes" } else { "no" };
        rows.push([name, value, source, required, &variable.default].map(str::to_owned));
    }
    format!("\nFound the following variables in configuration:\n{}", table::columns(&rows, 0))
}
