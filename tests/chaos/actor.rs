//! An agent in somebody's hands, with everything that is known of it.

use std::time::Instant;

use agentidp_tests::Answer;
use agentidp_tests::tenants::new_agent;
use serde_json::{Value, json};
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::caller::{Caller, Reply};
use crate::ledger::{Column, Fate, Kind, Secret, Token};
use crate::random::Random;

const SCOPES: [&str; 2] = ["agents:read", "tokens:read"];
/// A second rotation within five seconds is refused.
const ROTATION_PAUSE_SECONDS: u64 = 7;

#[derive(Debug)]
pub struct Credential {
    id: String,
    secret: String,
    touched: Instant,
    expires: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Status {
    Active,
    Suspended,
    Decommissioned,
}

impl Status {
    fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Suspended => "suspended",
            Self::Decommissioned => "decommissioned",
        }
    }
}

/// What its last request, of which nobody knows whether it happened, would have changed.
#[derive(Debug)]
enum Doubt {
    Status(Status, String),
    Owner(String, String),
    Membership(bool, String),
}

#[derive(Debug)]
pub struct Actor {
    id: String,
    organization: String,
    owner: String,
    status: Status,
    is_member: bool,
    credentials: Vec<Credential>,
    /// Those that are not used any more, and why.
    retired: Vec<Retired>,
    tokens: Vec<Token>,
    doubt: Option<Doubt>,
}

#[derive(Debug)]
struct Retired {
    id: String,
    secret: String,
    /// Of the credential: `active` or `revoked`, and what else it may be.
    status: &'static str,
    in_doubt: Option<(String, String)>,
    fate: Fate,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

impl Actor {
    /// Registers it and gives it a credential; nothing if either did not come through.
    pub async fn create(caller: &mut Caller, organization: &str) -> Option<Self> {
        let mut body = new_agent();
        body["scopes"] = json!(SCOPES);
        let request = caller.api.request("POST", "/api/v1/agents").json(&body);
        let Reply::Done(answer) = caller.must(Kind::CreateAgent, request).await else { return None };
        let mut actor = Self {
            id: answer.text("agentId"),
            organization: organization.to_owned(),
            owner: text(&body["owner"]),
            status: Status::Active,
            is_member: false,
            credentials: Vec::new(),
            retired: Vec::new(),
            tokens: Vec::new(),
            doubt: None,
        };
        actor.generate_credential(caller, false).await;
        Some(actor)
    }

    /// Something of what the damages done at the end are about, however little the load comes to.
    pub async fn begin(&mut self, caller: &mut Caller, random: &mut Random) {
        for _ in 0..3 {
            self.issue_token(caller, random).await;
        }
        self.revoke_token(caller, random).await;
        self.generate_credential(caller, true).await;
    }

    /// Whether anything can still be asked of it.
    pub fn is_usable(&self) -> bool {
        self.doubt.is_none() && self.status != Status::Decommissioned
    }

    /// One request of some kind.
    pub async fn act(&mut self, caller: &mut Caller, random: &mut Random) {
        match random.below(100) {
            0..50 => self.issue_token(caller, random).await,
            50..64 => self.introspect(caller, random).await,
            64..74 => self.revoke_token(caller, random).await,
            74..80 => self.rotate_credential(caller, random).await,
            80..84 => {
                let expires = random.percent(40);
                self.generate_credential(caller, expires).await;
            }
            84..87 => self.revoke_credential(caller, random).await,
            87..91 => self.update(caller).await,
            91..95 => self.change_status(caller).await,
            95..98 => self.change_membership(caller).await,
            _ => self.decommission(caller, random).await,
        }
    }

    fn path(&self) -> String {
        format!("/api/v1/agents/{}", self.id)
    }

