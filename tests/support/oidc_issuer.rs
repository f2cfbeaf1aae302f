//! An OpenID issuer of the tests' own, over TLS: with GitHub's exact claims it plays GitHub.

use std::sync::{Arc, Mutex};

use agentidp_shared::jwk::Algorithm;
use agentidp_shared::strict::encode_base64url;
use axum::Json;
use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::Response;
use axum::routing::get;
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::{ClientKey, TlsServer};

/// What it publishes, and how often it was asked.
#[derive(Debug)]
struct Published {
    discovery: Value,
    keys: Value,
    asked: usize,
    requests: usize,
}

/// Serves discovery and keys until the test ends.
#[derive(Debug)]
pub struct OidcIssuer {
    server: TlsServer,
    pub key: ClientKey,
    published: Arc<Mutex<Published>>,
}

impl OidcIssuer {
    /// With one key of the algorithm, published as GitHub publishes its own.
    pub async fn start(algorithm: Algorithm) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let key = ClientKey::generate(algorithm);
        let discovery = json!({
            "issuer": url,
            "jwks_uri": format!("{url}/.well-known/jwks"),
            "subject_types_supported": ["public", "pairwise"],
            "response_types_supported": ["id_token"],
            "id_token_signing_alg_values_supported": [algorithm.as_str()],
            "scopes_supported": ["openid"],
        });
        let keys = json!({ "keys": [published(&key)] });
        let published = Arc::new(Mutex::new(Published { discovery, keys, asked: 0, requests: 0 }));
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(discover))
            .route("/.well-known/jwks", get(list_keys))
            .layer(from_fn_with_state(published.clone(), count))
            .with_state(published.clone());
        let server = TlsServer::serve(listener, &["localhost"], router);
        Self { server, key, published }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// What registers it as a partner, of which one organization is allowed.
    pub fn as_partner(&self, organization: &str) -> Value {
        json!({
            "name": format!("Partner {organization}"),
            "issuer": self.url(),
            "jwksUri": format!("{}/.well-known/jwks", self.url()),
            "allowedOrganizations": [organization],
        })
    }

    /// How often its keys were fetched.
    pub fn asked(&self) -> usize {
        self.published.lock().unwrap().asked
    }

    /// How often anything was asked of it, at whatever path.
    pub fn requests(&self) -> usize {
        self.published.lock().unwrap().requests
    }

    /// Publishes another discovery document.
    pub fn discover_as(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.published.lock().unwrap().discovery);
    }

    /// Publishes another set of keys.
    pub fn publish(&self, change: impl FnOnce(&mut Value)) {
        change(&mut self.published.lock().unwrap().keys);
    }

    /// Signs as GitHub does.
    pub fn sign(&self, claims: &Value) -> String {
        self.key.sign_texts(&self.header().to_string(), &claims.to_string())
    }

    pub fn header(&self) -> Value {
        json!({ "typ": "JWT", "alg": self.key.algorithm.as_str(), "x5t": "eBZ_cn3sXYAd0ch4THBKHIgOwOE", "kid": self.key.kid })
    }

    /// The claims of a job of GitHub Actions on a push to `main` of `octo-org/NAME`, in full.
    pub fn github_claims(&self, name: &str, id: &str, audience: &str) -> Value {
        let (now, repository) = (crate::now(), format!("octo-org/{name}"));
        json!({
            "actor": "octocat",
            "actor_id": "12",
            "aud": audience,
            "base_ref": "",
            "event_name": "push",
            "exp": now + 300,
            "head_ref": "",
            "iat": now,
            "iss": self.url(),
            "job_workflow_ref": format!("{repository}/.github/workflows/deploy.yml@refs/heads/main"),
            "job_workflow_sha": "1ba7063c5dbb4ff15a6a0d0a9f3ad2d3e4b5a4f6",
            "jti": format!("{}-{}", crate::unique(), crate::unique()),
            "nbf": now - 300,
            "ref": "refs/heads/main",
            "ref_protected": "true",
            "ref_type": "branch",
            "repository": repository,
            "repository_id": id,
            "repository_owner": "octo-org",
            "repository_owner_id": "65",
            "repository_visibility": "private",
            "run_attempt": "1",
            "run_id": "30433642",
            "run_number": "10",
            "runner_environment": "github-hosted",
            "sha": "1ba7063c5dbb4ff15a6a0d0a9f3ad2d3e4b5a4f6",
            "sub": format!("repo:{repository}:ref:refs/heads/main"),
            "workflow": "deploy",
            "workflow_ref": format!("{repository}/.github/workflows/deploy.yml@refs/heads/main"),
            "workflow_sha": "1ba7063c5dbb4ff15a6a0d0a9f3ad2d3e4b5a4f6",
        })
    }
}

/// A key as it is published.
pub fn published(key: &ClientKey) -> Value {
    let mut jwk = key.public_jwk();
    jwk["kid"] = json!(key.kid);
    jwk["alg"] = json!(key.algorithm.as_str());
    jwk["use"] = json!("sig");
    jwk["x5t"] = json!("eBZ_cn3sXYAd0ch4THBKHIgOwOE");
    jwk["x5c"] = json!([encode_base64url(b"a certificate")]);
    jwk
}

async fn count(State(published): State<Arc<Mutex<Published>>>, request: Request, next: Next) -> Response {
    published.lock().unwrap().requests += 1;
    next.run(request).await
}

async fn discover(State(published): State<Arc<Mutex<Published>>>) -> Json<Value> {
    Json(published.lock().unwrap().discovery.clone())
}

async fn list_keys(State(published): State<Arc<Mutex<Published>>>) -> Json<Value> {
    let mut published = published.lock().unwrap();
    published.asked += 1;
    Json(published.keys.clone())
}
