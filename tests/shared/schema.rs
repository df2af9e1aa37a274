//! `docs/events.schema.json`, and what it says of an event.

use serde_json::Value;

/// The description of events.
pub(crate) fn schema() -> Value {
    serde_json::from_str(include_str!("../../docs/events.schema.json")).unwrap()
}

/// The one kind of event that this is.
#[track_caller]
pub(crate) fn kind_of(event: &Value) -> String {
    let schema = schema();
    let kinds = schema["oneOf"].as_array().unwrap();
    let fits = |kind: &&Value| check(event, resolve(&schema, kind), &schema).is_ok();
    let found: Vec<&Value> = kinds.iter().filter(fits).collect();
    let [kind] = found[..] else {
        let why = kinds.iter().map(|kind| check(event, resolve(&schema, kind), &schema));
        panic!("{event}\n{:?}", why.collect::<Vec<_>>());
    };
    kind["$ref"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
}

fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(path) => root.pointer(path.trim_start_matches('#')).unwrap(),
        None => schema,
    }
}

/// As much of JSON schema as the description uses; anything else in it is an error.
fn check(value: &Value, schema: &Value, root: &Value) -> Result<(), String> {
    let properties = &schema["properties"];
    for (keyword, wanted) in schema.as_object().unwrap() {
        let holds = match keyword.as_str() {
            "description" => true,
            "type" => match wanted.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_u64(),
                "number" => value.is_number(),
                other => panic!("the schema has the type {other}"),
            },
            "const" => value == wanted,
            "enum" => wanted.as_array().unwrap().contains(value),
            "required" => wanted
                .as_array()
                .unwrap()
                .iter()
                .all(|key| value.get(key.as_str().unwrap()).is_some()),
            "additionalProperties" => {
                let mut keys = value.as_object().into_iter().flatten().map(|(key, _)| key);
                keys.all(|key| properties.get(key).is_some())
            }
            "properties" => {
                for (key, value) in value.as_object().into_iter().flatten() {
                    if let Some(schema) = wanted.get(key) {
                        check(value, resolve(root, schema), root)
                            .map_err(|why| format!("{key}: {why}"))?;
                    }
                }
                true
            }
            "items" => {
                for item in value.as_array().into_iter().flatten() {
                    check(item, resolve(root, wanted), root)?;
                }
                true
            }
            other => panic!("the schema has the keyword {other}"),
        };
        if !holds {
            return Err(format!("{keyword} {wanted} does not hold for {value}"));
        }
    }
    Ok(())
}
