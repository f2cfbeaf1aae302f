//! Tokens whose form or header is not as it must be (RFC 7515, RFC 8725), most of them signed with a good key.

use agentidp_shared::strict::encode_base64url;
use serde_json::{Value, json};

use super::verify::accepted;
use crate::table::case::{Case, bad_token, case, get};
use crate::table::scene::{KID, Scene, header};

const NOT_THREE_PARTS: &str = "the token is not three base64url parts separated by dots";
const NO_OBJECT: &str = "the token's header is not a JSON object with unique members";
const UNEXPECTED: &str = "the token's header has a member that is not accepted";
const WRONG_TYPE: &str = "the token's `typ` is not at+jwt";
const ALGORITHM: &str = "the token's `alg` is not accepted";
const NO_KEY: &str = "the token names no key";
const UNKNOWN_KEY: &str = "the token's key is not known";
const MISMATCH: &str = "the token's `alg` does not belong to its key";
const SIGNATURE: &str = "the token's signature is not valid";

pub fn cases(scene: &Scene) -> Vec<Case> {
    let refused = |(what, token, why): (&str, String, &str)| {
        case(format!("token: {what}"), get("/verify").bearer(&token), bad_token(why))
    };
    let mut cases: Vec<Case> = parts(scene)
        .into_iter()
        .chain(headers(scene))
        .chain(algorithms_and_keys(scene))
        .chain(signatures(scene))
        .map(refused)
        .collect();
    for (what, typ) in [("in another case", "AT+JWT"), ("as a media type", "application/at+jwt")] {
        let token = scene.token_with_header(&[("typ", typ.into())]);
        cases.push(case(format!("token: typ {what}"), get("/verify").bearer(&token), accepted(scene)));
    }
    cases
}

type Bad<'a> = (&'a str, String, &'a str);

fn parts(scene: &Scene) -> Vec<Bad<'static>> {
    let good = scene.token_with(&[]);
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let (header, payload) = unsigned.split_once('.').unwrap();
    let long = format!("{unsigned}.{}", "A".repeat(8_193 - unsigned.len()));
    let long_header = scene.token_with_header(&[("kid", "k".repeat(1_000).into())]);
    vec![
        ("one part", "nonsense".into(), NOT_THREE_PARTS),
        ("two parts", unsigned.to_owned(), NOT_THREE_PARTS),
        ("four parts", format!("{good}.AAAA"), NOT_THREE_PARTS),
        ("five parts, as if encrypted", format!("{header}.AA.AA.{payload}.{signature}"), NOT_THREE_PARTS),
        ("empty header", format!(".{payload}.{signature}"), NOT_THREE_PARTS),
        ("empty payload", format!("{header}..{signature}"), NOT_THREE_PARTS),
        ("empty signature", format!("{unsigned}."), NOT_THREE_PARTS),
        ("padded signature", format!("{good}=="), NOT_THREE_PARTS),
        ("padded header", format!("{header}=.{payload}.{signature}"), NOT_THREE_PARTS),
        ("the other base64 alphabet", format!("{unsigned}.{}+/", &signature[2..]), NOT_THREE_PARTS),
        ("trailing bits in the header", format!("e31.{payload}.{signature}"), NOT_THREE_PARTS),
        ("a space in it", format!("{header} .{payload}.{signature}"), NOT_THREE_PARTS),
        ("longer than 8 KiB", long, "the token is longer than 8192 bytes"),
        ("a header longer than 1 KiB", long_header, "the token's header is longer than 1024 bytes"),
    ]
}

