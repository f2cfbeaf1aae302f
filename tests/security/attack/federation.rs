//! The section `federation`: tokens that no partner signed, or that a partner signed for another, and partners that nobody should have.

use std::collections::BTreeMap;

use agentidp_shared::jwk::Algorithm;
use agentidp_shared::strict::{decode_base64url, encode_base64url};
use agentidp_tests::attack::{Outcome, Section};
use agentidp_tests::{ClientKey, OidcIssuer, Tenant, now, oidc_issuer, unique};
use serde_json::{Value, json};

use super::scene::{Scene, merge};

const PARTNERS: &str = "/api/v1/federation/partners";
const VERIFY: &str = "/api/v1/federation/verify";

/// A good access token's claims.
fn claims(issuer: &str, audience: &str) -> Value {
    let now = now();
    json!({
        "iss": issuer, "aud": audience, "sub": "agent-7", "client_id": "agent-7", "organization_id": "org-7", "scope": "orders:read",
        "iat": now, "nbf": now, "exp": now + 3_600, "jti": unique(),
    })
}

fn header(key: &ClientKey) -> Value {
    json!({ "typ": "at+jwt", "alg": key.algorithm.as_str(), "kid": key.kid })
}

fn sign(key: &ClientKey, claims: &Value) -> String {
    key.sign_texts(&header(key).to_string(), &claims.to_string())
}

fn partner(issuer: &OidcIssuer) -> Value {
    json!({
        "name": "A partner", "issuer": issuer.url(), "jwksUri": format!("{}/.well-known/jwks", issuer.url()),
        "allowedOrganizations": ["org-7", "org-8"],
    })
}

/// What the verification says: 200 with `valid` and a reason.
async fn verify(tenant: &Tenant, token: &str) -> Outcome {
    verify_with(tenant, &json!({ "token": token })).await
}

async fn verify_with(tenant: &Tenant, body: &Value) -> Outcome {
    let answer = tenant.api.post(VERIFY, body).await;
    if !answer.is(200) {
        return Outcome::of(&answer);
    }
    let said = answer.json();
    match said["reason"].as_str() {
        None if said["valid"] == true => {
            Outcome::Accepted(format!("{} of {}", said["subject"], said["organizationId"]))
        }
        reason => Outcome::Refused(reason.unwrap_or("not valid").to_owned()),
    }
}

#[tokio::test]
async fn no_token_is_taken_for_a_partners_that_is_not() {
    let keys = [Algorithm::ES256, Algorithm::EdDSA, Algorithm::RS256];
    let mut partners = vec![];
    for algorithm in keys {
        partners.push(OidcIssuer::start(algorithm).await);
    }
    let scene = Scene::set().await;
    let mut section = Section::new("federation");
    let mut ids = BTreeMap::new();
    for issuer in &partners {
        let made = scene.tenant.api.post(PARTNERS, &partner(issuer)).await.expect(201);
        assert_eq!(made.json()["keyIds"], json!([issuer.key.kid]));
        ids.insert(issuer.url(), made.text("partnerId"));
        let token = sign(&issuer.key, &claims(&issuer.url(), &scene.audience()));
        assert_eq!(verify(&scene.tenant, &token).await, Outcome::Accepted("\"agent-7\" of \"org-7\"".into()));
    }
    by_claims(&scene, &partners[0], &partners[1], &mut section).await;
    by_form(&scene, &partners, &mut section).await;
    by_standing(&scene, &partners, &ids, &mut section).await;
    registrations(&scene, &mut section).await;
    section.finish(60);
}

