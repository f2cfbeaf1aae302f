//! The narrative: each step asks over HTTP, checks the answer, and says what it saw. The first step that does not hold
//! ends the story.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hasher as _};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};

use super::http::{Answer, Auth, Body, Client};
use super::origin::Origin;
use super::report::{Report, Revocation, milliseconds};
use super::{MAX_AT_MOST, MEDIAN_AT_MOST};
use crate::dev::AdminCredential;
use crate::signals;

const AGENT_SCOPES: &str = "agents:read tokens:read";
const LACKED_SCOPE: &str = "agents:write";
/// How long a trial waits for the edge before it gives up.
const REFUSED_WITHIN: Duration = Duration::from_secs(15);

type Told<T> = Result<(T, Vec<String>)>;

pub struct Story<'a> {
    edge: Client,
    admin: AdminCredential,
    origin: &'a mut Origin,
    report: &'a mut Report,
}

/// The agent the story is about.
struct Agent {
    id: String,
    secret: String,
}

impl<'a> Story<'a> {
    pub fn new(
        edge_url: &str,
        admin: AdminCredential,
        origin: &'a mut Origin,
        report: &'a mut Report,
    ) -> Self {
        Self { edge: Client::new(edge_url), admin, origin, report }
    }

    /// Everything, in order.
    pub fn tell(&mut self, trials: usize) -> Result<()> {
        let admin = self.step("The operator logs in", Self::log_in)?;
        let id = self.step("Register an agent", |story| story.register(&admin))?;
        let agent = self.step("Give it a credential", |story| story.credential(&admin, id))?;
        let token = self.step("The agent asks for a token", |story| story.issue(&agent))?;
        self.step("The edge verifies the token", |story| story.verify(&token))?;
        self.step("Introspect the token at the edge", |story| story.introspect(&agent, &token))?;
        self.step("Fetch the agent's DID document", |story| story.did_document(&agent))?;
        self.step("Ask for a scope it lacks", |story| story.lacked_scope(&agent, &token))?;
        let revoked =
            self.step("Revoke, and time the edge's refusal", |story| story.revoke(&agent, trials))?;
        self.step("Stop the control plane", Self::stop)?;
        self.step("The edge goes on without it", |story| story.alone(&token, &revoked))?;
        self.step("Start the control plane again", |story| story.start(&agent))?;
        self.step("Decommission the agent", |story| story.decommission(&admin, &agent, &token))
    }

    fn step<T>(&mut self, name: &'static str, act: impl FnOnce(&mut Self) -> Told<T>) -> Result<T> {
        if signals::stop_requested() {
            bail!("stopped");
        }
        let started = Instant::now();
        let result = act(self);
        self.report.take(name, started.elapsed(), result)
    }

    fn token(&self, id: &str, secret: &str, scope: Option<&str>) -> Result<Answer> {
        let mut form = vec![("grant_type", "client_credentials")];
        form.extend(scope.map(|scope| ("scope", scope)));
        self.edge.post("/oauth2/token", Auth::Basic(id, secret), Body::Form(&form))
    }

    fn fresh_token(&self, agent: &Agent) -> Result<String> {
        text(&expect(self.token(&agent.id, &agent.secret, None)?, 200)?.json()?, "access_token")
    }

    fn log_in(&mut self) -> Told<String> {
        let answer =
            expect(self.token(&self.admin.client_id, &self.admin.client_secret, None)?, 200)?.json()?;
        let scopes = text(&answer, "scope")?;
        Ok((text(&answer, "access_token")?, vec![format!("POST /oauth2/token → 200, scopes: {scopes}")]))
    }

    fn register(&mut self, admin: &str) -> Told<String> {
        let tag = RandomState::new().build_hasher().finish();
        let email = format!("screener-{tag:016x}@demo.example");
        let scopes: Vec<&str> = AGENT_SCOPES.split(' ').collect();
        let body = json!({
            "email": email, "agentType": "screener", "version": "1.0.0", "capabilities": ["resume:read"],
            "owner": "demo", "deploymentEnv": "development", "name": "Demo screener", "scopes": scopes,
        });
        let answer =
            expect(self.edge.post("/api/v1/agents", Auth::Bearer(admin), Body::Json(&body))?, 201)?.json()?;
        let id = text(&answer, "agentId")?;
        let details = vec![
            format!("POST /api/v1/agents → 201 {email}"),
            format!("agent {id}"),
            format!("DID   {}", text(&answer, "did")?),
        ];
        Ok((id, details))
    }