fn headers(scene: &Scene) -> Vec<Bad<'static>> {
    let claims = scene.claims().to_string();
    let of = |header: &str| scene.key.token_of(header, &claims);
    let with = |name: &str, value: Value| scene.token_with_header(&[(name, value)]);
    let twice = format!(r#"{{"alg":"EdDSA","kid":"{KID}","typ":"at+jwt","kid":"{KID}"}}"#);
    let mut tokens = vec![
        ("header is no JSON", of("nonsense"), NO_OBJECT),
        ("header is an array", of("[]"), NO_OBJECT),
        ("header is a text", of("\"EdDSA\""), NO_OBJECT),
        ("header names a member twice", of(&twice), NO_OBJECT),
        (
            "header is no UTF-8",
            {
                let header = encode_base64url(b"{\"alg\":\"\xff\"}");
                scene.key.sign(&format!("{header}.{}", encode_base64url(claims.as_bytes())))
            },
            NO_OBJECT,
        ),
        ("header has more behind its end", of(&format!("{}x", header())), NO_OBJECT),
        ("header is empty", of("{}"), ALGORITHM),
        ("typ JWT", with("typ", "JWT".into()), WRONG_TYPE),
        ("typ of the feed", with("typ", "agentidp-feed+jwt".into()), WRONG_TYPE),
        ("typ of an ID token as a media type", with("typ", "application/jwt".into()), WRONG_TYPE),
        ("typ is a number", with("typ", 1.into()), WRONG_TYPE),
        ("no typ", scene.token_without_header("typ"), WRONG_TYPE),
    ];
    for (name, value) in [
        ("crit", json!(["exp"])),
        ("jku", "https://evil.example/jwks.json".into()),
        ("x5u", "https://evil.example/key.pem".into()),
        ("jwk", json!({"kty": "OKP", "crv": "Ed25519", "x": "AA"})),
        ("x5c", json!(["AA"])),
        ("x5t", "AA".into()),
        ("b64", true.into()),
        ("zip", "DEF".into()),
        ("cty", "JWT".into()),
        ("epk", json!({})),
        ("Kid", KID.into()),
    ] {
        tokens.push((name, with(name, value), UNEXPECTED));
    }
    tokens
}

fn algorithms_and_keys(scene: &Scene) -> Vec<Bad<'static>> {
    let with = |name: &str, value: Value| scene.token_with_header(&[(name, value)]);
    let kid = json!({"alg": "EdDSA", "kid": KID, "typ": "at+jwt"});
    vec![
        ("alg none", with("alg", "none".into()), ALGORITHM),
        ("alg None", with("alg", "None".into()), ALGORITHM),
        ("alg HS256", with("alg", "HS256".into()), ALGORITHM),
        ("alg ES384", with("alg", "ES384".into()), ALGORITHM),
        ("alg in lower case", with("alg", "eddsa".into()), ALGORITHM),
        ("alg is a list", with("alg", json!(["EdDSA"])), ALGORITHM),
        ("alg is null", with("alg", Value::Null), ALGORITHM),
        ("no alg", scene.token_without_header("alg"), ALGORITHM),
        ("alg ES256 of an EdDSA key", with("alg", "ES256".into()), MISMATCH),
        ("alg RS256 of an EdDSA key", with("alg", "RS256".into()), MISMATCH),
        ("no kid", scene.token_without_header("kid"), NO_KEY),
        ("empty kid", with("kid", "".into()), NO_KEY),
        ("kid is a number", with("kid", 1.into()), NO_KEY),
        ("kid is a list", with("kid", json!([KID])), NO_KEY),
        ("unknown kid", with("kid", "unknown".into()), UNKNOWN_KEY),
        ("kid in another case", with("kid", KID.to_uppercase().into()), UNKNOWN_KEY),
        ("kid with a space behind", with("kid", format!("{KID} ").into()), UNKNOWN_KEY),
        ("kid is a path", with("kid", "../../dev/null".into()), UNKNOWN_KEY),
        (
            "kid of another key",
            {
                let mut header = kid;
                header["kid"] = crate::tokens::header(&scene.token)["kid"].clone();
                scene.key.token(&header, &scene.claims())
            },
            MISMATCH,
        ),
    ]
}

fn signatures(scene: &Scene) -> Vec<Bad<'static>> {
    let (good, other) = (scene.token_with(&[]), scene.token_with(&[("scope", "admin:orgs".into())]));
    let (unsigned, signature) = good.rsplit_once('.').unwrap();
    let (of_other, _) = other.rsplit_once('.').unwrap();
    let issued = scene.token.rsplit_once('.').unwrap();
    let halves = encode_base64url(&agentidp_shared::strict::decode_base64url(signature).unwrap()[..32]);
    vec![
        ("another token's signature", format!("{of_other}.{signature}"), SIGNATURE),
        ("a signature of zeros", format!("{unsigned}.{}", "A".repeat(86)), SIGNATURE),
        ("half a signature", format!("{unsigned}.{halves}"), SIGNATURE),
        ("a signature with more behind", format!("{unsigned}.{signature}AAAA"), SIGNATURE),
        ("zeros for an issued token's signature", format!("{}.{}", issued.0, "A".repeat(86)), SIGNATURE),
        (
            "an issued token's claims replaced",
            {
                let header = issued.0.split_once('.').unwrap().0;
                let claims = encode_base64url(scene.claims().to_string().as_bytes());
                format!("{header}.{claims}.{}", issued.1)
            },
            SIGNATURE,
        ),
    ]
}