    async fn issue_token(&mut self, caller: &mut Caller, random: &mut Random) {
        if self.credentials.is_empty() {
            return self.generate_credential(caller, false).await;
        }
        let credential = &self.credentials[random.below(self.credentials.len())];
        let api = caller.api.with_basic(&self.id, &credential.secret);
        let request = api.form_request("/oauth2/token", &[("grant_type", "client_credentials")]);
        if self.status == Status::Suspended {
            match caller.ask(Kind::IssueToken, request).await {
                Reply::Done(_) => caller.expect(false, || format!("suspended agent {} got a token", self.id)),
                Reply::Refused(answer) => caller.expect(answer.error() == "unauthorized_client", || {
                    format!("suspended agent {}: {}", self.id, answer.body)
                }),
                Reply::InDoubt(_) => {}
            }
            return;
        }
        if let Reply::Done(answer) = caller.must(Kind::IssueToken, request).await {
            let text = answer.text("access_token");
            self.tokens.push(Token { jti: jti(&text), text, fate: Fate::Good });
        }
    }

    /// Asks about a token, and compares the answer with what is known of it.
    async fn introspect(&mut self, caller: &mut Caller, random: &mut Random) {
        if self.tokens.is_empty() {
            return;
        }
        let token = &self.tokens[random.below(self.tokens.len())];
        let good = match (&token.fate, self.status) {
            (Fate::Good, Status::Active) => true,
            (Fate::Good | Fate::Bad, _) => false,
            _ => return,
        };
        let request = caller.api.form_request("/oauth2/introspect", &[("token", token.text.as_str())]);
        if good {
            if let Reply::Done(answer) = caller.must(Kind::IntrospectToken, request).await {
                caller.expect(is_active(&answer), || format!("good token {} is said not to be", token.jti));
            }
        } else {
            // Nothing is recorded of a token that is none.
            let mark = caller.mark();
            let answer = caller.api.try_send(request.header("user-agent", mark)).await;
            if let Some(answer) = answer.filter(|answer| answer.status < 500) {
                caller.expect(answer.is(200) && !is_active(&answer), || {
                    format!("revoked token {} is said to be good: {}", token.jti, answer.body)
                });
            }
        }
    }

    async fn revoke_token(&mut self, caller: &mut Caller, random: &mut Random) {
        let good: Vec<usize> =
            (0..self.tokens.len()).filter(|i| self.tokens[*i].fate == Fate::Good).collect();
        if good.is_empty() {
            return;
        }
        let token = &mut self.tokens[good[random.below(good.len())]];
        let request = caller.api.form_request("/oauth2/revoke", &[("token", token.text.as_str())]);
        match caller.must(Kind::RevokeToken, request).await {
            Reply::Done(_) => token.fate = Fate::Bad,
            Reply::Refused(_) => {}
            Reply::InDoubt(mark) => token.fate = Fate::GoodUnless(mark),
        }
    }

    async fn generate_credential(&mut self, caller: &mut Caller, expires: bool) {
        if self.status != Status::Active {
            return;
        }
        let body = if expires {
            let end = OffsetDateTime::now_utc() + time::Duration::days(3);
            json!({"expiresAt": end.format(&Rfc3339).unwrap()})
        } else {
            json!({})
        };
        let request = caller.api.request("POST", &format!("{}/credentials", self.path())).json(&body);
        if let Reply::Done(answer) = caller.must(Kind::GenerateCredential, request).await {
            let (id, secret) = (answer.text("credentialId"), answer.text("clientSecret"));
            self.credentials.push(Credential { id, secret, touched: Instant::now(), expires });
        }
    }

    async fn rotate_credential(&mut self, caller: &mut Caller, random: &mut Random) {
        if self.status != Status::Active {
            return;
        }
        let rotatable =
            |credential: &Credential| credential.touched.elapsed().as_secs() >= ROTATION_PAUSE_SECONDS;
        let all: Vec<usize> =
            (0..self.credentials.len()).filter(|i| rotatable(&self.credentials[*i])).collect();
        if all.is_empty() {
            return;
        }
        let index = all[random.below(all.len())];
        let path = format!("{}/credentials/{}/rotate", self.path(), self.credentials[index].id);
        let request = caller.api.request("POST", &path).json(&json!({}));
        let credential = &mut self.credentials[index];
        match caller.must(Kind::RotateCredential, request).await {
            Reply::Done(answer) => {
                let old = std::mem::replace(&mut credential.secret, answer.text("clientSecret"));
                credential.touched = Instant::now();
                // For ever, whatever becomes of the agent.
                caller.ledger.secrets.push(Secret { agent: self.id.clone(), text: old, fate: Fate::Bad });
            }
            Reply::Refused(_) => {}
            Reply::InDoubt(mark) => {
                let Credential { id, secret, .. } = self.credentials.swap_remove(index);
                let fate = Fate::GoodUnless(mark);
                self.retired.push(Retired { id, secret, status: "active", in_doubt: None, fate });
            }
        }
    }

