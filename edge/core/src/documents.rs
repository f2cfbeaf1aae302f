//! Discovery metadata, keys and the instance's DID document, made from what the node knows.

use std::cell::RefCell;
use std::rc::Rc;

use agentidp_shared::did;
use agentidp_shared::discovery::{
    IssuerConfig, PROTECTED_RESOURCE, algorithms_of, authorization_server_metadata,
    protected_resource_metadata, published_keys,
};
use agentidp_shared::jwk::JwkSet;
use agentidp_shared::state::State;
use http::header::{CACHE_CONTROL, CONTENT_TYPE, ETAG};
use http::{HeaderMap, HeaderValue, Response, StatusCode, request};
use serde_json::Value;

use crate::errors::Problem;
use crate::etag;
use crate::host::Host;
use crate::node::Node;

/// How long a document may be used without asking again. Of keys: shorter than a new key is published before it signs.
pub const CACHE_FOR: &str = "public, max-age=5";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    AuthorizationServer,
    ProtectedResource,
    Jwks,
    InstanceDid,
}

impl Kind {
    pub fn at(path: &str) -> Option<Self> {
        match path {
            "/.well-known/openid-configuration" | "/.well-known/oauth-authorization-server" => {
                Some(Self::AuthorizationServer)
            }
            PROTECTED_RESOURCE => Some(Self::ProtectedResource),
            "/.well-known/jwks.json" => Some(Self::Jwks),
            "/.well-known/did.json" => Some(Self::InstanceDid),
            _ => None,
        }
    }

    fn media_type(self) -> &'static str {
        if self == Self::InstanceDid { did::MEDIA_TYPE } else { "application/json" }
    }

    fn write(self, state: &State) -> Value {
        match self {
            Self::AuthorizationServer => authorization_server_metadata(&issuer_of(state)),
            Self::ProtectedResource => protected_resource_metadata(&state.issuer),
            Self::Jwks => serde_json::json!(published(state)),
            Self::InstanceDid => did::instance_document(&state.issuer.issuer, &published(state)),
        }
    }
}

/// What the node knows of the issuer. The algorithms are those of the keys it holds: keys come and go without the issuer changing.
pub fn issuer_of(state: &State) -> IssuerConfig {
    IssuerConfig { signing_algorithms: algorithms_of(&state.keys.to_jwks()), ..state.issuer.clone() }
}

fn published(state: &State) -> JwkSet {
    published_keys(&state.keys.to_jwks(), &state.issuer.document_keys)
}

/// The documents as of one sequence number, so that they are not written for every request.
#[derive(Debug, Default)]
pub struct Rendered(RefCell<Vec<Rc<Document>>>);

#[derive(Debug)]
struct Document {
    kind: Kind,
    sequence: u64,
    body: String,
    tag: String,
}

impl Rendered {
    fn get(&self, kind: Kind, state: &State) -> Rc<Document> {
        let mut documents = self.0.borrow_mut();
        documents.retain(|document| document.sequence == state.sequence());
        if let Some(document) = documents.iter().find(|document| document.kind == kind) {
            return Rc::clone(document);
        }
        let body = kind.write(state).to_string();
        let tag = etag::of(body.as_bytes());
        let document = Rc::new(Document { kind, sequence: state.sequence(), body, tag });
        documents.push(Rc::clone(&document));
        document
    }
}

pub fn get_document<H: Host>(
    node: &Node,
    host: &H,
    request: &request::Parts,
    kind: Kind,
) -> Result<Response<Vec<u8>>, Problem> {
    let document = node.knowledge.with(|state| {
        // Keys this old may have been withdrawn long ago.
        let usable = state.age_ms(host.now_ms()) <= state.issuer.freshness.stale_if_error_ms;
        usable.then(|| node.documents.get(kind, state))
    });
    let document = document.flatten().ok_or_else(Problem::no_state)?;
    answer(&request.headers, kind.media_type(), CACHE_FOR, &document.body, &document.tag)
}

/// A public document, or 304 for whoever has it.
pub fn answer(
    asked: &HeaderMap,
    media_type: &'static str,
    cache_for: &'static str,
    body: &str,
    tag: &str,
) -> Result<Response<Vec<u8>>, Problem> {
    let mut response = if etag::is_held(asked, tag) {
        let mut response = Response::new(Vec::new());
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        response
    } else {
        let mut response = Response::new(body.as_bytes().to_vec());
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        response
    };
    let tag = HeaderValue::try_from(tag).map_err(|_| Problem::no_state())?;
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache_for));
    headers.insert(ETAG, tag);
    Ok(response)
}
