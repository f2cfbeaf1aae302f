//! Of the section `trust-policies`: tokens whose header or signature is not the issuer's.

use agentidp_shared::jwk::Algorithm;
use agentidp_shared::strict::{decode_base64url, encode_base64url};
use agentidp_tests::ClientKey;
use serde_json::json;

use super::scene::merge;
use super::trust_policies::{REFUSED, Table};

pub async fn headers(table: &mut Table) {
    let own = ClientKey::generate(Algorithm::RS256);
    let public = own.public_jwk();
    for (name, change) in [
        ("none", json!({"alg": "none"})),
        ("None", json!({"alg": "None"})),
        ("HS256", json!({"alg": "HS256"})),
        ("another algorithm than the key's", json!({"alg": "ES256"})),
        ("RS512", json!({"alg": "RS512"})),
        ("PS256", json!({"alg": "PS256"})),
        ("rs256", json!({"alg": "rs256"})),
        ("no algorithm", json!({"alg": null})),
        ("no key", json!({"kid": null})),
        ("an empty key", json!({"kid": ""})),
        ("a key of nobody", json!({"kid": "38826b17-6a30-5f9b-b169-8beb8202f723"})),
        ("a way up as key", json!({"kid": "../../../dev/null"})),
        ("an SQL key", json!({"kid": "' or 1=1 --"})),
        ("a key as a number", json!({"kid": 1})),
        ("a key of its own", json!({"jwk": public})),
        ("a key set of its own", json!({"jku": "https://evil.example/keys"})),
        ("a certificate's address", json!({"x5u": "https://evil.example/cert"})),
        ("a certificate", json!({"x5c": ["MIIB"]})),
        ("critical", json!({"crit": ["exp"]})),
        ("not encoded", json!({"b64": false, "crit": ["b64"]})),
        ("packed", json!({"zip": "DEF"})),
        ("an access token", json!({"typ": "at+jwt"})),
        ("a logout token", json!({"typ": "logout+jwt"})),
        ("a type as a number", json!({"typ": 1})),
    ] {
        table
            .forged(&format!("header: {name}"), REFUSED, |scene, claims| {
                let mut header = scene.github.header();
                merge(&mut header, &change);
                scene.github.key.sign_texts(&header.to_string(), &claims.to_string())
            })
            .await;
    }
    table
        .forged("header: alg twice", REFUSED, |scene, claims| {
            let header = format!(r#"{{"alg":"RS256","alg":"none","kid":"{}"}}"#, scene.github.key.kid);
            scene.github.key.sign_texts(&header, &claims.to_string())
        })
        .await;
    table
        .forged("header: a list", REFUSED, |scene, claims| {
            scene.github.key.sign_texts("[]", &claims.to_string())
        })
        .await;
}

pub async fn signatures(table: &mut Table) {
    let own = ClientKey::generate(Algorithm::RS256);
    let parts = |token: &str| -> Vec<String> { token.split('.').map(str::to_owned).collect() };
    table
        .forged("signature: of another key under the same kid", REFUSED, |scene, claims| {
            own.sign_texts(&scene.github.header().to_string(), &claims.to_string())
        })
        .await;
    table
        .forged("signature: of another issuer's key", REFUSED, |scene, claims| scene.other.sign(claims))
        .await;
    table
        .forged("signature: HMAC under the public key", REFUSED, |scene, claims| {
            let mut header = scene.github.header();
            header["alg"] = json!("HS256");
            let input = format!(
                "{}.{}",
                encode_base64url(header.to_string().as_bytes()),
                encode_base64url(claims.to_string().as_bytes())
            );
            let key = scene.github.key.public_jwk().to_string();
            let key = aws_lc_rs::hmac::Key::new(aws_lc_rs::hmac::HMAC_SHA256, key.as_bytes());
            format!("{input}.{}", encode_base64url(aws_lc_rs::hmac::sign(&key, input.as_bytes()).as_ref()))
        })
        .await;
    for (name, expected) in [
        ("one bit another", REFUSED),
        ("none", REFUSED),
        ("cut", REFUSED),
        ("padded", REFUSED),
        ("zeros", REFUSED),
        ("other claims under it", REFUSED),
        ("a fourth part", REFUSED),
        ("two parts", REFUSED),
        ("a space in it", REFUSED),
        ("a line break after it", "400 VALIDATION_ERROR"),
        ("as JSON", REFUSED),
        ("claims twice", REFUSED),
        ("claims in base64", REFUSED),
        ("a token that is too long", "400 VALIDATION_ERROR"),
        ("nothing", "400 VALIDATION_ERROR"),
        ("five parts, as encrypted", REFUSED),
    ] {
        table
            .forged(&format!("signature: {name}"), expected, |scene, claims| {
                let token = scene.github.sign(claims);
                let [header, payload, signature] = parts(&token).try_into().unwrap();
                let mut bytes = decode_base64url(&signature).unwrap();
                match name {
                    "one bit another" => {
                        bytes[100] ^= 1;
                        format!("{header}.{payload}.{}", encode_base64url(&bytes))
                    }
                    "none" => format!("{header}.{payload}."),
                    "cut" => format!("{header}.{payload}.{}", encode_base64url(&bytes[1..])),
                    "padded" => format!("{token}="),
                    "zeros" => format!("{header}.{payload}.{}", encode_base64url(&vec![0; bytes.len()])),
                    "other claims under it" => {
                        let mut claims = claims.clone();
                        claims["actor"] = json!("mallory");
                        format!("{header}.{}.{signature}", encode_base64url(claims.to_string().as_bytes()))
                    }
                    "a fourth part" => format!("{token}.x"),
                    "two parts" => format!("{header}.{payload}"),
                    "a space in it" => format!("{header}. {payload}.{signature}"),
                    "a line break after it" => format!("{token}\n"),
                    "as JSON" => {
                        json!({"protected": header, "payload": payload, "signature": signature}).to_string()
                    }
                    "claims twice" => {
                        let claims =
                            claims.to_string().replacen('{', r#"{"repository":"octo-org/other","#, 1);
                        scene.github.key.sign_texts(&scene.github.header().to_string(), &claims)
                    }
                    "claims in base64" => format!("{header}.{payload}=.{signature}"),
                    "a token that is too long" => "a".repeat(8_193),
                    "nothing" => String::new(),
                    _ => format!("{header}.{header}.{header}.{payload}.{signature}"),
                }
            })
            .await;
    }
}
