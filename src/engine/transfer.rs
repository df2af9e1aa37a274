//! Images on their way from registries and to them.

use hyper::Method;
use serde::Deserialize;

use crate::engine::Engine;
use crate::engine::connect::encode;
use crate::engine::error::Error;
use crate::engine::images::split_reference;
use crate::engine::lines::Lines;
use crate::engine::observe::nullable;
use crate::event::{Layer, Status};
use crate::reference::Reference;

/// Takes how far a layer is.
pub type Tell<'a> = &'a dyn Fn(Layer);

/// A line of an engine.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Line {
    id: String,
    status: String,
    /// Lines about layers have it, even if it is empty.
    #[serde(rename = "progressDetail")]
    progress: Option<Progress>,
    error: String,
    #[serde(rename = "errorDetail", deserialize_with = "nullable")]
    detail: Detail,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Progress {
    current: i64,
    total: i64,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Detail {
    message: String,
}

impl Line {
    /// What went wrong after the answer had begun.
    fn error(&self) -> Option<Error> {
        let told = [&self.detail.message, &self.error].into_iter().find(|text| !text.is_empty())?;
        Some(Error::Refused { status: 200, message: told.clone() })
    }

    fn layer(self) -> Option<Layer> {
        const DONE: [&str; 6] = [
            "Already exists",
            "Download complete",
            "Layer already exists",
            "Mounted from",
            "Pull complete",
            "Pushed",
        ];
        let progress = self.progress.filter(|_| !self.id.is_empty())?;
        let done = DONE.iter().any(|text| self.status.starts_with(text));
        Some(Layer {
            id: self.id,
            status: if done { Status::Done } else { Status::Working },
            text: self.status,
            current: u64::try_from(progress.current).unwrap_or(0),
            total: u64::try_from(progress.total).unwrap_or(0),
        })
    }
}

impl Engine {
    /// Pulls an image, with the login that the user has.
    ///
    /// # Errors
    /// Those of the engine and, through it, of the registry, whichever way they arrive.
    pub async fn pull(
        &self,
        reference: &str,
        platform: Option<&str>,
        tell: Tell<'_>,
    ) -> Result<(), Error> {
        let (name, tag) = split_reference(reference);
        // A digest says more than a tag beside it, and engines take one of them.
        let name = if reference.contains('@') { split_reference(name).0 } else { name };
        let mut path = format!("/images/create?fromImage={}&tag={}", encode(name), encode(tag));
        if let Some(platform) = platform {
            path = format!("{path}&platform={}", encode(platform));
        }
        self.transfer(reference, &path, tell).await
    }

    /// Pushes an image, with the login that the user has.
    ///
    /// # Errors
    /// As [`Engine::pull`].
    pub async fn push(&self, reference: &str, tell: Tell<'_>) -> Result<(), Error> {
        let (name, tag) = split_reference(reference);
        let name = encode(name).replace("%2F", "/").replace("%3A", ":");
        let path = format!("/images/{name}/push?tag={}", encode(tag));
        self.transfer(reference, &path, tell).await
    }

    async fn transfer(&self, reference: &str, path: &str, tell: Tell<'_>) -> Result<(), Error> {
        let login = match Reference::parse(reference) {
            Ok(reference) => Some(self.credentials().header(&reference).await?),
            // What is none is for the engine to refuse.
            Err(_) => None,
        };
        let answer = self.transport.send_as(Method::POST, path, login.as_deref()).await?;
        let mut lines = Lines::of(answer);
        while let Some(line) = lines.next().await? {
            // Lines that are none of these say nothing that is needed.
            let Ok(line) = serde_json::from_slice::<Line>(&line) else {
                continue;
            };
            if let Some(error) = line.error() {
                return Err(error);
            }
            if let Some(layer) = line.layer() {
                tell(layer);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(text: &str) -> Line {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn lines_of_engines() {
        let read = |text| line(text).layer();
        let layer = r#"{"status":"Downloading","progressDetail":{"current":5,"total":20},"progress":"[=>]","id":"1f"}"#;
        let found = read(layer).unwrap();
        assert_eq!((&*found.id, &*found.text, found.percent()), ("1f", "Downloading", 25));
        let done = read(r#"{"status":"Pull complete","progressDetail":{},"id":"1f"}"#).unwrap();
        assert_eq!((done.status, done.percent()), (Status::Done, 100));
        let mounted = read(r#"{"status":"Mounted from a/b","progressDetail":{},"id":"1f"}"#);
        assert_eq!(mounted.unwrap().status, Status::Done);
        assert_eq!(read(r#"{"status":"Pulling from library/a","id":"latest"}"#), None);
        assert_eq!(read(r#"{"status":"Digest: sha256:1"}"#), None);
        assert_eq!(read(r#"{"progressDetail":{},"aux":{"Tag":"1"}}"#), None);
        for failed in [
            r#"{"errorDetail":{"message":"no"},"error":"no"}"#,
            r#"{"errorDetail":{"code":1,"message":"no"}}"#,
            r#"{"errorDetail":null,"error":"no"}"#,
        ] {
            assert_eq!(line(failed).error().unwrap().to_string(), "no");
        }
        assert!(line(layer).error().is_none());
    }
}
