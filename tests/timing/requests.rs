//! The kinds of requests, each refused for its own reason.

use std::io::Read as _;

use agentidp_shared::client_assertion::ASSERTION_TYPE;
use agentidp_shared::jwk::Algorithm;
use agentidp_tests::{Agent, Api, ClientKey, ControlPlane, OidcIssuer, now, unique};
use reqwest::RequestBuilder;
use serde_json::json;

/// Why a request is refused.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    FirstDigitWrong,
    LastDigitWrong,
    WrongSecret,
    UnknownAgent,
    RevokedSecret,
    ForgedEs256,
    ForgedEdDsa,
    ForgedRs256,
    StrangerEs256,
    StrangerEdDsa,
    StrangerRs256,
    UnknownKey,
    RevokedKey,
    SecretsOnly,
    Malformed,
    /// Tokens of workloads, of an issuer that the organization trusts, or of one that nobody does.
    OfTrusted,
    OfUnknownKey,
    OfUnknownIssuer,
}

impl Kind {
    /// Whether such a request may be refused with this status. A login that fails is counted, and refused at once after many.
    pub fn is_refused_with(self, status: u16) -> bool {
        match self {
            Self::OfTrusted | Self::OfUnknownKey | Self::OfUnknownIssuer => matches!(status, 400 | 429),
            _ => matches!(status, 401 | 429),
        }
    }
}

/// The agents and keys that the requests name, and those that they only claim to have.
pub struct Scene {
    api: Api,
    issuer: String,
    organization: String,
    /// Whom the organization trusts for workloads.
    workloads: OidcIssuer,
    agent: Agent,
    revoked: Agent,
    secrets_only: Agent,
    wrong_secret: String,
    keys: Vec<ClientKey>,
    /// Sign what is forged.
    thieves: Vec<ClientKey>,
    revoked_key: ClientKey,
    random: std::fs::File,
    address: u32,
}

impl Scene {
    pub async fn set(control_plane: &ControlPlane) -> Self {
        let tenant = control_plane.platform().await.create_organization().await;
        let agent = tenant.create_agent(&["agents:read"]).await;
        let revoked = tenant.create_agent(&["agents:read"]).await;
        let secrets_only = tenant.create_agent(&["agents:read"]).await;
        let generate = || Algorithm::ALL.map(ClientKey::generate).into_iter().collect::<Vec<_>>();
        let (keys, thieves, revoked_key) = (generate(), generate(), ClientKey::generate(Algorithm::ES256));
        let credentials = |agent: &Agent| format!("/api/v1/agents/{}/credentials", agent.id);
        // A second one each, so that as many are found whether one is revoked or not.
        for agent in [&revoked, &secrets_only] {
            tenant.api.post(&credentials(agent), &json!({})).await.expect(201);
        }
        let of_revoked = format!("{}/{}", credentials(&revoked), revoked.credential_id);
        tenant.api.delete(&of_revoked).await.expect(204);
        for key in keys.iter().chain([&revoked_key]) {
            let body = json!({ "publicJwk": key.public_jwk() });
            let made = tenant.api.post(&credentials(&agent), &body).await.expect(201);
            if key.kid == revoked_key.kid {
                let path = format!("{}/{}", credentials(&agent), made.text("credentialId"));
                tenant.api.delete(&path).await.expect(204);
            }
        }
        let workloads = OidcIssuer::start(Algorithm::ES256).await;
        let policy = json!({
            "provider": "oidc", "issuer": workloads.url(), "subject": "workload", "agentId": agent.id,
        });
        tenant.api.post("/api/v1/oidc/trust-policies", &policy).await.expect(201);
        Self {
            organization: tenant.organization_id.clone(),
            workloads,
            api: tenant.api.anonymous(),
            issuer: control_plane.issuer().to_owned(),
            wrong_secret: format!("sk_live_{}", "5a".repeat(32)),
            agent,
            revoked,
            secrets_only,
            keys,
            thieves,
            revoked_key,
            random: std::fs::File::open("/dev/urandom").unwrap(),
            address: 0,
        }
    }

    pub fn coin(&mut self) -> bool {
        let mut byte = [0];
        self.random.read_exact(&mut byte).unwrap();
        byte[0] & 1 == 1
    }