async fn by_claims(scene: &Scene, partner: &OidcIssuer, another: &OidcIssuer, section: &mut Section) {
    let now = now();
    let (url, own) = (partner.url(), scene.audience());
    let neighbours = scene.audience_of(&scene.platform);
    for (name, change, expected) in [
        ("in another partner's name", json!({"iss": another.url()}), "no key"),
        ("in our name", json!({"iss": scene.control_plane.issuer()}), "no partner"),
        ("in the organization's own name", json!({"iss": own}), "no partner"),
        ("in nobody's name", json!({"iss": "https://id.evil.example"}), "no partner"),
        ("in its name with a slash", json!({"iss": format!("{url}/")}), "no partner"),
        ("in its name in another case", json!({"iss": url.to_uppercase()}), "no partner"),
        ("in its name by address", json!({"iss": url.replace("localhost", "127.0.0.1")}), "no partner"),
        ("in several names", json!({"iss": [url]}), "`iss`"),
        ("in no name", json!({"iss": null}), "`iss`"),
        ("for another organization", json!({"aud": neighbours}), "another audience"),
        ("for another's API", json!({"aud": "https://api.other.example"}), "another audience"),
        ("for several", json!({"aud": [own, "https://api.other.example"]}), "several audiences"),
        ("for itself", json!({"aud": url}), "another audience"),
        ("for nobody", json!({"aud": null}), "`aud`"),
        (
            "of an organization that is not allowed",
            json!({"organization_id": "org-9"}),
            "not one that is allowed",
        ),
        (
            "of an organization in another case",
            json!({"organization_id": "ORG-7"}),
            "not one that is allowed",
        ),
        (
            "of an organization by its beginning",
            json!({"organization_id": "org-"}),
            "not one that is allowed",
        ),
        (
            "of an organization by a longer name",
            json!({"organization_id": "org-77"}),
            "not one that is allowed",
        ),
        ("of an organization with a space", json!({"organization_id": "org-7 "}), "not one that is allowed"),
        ("of ours", json!({"organization_id": scene.tenant.organization_id}), "not one that is allowed"),
        ("of all organizations", json!({"organization_id": "*"}), "not one that is allowed"),
        ("of several organizations", json!({"organization_id": ["org-7"]}), "`organization_id`"),
        ("of no organization", json!({"organization_id": null}), "`organization_id`"),
        ("of nobody", json!({"sub": null}), "`sub`"),
        ("of a number", json!({"sub": 7}), "`sub`"),
        ("expired", json!({"exp": now - 60, "iat": now - 120, "nbf": now - 120}), "expired"),
        ("good for a year", json!({"exp": now + 31_536_000}), "too far ahead"),
        ("without an end", json!({"exp": null}), "`exp`"),
        ("with an end as text", json!({"exp": "2040-01-01"}), "`exp`"),
        ("not good yet", json!({"nbf": now + 600}), "not valid yet"),
        ("issued tomorrow", json!({"iat": now + 3_000}), "not valid yet"),
        ("that was never issued", json!({"iat": null}), "`iat`"),
        ("whose times are the wrong way round", json!({"iat": now + 7_200}), "contradict"),
        ("whose scopes are a list", json!({"scope": ["orders:read"]}), "`scope`"),
    ] {
        let good = claims(&url, &own);
        let mut bad = good.clone();
        merge(&mut bad, &change);
        let observed = verify(&scene.tenant, &sign(&partner.key, &bad)).await;
        let twin = verify(&scene.tenant, &sign(&partner.key, &good)).await;
        section.row(format!("a token {name}"), expected, observed, twin);
    }
    // For an API that the caller names, and no other.
    let api = "https://api.example.com/orders";
    let token = sign(&partner.key, &claims(&url, api));
    let twin = verify_with(&scene.tenant, &json!({"token": token, "audience": api})).await;
    for audience in
        ["https://api.example.com/orders/", "https://api.example.com", "https://API.example.com/orders", "*"]
    {
        let observed = verify_with(&scene.tenant, &json!({"token": token, "audience": audience})).await;
        section.row(
            format!("a token for an API, asked about {audience}"),
            "another audience",
            observed,
            twin.clone(),
        );
    }
}