    fn credential(&mut self, admin: &str, id: String) -> Told<Agent> {
        let path = format!("/api/v1/agents/{id}/credentials");
        let answer =
            expect(self.edge.post(&path, Auth::Bearer(admin), Body::Json(&json!({})))?, 201)?.json()?;
        let secret = text(&answer, "clientSecret")?;
        let shown: String = secret.chars().take(12).collect();
        Ok((
            Agent { id, secret },
            vec![format!("POST …/credentials → 201, secret {shown}… (shown once, stored as an HMAC)")],
        ))
    }

    fn issue(&mut self, agent: &Agent) -> Told<String> {
        let answer = expect(self.token(&agent.id, &agent.secret, None)?, 200)?.json()?;
        let token = text(&answer, "access_token")?;
        let (header, claims) = decode(&token)?;
        ensure!(
            claims.get("sub").and_then(Value::as_str) == Some(&agent.id),
            "the token is not about the agent"
        );
        ensure!(
            text(&claims, "scope")? == AGENT_SCOPES,
            "the token has other scopes than the agent: {claims}"
        );
        Ok((
            token,
            vec![
                "POST /oauth2/token → 200".to_owned(),
                format!("header {header}"),
                format!("claims {claims}"),
            ],
        ))
    }

    fn verify(&mut self, token: &str) -> Told<()> {
        let answer = expect(self.edge.get("/verify", Auth::Bearer(token))?, 200)?;
        let mut details = vec!["GET /verify → 200".to_owned()];
        for name in ["X-Agent-Id", "X-Agent-Scopes", "X-Agent-Organization", "X-State-Seq", "X-State-Age"] {
            let value = answer.header(name).with_context(|| format!("the answer lacks {name}"))?;
            details.push(format!("{name}: {value}"));
        }
        Ok(((), details))
    }

    fn introspect(&mut self, agent: &Agent, token: &str) -> Told<()> {
        let form = [("token", token)];
        let answer =
            expect(self.edge.post("/oauth2/introspect", Auth::Bearer(token), Body::Form(&form))?, 200)?
                .json()?;
        ensure!(answer.get("active") == Some(&Value::Bool(true)), "not active: {answer}");
        ensure!(text(&answer, "client_id")? == agent.id, "another client: {answer}");
        Ok(((), vec![format!("POST /oauth2/introspect → 200 {answer}")]))
    }

    fn did_document(&mut self, agent: &Agent) -> Told<()> {
        let path = format!("/agents/{}/did.json", agent.id);
        let answer = expect(self.edge.get(&path, Auth::None)?, 200)?;
        ensure!(!answer.body.contains("\"d\":"), "the DID document shows a private key");
        let document = answer.json()?;
        let key = document
            .pointer("/verificationMethod/0/publicKeyJwk")
            .context("no public key in the DID document")?;
        Ok((
            (),
            vec![
                format!("GET {path} → 200"),
                format!("id  {}", text(&document, "id")?),
                format!("key {key}"),
            ],
        ))
    }

    fn lacked_scope(&mut self, agent: &Agent, token: &str) -> Told<()> {
        let path = format!("/verify?scope={LACKED_SCOPE}");
        let verified = expect(self.edge.get(&path, Auth::Bearer(token))?, 403)?;
        let challenge = verified.header("WWW-Authenticate").context("403 without WWW-Authenticate")?;
        ensure!(challenge.contains("insufficient_scope"), "unexpected challenge: {challenge}");
        let created =
            expect(self.edge.post("/api/v1/agents", Auth::Bearer(token), Body::Json(&json!({})))?, 403)?;
        let asked = expect(self.token(&agent.id, &agent.secret, Some(LACKED_SCOPE))?, 400)?.json()?;
        ensure!(text(&asked, "error")? == "invalid_scope", "unexpected error: {asked}");
        let details = vec![
            format!("GET {path} → 403 {challenge}"),
            format!("POST /api/v1/agents → 403 {}", text(&created.json()?, "code")?),
            format!("POST /oauth2/token scope={LACKED_SCOPE} → 400 invalid_scope"),
        ];
        Ok(((), details))
    }

    /// Returns one of the revoked tokens.
    fn revoke(&mut self, agent: &Agent, trials: usize) -> Told<String> {
        let mut measured = Vec::new();
        let mut last = String::new();
        for _ in 0..trials {
            let token = self.fresh_token(agent)?;
            measured.push(self.revoke_one(&token)?);
            last = token;
        }
        let revocation = Revocation::of(measured).context("no trial was made")?;
        let details = vec![format!(
            "{} tokens, from asking for revocation to the edge's 401: min {} ms, median {} ms, max {} ms",
            revocation.trials,
            milliseconds(revocation.min),
            milliseconds(revocation.median),
            milliseconds(revocation.max),
        )];
        let (median, max) = (revocation.median, revocation.max);
        self.report.revocation = Some(revocation);
        ensure!(
            median <= MEDIAN_AT_MOST && max <= MAX_AT_MOST,
            "revocation is too slow: {}",
            details.join(" ")
        );
        Ok((last, details))
    }

