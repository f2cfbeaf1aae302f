//! Assertions that are wrong in one thing. Each is refused with the same words.

use agentidp_shared::jwk::Algorithm;
use agentidp_shared::strict::{decode_base64url, encode_base64url};
use agentidp_tests::ClientKey;
use agentidp_tests::client_key::claims;
use aws_lc_rs::hmac;
use serde_json::{Value, json};
use time::Duration;

use crate::private_key_jwt::{Scene, register};
use crate::support::ISSUER;

#[tokio::test]
async fn wrong_audience_attack_an_assertion_for_anyone_else_is_refused() {
    let scene = Scene::of(Algorithm::ES256).await;
    for audience in [
        json!(format!("{ISSUER}/")),
        json!(format!("{ISSUER}/oauth2/token")),
        json!("https://attacker.example"),
        json!(ISSUER.to_uppercase()),
        json!([ISSUER, "https://attacker.example"]),
        json!([ISSUER, ISSUER]),
        json!([]),
        json!([[ISSUER]]),
        json!({ "0": ISSUER }),
        json!(null),
    ] {
        scene.refused(scene.with("aud", audience), "aud").await;
    }
    // One in a list is one.
    scene.ask(&scene.with("aud", json!([ISSUER]))).await.expect(200);
}

#[tokio::test]
async fn algorithm_confusion_attack_the_key_decides_how_it_is_used() {
    let scene = Scene::of(Algorithm::RS256).await;
    let claims = scene.claims().to_string();
    let modulus = decode_base64url(scene.key.public_jwk()["n"].as_str().unwrap()).unwrap();
    for alg in ["HS256", "RS384", "PS256", "ES256", "EdDSA", "Ed25519", "rs256", ""] {
        let header = json!({ "alg": alg, "kid": scene.key.kid }).to_string();
        let input =
            format!("{}.{}", encode_base64url(header.as_bytes()), encode_base64url(claims.as_bytes()));
        let mac = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &modulus), input.as_bytes());
        scene.refused(format!("{input}.{}", encode_base64url(mac.as_ref())), "alg").await;
        scene.refused(scene.key.sign_texts(&header, &claims), "alg").await;
    }
}

#[tokio::test]
async fn alg_none_attack_an_unsigned_assertion_is_refused() {
    let scene = Scene::of(Algorithm::ES256).await;
    let payload = encode_base64url(scene.claims().to_string().as_bytes());
    for alg in ["none", "None", "NONE"] {
        let header = encode_base64url(json!({ "alg": alg, "kid": scene.key.kid }).to_string().as_bytes());
        scene.refused(format!("{header}.{payload}."), "three base64url parts").await;
        scene.refused(format!("{header}.{payload}.AA"), "alg").await;
    }
}

#[tokio::test]
async fn foreign_key_attack_another_agents_key_does_not_speak_for_this_one() {
    let scene = Scene::of(Algorithm::ES256).await;
    let (other, key) =
        (scene.tenant.create_agent(&["agents:read"]).await, ClientKey::generate(Algorithm::ES256));
    register(&scene.tenant, &other, &key).await.expect(201);
    scene.refused(key.assertion(&scene.agent.id, ISSUER, scene.now()), "key is not known").await;
    // Under the name of the agent's own key.
    let named = key.sign_texts(&scene.key.header().to_string(), &scene.claims().to_string());
    scene.refused(named, "signature").await;
    scene.ask(&key.assertion(&other.id, ISSUER, scene.now())).await.expect(200);
}

#[tokio::test]
async fn issuer_is_not_subject_attack_nobody_vouches_for_another() {
    let scene = Scene::of(Algorithm::ES256).await;
    let other = scene.tenant.create_agent(&["agents:read"]).await;
    scene.refused(scene.with("iss", json!(other.id)), "same client").await;
    scene.refused(scene.with("sub", json!(other.id)), "key is not known").await;
    scene.refused(scene.with("iss", json!(ISSUER)), "same client").await;
    scene.refused(scene.with("iss", json!(null)), "iss").await;
    scene.refused(scene.with("sub", json!(null)), "sub").await;
    scene.refused(scene.with("sub", json!(scene.agent.id.to_uppercase())), "sub").await;
}

#[tokio::test]
async fn expired_assertion_attack_and_others_on_its_times() {
    let scene = Scene::of(Algorithm::ES256).await;
    let now = scene.now();
    for (name, value, reason) in [
        ("exp", json!(null), "exp"),
        ("exp", json!((now + 60).to_string()), "exp"),
        ("exp", json!(60.5), "exp"),
        ("exp", json!(-1), "exp"),
        ("exp", json!(u64::MAX), "exp"),
        ("exp", json!(now + 311), "seconds ahead"),
        ("exp", json!(now + 3_600), "seconds ahead"),
        ("exp", json!(now), "contradict"),
        ("nbf", json!(now + 11), "not valid yet"),
        ("iat", json!(now + 11), "not valid yet"),
        ("iat", json!("now"), "iat"),
        ("nbf", json!([now]), "nbf"),
    ] {
        scene.refused(scene.with(name, value), reason).await;
    }
    for (name, value) in
        [("exp", json!(now + 310)), ("nbf", json!(now + 10)), ("iat", json!(null)), ("nbf", json!(null))]
    {
        scene.ask(&scene.with(name, value)).await.expect(200);
    }
    let assertion = scene.good();
    scene.instance.advance(Duration::seconds(70));
    scene.refused(assertion, "expired").await;
}