async fn by_form(scene: &Scene, partners: &[OidcIssuer], section: &mut Section) {
    let stranger = ClientKey::generate(Algorithm::ES256);
    for partner in partners {
        let algorithm = partner.key.algorithm;
        let good = claims(&partner.url(), &scene.audience());
        let token = sign(&partner.key, &good);
        let [head, payload, signature] = token.split('.').collect::<Vec<_>>().try_into().unwrap();
        let twin = verify(&scene.tenant, &token).await;
        let with_header = |change: Value| {
            let mut header = header(&partner.key);
            merge(&mut header, &change);
            partner.key.sign_texts(&header.to_string(), &good.to_string())
        };
        let mut flipped = decode_base64url(signature).unwrap();
        flipped[20] ^= 1;
        let other = Algorithm::ALL.into_iter().find(|other| *other != algorithm).unwrap();
        let stolen = {
            let mut header = header(&stranger);
            header["kid"] = json!(partner.key.kid);
            stranger.sign_texts(&header.to_string(), &good.to_string())
        };
        let stolen_expected =
            if algorithm == Algorithm::ES256 { "signature is not valid" } else { "does not belong" };
        for (name, token, expected) in [
            ("without signature", format!("{head}.{payload}."), "three base64url parts"),
            ("alg none", with_header(json!({"alg": "none"})), "not accepted"),
            ("alg HS256", with_header(json!({"alg": "HS256"})), "not accepted"),
            ("alg of another key", with_header(json!({"alg": other.as_str()})), "does not belong"),
            ("no kid", with_header(json!({"kid": null})), "names no key"),
            ("a kid of nobody", with_header(json!({"kid": unique()})), "no key"),
            ("a key of its own", with_header(json!({"jwk": stranger.public_jwk()})), "not accepted"),
            ("a key set of its own", with_header(json!({"jku": "https://evil.example"})), "not accepted"),
            ("critical", with_header(json!({"crit": ["exp"]})), "not accepted"),
            ("an ID token's type", with_header(json!({"typ": "id_token+jwt"})), "typ"),
            ("signed by a stranger under the partner's kid", stolen.clone(), stolen_expected),
            ("signed by a stranger", sign(&stranger, &good), "no key"),
            ("one bit another", format!("{head}.{payload}.{}", encode_base64url(&flipped)), "not valid"),
            (
                "another payload",
                {
                    let mut claims = good.clone();
                    claims["organization_id"] = json!("org-8");
                    format!("{head}.{}.{signature}", encode_base64url(claims.to_string().as_bytes()))
                },
                "not valid",
            ),
        ] {
            let observed = verify(&scene.tenant, &token).await;
            section.row(format!("{algorithm}: {name}"), expected, observed, twin.clone());
        }
    }
}

async fn by_standing(
    scene: &Scene,
    partners: &[OidcIssuer],
    ids: &BTreeMap<String, String>,
    section: &mut Section,
) {
    let neighbour = scene.platform.create_organization().await;
    let partner_ = &partners[0];
    let path = format!("{PARTNERS}/{}", ids[&partner_.url()]);
    let token = || sign(&partner_.key, &claims(&partner_.url(), &scene.audience()));
    let twin = verify(&scene.tenant, &token()).await;
    // Another organization has no such partner, whoever the token is for.
    let observed = verify(&neighbour, &token()).await;
    section.row("another organization's partner", "no partner", observed, twin.clone());
    let theirs = sign(&partner_.key, &claims(&partner_.url(), &scene.audience_of(&neighbour)));
    section.row(
        "another organization's partner, for itself",
        "no partner",
        verify(&neighbour, &theirs).await,
        twin.clone(),
    );
    // An organization is taken from the list.
    let change = async |body: Value| drop(scene.tenant.api.patch(&path, &body).await.expect(200));
    change(json!({"allowedOrganizations": ["org-8"]})).await;
    section.row(
        "an organization that is allowed no more",
        "not one that is allowed",
        verify(&scene.tenant, &token()).await,
        twin.clone(),
    );
    change(json!({"allowedOrganizations": ["org-7"]})).await;
    // The partnership ends.
    let soon = time::OffsetDateTime::from_unix_timestamp(now() + 2)
        .unwrap()
        .format(&time::format_description::well_known::Rfc3339)
        .unwrap();
    change(json!({"expiresAt": soon})).await;
    tokio::time::sleep(std::time::Duration::from_millis(2_100)).await;
    section.row(
        "a partnership that has expired",
        "has expired",
        verify(&scene.tenant, &token()).await,
        twin.clone(),
    );
    change(json!({"expiresAt": null})).await;
    assert!(matches!(verify(&scene.tenant, &token()).await, Outcome::Accepted(_)));
    // Keys of another partner do not become this one's, whatever kid they have.
    let mut foreign = header(&partners[1].key);
    foreign["kid"] = json!(partner_.key.kid);
    let forged = partners[1]
        .key
        .sign_texts(&foreign.to_string(), &claims(&partner_.url(), &scene.audience()).to_string());
    section.row(
        "another partner's key under this one's kid",
        "does not belong",
        verify(&scene.tenant, &forged).await,
        twin.clone(),
    );
    // Keys that the partner no longer publishes, after it was told to be elsewhere.
    let fresh = ClientKey::generate(Algorithm::ES256);
    partner_.publish(|set| set["keys"] = json!([oidc_issuer::published(&fresh)]));
    change(json!({"jwksUri": format!("{}/.well-known/jwks", partner_.url())})).await;
    let renewed = verify(&scene.tenant, &sign(&fresh, &claims(&partner_.url(), &scene.audience()))).await;
    section.row(
        "a key that was taken back",
        "no key",
        verify(&scene.tenant, &token()).await,
        renewed.clone(),
    );
    // And when it is gone, nothing is good.
    scene.tenant.api.delete(&path).await.expect(204);
    let late = sign(&fresh, &claims(&partner_.url(), &scene.audience()));
    section.row("a partner that is gone", "no partner", verify(&scene.tenant, &late).await, renewed);
}

