//! The client of registries, against one that answers as it is told, and against the distribution's
//! own program where that is installed.

#![expect(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    clippy::format_push_string,
    reason = "tests make files and texts, and fail loudly"
)]

#[path = "shared/registry.rs"]
mod distribution;
#[path = "shared/scripted.rs"]
mod scripted;

use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use rcompose::env::Env;
use rcompose::reference::Reference;
use rcompose::registry::manifest::{Descriptor, IMAGE_MANIFEST, Manifest};
use rcompose::registry::{Error, Login, Registries, sha256};

use crate::distribution::{Distribution, USER};
use crate::scripted::{Answer, Asked, Scripted};

const DIGEST: &str = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

fn run<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn reference(registry: &str) -> Reference {
    Reference::parse(&format!("{registry}/team/app:1")).unwrap()
}

fn password() -> Login {
    Login::Password { username: "me".to_owned(), password: "a:b".to_owned() }
}

fn digest(registry: &Scripted, login: Option<Login>) -> Result<String, Error> {
    let registries = Registries::new(&Env::default(), &[]);
    run(registries.repository(&reference(&registry.address), login).digest("1"))
}

/// Answers one after the other; the last one again and again.
fn sequence(answers: Vec<Option<Answer>>) -> impl FnMut(&Asked) -> Option<Answer> + Send {
    let mut left = answers.into_iter();
    let mut last = None;
    move |_| {
        last = left.next().unwrap_or_else(|| last.clone());
        last.clone()
    }
}

fn found() -> Option<Answer> {
    Some(Answer::new(200).with("docker-content-digest", DIGEST))
}

#[test]
fn what_is_transient_is_tried_again_and_nothing_else() {
    let check = |answers: Vec<Option<Answer>>, tries: usize, works: bool| {
        let shown = format!("{answers:?}");
        let registry = Scripted::start(sequence(answers));
        let result = digest(&registry, None);
        assert_eq!(result.is_ok(), works, "{shown}: {result:?}");
        let asked = registry.asked();
        let heads = asked.iter().filter(|it| it.method == "HEAD").count();
        assert_eq!(heads, tries, "{shown}");
    };
    let status = |status| Some(Answer::new(status));
    check(vec![found()], 1, true);
    check(vec![status(502), status(502), found()], 3, true);
    check(vec![None, found()], 2, true);
    check(vec![Some(Answer::new(429).with("retry-after", "1")), found()], 2, true);
    // Nobody waits for an hour.
    check(vec![Some(Answer::new(429).with("retry-after", "3600"))], 1, false);
    check(vec![status(404)], 1, false);
    check(vec![status(401)], 1, false);
    check(vec![status(403)], 1, false);
}

#[test]
fn errors_say_what_to_do() {
    let fails = |answer: Answer, login| {
        let registry = Scripted::start(sequence(vec![Some(answer)]));
        let error = digest(&registry, login).unwrap_err();
        let text = format!("{error}; {}", error.help().unwrap_or_default());
        text.replace(&registry.address, "HOST")
    };
    assert_eq!(
        fails(Answer::new(404), None),
        "the registry has no `HOST/team/app:1`; check the name and the tag"
    );
    let body = r#"{"errors":[{"code":"DENIED","message":"not yours"}]}"#;
    assert_eq!(
        fails(Answer::new(403).body(body), None),
        "the registry `HOST` denies access to `team/app`: not yours; log in first: `docker login HOST`"
    );
    assert!(fails(Answer::new(403).body(body), Some(password())).contains("has run out"));
    assert!(fails(Answer::new(418).body("x"), None).starts_with("the registry answers 418"));
    let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let registries = Registries::new(&Env::default(), &[]);
    let repository = registries.repository(&reference(&gone.to_string()), None);
    let error = run(repository.digest("1")).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error}");
}

