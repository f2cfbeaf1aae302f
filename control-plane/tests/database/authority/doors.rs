//! The ways by which a right comes into somebody's hand.

use serde_json::json;

use super::trying::{EVERY_SCOPE, Scene};
use crate::delegation::{delegate, exchange};
use crate::support::{Agent, Api};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// A token of the actor's own, with all it may ask for.
    Own,
    /// One with the scopes that most acts need and no more.
    Narrowed,
    /// A token that an agent of this rank obtained for another of the same rank.
    Borrowed,
    /// A token that an agent of this rank delegated to a member.
    Delegated,
    /// A token of its own, exchanged.
    Exchanged,
    /// A token of an agent that only registers.
    Bootstrap,
    /// The narrowed token, with the idempotency key of a request that the full one has made.
    Replayed,
}

/// A right in somebody's hand.
pub struct Hand {
    pub door: Door,
    pub role: &'static str,
    /// Whoever acts.
    pub agent: Agent,
    /// With the token.
    pub api: Api,
    /// The actor's own token in full, for what is to be replayed.
    pub full: Api,
}

impl Hand {
    /// `None` if nobody of this rank comes by a token in this way at all.
    pub async fn take(scene: &Scene<'_>, door: Door, role: &'static str) -> Option<Self> {
        let agent = scene.agent(role).await;
        let api = scene.tenant.api.clone();
        let full = agent.log_in(&api).await;
        let own = agent.token(&api).await;
        let token = match door {
            Door::Own => own,
            Door::Narrowed | Door::Replayed => {
                let asked = [("grant_type", "client_credentials"), ("scope", "agents:read agents:write")];
                let answer = api.with_basic(&agent.id, &agent.secret).form("/oauth2/token", &asked).await;
                answer.expect(200).text("access_token")
            }
            Door::Borrowed => {
                let other = scene.agent(role).await;
                let asked = [("grant_type", "client_credentials"), ("agent_id", &*other.id)];
                let answer = api.with_basic(&agent.id, &agent.secret).form("/oauth2/token", &asked).await;
                let may_borrow = ["admin", "owner"].contains(&role);
                assert_eq!(
                    answer.status,
                    if may_borrow { 200 } else { 400 },
                    "{role} borrows: {}",
                    answer.body
                );
                if !may_borrow {
                    return None;
                }
                answer.text("access_token")
            }
            Door::Delegated => {
                let delegatee = scene.agent("member").await;
                delegate(&api, &own, &delegatee, &EVERY_SCOPE).await
            }
            Door::Exchanged => exchange(&api, &agent, &own, &[]).await.expect(200).text("access_token"),
            Door::Bootstrap => {
                let query = format!("update agents set only_registers = true where id = '{}'", agent.id);
                scene.instance.execute(&query).await;
                own
            }
        };
        Some(Self { door, role, api: api.with_token(&token), full, agent })
    }
}

/// A body for what needs none.
pub fn nothing() -> serde_json::Value {
    json!({})
}
