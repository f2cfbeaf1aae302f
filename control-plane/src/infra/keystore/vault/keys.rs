//! The two secrets: `PATH/envelope`, whose every version is an envelope key, and `PATH/hmac`, which never changes.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use time::format_description::well_known::Rfc3339;
use time::{Duration, OffsetDateTime};
use zeroize::Zeroizing;

use super::client::Reply;
use super::{Vault, VaultError};
use crate::infra::config::Secret;
use crate::infra::keystore::cipher::RawKey;
use crate::infra::keystore::mac::MacRoot;

/// A new version opens as soon as it is read, and seals once every process has had so many chances to read it.
const LOOKS_BEFORE_USE: u32 = 4;

/// The versions of the envelope secret.
#[derive(Debug)]
pub struct Listing {
    /// Those that can be used, oldest first, with when they were made.
    pub usable: Vec<(u64, OffsetDateTime)>,
    /// The keys of those that were not known.
    pub keys: Vec<(u64, RawKey)>,
    /// Deleted or destroyed.
    pub missing: Vec<u64>,
}

impl Listing {
    /// The version that seals at `now`: the newest that was made `delay` ago, else the oldest.
    pub fn current(&self, now: OffsetDateTime, delay: Duration) -> Option<u64> {
        let turned = self.usable.iter().rev().find(|(_, made)| *made + delay <= now);
        turned.or(self.usable.first()).map(|(number, _)| *number)
    }
}

impl Vault {
    pub(in crate::infra::keystore) fn envelope_path(&self) -> String {
        format!("{}/{}/envelope", self.config.mount, self.config.path)
    }

    pub(in crate::infra::keystore) fn hmac_path(&self) -> String {
        format!("{}/{}/hmac", self.config.mount, self.config.path)
    }

    /// How long after it was made a version begins to seal.
    pub(in crate::infra::keystore) fn delay(&self) -> Duration {
        Duration::try_from(self.config.refresh * LOOKS_BEFORE_USE).unwrap_or(Duration::MINUTE)
    }

    /// The envelope keys, read where `is_known` says they are not. `None` if there never was one.
    pub(in crate::infra::keystore) async fn envelope_keys(
        &self,
        now: OffsetDateTime,
        is_known: impl Fn(u64) -> bool,
    ) -> Result<Option<Listing>, VaultError> {
        let path = self.envelope_path();
        let reply = self.ask_as_us(Method::GET, &self.api("metadata", "envelope"), "read", None).await?;
        if reply.status == StatusCode::NOT_FOUND {
            return self.absent(&reply).map(|()| None);
        }
        let answer = || VaultError::Answer { path: path.clone() };
        let versions = reply.body.pointer("/data/versions").and_then(Value::as_object).ok_or_else(answer)?;
        let mut all = Vec::new();
        for (number, about) in versions {
            let made = about.get("created_time").and_then(Value::as_str);
            let made = made.and_then(|text| OffsetDateTime::parse(text, &Rfc3339).ok()).ok_or_else(answer)?;
            let number: u64 = number.parse().map_err(|_| answer())?;
            all.push((number, made, is_deleted(about, now)));
        }
        all.sort_unstable_by_key(|(number, ..)| *number);
        let mut listing = Listing { usable: Vec::new(), keys: Vec::new(), missing: Vec::new() };
        for (number, made, deleted) in all {
            if deleted {
                listing.missing.push(number);
                continue;
            }
            if !is_known(number) {
                let data = self.read("envelope", Some(number)).await?;
                listing.keys.push((number, key(&data.unwrap_or_default(), &path, number)?));
            }
            listing.usable.push((number, made));
        }
        if listing.usable.is_empty() {
            return Err(VaultError::AllDeleted { path });
        }
        Ok(Some(listing))
    }

    /// Keeps the first envelope key. Where another process was faster, its key stays.
    pub(in crate::infra::keystore) async fn create_envelope_key(
        &self,
        key: &RawKey,
    ) -> Result<(), VaultError> {
        let encoded = Zeroizing::new(STANDARD.encode(key.expose()));
        self.create("envelope", &json!({ "key": *encoded })).await
    }

    /// The root of the HMACs; `None` if there never was one.
    pub(in crate::infra::keystore) async fn hmac_root(&self) -> Result<Option<MacRoot>, VaultError> {
        let Some(data) = self.read("hmac", None).await? else { return Ok(None) };
        let text = |name| data.get(name).and_then(Value::as_str);
        let bytes = text("key").and_then(|text| STANDARD.decode(text).ok()).map(Zeroizing::new);
        let root = bytes.zip(text("id")).and_then(|(bytes, id)| MacRoot::from_bytes(&bytes, id.to_owned()));
        root.map(Some).ok_or_else(|| VaultError::NotARoot { path: self.hmac_path() })
    }

    /// Keeps the root of the HMACs. Where another process was faster, its root stays.
    pub(in crate::infra::keystore) async fn create_hmac_root(
        &self,
        root: &MacRoot,
    ) -> Result<(), VaultError> {
        let encoded = Zeroizing::new(STANDARD.encode(root.to_bytes().as_slice()));
        self.create("hmac", &json!({ "key": *encoded, "id": root.id() })).await
    }

