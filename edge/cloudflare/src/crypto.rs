//! `WebCrypto`: randomness, and signatures ten times faster than in WebAssembly.

use std::cell::RefCell;

use agentidp_shared::jwk::{Algorithm, Jwk, MAX_KEYS, VerificationKey};
use js_sys::{Array, Object, Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto, WorkerGlobalScope};

thread_local! {
    /// Keys imported so far. A `CryptoKey` belongs to no request, so it may be kept.
    static IMPORTED: RefCell<Vec<(Jwk, CryptoKey)>> = const { RefCell::new(Vec::new()) };
}

fn crypto() -> Result<Crypto, JsValue> {
    js_sys::global().unchecked_into::<WorkerGlobalScope>().crypto()
}

/// # Panics
/// If the platform has no randomness: nothing here would be safe without.
#[expect(clippy::expect_used, reason = "an edge without randomness must not go on")]
pub fn fill_random(bytes: &mut [u8]) {
    crypto()
        .and_then(|crypto| crypto.get_random_values_with_u8_array(bytes))
        .map(drop)
        .expect("crypto.getRandomValues works in every request");
}

pub fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    fill_random(&mut bytes);
    bytes
}

/// Checks a JWS signature; in pure Rust if the platform cannot.
pub async fn check_signature(key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
    match check(key, message, signature).await {
        Ok(valid) => valid,
        Err(_) => key.verify(message, signature),
    }
}

async fn check(key: &VerificationKey, message: &[u8], signature: &[u8]) -> Result<bool, JsValue> {
    let subtle = crypto()?.subtle();
    let imported = import(&subtle, key).await?;
    let algorithm = match key.algorithm() {
        Algorithm::ES256 => object(&[("name", "ECDSA"), ("hash", "SHA-256")])?,
        Algorithm::RS256 => object(&[("name", "RSASSA-PKCS1-v1_5")])?,
        Algorithm::EdDSA => object(&[("name", "Ed25519")])?,
    };
    let (signature, message) = (Uint8Array::from(signature), Uint8Array::from(message));
    let valid = subtle
        .verify_with_object_and_js_u8_array_and_js_u8_array(&algorithm, &imported, &signature, &message)?;
    Ok(JsFuture::from(valid).await?.is_truthy())
}

async fn import(subtle: &SubtleCrypto, key: &VerificationKey) -> Result<CryptoKey, JsValue> {
    let known = IMPORTED.with_borrow(|imported| {
        let found = imported.iter().find(|(jwk, _)| jwk == key.jwk());
        found.map(|(_, imported)| imported.clone())
    });
    if let Some(known) = known {
        return Ok(known);
    }
    let algorithm = match key.algorithm() {
        Algorithm::ES256 => object(&[("name", "ECDSA"), ("namedCurve", "P-256")])?,
        Algorithm::RS256 => object(&[("name", "RSASSA-PKCS1-v1_5"), ("hash", "SHA-256")])?,
        Algorithm::EdDSA => object(&[("name", "Ed25519")])?,
    };
    // Only the material: platforms differ in the names they expect in `alg`.
    let jwk = key.jwk();
    let members = [
        ("kty", Some(&jwk.kty)),
        ("crv", jwk.crv.as_ref()),
        ("x", jwk.x.as_ref()),
        ("y", jwk.y.as_ref()),
        ("n", jwk.n.as_ref()),
        ("e", jwk.e.as_ref()),
    ];
    let members: Vec<(&str, &str)> =
        members.iter().filter_map(|(name, value)| Some((*name, value.as_ref()?.as_str()))).collect();
    let usages = Array::of1(&"verify".into());
    let import =
        subtle.import_key_with_object("jwk", &object(&members)?, &algorithm, false, &usages.into())?;
    let imported: CryptoKey = JsFuture::from(import).await?.unchecked_into();
    IMPORTED.with_borrow_mut(|held| {
        if held.len() >= MAX_KEYS {
            held.remove(0);
        }
        held.push((jwk.clone(), imported.clone()));
    });
    Ok(imported)
}

fn object(members: &[(&str, &str)]) -> Result<Object, JsValue> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &(*name).into(), &(*value).into())?;
    }
    Ok(object)
}