    async fn revoke_credential(&mut self, caller: &mut Caller, random: &mut Random) {
        // One stays, to go on with.
        if self.credentials.len() < 2 || self.status != Status::Active {
            return;
        }
        let credential = self.credentials.swap_remove(random.below(self.credentials.len()));
        let path = format!("{}/credentials/{}", self.path(), credential.id);
        let request = caller.api.request("DELETE", &path);
        match caller.must(Kind::RevokeCredential, request).await {
            Reply::Done(_) => {
                let Credential { id, secret, .. } = credential;
                let (status, fate) = ("revoked", Fate::Bad);
                self.retired.push(Retired { id, secret, status, in_doubt: None, fate });
            }
            Reply::Refused(_) => {}
            Reply::InDoubt(mark) => {
                let Credential { id, secret, .. } = credential;
                let in_doubt = Some((mark.clone(), "revoked".to_owned()));
                let fate = Fate::GoodUnless(mark);
                self.retired.push(Retired { id, secret, status: "active", in_doubt, fate });
            }
        }
    }

    async fn update(&mut self, caller: &mut Caller) {
        let owner = format!("owner {}", agentidp_tests::unique());
        let request = caller.api.request("PATCH", &self.path()).json(&json!({"owner": owner}));
        match caller.must(Kind::UpdateAgent, request).await {
            Reply::Done(_) => self.owner = owner,
            Reply::Refused(_) => {}
            Reply::InDoubt(mark) => self.doubt = Some(Doubt::Owner(owner, mark)),
        }
    }

    async fn change_status(&mut self, caller: &mut Caller) {
        let (wanted, kind) = match self.status {
            Status::Active => (Status::Suspended, Kind::SuspendAgent),
            _ => (Status::Active, Kind::ReactivateAgent),
        };
        let request = caller.api.request("PATCH", &self.path()).json(&json!({"status": wanted.name()}));
        match caller.must(kind, request).await {
            Reply::Done(_) => {
                self.status = wanted;
                if wanted == Status::Suspended {
                    self.condemn_tokens(&Fate::Bad);
                }
            }
            Reply::Refused(_) => {}
            Reply::InDoubt(mark) => {
                if wanted == Status::Suspended {
                    self.condemn_tokens(&Fate::GoodUnless(mark.clone()));
                }
                self.doubt = Some(Doubt::Status(wanted, mark));
            }
        }
    }

    async fn change_membership(&mut self, caller: &mut Caller) {
        let path = format!("/api/v1/organizations/{}/members", self.organization);
        let (kind, request) = if self.is_member {
            (Kind::RemoveMember, caller.api.request("DELETE", &format!("{path}/{}", self.id)))
        } else {
            let body = json!({"agentId": self.id, "role": "member"});
            (Kind::AddMember, caller.api.request("POST", &path).json(&body))
        };
        match caller.must(kind, request).await {
            Reply::Done(_) => self.is_member = !self.is_member,
            Reply::Refused(_) => {}
            Reply::InDoubt(mark) => self.doubt = Some(Doubt::Membership(!self.is_member, mark)),
        }
    }