    fn api(&self, kind: &str, name: &str) -> String {
        format!("{}/{kind}/{}/{name}", self.config.mount, self.config.path)
    }

    /// A version's fields, or the newest's; `None` if it is not there or was deleted.
    async fn read(&self, name: &str, version: Option<u64>) -> Result<Option<Value>, VaultError> {
        let path = self.api("data", name);
        let asked = version.map_or_else(|| path.clone(), |version| format!("{path}?version={version}"));
        let mut reply = self.ask_as_us(Method::GET, &asked, "read", None).await?;
        if reply.status == StatusCode::NOT_FOUND {
            if reply.body.get("data").is_some() && version.is_none() {
                return Err(VaultError::AllDeleted { path });
            }
            return self.absent(&reply).map(|()| None);
        }
        // Version 1 of the engine would answer too, with another shape.
        if reply.body.pointer("/data/metadata/version").is_none() {
            return Err(VaultError::NoEngine { mount: self.config.mount.clone() });
        }
        Ok(reply.body.pointer_mut("/data/data").map(Value::take))
    }

    async fn create(&self, name: &str, fields: &Value) -> Result<(), VaultError> {
        let path = self.api("data", name);
        let body = json!({ "options": { "cas": 0 }, "data": fields });
        let reply = match self.ask_as_us(Method::POST, &path, "create", Some(&body)).await {
            // What another process has just made, only `update` may write, which we need not have.
            Err(VaultError::Denied { .. }) if self.read(name, None).await?.is_some() => return Ok(()),
            reply => reply?,
        };
        match reply.status {
            StatusCode::OK => Ok(()),
            StatusCode::BAD_REQUEST if reply.complains("check-and-set") => Ok(()),
            StatusCode::NOT_FOUND | StatusCode::NO_CONTENT => {
                Err(VaultError::NoEngine { mount: self.config.mount.clone() })
            }
            _ => Err(VaultError::Answer { path }),
        }
    }

    /// Nothing is there; an error if there is not even an engine.
    fn absent(&self, reply: &Reply) -> Result<(), VaultError> {
        if reply.complains("no handler for route") {
            return Err(VaultError::NoEngine { mount: self.config.mount.clone() });
        }
        Ok(())
    }

    /// Asks with our token; with a new one if it turns out to be dead.
    async fn ask_as_us(
        &self,
        method: Method,
        path: &str,
        capability: &'static str,
        body: Option<&Value>,
    ) -> Result<Reply, VaultError> {
        for _ in 0..2 {
            let token = self.token().await?;
            let reply = self.client.ask(method.clone(), path, Some(&token), body).await?;
            if reply.status != StatusCode::FORBIDDEN {
                return Ok(reply);
            }
            if !self.is_token_dead(&token).await {
                let path = path.split('?').next().unwrap_or_default().to_owned();
                return Err(VaultError::Denied { capability, path });
            }
        }
        Err(VaultError::Token)
    }
}

/// A version may also be given a time at which it will be deleted.
fn is_deleted(about: &Value, now: OffsetDateTime) -> bool {
    let at = about.get("deletion_time").and_then(Value::as_str).filter(|at| !at.is_empty());
    about.get("destroyed").and_then(Value::as_bool) == Some(true)
        || at.is_some_and(|at| OffsetDateTime::parse(at, &Rfc3339).map_or(true, |at| at <= now))
}

fn key(data: &Value, path: &str, version: u64) -> Result<RawKey, VaultError> {
    let text = data.get("key").and_then(Value::as_str).unwrap_or_default();
    let bytes = STANDARD.decode(text.trim()).ok().map(Zeroizing::new);
    let key = bytes.and_then(|bytes| <[u8; 32]>::try_from(bytes.as_slice()).ok()).map(Secret::new);
    key.ok_or_else(|| VaultError::NotAKey { path: path.to_owned(), version })
}

#[cfg(test)]
mod tests {
    use time::macros::datetime;

    use super::*;

    #[test]
    fn a_version_seals_when_every_process_can_know_it_and_the_first_at_once() {
        let made = datetime!(2030-01-15 12:00 UTC);
        let listing = Listing {
            usable: vec![(1, made), (3, made + Duration::HOUR)],
            keys: Vec::new(),
            missing: vec![2],
        };
        let delay = Duration::MINUTE;
        let at = |after| listing.current(made + after, delay);
        assert_eq!(at(Duration::ZERO), Some(1));
        assert_eq!(at(Duration::HOUR + Duration::seconds(59)), Some(1));
        assert_eq!(at(Duration::HOUR + delay), Some(3));
    }

    #[test]
    fn only_32_bytes_in_base64_are_a_key() {
        let read = |data: &Value| key(data, "secret/agentidp/envelope", 3);
        assert!(read(&json!({ "key": STANDARD.encode([1; 32]) })).is_ok());
        for bad in [json!({}), json!({ "key": 1 }), json!({ "key": "c2hvcnQ=" }), json!({ "key": "ä" })] {
            assert_eq!(
                read(&bad).unwrap_err(),
                VaultError::NotAKey { path: "secret/agentidp/envelope".into(), version: 3 }
            );
        }
    }
}