#[tokio::test]
async fn missing_jti_attack_an_assertion_that_could_be_used_twice_is_not_used_once() {
    let scene = Scene::of(Algorithm::ES256).await;
    for jti in [json!(null), json!(""), json!(7), json!(["a"]), json!("j".repeat(256))] {
        scene.refused(scene.with("jti", jti), "jti").await;
    }
    // Whatever text it is, it is the client's own.
    for jti in [json!("a\u{0}b"), json!("'; drop table used_assertions; --"), json!("\u{1F600}".repeat(63))] {
        let assertion = scene.with("jti", jti);
        scene.ask(&assertion).await.expect(200);
        scene.refused(assertion, "used before").await;
    }
}

#[tokio::test]
async fn header_injection_attack_a_header_that_brings_its_own_key_or_demands_is_refused() {
    let scene = Scene::of(Algorithm::ES256).await;
    let thief = ClientKey::generate(Algorithm::ES256);
    for (name, value) in [
        ("jwk", thief.public_jwk()),
        ("jku", json!("https://attacker.example/keys")),
        ("x5u", json!("https://attacker.example/chain")),
        ("x5c", json!(["AAAA"])),
        ("x5t", json!("AAAA")),
        ("crit", json!(["exp"])),
        ("b64", json!(false)),
        ("zip", json!("DEF")),
        ("cty", json!("JWT")),
    ] {
        let mut header = scene.key.header();
        header[name] = value;
        for key in [&scene.key, &thief] {
            scene.refused(key.sign_texts(&header.to_string(), &scene.claims().to_string()), "header").await;
        }
    }
}

#[tokio::test]
async fn kid_injection_attack_the_name_of_a_key_is_only_compared() {
    let scene = Scene::of(Algorithm::ES256).await;
    for kid in
        [json!("' or 1=1 --"), json!("a\u{0}b"), json!("../../dev/null"), json!("k".repeat(600)), json!("%")]
    {
        let header = json!({ "alg": "ES256", "kid": kid }).to_string();
        scene.refused(scene.key.sign_texts(&header, &scene.claims().to_string()), "key is not known").await;
    }
    for kid in [json!(null), json!(""), json!(7), json!({})] {
        let header = json!({ "alg": "ES256", "kid": kid }).to_string();
        scene.refused(scene.key.sign_texts(&header, &scene.claims().to_string()), "names no key").await;
    }
}

#[tokio::test]
async fn unnamed_key_attack_a_key_is_left_out_only_where_there_is_one_and_none_is_tried_after_another() {
    let scene = Scene::of(Algorithm::ES256).await;
    let unnamed = |key: &ClientKey, claims: &Value| {
        let header = json!({ "alg": key.algorithm.as_str(), "typ": "JWT" });
        key.sign_texts(&header.to_string(), &claims.to_string())
    };
    let good = unnamed(&scene.key, &scene.claims());
    scene.ask(&good).await.expect(200);
    scene.refused(good, "used before").await;
    let thief = ClientKey::generate(Algorithm::ES256);
    scene.refused(unnamed(&thief, &scene.claims()), "signature is not valid").await;
    let other = ClientKey::generate(Algorithm::EdDSA);
    scene.refused(unnamed(&other, &scene.claims()), "does not belong to its key").await;
    // Of another agent, which has no key: its own secret is none.
    let of_another = claims(&scene.tenant.admin.id, ISSUER, scene.now());
    scene.refused(unnamed(&scene.key, &of_another), "key is not known").await;

    // Of two keys, also of different algorithms, neither is meant until one is named.
    let second = register(&scene.tenant, &scene.agent, &other).await.expect(201).text("credentialId");
    for key in [&scene.key, &other] {
        scene.refused(unnamed(key, &scene.claims()), "key is not known").await;
    }
    scene.ask(&scene.good()).await.expect(200);
    scene.tenant.api.delete(&format!("{}/credentials/{second}", scene.agent.path())).await.expect(204);
    scene.ask(&unnamed(&scene.key, &scene.claims())).await.expect(200);

    // Nor while a key that is replaced is still good beside its successor.
    let body = json!({ "publicJwk": thief.public_jwk(), "overlapSeconds": 60 });
    scene.tenant.api.post(&format!("{}/rotate", scene.path()), &body).await.expect(200);
    for key in [&scene.key, &thief] {
        scene.refused(unnamed(key, &scene.claims()), "key is not known").await;
    }
    scene.instance.advance(Duration::seconds(61));
    scene.ask(&unnamed(&thief, &scene.claims())).await.expect(200);
    scene.refused(unnamed(&scene.key, &scene.claims()), "signature is not valid").await;
}

