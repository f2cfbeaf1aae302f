//! What an upstream says of itself (RFC 9728), and what may be written in `UPSTREAMS`.

use agentidp_edge_core::Config;
use http::Method;
use serde_json::{Value, json};

use crate::gateway::*;
use crate::support::*;

const AT_HOST: &str = "https://api.example/.well-known/oauth-protected-resource";
const AT_PATH: &str = "https://id.example/.well-known/oauth-protected-resource/orders";

#[test]
fn every_upstream_has_metadata_where_its_challenges_point() {
    let edge = edge();
    for (uri, resource, name, scopes) in [
        (AT_HOST, AUDIENCE, "api", json!(["agents:read", "agents:write"])),
        (AT_PATH, ORDERS, "orders", json!(["agents:read"])),
    ] {
        let answer = edge.send(at(Method::GET, uri));
        assert_eq!(answer.status(), 200, "{uri}");
        let expected = json!({
            "resource": resource, "authorization_servers": [ISSUER], "scopes_supported": scopes,
            "bearer_methods_supported": ["header"], "resource_name": name,
        });
        assert_eq!(json_of(&answer), expected);
        assert_eq!(header(&answer, "access-control-allow-origin"), "*");
        assert_eq!(header(&answer, "cache-control"), "public, max-age=5");
        let mut again = at(Method::GET, uri);
        again.headers_mut().insert("if-none-match", header(&answer, "etag").parse().unwrap());
        assert_eq!(edge.send(again).status(), 304);
        assert_eq!(edge.send(at(Method::HEAD, uri)).body().len(), 0);
        assert_eq!(edge.send(at(Method::POST, uri)).status(), 405);
        let preflight = edge.send(at(Method::OPTIONS, uri));
        assert_eq!(
            (preflight.status().as_u16(), header(&preflight, "access-control-allow-origin")),
            (204, "*")
        );
    }
    let own = edge.send(at(Method::GET, "https://id.example/.well-known/oauth-protected-resource"));
    assert_eq!(json_of(&own)["resource"], ISSUER);
    for uri in [&format!("{AT_HOST}/users"), &format!("{AT_PATH}2"), &format!("{AT_PATH}/1")] {
        assert_eq!(header(&edge.send(at(Method::GET, uri)), "etag"), "", "{uri}");
    }
}

#[test]
fn a_resource_with_a_path_has_its_metadata_at_the_inserted_path_too() {
    let mut upstreams = upstreams();
    upstreams[0]["audience"] = "https://api.example:8443/v1/mcp".into();
    upstreams[1]["audience"] = "urn://elsewhere.example/orders".into();
    let edge = Edge::in_front_of(&upstreams);
    for uri in [AT_HOST, "https://api.example/.well-known/oauth-protected-resource/v1/mcp"] {
        assert_eq!(json_of(&edge.send(at(Method::GET, uri)))["resource"], "https://api.example:8443/v1/mcp");
    }
    let challenged = edge.send(at(Method::GET, "https://api.example/users/1"));
    let url = "https://api.example:8443/.well-known/oauth-protected-resource/v1/mcp";
    assert!(header(&challenged, "www-authenticate").contains(&format!("resource_metadata=\"{url}\"")));
    assert_eq!(json_of(&edge.send(at(Method::GET, AT_PATH)))["resource"], "urn://elsewhere.example/orders");
}

fn read(upstreams: &Value) -> Result<Config, String> {
    let mut variables = variables();
    variables.insert("UPSTREAMS", upstreams.to_string());
    Config::from_variables(|name| variables.get(name).cloned()).map_err(|error| {
        assert_eq!(error.variable, "UPSTREAMS");
        error.to_string()
    })
}

#[test]
fn upstreams_that_are_not_right_are_named_with_the_place() {
    let with = |number: usize, member: &str, value: Value| {
        let mut upstreams = upstreams();
        upstreams[number][member] = value;
        upstreams
    };
    assert!(read(&upstreams()).is_ok() && read(&json!([])).is_ok());
    for (written, problem) in [
        (json!({}), "must be a JSON array"),
        (json!([{}]), "[0] missing field `name`"),
        (with(1, "orgin", "x".into()), "[1] orgin: unknown field `orgin`"),
        (with(0, "name", "A b".into()), "[0] name: must be 1 to 64"),
        (with(0, "match", json!({})), "[0] match"),
        (with(0, "match", json!({"host": "a.example", "pathPrefix": "/a"})), "[0] match"),
        (with(0, "match", json!({"hosts": "a.example"})), "unknown variant `hosts`"),
        (with(0, "match", json!({"host": "Api.example:1"})), "[0] match.host: must be a host name"),
        (with(0, "match", json!({"host": "id.example"})), "[0] match.host: is the edge's own host"),
        (
            with(1, "match", json!({"pathPrefix": "/api"})),
            "[1] match.pathPrefix: is a path of the edge's own",
        ),
        (
            with(1, "match", json!({"pathPrefix": "/other"})),
            "rules[0].path: must begin with the upstream's pathPrefix",
        ),
        (with(0, "origin", "http://api.example".into()), "[0] origin: must be an https URL"),
        (with(0, "origin", "https://api-origin.example/".into()), "[0] origin: must have no trailing slash"),
        (with(0, "origin", "https://a:b@api-origin.example".into()), "[0] origin: must have no"),
        (with(0, "audience", "api".into()), "[0] audience: must be an absolute URI"),
        (with(0, "audience", "https://a.example/#b".into()), "[0] audience: must be an absolute URI"),
        (with(0, "rules", json!([])), "[0] rules: must not be empty"),
        (
            with(0, "rules", json!([{"methods": ["GET"], "path": "x", "scopes": []}])),
            "[0] rules[0].path: must begin",
        ),
        (
            with(0, "rules", json!([{"methods": ["GET"], "path": "/", "scopes": ["a b"]}])),
            "[0] rules[0].scopes",
        ),
        (with(0, "timeoutMs", 5.into()), "[0] timeoutMs: must be 100 to 300000"),
        (with(0, "timeoutMs", "5".into()), "[0] timeoutMs: invalid type"),
        (with(0, "maxBodyBytes", u64::MAX.into()), "[0] maxBodyBytes: must be at most"),
        (with(0, "retries", 6.into()), "[0] retries: must be at most 5"),
        (with(0, "retries", Value::from(-1)), "[0] retries: invalid value"),
        (with(0, "stripPrefix", true.into()), "[0] stripPrefix: there is no pathPrefix"),
        (with(0, "cors", "allow".into()), "[0] cors: unknown variant `allow`"),
        (
            with(0, "rateLimit", json!({"requests": 0, "seconds": 1})),
            "[0] rateLimit: must be 1 to 1000000 requests",
        ),
        (with(0, "name", "orders".into()), "`orders` and `orders` have the same name"),
        (with(0, "audience", ORDERS.into()), "[0] audience: is an address of this edge outside"),
        (with(1, "audience", AUDIENCE.into()), "`api` and `orders` have the same audience"),
    ] {
        let found = read(&written).expect_err(problem);
        assert!(found.contains(problem), "{problem}: {found}");
    }
}