    fn revoke_one(&self, token: &str) -> Result<Duration> {
        expect(self.edge.get("/verify", Auth::Bearer(token))?, 200)?;
        let asked = Instant::now();
        expect(self.edge.post("/oauth2/revoke", Auth::Bearer(token), Body::Form(&[("token", token)]))?, 200)?;
        loop {
            let answer = self.edge.get("/verify", Auth::Bearer(token))?;
            match answer.status {
                401 => return Ok(asked.elapsed()),
                200 if asked.elapsed() < REFUSED_WITHIN => thread::sleep(Duration::from_millis(2)),
                200 => {
                    bail!("the edge still accepts a token revoked {} ms ago", milliseconds(asked.elapsed()))
                }
                _ => return Err(unexpected(&answer, 401)),
            }
        }
    }

    fn stop(&mut self) -> Told<()> {
        self.origin.stop_control_plane()?;
        let answer = self.edge.get("/api/v1/agents", Auth::None)?;
        ensure!(matches!(answer.status, 502..=504), "the control plane still answers ({})", answer.status);
        Ok((
            (),
            vec![format!("what the edge cannot answer itself → {} {}", answer.status, answer.body.trim())],
        ))
    }

    fn alone(&mut self, good: &str, revoked: &str) -> Told<()> {
        let accepted = expect(self.edge.get("/verify", Auth::Bearer(good))?, 200)?;
        expect(self.edge.get("/verify", Auth::Bearer(revoked))?, 401)?;
        let age = accepted.header("X-State-Age").unwrap_or("?");
        Ok((
            (),
            vec![format!("the good token → 200 (X-State-Age: {age})"), "the revoked token → 401".to_owned()],
        ))
    }

    fn start(&mut self, agent: &Agent) -> Told<()> {
        self.origin.start_control_plane()?;
        let token = self.fresh_token(agent)?;
        expect(self.edge.get("/verify", Auth::Bearer(&token))?, 200)?;
        Ok(((), vec!["a new token is issued and verified".to_owned()]))
    }

    fn decommission(&mut self, admin: &str, agent: &Agent, token: &str) -> Told<()> {
        let answer = self.edge.delete(&format!("/api/v1/agents/{}", agent.id), Auth::Bearer(admin))?;
        ensure!(matches!(answer.status, 200 | 204), "{}", unexpected(&answer, 204));
        let asked = Instant::now();
        while self.edge.get("/verify", Auth::Bearer(token))?.status != 401 {
            ensure!(
                asked.elapsed() < REFUSED_WITHIN,
                "the edge still accepts a decommissioned agent's token"
            );
            thread::sleep(Duration::from_millis(2));
        }
        let details = vec![
            format!("DELETE /api/v1/agents/… → {}", answer.status),
            format!("its last good token → 401 after {} ms", milliseconds(asked.elapsed())),
        ];
        Ok(((), details))
    }
}

fn expect(answer: Answer, status: u16) -> Result<Answer> {
    if answer.status == status { Ok(answer) } else { Err(unexpected(&answer, status)) }
}

fn unexpected(answer: &Answer, status: u16) -> anyhow::Error {
    anyhow!("expected {status}, got {}: {}", answer.status, answer.body.trim())
}

fn text(value: &Value, name: &str) -> Result<String> {
    value
        .get(name)
        .and_then(Value::as_str)
        .map(ToOwned::to_owned)
        .with_context(|| format!("the answer has no `{name}`"))
}

/// Header and claims of a compact JWS, for the reader; nothing is verified here.
fn decode(token: &str) -> Result<(Value, Value)> {
    let part = |part: &str| -> Result<Value> {
        let bytes = URL_SAFE_NO_PAD.decode(part).map_err(|error| anyhow!("not base64url: {error}"))?;
        Ok(serde_json::from_slice(&bytes)?)
    };
    let mut parts = token.split('.').map(part);
    let mut next = || parts.next().context("the token is not a JWT")?;
    Ok((next()?, next()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_decoded_for_the_reader() {
        let (header, claims) = decode("eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhIn0.sig").unwrap();
        assert_eq!((header["alg"].as_str(), claims["sub"].as_str()), (Some("ES256"), Some("a")));
        assert!(decode("nonsense").is_err());
    }
}