#[tokio::test]
async fn token_as_assertion_attack_a_jwt_of_another_type_is_no_assertion() {
    let scene = Scene::of(Algorithm::ES256).await;
    for typ in [
        json!("at+jwt"),
        json!("dpop+jwt"),
        json!("application/at+jwt"),
        json!(""),
        json!(null),
        json!(["JWT"]),
    ] {
        let header = json!({ "alg": "ES256", "kid": scene.key.kid, "typ": typ }).to_string();
        scene.refused(scene.key.sign_texts(&header, &scene.claims().to_string()), "typ").await;
    }
    for typ in ["JWT", "jwt", "client-authentication+jwt", "application/client-authentication+jwt"] {
        let header = json!({ "alg": "ES256", "kid": scene.key.kid, "typ": typ }).to_string();
        scene.ask(&scene.key.sign_texts(&header, &scene.claims().to_string())).await.expect(200);
    }
    // An access token of ours is not one either.
    let token = scene.agent.token(&scene.instance.api()).await;
    scene.refused(token, "typ").await;
}

#[tokio::test]
async fn duplicate_members_attack_a_claim_or_header_that_is_there_twice_is_refused() {
    let scene = Scene::of(Algorithm::ES256).await;
    let (header, claims) = (scene.key.header().to_string(), scene.claims().to_string());
    let twice = |text: &str, member: &str| text.replacen('{', &format!("{{{member},"), 1);
    let sub = format!("\"sub\":\"{}\"", scene.tenant.admin.id);
    scene.refused(scene.key.sign_texts(&header, &twice(&claims, &sub)), "unique members").await;
    scene.refused(scene.key.sign_texts(&header, &twice(&claims, "\"exp\":1")), "unique members").await;
    scene.refused(scene.key.sign_texts(&twice(&header, "\"alg\":\"none\""), &claims), "unique members").await;
}

#[tokio::test]
async fn oversized_assertion_attack_what_is_too_long_is_not_looked_at() {
    let scene = Scene::of(Algorithm::ES256).await;
    scene.refused(scene.with("x", json!("y".repeat(4_096))), "longer than").await;
    scene.refused("A".repeat(60_000), "longer than").await;
    scene.refused(scene.with("x", json!("y".repeat(2_000))).replacen('.', ".A", 1), "").await;
    scene.ask(&scene.with("x", json!("y".repeat(2_000)))).await.expect(200);
}

#[tokio::test]
async fn malformed_assertion_attack_nonsense_is_refused_like_anything_else() {
    let scene = Scene::of(Algorithm::ES256).await;
    let good = scene.good();
    let deep = format!("{{\"sub\":{}1{}}}", "[".repeat(1_000), "]".repeat(1_000));
    for nonsense in [
        "x".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        "e30.e30.e30".to_owned(),
        format!("{good}="),
        format!("{good}.{good}"),
        good.replace('.', ".."),
        good.replacen('.', "", 1),
        scene.key.sign_texts("[]", "{}"),
        scene.key.sign_texts(&scene.key.header().to_string(), "[]"),
        scene.key.sign_texts(&scene.key.header().to_string(), &deep),
        "\u{1F600}".to_owned(),
    ] {
        scene.refused(nonsense, "").await;
    }
    scene.ask(&good).await.expect(200);
}

#[tokio::test]
async fn changed_signature_attack_every_byte_of_an_assertion_counts() {
    for algorithm in Algorithm::ALL {
        let scene = Scene::of(algorithm).await;
        let good = scene.good();
        let (input, signature) = good.rsplit_once('.').unwrap();
        let signature = decode_base64url(signature).unwrap();
        for position in [0, signature.len() / 2, signature.len() - 1] {
            let mut changed = signature.clone();
            changed[position] ^= 1;
            scene.refused(format!("{input}.{}", encode_base64url(&changed)), "signature").await;
        }
        for changed in [&signature[1..], &[0; 64], &[]] {
            scene.refused(format!("{input}.{}", encode_base64url(changed)), "").await;
        }
        scene.ask(&good).await.expect(200);
    }
}

#[tokio::test]
async fn an_assertion_may_be_for_the_agents_own_organization_and_for_no_other() {
    let scene = Scene::of(Algorithm::ES256).await;
    let own = format!("{ISSUER}/organizations/{}", scene.tenant.uuid());
    scene.ask(&scene.with("aud", own.as_str().into())).await.expect(401);
    let path = format!("/api/v1/organizations/{}", scene.tenant.uuid());
    scene.tenant.api.patch(&path, &json!({ "issuerKind": "organization" })).await.expect(200);
    scene.ask(&scene.with("aud", own.as_str().into())).await.expect(200);
    scene.ask(&scene.good()).await.expect(200);

    let other = scene.instance.tenant().await;
    let path = format!("/api/v1/organizations/{}", other.uuid());
    other.api.patch(&path, &json!({ "issuerKind": "organization" })).await.expect(200);
    let others = format!("{ISSUER}/organizations/{}", other.uuid());
    scene.ask(&scene.with("aud", others.into())).await.expect(401);
}
