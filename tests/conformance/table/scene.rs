//! One control plane, and an edge of it on each host.

use std::collections::HashMap;
use std::time::Duration;

use agentidp_shared::feed::Change;
use agentidp_shared::jwk::{Jwk, JwkSet};
use agentidp_shared::strict::encode_base64url;
use agentidp_tests::control_plane::OtherEdge;
use agentidp_tests::edge::Setting;
use agentidp_tests::environment::Host;
use agentidp_tests::process::free_port;
use agentidp_tests::{Agent, Api, ControlPlane, Edge, Tenant, eventually, now};
use ed25519_dalek::{Signer as _, SigningKey};
use serde_json::{Value, json};

/// The name of the edge that is not at the issuer's address.
const OTHER: &str = "on-spin";
const SOON: Duration = Duration::from_secs(20);

pub struct Scene {
    pub cloudflare: Edge,
    pub spin: Edge,
    pub control_plane: ControlPlane,
    pub tenant: Tenant,
    /// May read agents and introspect.
    pub agent: Agent,
    /// Its token, as the control plane issued it.
    pub token: String,
    /// Another's, who may not introspect.
    pub without_scope: String,
    pub of_another_organization: String,
    pub revoked: String,
    pub suspended: (Agent, String),
    pub decommissioned: (Agent, String),
    /// From before its agent was suspended and came back.
    pub outlived: String,
    /// Signs tokens as the control plane would, whatever they say.
    pub key: Key,
    /// The tags of the public documents.
    tags: HashMap<String, String>,
}

impl Scene {
    pub async fn set() -> Self {
        let (port, other_port) = (free_port(), free_port());
        let other = OtherEdge::new(OTHER, format!("http://127.0.0.1:{other_port}"));
        let control_plane =
            ControlPlane::start_behind_several(format!("http://127.0.0.1:{port}"), vec![other]);
        let key = Key::plant(&control_plane).await;
        let tenant = control_plane.platform().await;
        let origin = control_plane.url();
        let on_cloudflare = Setting { host: Host::Cloudflare, ..Setting::new(port, &control_plane, &origin) };
        let on_spin = Setting {
            host: Host::Spin,
            name: OTHER.to_owned(),
            key_file: control_plane.key_file_of(OTHER),
            ..Setting::new(other_port, &control_plane, &origin)
        };
        let (cloudflare, spin) = (Edge::start_with(on_cloudflare).await, Edge::start_with(on_spin).await);

        let agent = tenant.create_agent(&["agents:read", "tokens:read"]).await;
        let token = agent.token(&tenant.api).await;
        let with_token = async |scopes: &[&str]| {
            let agent = tenant.create_agent(scopes).await;
            let token = agent.token(&tenant.api).await;
            (agent, token)
        };
        let (_, without_scope) = with_token(&["agents:read"]).await;
        let other = tenant.create_organization().await;
        let of_another_organization = other.admin.token(&other.api).await;

        let (_, revoked) = with_token(&["agents:read"]).await;
        tenant.api.with_token(&revoked).form("/oauth2/revoke", &[("token", &revoked)]).await.expect(200);
        let suspended = with_token(&["agents:read"]).await;
        let path = |agent: &Agent| format!("/api/v1/agents/{}", agent.id);
        tenant.api.patch(&path(&suspended.0), &json!({"status": "suspended"})).await.expect(200);
        let decommissioned = with_token(&["agents:read"]).await;
        tenant.api.delete(&path(&decommissioned.0)).await.expect(204);
        let (returned, outlived) = with_token(&["agents:read"]).await;
        for status in ["suspended", "active"] {
            tenant.api.patch(&path(&returned), &json!({"status": status})).await.expect(200);
        }
        let mut scene = Self {
            cloudflare,
            spin,
            control_plane,
            tenant,
            agent,
            token,
            without_scope,
            of_another_organization,
            revoked,
            suspended,
            decommissioned,
            outlived,
            key,
            tags: HashMap::new(),
        };
        scene.is_known_everywhere().await;
        scene.read_tags().await;
        scene
    }

    async fn read_tags(&mut self) {
        let agent = &self.agent.id;
        let api = Api::new(&self.cloudflare.url());
        for path in [
            "openid-configuration",
            "oauth-authorization-server",
            "oauth-protected-resource",
            "jwks.json",
            "did.json",
        ]
        .map(|name| format!("/.well-known/{name}"))
        .into_iter()
        .chain([format!("/agents/{agent}/did.json"), format!("/api/v1/agents/{agent}/did")])
        {
            let tag = api.get(&path).await.expect(200).header("etag").unwrap().to_owned();
            self.tags.insert(path, tag);
        }
    }

    /// The tag of the document at `path`.
    pub fn tag_of(&self, path: &str) -> String {
        self.tags[path].clone()
    }

