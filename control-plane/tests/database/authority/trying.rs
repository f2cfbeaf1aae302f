//! The acts, tried through the API.

use serde_json::json;

use super::doors::{Door, Hand, nothing};
use crate::delegation::{delegate, id_of};
use crate::support::{Agent, Answer, Instance, Tenant, unique};

/// Of every agent here: what an organization's own scopes are.
pub const EVERY_SCOPE: [&str; 6] =
    ["admin:orgs", "agents:read", "agents:write", "audit:read", "orgs:read", "tokens:read"];

macro_rules! acts {
    ($($act:ident),+ $(,)?) => {
        /// What a rank guards.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Act {
            $($act),+
        }

        impl Act {
            pub const ALL: &[Self] = &[$(Self::$act),+];
        }
    };
}

acts! {
    UpdateAgent, SuspendAgent, ReactivateAgent, RevokeTokens, DecommissionAgent, ChangeScopes, RotateDidKey, ListCredentials,
    GenerateCredential, RotateCredential, RevokeCredential, RevokeAllCredentials, TrustWorkload, AddMember, ChangeRole,
    RemoveMember, BorrowToken, RevokeToken, RevokeDelegation,
}

impl Act {
    /// Whether a request for it can carry an idempotency key that counts, and is one that the narrowed token may make.
    pub fn is_repeatable(self) -> bool {
        matches!(self, Self::RotateDidKey | Self::GenerateCredential | Self::RotateCredential)
    }

    /// Whether it makes sense to try it on oneself; what only asks for a role one has already does not.
    pub fn is_done_to_itself(self) -> bool {
        !matches!(self, Self::AddMember | Self::ReactivateAgent | Self::BorrowToken | Self::RevokeDelegation)
    }
}

/// An organization whose first owner keeps out of it, so that nobody is the last.
pub struct Scene<'a> {
    pub instance: &'a Instance,
    pub tenant: Tenant,
    /// An agent of each rank that nothing was done to yet.
    fresh: Vec<(&'static str, Agent)>,
}

impl<'a> Scene<'a> {
    pub async fn set(instance: &'a Instance) -> Self {
        Self { instance, tenant: instance.tenant().await, fresh: vec![] }
    }

    /// A new agent with this role and every scope.
    pub async fn agent(&self, role: &str) -> Agent {
        let agent = self.tenant.create_agent(&EVERY_SCOPE).await;
        if role != "member" {
            let insert = format!(
                "insert into organization_members (organization_id, agent_id, role, created_at) values ('{}', '{}', '{role}', now())",
                self.tenant.organization_id, agent.id
            );
            self.instance.execute(&insert).await;
        }
        agent
    }

    /// Tries the act; on an agent with the role `subject`, or on the actor. Whether it was done, or an answer that is neither.
    pub async fn try_act(
        &mut self,
        hand: &Hand,
        act: Act,
        subject: Option<&'static str>,
    ) -> Result<bool, String> {
        let target = match subject {
            None => hand.agent.clone(),
            Some(role) => match self.fresh.iter().position(|(kept, _)| *kept == role) {
                Some(place) => self.fresh.swap_remove(place).1,
                None => self.agent(role).await,
            },
        };
        let answer = self.ask(hand, act, subject, &target).await;
        match answer.status {
            200..=299 => Ok(true),
            // Refused: by rank or scope; as the token endpoint says it; or as another right's answer.
            403 => {
                self.keep(hand, subject, target);
                Ok(false)
            }
            400 if matches!(act, Act::BorrowToken | Act::RevokeToken) => {
                self.keep(hand, subject, target);
                Ok(false)
            }
            409 if answer.code() == "IDEMPOTENCY_KEY_OF_ANOTHER_RIGHT" => Ok(false),
            _ => Err(format!("{} {}", answer.status, answer.body)),
        }
    }

    /// Refused: the target is as it was, unless the first of two requests has changed it.
    fn keep(&mut self, hand: &Hand, role: Option<&'static str>, agent: Agent) {
        if let Some(role) = role.filter(|_| hand.door != Door::Replayed) {
            self.fresh.push((role, agent));
        }
    }

