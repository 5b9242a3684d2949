//! What a server says of itself in `/openapi.json`: routes, the parameters of their queries, and a body.

use serde_json::{Map, Value, json};

use crate::{context::Context, profile::Routes, wire::Request};

/// The document; null, if there is none.
pub(crate) async fn fetch(context: &Context) -> Value {
    let answer = context.send(&Request::get("/openapi.json")).await;
    let answer = answer.unwrap_or_default();
    serde_json::from_slice(&answer.body).unwrap_or_default()
}

/// Sets routes that need no parameters, where the profile has none.
pub(crate) fn describe(document: &Value, routes: &mut Routes) {
    for (path, item) in plain(document) {
        let post = &item["post"]["requestBody"];
        if routes.body.is_none() && !post.is_null() {
            routes.body = Some(path.to_owned());
        }
        let is_closed = |what: &Value| !what["security"].as_array().is_none_or(Vec::is_empty);
        let closed = is_closed(&item["get"]) || !item["get"].is_null() && is_closed(document);
        if routes.protected.is_none() && closed {
            routes.protected = Some(path.to_owned());
        }
    }
}

/// The parameters that a GET takes in its query, with their paths.
pub(crate) fn queries(document: &Value) -> Vec<(String, String)> {
    let of_path = |(path, item): (&str, &Value)| {
        let all = [&item["parameters"], &item["get"]["parameters"]];
        let all = all.into_iter().filter_map(Value::as_array).flatten();
        let all = all.map(|parameter| resolved(document, parameter));
        let names = all.filter(|parameter| parameter["in"] == "query");
        let names = names.filter_map(|parameter| parameter["name"].as_str());
        names
            .map(|name| (path.to_owned(), name.to_owned()))
            .collect::<Vec<_>>()
    };
    let with_get = plain(document).filter(|(_, item)| !item["get"].is_null());
    with_get.flat_map(of_path).collect()
}

/// A body of JSON that a POST there takes, as its schema has it.
pub(crate) fn body(document: &Value, path: &str) -> Option<String> {
    let post = resolved(document, &document["paths"][path]["post"]["requestBody"]);
    let content = &post["content"]["application/json"];
    let example = Some(&content["example"]).filter(|example| !example.is_null());
    let value = match example {
        Some(example) => example.clone(),
        None if content["schema"].is_null() => return None,
        None => value(document, &content["schema"], 0)?,
    };
    Some(value.to_string())
}

/// The least that a schema allows: no more members than it requires.
fn value(document: &Value, schema: &Value, depth: usize) -> Option<Value> {
    let schema = resolved(document, schema);
    let given = [
        &schema["example"],
        &schema["examples"][0],
        &schema["const"],
        &schema["default"],
        &schema["enum"][0],
    ];
    let given = given.into_iter().find(|value| !value.is_null());
    let of = ["allOf", "anyOf", "oneOf"].map(|name| &schema[name][0]);
    let of = of.into_iter().find(|schema| !schema.is_null());
    match (given, of, schema["type"].as_str()) {
        _ if depth > DEEPEST => None,
        (Some(given), ..) => Some(given.clone()),
        (None, Some(of), _) => value(document, of, depth + 1),
        (None, None, Some("string")) => Some(text(schema).into()),
        (None, None, Some("integer" | "number")) => {
            let least = Some(&schema["minimum"]).filter(|least| !least.is_null());
            Some(least.cloned().unwrap_or_else(|| json!(1)))
        }
        (None, None, Some("boolean")) => Some(json!(true)),
        (None, None, Some("array")) => Some(json!([])),
        _ => object(document, schema, depth),
    }
}

fn object(document: &Value, schema: &Value, depth: usize) -> Option<Value> {
    let names = schema["required"].as_array().into_iter().flatten();
    let mut members = Map::new();
    for name in names.filter_map(Value::as_str) {
        let member = value(document, &schema["properties"][name], depth + 1)?;
        members.insert(name.to_owned(), member);
    }
    Some(Value::Object(members))
}

/// A string of the format and the length that a schema wants.
fn text(schema: &Value) -> String {
    let text = match schema["format"].as_str() {
        Some("date-time") => "2026-01-01T00:00:00Z",
        Some("date") => "2026-01-01",
        Some("email") => "siege@example.com",
        Some("uuid") => "7b0a0f5e-6f0c-4f0e-9d1b-2f6f3c1a9e57",
        Some("uri") => "https://example.com",
        _ => "siege",
    };
    let least = schema["minLength"].as_u64().unwrap_or(0).min(LONGEST) as usize;
    format!("{text:a<least$}")
}

/// What a reference within the document leads to.
fn resolved<'v>(document: &'v Value, value: &'v Value) -> &'v Value {
    let reference = value["$ref"].as_str();
    let pointer = reference.and_then(|reference| reference.strip_prefix('#'));
    let there = pointer.and_then(|pointer| document.pointer(pointer));
    there.unwrap_or(value)
}

/// Paths without parameters of their own.
fn plain(document: &Value) -> impl Iterator<Item = (&str, &Value)> {
    let paths = document["paths"].as_object().into_iter().flatten();
    let paths = paths.filter(|(path, _)| !path.contains('{'));
    paths.map(|(path, item)| (path.as_str(), item))
}

const DEEPEST: usize = 8;
const LONGEST: u64 = 1000;

#[cfg(test)]
mod tests {
    use super::*;

    /// As FastAPI writes it.
    fn document() -> Value {
        json!({
            "paths": {
                "/tasks": {
                    "get": {"parameters": [{"name": "limit", "in": "query"}, {"name": "x-id", "in": "header"}]},
                    "post": {"requestBody": {"content": {"application/json": {
                        "schema": {"$ref": "#/components/schemas/Task"}
                    }}}}
                },
                "/tasks/{id}": {"get": {"parameters": [{"name": "deep", "in": "query"}]}}
            },
            "components": {"schemas": {
                "Task": {
                    "type": "object",
                    "required": ["title", "kind", "owner", "due"],
                    "properties": {
                        "title": {"type": "string", "minLength": 7},
                        "kind": {"enum": ["a", "b"]},
                        "owner": {"$ref": "#/components/schemas/Owner"},
                        "due": {"anyOf": [{"type": "string", "format": "date"}, {"type": "null"}]},
                        "note": {"type": "string"}
                    }
                },
                "Owner": {"type": "object", "required": ["age"], "properties": {"age": {"type": "integer"}}},
                "Loop": {"required": ["a"], "properties": {"a": {"$ref": "#/components/schemas/Loop"}}}
            }}
        })
    }

    #[test]
    fn a_body_has_what_its_schema_requires() {
        let body: Value = serde_json::from_str(&body(&document(), "/tasks").unwrap()).unwrap();

        let expected =
            json!({"title": "siegeaa", "kind": "a", "owner": {"age": 1}, "due": "2026-01-01"});
        assert_eq!(body, expected);
        let looped = json!({"$ref": "#/components/schemas/Loop"});
        assert_eq!(value(&document(), &looped, 0), None);
    }

    #[test]
    fn parameters_are_those_of_queries() {
        let expected = ("/tasks".to_owned(), "limit".to_owned());

        assert_eq!(queries(&document()), [expected]);
        assert!(queries(&Value::Null).is_empty() && body(&Value::Null, "/").is_none());
    }
}