#[test]
fn a_token_is_asked_for_once_and_kept() {
    let registry = Scripted::start(|asked| {
        let host = asked.header("host");
        Some(if asked.path.starts_with("/token") {
            Answer::new(200).body(r#"{"access_token":"opens"}"#)
        } else if asked.header("authorization") == "Bearer opens" {
            Answer::new(200).with("docker-content-digest", DIGEST)
        } else {
            let challenge = format!(
                "Bearer realm=\"http://{host}/token\",service=\"it\",scope=\"repository:team/app:pull\""
            );
            Answer::new(401).with("www-authenticate", &challenge)
        })
    });
    let registries = Registries::new(&Env::default(), &[]);
    let repository = registries.repository(&reference(&registry.address), Some(password()));
    run(async {
        assert_eq!(repository.digest("1").await.unwrap(), DIGEST);
        assert_eq!(repository.digest("2").await.unwrap(), DIGEST);
    });
    let asked = registry.asked();
    let paths: Vec<&str> = asked.iter().map(|it| it.path.as_str()).collect();
    assert_eq!(
        paths,
        [
            "/v2/team/app/manifests/1",
            "/token?service=it&scope=repository:team/app:pull",
            "/v2/team/app/manifests/1",
            "/v2/team/app/manifests/2",
        ]
    );
    let login = format!("Basic {}", BASE64_STANDARD.encode("me:a:b"));
    assert_eq!(asked[1].header("authorization"), login);
    assert_eq!(asked[0].header("authorization"), "", "nothing is told before it is asked for");
}

#[test]
fn an_identity_token_is_exchanged() {
    let registry = Scripted::start(|asked| {
        let host = asked.header("host");
        Some(if asked.method == "POST" {
            Answer::new(200).body(r#"{"token":"opens"}"#)
        } else if asked.header("authorization") == "Bearer opens" {
            Answer::new(200).with("docker-content-digest", DIGEST)
        } else {
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"it\"");
            Answer::new(401).with("www-authenticate", &challenge)
        })
    });
    let login = Login::IdentityToken("long lived".to_owned());
    assert_eq!(digest(&registry, Some(login)).unwrap(), DIGEST);
    let body = String::from_utf8(registry.asked()[1].body.clone()).unwrap();
    assert!(body.contains("grant_type=refresh_token&refresh_token=long%20lived"), "{body}");
}

#[test]
fn a_login_goes_to_the_registry_alone() {
    let other = Scripted::start(sequence(vec![found()]));
    let elsewhere = format!("http://{}/somewhere", other.address);
    let registry = Scripted::start(move |asked| {
        Some(if asked.header("authorization").is_empty() {
            Answer::new(401).with("www-authenticate", "Basic realm=\"x\"")
        } else {
            Answer::new(307).with("location", &elsewhere)
        })
    });
    assert_eq!(digest(&registry, Some(password())).unwrap(), DIGEST);
    assert!(registry.asked()[1].header("authorization").starts_with("Basic "));
    let asked = other.asked();
    assert_eq!((asked[0].path.as_str(), asked[0].header("authorization")), ("/somewhere", ""));
    // On and on, or nowhere.
    let round = Scripted::start(sequence(vec![Some(Answer::new(307).with("location", "/v2/x"))]));
    assert!(digest(&round, None).unwrap_err().to_string().contains("on and on"));
    let nowhere = Scripted::start(sequence(vec![Some(Answer::new(307))]));
    assert!(digest(&nowhere, None).is_err());
}

#[test]
fn what_is_not_what_it_should_be_is_refused() {
    let registry = Scripted::start(|asked| {
        Some(if asked.method == "HEAD" {
            Answer::new(200).with("docker-content-digest", "nonsense")
        } else if asked.path.contains("/blobs/") {
            Answer::new(200).body("content")
        } else {
            Answer::new(200).with("content-type", IMAGE_MANIFEST).body("{}")
        })
    });
    let registries = Registries::new(&Env::default(), &[]);
    let repository = registries.repository(&reference(&registry.address), None);
    let blob = |digest: &str, size| {
        let of = Descriptor { digest: digest.to_owned(), size, ..Descriptor::default() };
        run(repository.blob(&of, 1000)).map_err(|error| error.to_string())
    };
    // A registry that tells no digest is asked for the manifest, which has one.
    assert_eq!(run(repository.digest("1")).unwrap(), sha256(b"{}"));
    assert_eq!(run(repository.manifest("1")).unwrap().media_type, IMAGE_MANIFEST);
    assert!(run(repository.manifest(DIGEST)).is_err(), "it is another one");
    assert_eq!(blob(&sha256(b"content"), 7).unwrap(), "content");
    assert!(blob(DIGEST, 7).unwrap_err().contains("was to be"));
    assert!(blob(&sha256(b"content"), 5).unwrap_err().contains("more than the 5 bytes"));
    assert!(blob(&sha256(b"content"), 5000).unwrap_err().contains("5000 bytes"));
}

fn descriptor(content: &str) -> Descriptor {
    Descriptor {
        media_type: "application/octet-stream".to_owned(),
        digest: sha256(content.as_bytes()),
        size: content.len() as u64,
        ..Descriptor::default()
    }
}

#[test]
fn content_is_put_and_fetched_at_a_real_registry() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for with_login in [false, true] {
        let Some(registry) = Distribution::start(folder, with_login) else { return };
        let registries = Registries::new(&Env::default(), &[]);
        let of = reference(&registry.address);
        let login = with_login
            .then(|| Login::Password { username: USER.0.to_owned(), password: USER.1.to_owned() });
        if !with_login {
            let digest = registry.put("team/app:by-others", "x");
            let repository = registries.repository(&of, None);
            assert_eq!(run(repository.digest("by-others")).unwrap(), digest);
        }
        run(async {
            if with_login {
                let error = registries.repository(&of, None).digest("1").await.unwrap_err();
                assert!(matches!(error, Error::Denied { has_login: false, .. }), "{error}");
            }
            let repository = registries.repository(&of, login.clone());
            let manifest = Manifest {
                schema_version: 2,
                media_type: IMAGE_MANIFEST.to_owned(),
                config: descriptor("{}"),
                layers: vec![descriptor("layer")],
                ..Manifest::default()
            };
            for content in ["{}", "layer", "layer"] {
                let digest = sha256(content.as_bytes());
                repository.put_blob(&digest, Bytes::from(content)).await.unwrap();
            }
            let bytes = Bytes::from(serde_json::to_vec(&manifest).unwrap());
            let digest = sha256(&bytes);
            repository.put_manifest("1", IMAGE_MANIFEST, bytes).await.unwrap();
            assert_eq!(repository.digest("1").await.unwrap(), digest);
            assert_eq!(repository.manifest("1").await.unwrap().manifest().unwrap(), manifest);
            assert_eq!(repository.blob(&descriptor("layer"), 100).await.unwrap(), "layer");
            assert!(matches!(repository.digest("2").await, Err(Error::NotFound(_))));
            // To another repository, and to another registry.
            let beside = Reference { repository: "team/other".to_owned(), ..of.clone() };
            let beside = registries.repository(&beside, login.clone());
            assert_eq!(beside.copy(&repository, "1").await.unwrap().digest, digest);
            assert_eq!(beside.blob(&descriptor("layer"), 100).await.unwrap(), "layer");
            let Some(far) = Distribution::start(folder, false) else { return };
            let far = registries.repository(&reference(&far.address), None);
            assert_eq!(far.copy(&repository, "1").await.unwrap().digest, digest);
            assert_eq!(far.manifest(&digest).await.unwrap().manifest().unwrap(), manifest);
            assert_eq!(far.blob(&descriptor("layer"), 100).await.unwrap(), "layer");
        });
    }
}
