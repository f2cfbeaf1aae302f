//! `WebCrypto`: randomness, and signatures ten times faster than in WebAssembly.

use std::cell::{OnceCell, RefCell};

use agentidp_shared::jwk::{Algorithm, Jwk, MAX_KEYS, VerificationKey};
use js_sys::{Array, Object, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Crypto, CryptoKey, SubtleCrypto, WorkerGlobalScope};

thread_local! {
    /// Keys imported so far. A `CryptoKey` belongs to no request, so it may be kept.
    static IMPORTED: RefCell<Vec<(Jwk, CryptoKey)>> = const { RefCell::new(Vec::new()) };
    /// What `verify` is told of each algorithm.
    static ALGORITHMS: [OnceCell<Object>; 3] = const { [OnceCell::new(), OnceCell::new(), OnceCell::new()] };
    static SUBTLE: OnceCell<SubtleCrypto> = const { OnceCell::new() };
    static RANDOM: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; POOL], left: 0 }) };
}

/// So many random bytes are asked for at once: a request needs ten.
const POOL: usize = 1_024;

/// Random bytes that nobody was given yet, at the beginning.
struct Pool {
    bytes: [u8; POOL],
    left: usize,
}

impl Pool {
    /// Gives each byte away once, and keeps none that was given away. False if there are not so many.
    fn give(&mut self, wanted: &mut [u8]) -> bool {
        let Some(left) = self.left.checked_sub(wanted.len()) else { return false };
        let Some(given) = self.bytes.get_mut(left..self.left) else { return false };
        wanted.copy_from_slice(given);
        given.fill(0);
        self.left = left;
        true
    }
}

fn crypto() -> Result<Crypto, JsValue> {
    js_sys::global().unchecked_into::<WorkerGlobalScope>().crypto()
}

/// # Panics
/// If the platform has no randomness: nothing here would be safe without.
#[expect(clippy::expect_used, reason = "an edge without randomness must not go on")]
pub fn fill_random(bytes: &mut [u8]) {
    let ask = |bytes: &mut [u8]| {
        let asked = crypto().and_then(|crypto| crypto.get_random_values_with_u8_array(bytes));
        asked.map(drop).expect("crypto.getRandomValues works in every request");
    };
    if bytes.len() > POOL {
        return ask(bytes);
    }
    RANDOM.with_borrow_mut(|pool| {
        if !pool.give(bytes) {
            ask(&mut pool.bytes);
            pool.left = POOL;
            pool.give(bytes);
        }
    });
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
    let valid = begin(&imported, key.algorithm(), message, signature)?;
    Ok(JsFuture::from(valid).await?.is_truthy())
}

/// The check of a signature by a key that has been imported already, as a promise of a boolean.
pub fn begin_check(key: &VerificationKey, message: &[u8], signature: &[u8]) -> Option<Promise> {
    begin(&imported(key)?, key.algorithm(), message, signature).ok()
}

fn begin(
    key: &CryptoKey,
    algorithm: Algorithm,
    message: &[u8],
    signature: &[u8],
) -> Result<Promise, JsValue> {
    let subtle = SUBTLE.with(|subtle| match subtle.get() {
        Some(subtle) => Ok(subtle.clone()),
        None => crypto().map(|crypto| subtle.get_or_init(|| crypto.subtle()).clone()),
    })?;
    let (place, members): (usize, &[(&str, &str)]) = match algorithm {
        Algorithm::ES256 => (0, &[("name", "ECDSA"), ("hash", "SHA-256")]),
        Algorithm::RS256 => (1, &[("name", "RSASSA-PKCS1-v1_5")]),
        Algorithm::EdDSA => (2, &[("name", "Ed25519")]),
    };
    let told = ALGORITHMS.with(|algorithms| {
        let held = algorithms.get(place);
        if let Some(told) = held.and_then(OnceCell::get) {
            return Ok(told.clone());
        }
        let told = object(members)?;
        Ok::<_, JsValue>(held.map_or_else(|| told.clone(), |held| held.get_or_init(|| told.clone()).clone()))
    })?;
    // The standard has `verify` copy what it is given before it returns, so it may look at this memory.
    subtle.verify_with_object_and_u8_array_and_u8_array(&told, key, signature, message)
}

fn imported(key: &VerificationKey) -> Option<CryptoKey> {
    IMPORTED.with_borrow(|imported| {
        let found = imported.iter().find(|(jwk, _)| jwk == key.jwk());
        found.map(|(_, imported)| imported.clone())
    })
}

async fn import(subtle: &SubtleCrypto, key: &VerificationKey) -> Result<CryptoKey, JsValue> {
    if let Some(known) = imported(key) {
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