    pub fn issuer(&self) -> &str {
        self.control_plane.issuer()
    }

    pub fn edges(&self) -> [(Host, &Edge); 2] {
        [(Host::Cloudflare, &self.cloudflare), (Host::Spin, &self.spin)]
    }

    /// Waits until both edges have heard of everything above.
    async fn is_known_everywhere(&self) {
        let good = [self.token.clone(), self.token_with(&[])];
        let bad = [&self.revoked, &self.suspended.1, &self.decommissioned.1, &self.outlived];
        for (host, edge) in self.edges() {
            let api = Api::new(&edge.url());
            let answers = async |token: &str| api.with_token(token).get("/verify").await.status;
            eventually(&format!("the edge on {host:?} knows everything"), SOON, async || {
                for (tokens, status) in [(good.iter().collect::<Vec<_>>(), 200), (bad.to_vec(), 401)] {
                    for token in tokens {
                        if answers(token).await != status {
                            return None;
                        }
                    }
                }
                Some(())
            })
            .await;
        }
    }

    /// What the control plane would say in a token for the agent.
    pub fn claims(&self) -> Value {
        let now = now();
        json!({
            "iss": self.issuer(), "sub": self.agent.id, "aud": self.issuer(), "client_id": self.agent.id,
            "organization_id": self.tenant.organization_id, "scope": "agents:read tokens:read",
            "jti": "0198c5a4-0000-7000-8000-00000000001d", "iat": now - 60, "nbf": now - 60, "exp": now + 3_600,
        })
    }

    /// A signed token with these claims besides the usual ones, or instead of them.
    pub fn token_with(&self, claims: &[(&str, Value)]) -> String {
        self.key.token(&header(), &with(self.claims(), claims))
    }

    pub fn token_without(&self, claim: &str) -> String {
        self.key.token(&header(), &without(self.claims(), claim))
    }

    pub fn token_with_header(&self, members: &[(&str, Value)]) -> String {
        self.key.token(&with(header(), members), &self.claims())
    }

    pub fn token_without_header(&self, member: &str) -> String {
        self.key.token(&without(header(), member), &self.claims())
    }
}

/// The header of its own tokens.
pub fn header() -> Value {
    json!({"alg": "EdDSA", "kid": KID, "typ": "at+jwt"})
}

fn with(mut object: Value, members: &[(&str, Value)]) -> Value {
    for (name, value) in members {
        object[*name] = value.clone();
    }
    object
}

fn without(mut object: Value, member: &str) -> Value {
    object.as_object_mut().unwrap().remove(member);
    object
}

pub const KID: &str = "the-tests-own";

/// A signing key of the tests' own that the control plane publishes as one of its retired ones.
pub struct Key(SigningKey);

impl Key {
    async fn plant(control_plane: &ControlPlane) -> Self {
        let key = SigningKey::from_bytes(&[7; 32]);
        let jwk = Jwk { kid: Some(KID.to_owned()), ..Jwk::ed25519(key.verifying_key().as_bytes()) };
        let published = Api::new(&control_plane.url()).get("/.well-known/jwks.json").await.expect(200).json();
        let mut jwks: JwkSet = serde_json::from_value(published).unwrap();
        // The keys of documents are published beside those of tokens, and are no keys of tokens.
        jwks.keys.retain(|key| key.alg.as_deref() == Some("ES256"));
        jwks.keys.push(jwk.clone());
        let mut database = control_plane.database.connect().await;
        sqlx::query(
            "insert into signing_keys (kid, algorithm, status, public_jwk, private_key_ciphertext, wrapping_key_id,
               longest_token_seconds, created_at, activated_at, retiring_since)
             values ($1, 'EdDSA', 'retiring', $2, '', '', 86400, now(), now(), now())",
        )
        .bind(KID)
        .bind(json!(jwk))
        .execute(&mut database)
        .await
        .unwrap();
        let change = Change::Keys { jwks };
        sqlx::query(
            "with pending as (insert into edge_feed_pending (key, change) values ($1, $2))
             select pg_notify('agentidp_edge_feed', '')",
        )
        .bind(change.key())
        .bind(json!(change))
        .execute(&mut database)
        .await
        .unwrap();
        Self(key)
    }

    pub fn token(&self, header: &Value, claims: &Value) -> String {
        self.token_of(&header.to_string(), &claims.to_string())
    }

    /// A token whose parts are these texts.
    pub fn token_of(&self, header: &str, claims: &str) -> String {
        self.sign(&format!("{}.{}", encode_base64url(header.as_bytes()), encode_base64url(claims.as_bytes())))
    }

    /// Adds the signature to what is there.
    pub fn sign(&self, input: &str) -> String {
        format!("{input}.{}", encode_base64url(&self.0.sign(input.as_bytes()).to_bytes()))
    }
}
