//! What the server says of itself, so that a test can go through all of it.

use serde_json::Value;

use crate::Api;

/// One operation of the OpenAPI document.
#[derive(Debug, Clone)]
pub struct Operation {
    pub id: String,
    pub method: String,
    /// The template, for example `/api/v1/agents/{agentId}`.
    pub path: String,
    /// Names of parameters in the path and in the query.
    pub path_parameters: Vec<String>,
    pub query_parameters: Vec<String>,
    /// Content type and schema of its body, references resolved.
    pub body: Option<(String, Value)>,
}

/// Every operation, from `GET /openapi.json`.
pub async fn operations(api: &Api) -> Vec<Operation> {
    let document = api.get("/openapi.json").await.expect(200).json();
    let mut operations = vec![];
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            if !["get", "put", "post", "patch", "delete", "head", "options"].contains(&method.as_str()) {
                continue;
            }
            let parameters: Vec<&Value> = [&item["parameters"], &operation["parameters"]]
                .into_iter()
                .filter_map(Value::as_array)
                .flatten()
                .collect();
            let named = |place: &str| {
                parameters
                    .iter()
                    .filter(|parameter| parameter["in"] == place)
                    .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
                    .collect()
            };
            let body = operation["requestBody"]["content"].as_object().and_then(|content| {
                let (kind, media) = content.iter().next()?;
                Some((kind.clone(), resolve(&document, &media["schema"])))
            });
            operations.push(Operation {
                id: operation["operationId"].as_str().expect("every operation has an id").to_owned(),
                method: method.to_uppercase(),
                path: path.clone(),
                path_parameters: named("path"),
                query_parameters: named("query"),
                body,
            });
        }
    }
    operations
}

/// A schema with its own reference followed, and those of its members.
fn resolve(document: &Value, schema: &Value) -> Value {
    let mut schema = schema;
    for alternative in ["oneOf", "anyOf", "allOf"] {
        // An optional body is "null or …".
        if let Some(found) =
            schema[alternative].as_array().and_then(|all| all.iter().find(|s| s["type"] != "null"))
        {
            schema = found;
        }
    }
    if let Some(reference) = schema["$ref"].as_str() {
        return resolve(document, document.pointer(reference.trim_start_matches('#')).unwrap());
    }
    let mut resolved = schema.clone();
    if let Some(properties) = resolved.get_mut("properties").and_then(Value::as_object_mut) {
        for property in properties.values_mut() {
            *property = resolve(document, property);
        }
    }
    resolved
}

impl Operation {
    pub fn is_json(&self) -> bool {
        self.body.as_ref().is_some_and(|(kind, _)| kind == "application/json")
    }

    pub fn is_form(&self) -> bool {
        self.body.as_ref().is_some_and(|(kind, _)| kind == "application/x-www-form-urlencoded")
    }

    /// The members of its body, with `true` for those that hold one text or several.
    pub fn body_fields(&self) -> Vec<(String, bool)> {
        let Some((_, schema)) = &self.body else { return vec![] };
        let Some(properties) = schema["properties"].as_object() else { return vec![] };
        let is_text = |schema: &Value| {
            let has = |kind: &str| {
                schema["type"] == kind
                    || schema["type"].as_array().is_some_and(|kinds| kinds.contains(&kind.into()))
            };
            has("string")
                || (has("array") && schema["items"]["type"] == "string")
                || !schema["enum"].is_null()
        };
        properties.iter().map(|(name, schema)| (name.clone(), is_text(schema))).collect()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_are_followed_and_text_members_found() {
        let document = json!({"components": {"schemas": {
            "Kind": {"type": "string", "enum": ["a"]},
            "Thing": {"type": "object", "properties": {
                "kind": {"$ref": "#/components/schemas/Kind"}, "tags": {"type": "array", "items": {"type": "string"}},
                "count": {"type": "integer"}, "note": {"type": ["string", "null"]},
            }},
        }}});
        let schema = json!({"oneOf": [{"type": "null"}, {"$ref": "#/components/schemas/Thing"}]});
        let operation = Operation {
            id: String::new(),
            method: String::new(),
            path: String::new(),
            path_parameters: vec![],
            query_parameters: vec![],
            body: Some(("application/json".into(), resolve(&document, &schema))),
        };
        let mut fields = operation.body_fields();
        fields.sort();
        let expected = [("count", false), ("kind", true), ("note", true), ("tags", true)];
        assert_eq!(fields, expected.map(|(name, text)| (name.to_owned(), text)));
    }
}