    /// A request, made in full before its time is taken, from an address of its own: none is slowed for the others.
    pub fn request(&mut self, kind: Kind) -> RequestBuilder {
        /// An agent there is not, always the same, so that its failures are counted like the other's.
        const NOBODY: &str = "0198c5a4-0000-7000-8000-00000000000a";
        self.address += 1;
        let [_, high, middle, low] = self.address.to_be_bytes();
        let body = match kind {
            Kind::FirstDigitWrong => secret_form(&self.agent.id, &changed(&self.agent.secret, 8)),
            Kind::LastDigitWrong => {
                secret_form(&self.agent.id, &changed(&self.agent.secret, self.agent.secret.len() - 1))
            }
            Kind::WrongSecret => secret_form(&self.agent.id, &self.wrong_secret),
            Kind::UnknownAgent => secret_form(NOBODY, &self.wrong_secret),
            Kind::RevokedSecret => secret_form(&self.revoked.id, &self.revoked.secret),
            Kind::ForgedEs256 => self.forged(0, &self.agent.id, &self.keys[0].kid),
            Kind::ForgedEdDsa => self.forged(1, &self.agent.id, &self.keys[1].kid),
            Kind::ForgedRs256 => self.forged(2, &self.agent.id, &self.keys[2].kid),
            Kind::StrangerEs256 => self.forged(0, NOBODY, &self.keys[0].kid),
            Kind::StrangerEdDsa => self.forged(1, NOBODY, &self.keys[1].kid),
            Kind::StrangerRs256 => self.forged(2, NOBODY, &self.keys[2].kid),
            Kind::UnknownKey => self.forged(0, &self.agent.id, &self.thieves[0].kid),
            Kind::RevokedKey => self.forged(0, &self.agent.id, &self.revoked_key.kid),
            Kind::SecretsOnly => self.forged(0, &self.secrets_only.id, &self.keys[0].kid),
            // As long, and of a type that is not looked at further.
            Kind::Malformed => self.assertion(0, &self.agent.id, &self.keys[0].kid, "no+jwt"),
            Kind::OfTrusted => self.workload(&self.workloads.url(), &self.workloads.key.kid),
            Kind::OfUnknownKey => self.workload(&self.workloads.url(), &self.thieves[0].kid),
            // As long, byte for byte.
            Kind::OfUnknownIssuer => {
                self.workload(&self.workloads.url().replace("localhost", "issuer-xx"), &self.thieves[0].kid)
            }
        };
        self.api
            .request("POST", "/oauth2/token")
            .header("content-type", "application/x-www-form-urlencoded")
            .header("x-forwarded-for", format!("10.{high}.{middle}.{low}"))
            .body(body)
    }

    /// A token of a workload that its issuer did not sign.
    fn workload(&self, issuer: &str, kid: &str) -> String {
        let now = now();
        let claims = json!({
            "iss": issuer, "aud": format!("{}/organizations/{}", self.issuer, self.organization), "sub": "workload",
            "iat": now, "exp": now + 600, "jti": unique(),
        });
        let header = json!({ "alg": "ES256", "kid": kid, "typ": "JWT" });
        agentidp_tests::api::form(&[
            ("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange"),
            ("subject_token_type", "urn:ietf:params:oauth:token-type:jwt"),
            ("subject_token", &self.thieves[0].sign_texts(&header.to_string(), &claims.to_string())),
            ("client_id", &self.agent.id),
        ])
    }

    fn forged(&self, thief: usize, client: &str, kid: &str) -> String {
        self.assertion(thief, client, kid, "JWT")
    }

    fn assertion(&self, thief: usize, client: &str, kid: &str, typ: &str) -> String {
        let thief = &self.thieves[thief];
        let header = json!({ "alg": thief.algorithm.as_str(), "kid": kid, "typ": typ }).to_string();
        let claims = agentidp_tests::client_key::claims(client, &self.issuer, now()).to_string();
        let assertion = thief.sign_texts(&header, &claims);
        // The agent is named beside it: then the failure counts against it, also where the assertion is not read.
        agentidp_tests::api::form(&[
            ("grant_type", "client_credentials"),
            ("client_id", client),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ])
    }
}

/// The secret with one digit another.
fn changed(secret: &str, position: usize) -> String {
    let mut digits = secret.to_owned().into_bytes();
    digits[position] = if digits[position] == b'0' { b'1' } else { b'0' };
    String::from_utf8(digits).unwrap()
}

fn secret_form(id: &str, secret: &str) -> String {
    let parameters = [("grant_type", "client_credentials"), ("client_id", id), ("client_secret", secret)];
    agentidp_tests::api::form(&parameters)
}
