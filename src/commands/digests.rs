//! What the tags of images stand for: digests, found out by the engine where it can, else by us.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::StreamExt as _;
use futures_util::stream;

use crate::commands::exit::Error;
use crate::commands::options::Context;
use crate::diagnostic::{Diagnostic, Diagnostics};
use crate::engine::credentials::{Credentials, Login};
use crate::engine::{self, Engine, quirks};
use crate::reference::Reference;
use crate::registry::{self, Registries};
use crate::source::Span;

/// Registries are asked for so many images at once.
const AT_ONCE: usize = 6;

/// References that are asked about, with the first place of each.
#[derive(Debug, Default)]
pub(super) struct Wanted {
    places: BTreeMap<Reference, Span>,
}

impl Wanted {
    pub(super) fn add(&mut self, reference: Reference, at: Span) {
        self.places.entry(reference).or_insert(at);
    }

    /// Reads a reference, and takes note of it unless it says already what it stands for.
    ///
    /// # Errors
    /// A text that is no reference.
    pub(super) fn read(&mut self, text: &str, at: Span) -> Result<Reference, Diagnostic> {
        let reference = parse(text, at)?;
        if reference.digest.is_none() {
            self.add(reference.clone(), at);
        }
        Ok(reference)
    }

    pub(super) fn references(&self) -> BTreeSet<&Reference> {
        self.places.keys().collect()
    }
}

/// Reads a reference.
///
/// # Errors
/// A text that is none.
pub(super) fn parse(text: &str, at: Span) -> Result<Reference, Diagnostic> {
    Reference::parse(text).map_err(|why| {
        Diagnostic::error(at, format!("`{text}` is no reference of an image: {why}"))
    })
}

/// Why a digest is not known.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Engine(#[from] engine::Error),
    #[error(transparent)]
    Registry(#[from] registry::Error),
}

impl Failure {
    pub(super) fn help(&self) -> Option<String> {
        match self {
            Self::Engine(error) => error.help(),
            Self::Registry(error) => error.help(),
        }
    }
}

/// Finds out what references stand for, as their registries have it now.
///
/// # Errors
/// All references that registries do not know or tell.
pub(super) async fn resolve(
    wanted: &Wanted,
    context: &Context,
) -> Result<BTreeMap<Reference, String>, Error> {
    let engine = match context.connect().await {
        Ok(engine) => Some(engine).filter(|engine| quirks::tells_digests(engine.facts())),
        // Nobody has named an engine, and none is needed.
        Err(Error::Engine(engine::Error::NoEngine { .. })) => None,
        Err(error) => return Err(error),
    };
    let registries = Registries::new(&context.env, &[]);
    let credentials = Credentials::new(&context.env);
    let found: Vec<_> = stream::iter(&wanted.places)
        .map(|(reference, at)| {
            let (engine, registries) = (engine.as_ref(), &registries);
            let credentials = &credentials;
            async move { (reference, *at, digest(reference, engine, registries, credentials).await) }
        })
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut problems = Diagnostics::default();
    let mut digests = BTreeMap::new();
    for (reference, at, found) in found {
        match found {
            Ok(digest) => drop(digests.insert(reference.clone(), digest)),
            Err(failure) => {
                let message = format!("failed to resolve digest for `{reference}`: {failure}");
                problems.push(Diagnostic::error(at, message).help_opt(failure.help()));
            }
        }
    }
    problems.sort();
    if problems.is_empty() { Ok(digests) } else { Err(Error::Project(problems)) }
}

async fn digest(
    of: &Reference,
    engine: Option<&Engine>,
    registries: &Registries,
    credentials: &Credentials,
) -> Result<String, Failure> {
    if let Some(engine) = engine {
        let auth = credentials.header(of).await?;
        return Ok(engine.digest(of, Some(&auth)).await?);
    }
    let login = login(of, credentials).await?;
    Ok(registries.repository(of, login).digest(of.target()).await?)
}

/// The user's login for a reference, as our own client of registries shows it.
///
/// # Errors
/// A helper that fails.
pub(super) async fn login(
    of: &Reference,
    credentials: &Credentials,
) -> Result<Option<registry::Login>, engine::Error> {
    let login = credentials.of_reference(of).await?;
    Ok(login.map(|login| match login {
        Login::Password { user: username, password } => {
            registry::Login::Password { username, password }
        }
        Login::Identity(token) => registry::Login::IdentityToken(token),
        Login::Bearer(token) => registry::Login::Bearer(token),
    }))
}
