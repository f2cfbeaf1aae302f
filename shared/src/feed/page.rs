//! Snapshots of version 2 of the feed, which come in pages: neither an edge nor the control plane ever holds one whole.
//!
//! A snapshot goes through the [keys](Change::key) of the feed in order. Each page tells what matters of the keys behind those of
//! the page before it, as of its own moment. The snapshot stands for the sequence of its *first* page: an edge that follows the
//! feed from there is told again of some changes that later pages held already. That is harmless: a change replaces what was
//! known under its key, and of those with the same key the last one told is the newest.

use serde::{Serialize, Serializer};
use serde_json::Value;

use super::envelope::{InEnvelopes, read_batch};
use super::{Batch, Change, FeedError, News, encode, open_news};
use crate::ids::InstanceId;
use crate::jwk::KeySet;

/// The JOSE `typ` of a page; keeps a page from ever passing as a batch and the other way round.
pub const PAGE_TYPE: &str = "agentidp-snapshot-2+jwt";
/// Largest page that an edge accepts, in bytes as it is sent.
pub const MAX_PAGE_BYTES: usize = 1024 * 1024;
/// Most pages of one snapshot.
pub const MAX_PAGES: usize = 512;

/// One page of a snapshot: everything that matters, as of sequence `to`, of the keys that lie behind `after` and not behind
/// `until`. The first page also holds what [concerns all](Change::concerns_all) of the kinds that exist, whatever their keys, and
/// later ones do not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    pub instance: InstanceId,
    /// `to` of the first page, by which pages of one snapshot know each other.
    pub begun: u64,
    /// The head of the feed when this page was read.
    pub to: u64,
    /// Unix milliseconds.
    pub issued_at: u64,
    /// Unix milliseconds.
    pub expires_at: u64,
    /// The key that the page before ended with; none on the first page.
    pub after: Option<String>,
    /// The key that this page ends with; none on the last page.
    pub until: Option<String>,
    pub changes: Vec<Change>,
}

impl Page {
    /// Returns where the next page begins: the snapshot's `begun`, and the key after which it goes on. `None` on the last page.
    pub fn next(&self) -> Option<(u64, &str)> {
        self.until.as_deref().map(|until| (self.begun, until))
    }

    /// Whether the snapshot has no other page.
    pub fn is_whole(&self) -> bool {
        self.after.is_none() && self.until.is_none()
    }

    /// Reads a payload. It is that of a batch, with other members in the place of `from`.
    pub(super) fn read(payload: Value) -> Result<Self, FeedError> {
        let malformed = || FeedError::MalformedPayload;
        let Value::Object(mut members) = payload else { return Err(malformed()) };
        let begun = members.remove("begun").as_ref().and_then(Value::as_u64).ok_or_else(malformed)?;
        let mut key = |name| match members.remove(name) {
            None => Ok(None),
            Some(Value::String(key)) => Ok(Some(key)),
            Some(_) => Err(malformed()),
        };
        let (after, until) = (key("after")?, key("until")?);
        if members.insert("from".to_owned(), 0.into()).is_some() {
            return Err(malformed());
        }
        let batch = read_batch(Value::Object(members)).map_err(|_| malformed())?;
        let Batch { instance, to, issued_at, expires_at, changes, .. } = batch;
        Ok(Self { instance, begun, to, issued_at, expires_at, after, until, changes })
    }
}

/// The payload, whose changes are in their envelopes.
impl Serialize for Page {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        #[serde(rename_all = "camelCase")]
        struct Payload<'a> {
            instance: InstanceId,
            begun: u64,
            to: u64,
            issued_at: u64,
            expires_at: u64,
            #[serde(skip_serializing_if = "Option::is_none")]
            after: Option<&'a str>,
            #[serde(skip_serializing_if = "Option::is_none")]
            until: Option<&'a str>,
            changes: InEnvelopes<'a>,
        }
        Payload {
            instance: self.instance,
            begun: self.begun,
            to: self.to,
            issued_at: self.issued_at,
            expires_at: self.expires_at,
            after: self.after.as_deref(),
            until: self.until.as_deref(),
            changes: InEnvelopes(&self.changes),
        }
        .serialize(serializer)
    }
}

/// The bytes to sign for a page (RFC 7515 §5.1): the encoded header and payload.
pub fn signing_input_of_page(page: &Page, kid: &str) -> Result<String, serde_json::Error> {
    Ok(encode(PAGE_TYPE, kid, &serde_json::to_vec(page)?))
}

/// Opens a page under the pinned keys, with the signature checked in pure Rust. `unverified` must already be bounded in size by
/// the caller's transport.
pub fn open_page(unverified: &str, pinned: &KeySet) -> Result<Page, FeedError> {
    match open_news(unverified, pinned)? {
        News::Page(page) => Ok(page),
        News::Batch(_) => Err(FeedError::Malformed),
    }
}
