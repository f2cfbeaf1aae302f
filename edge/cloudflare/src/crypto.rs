//! The runtime's cryptography: randomness, and signatures ten times faster than in WebAssembly.

use std::cell::{OnceCell, RefCell};

use agentidp_shared::jwk::{Algorithm, Jwk, MAX_KEYS, VerificationKey};
use js_sys::{Function, Object, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast as _, JsValue};
use web_sys::{Crypto, WorkerGlobalScope};
use worker::console_warn;

#[wasm_bindgen]
extern "C" {
    /// The module `node:crypto`. It checks a signature within the call; `WebCrypto` has a promise for it, which costs more than reading
    /// the token does.
    type NodeCrypto;

    #[wasm_bindgen(method, catch, js_name = createPublicKey)]
    fn create_public_key(this: &NodeCrypto, description: &Object) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(method, catch)]
    fn verify(
        this: &NodeCrypto,
        hash: &JsValue,
        message: &[u8],
        key: &JsValue,
        signature: &[u8],
    ) -> Result<bool, JsValue>;
}

/// A key as the runtime holds it.
struct Imported {
    jwk: Jwk,
    key: JsValue,
    /// The name of the hash that is signed; undefined if the algorithm says so itself.
    hash: JsValue,
}

thread_local! {
    static NODE_CRYPTO: OnceCell<NodeCrypto> = const { OnceCell::new() };
    /// Keys imported so far. They belong to no request, so they may be kept.
    static IMPORTED: RefCell<Vec<Imported>> = const { RefCell::new(Vec::new()) };
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

/// Before the first request, because it takes some milliseconds.
#[wasm_bindgen(start)]
pub fn load() {
    match node_crypto() {
        Ok(found) => NODE_CRYPTO.with(|held| _ = held.set(found)),
        Err(_) => {
            console_warn!(
                "node:crypto is missing: signatures are checked in WebAssembly, which takes ten times as long. \
                 Add nodejs_compat to compatibility_flags in wrangler.toml."
            );
        }
    }
}

fn node_crypto() -> Result<NodeCrypto, JsValue> {
    let process = Reflect::get(&js_sys::global(), &"process".into())?;
    let module: Function = Reflect::get(&process, &"getBuiltinModule".into())?.dyn_into()?;
    let module = module.call1(&process, &"node:crypto".into())?;
    if module.is_object() { Ok(module.unchecked_into()) } else { Err(module) }
}

/// Checks a JWS signature; in pure Rust if the runtime cannot.
pub fn check_signature(key: &VerificationKey, message: &[u8], signature: &[u8]) -> bool {
    let checked = NODE_CRYPTO.with(|node| Some(check(node.get()?, key, message, signature)));
    match checked {
        Some(Ok(valid)) => valid,
        Some(Err(_)) | None => key.verify(message, signature),
    }
}

fn check(
    node: &NodeCrypto,
    key: &VerificationKey,
    message: &[u8],
    signature: &[u8],
) -> Result<bool, JsValue> {
    let Some(signature) = key.pkix_signature(signature) else { return Ok(false) };
    IMPORTED.with_borrow_mut(|imported| {
        let place = imported.iter().position(|imported| imported.jwk == *key.jwk());
        let place = if let Some(place) = place {
            place
        } else {
            if imported.len() >= MAX_KEYS {
                imported.remove(0);
            }
            imported.push(import(node, key)?);
            imported.len() - 1
        };
        let Imported { key, hash, .. } = imported.get(place).ok_or(JsValue::UNDEFINED)?;
        node.verify(hash, message, key, &signature)
    })
}

/// The key is imported as what its algorithm asks for, and not as what it says it is.
fn import(node: &NodeCrypto, key: &VerificationKey) -> Result<Imported, JsValue> {
    let jwk = key.jwk();
    let text = |member: &Option<String>| JsValue::from(member.as_deref());
    let (hash, material) = match key.algorithm() {
        Algorithm::ES256 => {
            let curve = ("crv", "P-256".into());
            (
                Some("sha256"),
                object(&[("kty", "EC".into()), curve, ("x", text(&jwk.x)), ("y", text(&jwk.y))])?,
            )
        }
        Algorithm::EdDSA => {
            (None, object(&[("kty", "OKP".into()), ("crv", "Ed25519".into()), ("x", text(&jwk.x))])?)
        }
        Algorithm::RS256 => {
            (Some("sha256"), object(&[("kty", "RSA".into()), ("n", text(&jwk.n)), ("e", text(&jwk.e))])?)
        }
    };
    let description = object(&[("key", material.into()), ("format", "jwk".into())])?;
    Ok(Imported { jwk: jwk.clone(), key: node.create_public_key(&description)?, hash: hash.into() })
}

fn object(members: &[(&str, JsValue)]) -> Result<Object, JsValue> {
    let object = Object::new();
    for (name, value) in members {
        Reflect::set(&object, &(*name).into(), value)?;
    }
    Ok(object)
}