    async fn ask(&self, hand: &Hand, act: Act, subject: Option<&str>, target: &Agent) -> Answer {
        let (path, organization) = (target.path(), &self.tenant.organization_id);
        let members = format!("/api/v1/organizations/{organization}/members");
        let api = match hand.door {
            Door::Replayed => hand.api.with("idempotency-key", &self.earn(hand, act, target).await),
            _ => hand.api.clone(),
        };
        match act {
            Act::UpdateAgent => api.patch(&path, &json!({"description": "changed"})).await,
            Act::SuspendAgent => api.patch(&path, &json!({"status": "suspended"})).await,
            Act::ReactivateAgent => {
                self.instance
                    .execute(&format!("update agents set status = 'suspended' where id = '{}'", target.id))
                    .await;
                let answer = api.patch(&path, &json!({"status": "active"})).await;
                self.instance
                    .execute(&format!("update agents set status = 'active' where id = '{}'", target.id))
                    .await;
                answer
            }
            Act::RevokeTokens => api.patch(&path, &json!({"revokeTokens": true})).await,
            Act::DecommissionAgent => api.delete(&path).await,
            Act::ChangeScopes => {
                // All that it has, but one of those that it does not need here.
                let scopes: Vec<_> =
                    EVERY_SCOPE.into_iter().filter(|scope| *scope != "tokens:read").collect();
                api.put(&format!("{path}/scopes"), &json!({"scopes": scopes})).await
            }
            Act::RotateDidKey => api.post(&format!("{path}/did/rotate"), &nothing()).await,
            Act::ListCredentials => api.get(&format!("{path}/credentials")).await,
            Act::GenerateCredential => api.post(&format!("{path}/credentials"), &nothing()).await,
            Act::RotateCredential => {
                api.post(&format!("{}/rotate", target.credential_path()), &nothing()).await
            }
            Act::RevokeCredential => api.delete(&target.credential_path()).await,
            Act::RevokeAllCredentials => api.delete(&format!("{path}/credentials")).await,
            Act::TrustWorkload => {
                let repository = format!("octo-org/{}", unique());
                let body = json!({"provider": "github", "repository": repository, "agentId": target.id});
                api.post("/api/v1/oidc/trust-policies", &body).await
            }
            Act::AddMember => {
                // Whoever has a role already is made what it is: the role that is given is the rank that counts.
                let other = self.tenant.create_agent(&[]).await;
                let role = subject.unwrap_or("member");
                api.post(&members, &json!({"agentId": other.id, "role": role})).await
            }
            Act::ChangeRole | Act::RemoveMember => {
                let is_member = subject.unwrap_or(hand.role) == "member";
                if is_member {
                    self.instance
                        .execute(&format!(
                            "insert into organization_members (organization_id, agent_id, role, created_at)
                             values ('{organization}', '{}', 'member', now()) on conflict do nothing",
                            target.id
                        ))
                        .await;
                }
                let member = format!("{members}/{}", target.id);
                match act {
                    Act::ChangeRole => api.patch(&member, &json!({"role": "member"})).await,
                    _ => api.delete(&member).await,
                }
            }
            Act::BorrowToken => {
                let asked = [("grant_type", "client_credentials"), ("agent_id", &*target.id)];
                if hand.door == Door::Own {
                    // A token is no way to another: the client itself asks.
                    let client = self.tenant.api.with_basic(&hand.agent.id, &hand.agent.secret);
                    client.form("/oauth2/token", &asked).await
                } else {
                    let refused = api.form("/oauth2/token", &asked).await;
                    Answer { status: if refused.status == 401 { 403 } else { refused.status }, ..refused }
                }
            }
            Act::RevokeToken => {
                let token = target.token(&self.tenant.api).await;
                api.form("/oauth2/revoke", &[("token", &token)]).await
            }
            Act::RevokeDelegation => {
                let token = target.token(&self.tenant.api).await;
                let delegatee = self.tenant.create_agent(&[]).await;
                let chain = id_of(&delegate(&self.tenant.api, &token, &delegatee, &["agents:read"]).await);
                api.delete(&format!("/oauth2/token/delegate/{chain}")).await
            }
        }
    }

    /// Does the act, if it can be repeated at all, with the actor's own token in full; returns the key. What it does not allow
    /// leaves no answer.
    async fn earn(&self, hand: &Hand, act: Act, target: &Agent) -> String {
        let key = unique();
        let api = hand.full.with("idempotency-key", &key);
        match act {
            Act::RotateDidKey => drop(api.post(&format!("{}/did/rotate", target.path()), &nothing()).await),
            Act::GenerateCredential => {
                drop(api.post(&format!("{}/credentials", target.path()), &nothing()).await);
            }
            Act::RotateCredential => {
                drop(api.post(&format!("{}/rotate", target.credential_path()), &nothing()).await);
            }
            _ => {}
        }
        key
    }
}