/// Partners that nobody should have.
async fn registrations(scene: &Scene, section: &mut Section) {
    let other = &scene.other;
    for (name, change, expected) in [
        ("us", json!({"issuer": scene.control_plane.issuer()}), "400 VALIDATION_ERROR"),
        ("one of our organizations", json!({"issuer": scene.audience()}), "400 VALIDATION_ERROR"),
        ("an issuer by http", json!({"issuer": "http://id.partner.example"}), "400 VALIDATION_ERROR"),
        ("an issuer with a slash", json!({"issuer": "https://id.partner.example/"}), "400 VALIDATION_ERROR"),
        ("an issuer with a user", json!({"issuer": "https://a@id.partner.example"}), "400 VALIDATION_ERROR"),
        ("metadata as issuer", json!({"issuer": "https://169.254.169.254"}), "400 VALIDATION_ERROR"),
        ("keys by http", json!({"jwksUri": "http://id.partner.example/keys"}), "400 VALIDATION_ERROR"),
        ("keys in metadata", json!({"jwksUri": "https://169.254.169.254/latest"}), "400 VALIDATION_ERROR"),
        (
            "keys in metadata, in decimal",
            json!({"jwksUri": "https://2852039166/latest"}),
            "400 VALIDATION_ERROR",
        ),
        ("keys on a private address", json!({"jwksUri": "https://192.168.0.1/keys"}), "400 VALIDATION_ERROR"),
        ("keys of an inside name", json!({"jwksUri": "https://vault.internal/keys"}), "400 VALIDATION_ERROR"),
        ("keys in a file", json!({"jwksUri": "file:///etc/passwd"}), "400 VALIDATION_ERROR"),
        (
            "keys that are no keys",
            json!({"jwksUri": format!("{}/.well-known/openid-configuration", other.url())}),
            "422 PARTNER_KEYS_UNAVAILABLE",
        ),
        (
            "keys that are not there",
            json!({"jwksUri": format!("{}/nowhere", other.url())}),
            "422 PARTNER_KEYS_UNAVAILABLE",
        ),
        ("keys of nobody", json!({"jwksUri": "https://localhost:1/keys"}), "422 PARTNER_KEYS_UNAVAILABLE"),
        ("all organizations", json!({"allowedOrganizations": ["*"]}), "400 VALIDATION_ERROR"),
        ("a pattern of organizations", json!({"allowedOrganizations": ["org-*"]}), "400 VALIDATION_ERROR"),
        ("no organization", json!({"allowedOrganizations": []}), "400 VALIDATION_ERROR"),
        ("organizations left out", json!({"allowedOrganizations": null}), "400 VALIDATION_ERROR"),
        ("an end that is past", json!({"expiresAt": "2020-01-01T00:00:00Z"}), "400 VALIDATION_ERROR"),
        ("keys in the request", json!({"keys": []}), "400 VALIDATION_ERROR"),
    ] {
        let mut bad = partner(other);
        merge(&mut bad, &change);
        let observed = Outcome::of(&scene.tenant.api.post(PARTNERS, &bad).await);
        let made = scene.tenant.api.post(PARTNERS, &partner(other)).await;
        let twin = Outcome::of(&made);
        if made.is(201) {
            let again = Outcome::of(&scene.tenant.api.post(PARTNERS, &partner(other)).await);
            if name == "us" {
                section.row("registering an issuer twice", "409 PARTNER_ISSUER_TAKEN", again, twin.clone());
            }
            scene.tenant.api.delete(&format!("{PARTNERS}/{}", made.text("partnerId"))).await.expect(204);
        }
        section.row(format!("registering {name}"), expected, observed, twin);
    }
}