    async fn decommission(&mut self, caller: &mut Caller, random: &mut Random) {
        // It ends a membership too, under its own event; and most live on.
        if self.is_member || random.percent(50) {
            return;
        }
        match caller.must(Kind::DecommissionAgent, caller.api.request("DELETE", &self.path())).await {
            Reply::Done(_) => {
                self.status = Status::Decommissioned;
                self.condemn_tokens(&Fate::Bad);
            }
            Reply::Refused(_) => {}
            Reply::InDoubt(mark) => {
                self.condemn_tokens(&Fate::GoodUnless(mark.clone()));
                self.doubt = Some(Doubt::Status(Status::Decommissioned, mark));
            }
        }
    }

    fn condemn_tokens(&mut self, fate: &Fate) {
        if *fate == Fate::Bad {
            self.tokens.iter_mut().for_each(|token| token.fate = Fate::Bad);
            return;
        }
        // Of one whose own revocation is in doubt already, nobody could tell which of the two it was.
        self.tokens.retain(|token| !matches!(token.fate, Fate::GoodUnless(_)));
        for token in self.tokens.iter_mut().filter(|token| token.fate == Fate::Good) {
            token.fate = fate.clone();
        }
    }

    /// What is known of it goes into the ledger.
    pub fn finish(mut self, caller: &mut Caller) {
        let ledger = &mut caller.ledger;
        let (mut owner, mut status, mut member) = (None, None, None);
        match self.doubt.take() {
            Some(Doubt::Owner(new, mark)) => owner = Some((mark, new)),
            Some(Doubt::Status(new, mark)) => status = Some((mark, new)),
            Some(Doubt::Membership(new, mark)) => member = Some((mark, new.to_string())),
            None => {}
        }
        ledger.fact(Column::AgentOwner, &self.id, &self.owner, owner);
        let named = status.clone().map(|(mark, new)| (mark, new.name().to_owned()));
        ledger.fact(Column::AgentStatus, &self.id, self.status.name(), named);
        ledger.fact(Column::AgentIsMember, &self.id, &self.is_member.to_string(), member);
        // A secret counts while its agent is active.
        let of_agent = match (self.status, &status) {
            (Status::Active, None) => Fate::Good,
            (Status::Active, Some((mark, _))) => Fate::GoodUnless(mark.clone()),
            (Status::Suspended, Some((mark, Status::Active))) => Fate::BadUnless(mark.clone()),
            _ => Fate::Bad,
        };
        // Its end, known or in doubt, is that of its credentials too.
        let ending = match (self.status, &status) {
            (Status::Decommissioned, _) => Some(None),
            (_, Some((mark, Status::Decommissioned))) => Some(Some(mark.clone())),
            _ => None,
        };
        for credential in &self.credentials {
            let (value, doubt) = match &ending {
                None => ("active", None),
                Some(None) => ("revoked", None),
                Some(Some(mark)) => ("active", Some((mark.clone(), "revoked".to_owned()))),
            };
            ledger.fact(Column::CredentialStatus, &credential.id, value, doubt);
            if credential.expires && ending.is_none() {
                ledger.expiring.push(credential.id.clone());
            }
            let (agent, text) = (self.id.clone(), credential.secret.clone());
            ledger.secrets.push(Secret { agent, text, fate: of_agent.clone() });
        }
        for retired in self.retired {
            match &ending {
                None => ledger.fact(Column::CredentialStatus, &retired.id, retired.status, retired.in_doubt),
                Some(None) => ledger.fact(Column::CredentialStatus, &retired.id, "revoked", None),
                // Two things in doubt decide it.
                Some(Some(_)) => {}
            }
            let fate = match (retired.fate, &of_agent) {
                (Fate::Bad, _) | (_, Fate::Bad) => Fate::Bad,
                (fate, Fate::Good) => fate,
                _ => continue,
            };
            ledger.secrets.push(Secret { agent: self.id.clone(), text: retired.secret, fate });
        }
        ledger.tokens.append(&mut self.tokens);
    }
}

fn is_active(answer: &Answer) -> bool {
    answer.json()["active"] == true
}

fn jti(token: &str) -> String {
    let payload = token.split('.').nth(1).unwrap();
    let payload = agentidp_shared::strict::decode_base64url(payload).unwrap();
    text(&serde_json::from_slice::<Value>(&payload).unwrap()["jti"])
}