/// The configurations on the pages about the gateway and about MCP servers.
#[test]
fn the_documented_examples_are_taken_as_they_stand() {
    for (page, start, end, count) in [
        (include_str!("../../../../docs/gateway.md"), "```json\n[", "```", 2),
        (include_str!("../../../../docs/mcp.md"), "upstreams.json <<END\n[", "END", 1),
    ] {
        let example = page.split(start).nth(1).unwrap().split(end).next().unwrap();
        let mut upstreams: Value =
            serde_json::from_str(&format!("[{example}").replace("$ORGANIZATION_ID", ORGANIZATION)).unwrap();
        if cfg!(not(feature = "rego")) {
            upstreams[0].as_object_mut().unwrap().remove("policy");
        }
        let mut variables = variables();
        variables.insert("ISSUER", "https://id.example.com".to_owned());
        variables.insert("UPSTREAMS", upstreams.to_string());
        let config = Config::from_variables(|name| variables.get(name).cloned()).unwrap();
        assert_eq!(config.upstreams().len(), count);
    }
}

#[test]
fn all_problems_are_named_at_once() {
    let mut written = upstreams();
    written[0]["retries"] = 9.into();
    written[0]["timeoutMs"] = 1.into();
    written[1]["name"] = "".into();
    let found = read(&written).unwrap_err();
    for problem in ["[0] timeoutMs", "[0] retries", "[1] name"] {
        assert!(found.contains(problem), "{found}");
    }
}

#[test]
fn request_loop_attack_no_origin_is_this_edge() {
    for origin in ["https://id.example", "https://ID.example/x", "https://id.example:8443"] {
        let mut written = upstreams();
        written[0]["origin"] = origin.into();
        assert!(read(&written).unwrap_err().contains("[0] origin: is the edge itself"), "{origin}");
    }
    let mut written = upstreams();
    written[1]["origin"] = "https://api.example".into();
    assert!(read(&written).unwrap_err().contains("the origin of `orders` is `api` of this edge"));
}

#[test]
fn audience_confusion_attack_no_upstream_has_the_audience_of_the_management_api() {
    for audience in [ISSUER, "https://id.example/"] {
        let mut written = upstreams();
        written[0]["audience"] = audience.into();
        assert!(read(&written).unwrap_err().contains("is that of the management API"), "{audience}");
    }
}

#[test]
fn overlaps_are_named() {
    for place in [json!({"pathPrefix": "/orders"}), json!({"pathPrefix": "/orders/new"})] {
        let mut written = upstreams();
        written[0] = json!({
            "name": "other", "match": place, "origin": "https://o.example", "audience": "https://o.example",
            "rules": [{"methods": ["GET"], "path": "/orders/new", "scopes": []}],
        });
        assert!(read(&written).unwrap_err().contains("`other` and `orders` overlap in match"));
    }
    let mut written = upstreams();
    written[1] = written[0].clone();
    written[1]["name"] = "other".into();
    let found = read(&written).unwrap_err();
    assert!(found.contains("overlap in match") && found.contains("the same audience"), "{found}");
}

#[test]
fn duplicate_member_attack_is_refused_in_upstreams_too() {
    let mut variables = variables();
    let twice = upstreams().to_string().replacen("\"name\"", "\"name\":\"x\",\"name\"", 1);
    variables.insert("UPSTREAMS", twice);
    assert!(Config::from_variables(|name| variables.get(name).cloned()).is_err());
}

#[test]
fn policies_are_compiled_at_the_start_or_refused() {
    let mut written = upstreams();
    let policy = |source: &str| json!({"modules": {"own.rego": source}, "entrypoint": "data.own.allow"});
    written[0]["policy"] = policy("package own\nimport rego.v1\nallow if input.agent");
    if cfg!(feature = "rego") {
        assert!(read(&written).is_ok());
        written[0]["policy"] = policy("package own\nallow if {");
        assert!(read(&written).unwrap_err().contains("[0] policy: the policy does not compile"));
        written[0]["policy"] = policy("package other\nimport rego.v1\nallow if true");
        assert!(read(&written).unwrap_err().contains("[0] policy:"));
    } else {
        assert!(read(&written).unwrap_err().contains("[0] policy: this edge was built without Rego"));
    }
    written[0]["policy"] = json!({"modules": {}, "entry": "x"});
    assert!(read(&written).unwrap_err().contains("[0] policy.entry: unknown field"));
}
