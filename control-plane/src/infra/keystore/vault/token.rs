//! The token Vault is asked with: given, read from a file, or got by AppRole; renewed before it expires.

use std::time::Duration;

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use tokio::time::Instant;

use super::VaultError;
use super::client::Client;
use crate::infra::config::{Secret, VaultLogin, VaultSecret};

#[derive(Debug)]
pub(super) struct Token {
    pub value: Secret<String>,
    pub renewable: bool,
    /// When half of its life is over and when all of it is; `None` for one that does not expire.
    life: Option<(Instant, Instant)>,
}

impl Token {
    pub(super) async fn log_in(
        client: &Client,
        login: &VaultLogin,
        now: Instant,
    ) -> Result<Self, VaultError> {
        match login {
            VaultLogin::Token(token) => Self::look_up(client, &read(token, "VAULT_TOKEN_FILE")?, now).await,
            VaultLogin::AppRole { role_id, secret_id } => {
                let secret_id = read(secret_id, "VAULT_SECRET_ID_FILE")?;
                let body = json!({ "role_id": role_id, "secret_id": secret_id.expose() });
                let reply = client.ask(Method::POST, "auth/approle/login", None, Some(&body)).await?;
                match reply.status {
                    StatusCode::OK => Self::of_lease(&reply.body, now)
                        .ok_or_else(|| VaultError::Answer { path: "auth/approle/login".into() }),
                    _ => Err(VaultError::AppRole),
                }
            }
        }
    }

    /// A given token: how long it lives, and whether it can live longer.
    pub(super) async fn look_up(
        client: &Client,
        token: &Secret<String>,
        now: Instant,
    ) -> Result<Self, VaultError> {
        let reply = client.ask(Method::GET, "auth/token/lookup-self", Some(token), None).await?;
        if reply.status != StatusCode::OK {
            return Err(VaultError::Token);
        }
        let data = reply.body.get("data").unwrap_or(&Value::Null);
        let renewable = data.get("renewable").and_then(Value::as_bool) == Some(true);
        let seconds = data.get("ttl").and_then(Value::as_u64).unwrap_or(0);
        Ok(Self { value: token.clone(), renewable, life: life(seconds, now) })
    }

    pub(super) async fn renew(&self, client: &Client, now: Instant) -> Result<Self, VaultError> {
        let path = "auth/token/renew-self";
        let reply = client.ask(Method::POST, path, Some(&self.value), Some(&json!({}))).await?;
        if reply.status != StatusCode::OK {
            return Err(VaultError::Token);
        }
        Self::of_lease(&reply.body, now).ok_or_else(|| VaultError::Answer { path: path.into() })
    }

    fn of_lease(body: &Value, now: Instant) -> Option<Self> {
        let auth = body.get("auth")?;
        let seconds = auth.get("lease_duration").and_then(Value::as_u64)?;
        Some(Self {
            value: Secret::new(auth.get("client_token")?.as_str()?.to_owned()),
            renewable: auth.get("renewable").and_then(Value::as_bool) == Some(true),
            life: life(seconds, now),
        })
    }

    pub(super) fn is_due(&self, now: Instant) -> bool {
        self.life.is_some_and(|(half, _)| now >= half)
    }

    pub(super) fn is_alive(&self, now: Instant) -> bool {
        self.life.is_none_or(|(_, end)| now < end)
    }
}

fn life(seconds: u64, now: Instant) -> Option<(Instant, Instant)> {
    let whole = Duration::from_secs(seconds);
    (seconds > 0).then_some((now + whole / 2, now + whole))
}

/// Files are read each time: whoever writes them may have written a newer one.
fn read(secret: &VaultSecret, variable: &'static str) -> Result<Secret<String>, VaultError> {
    match secret {
        VaultSecret::Value(value) => Ok(value.clone()),
        VaultSecret::File(path) => std::fs::read_to_string(path)
            .map(|text| Secret::new(text.trim().to_owned()))
            .map_err(|error| VaultError::File { variable, reason: error.to_string() }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn half_of_its_life_later_a_token_is_due_and_one_without_end_never_is() {
        let now = Instant::now();
        let after = |seconds| now + Duration::from_secs(seconds);
        let token =
            |seconds| Token { value: Secret::new("t".into()), renewable: true, life: life(seconds, now) };
        let short = token(10);
        assert!(!short.is_due(after(4)) && short.is_due(after(5)));
        assert!(short.is_alive(after(9)) && !short.is_alive(after(10)));
        let root = token(0);
        assert!(!root.is_due(after(1_000_000)) && root.is_alive(after(1_000_000)));
    }
}
