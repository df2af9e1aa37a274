//! An image of this engine as the beginning of a build, whatever registries have by its name.
//!
//! A build that asks registries for newer base images would ask them for the images of other services as
//! well. So those are given to it as what they are: a source that is here, and the configuration that its
//! stages begin with.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bollard_buildkit_proto::pb::{Definition, Input, Op, OpMetadata, Platform, SourceOp, op};
use prost::Message as _;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::engine::build::hex;
use crate::engine::error::Error;
use crate::reference::Reference;

/// The source, and what a frontend wants to know of it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ImageInput {
    pub definition: Definition,
    pub metadata: String,
}

/// The image that the engine tells this of.
pub(super) fn of(reference: &str, inspected: &Value) -> Result<ImageInput, Error> {
    let reference = Reference::parse(reference)
        .map_err(|error| Error::Answer(format!("`{reference}` is no image: {error}")))?
        .whole();
    let text = |key: &str| inspected[key].as_str().unwrap_or_default().to_owned();
    let source = SourceOp {
        identifier: format!("docker-image://{reference}"),
        attrs: BTreeMap::from([("image.resolvemode".to_owned(), "local".to_owned())]),
    };
    let platform = Platform {
        architecture: text("Architecture"),
        os: text("Os"),
        variant: text("Variant"),
        ..Platform::default()
    };
    let source = Op { platform: Some(platform), op: Some(op::Op::Source(source)), ..Op::default() };
    let source = source.encode_to_vec();
    let digest = format!("sha256:{}", hex(&Sha256::digest(&source)));
    let inputs = vec![Input { digest: digest.clone(), index: 0 }];
    let end = Op { inputs, ..Op::default() }.encode_to_vec();
    // What has nothing said of it is no definition.
    let metadata = [(digest, OpMetadata::default())].into();
    let definition = Definition { def: vec![source, end], metadata, ..Definition::default() };
    let config = json!({
        "architecture": inspected["Architecture"],
        "os": inspected["Os"],
        "config": inspected["Config"],
        "rootfs": {"type": "layers", "diff_ids": inspected["RootFS"]["Layers"]},
    });
    let config = STANDARD.encode(config.to_string());
    let metadata = json!({ "containerimage.config": config }).to_string();
    Ok(ImageInput { definition, metadata })
}
