//! The feed's own key, the instance it speaks for, and where the feed stands.

use agentidp_shared::edge_keys::EdgeKeys;
use agentidp_shared::feed::{self, BATCH_LIFETIME_MS, Batch, Change, Page};
use agentidp_shared::ids::InstanceId;
use agentidp_shared::jwk::{Algorithm, JwkSet};
use agentidp_shared::wire::WireVersions;
use aws_lc_rs::digest::{SHA256, digest};
use time::OffsetDateTime;
use tokio::sync::watch;

use crate::infra::clock::unix_millis;
use crate::infra::config::{Config, Secret};
use crate::infra::db::Db;
use crate::infra::http::error::ApiError;
use crate::keys::{KeyError, Signer};

#[derive(Debug, thiserror::Error)]
pub enum FeedKeyError {
    #[error("AGENTIDP_FEED_KEY is not an Ed25519 key in PKCS#8")]
    Key(#[from] KeyError),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

/// The key pair, named by the thumbprint of its public key.
fn signer(feed_key: &Secret<Vec<u8>>) -> Result<Signer, KeyError> {
    let unnamed = Signer::from_pkcs8(Algorithm::EdDSA, String::new(), feed_key.expose())?;
    Signer::from_pkcs8(Algorithm::EdDSA, unnamed.public_jwk()?.thumbprint(), feed_key.expose())
}

/// What edges pin: the public half of the feed's key.
pub fn public_keys(feed_key: &Secret<Vec<u8>>) -> Result<JwkSet, KeyError> {
    Ok(JwkSet { keys: vec![signer(feed_key)?.public_jwk()?] })
}

/// The feed of this instance.
#[derive(Debug)]
pub struct Feed {
    instance: InstanceId,
    signer: Signer,
    /// The last sequence number handed out, as far as this process knows.
    head: watch::Sender<u64>,
    edges: Vec<EdgeKey>,
}

/// An edge that may read the feed: its name and the SHA-256 of what it may present, all a comparison in constant time needs.
#[derive(Debug)]
struct EdgeKey {
    name: String,
    /// Of the secret itself, which edges of 0.1.0 present.
    secret_digest: [u8; 32],
    /// Of the key derived from it for the feed, which all later ones present.
    feed_digest: [u8; 32],
}

impl Feed {
    pub async fn open(db: &Db, config: &Config) -> Result<Self, FeedKeyError> {
        let signer = signer(&config.feed_key_pkcs8)?;
        let mut tx = db.system().await?;
        let instance = sqlx::query_scalar!("select id from instance").fetch_one(&mut *tx).await?;
        let head = super::store::head(&mut tx).await?;
        let edges = config
            .edge_keys
            .iter()
            .map(|key| EdgeKey {
                name: key.name.clone(),
                secret_digest: sha256(key.secret.expose().as_bytes()),
                feed_digest: sha256(EdgeKeys::derive(key.secret.expose()).feed().as_bytes()),
            })
            .collect();
        Ok(Self { instance: instance.into(), signer, head: watch::Sender::new(head), edges })
    }

    pub fn instance(&self) -> InstanceId {
        self.instance
    }

    pub fn head(&self) -> u64 {
        *self.head.borrow()
    }

    pub(super) fn watch(&self) -> watch::Receiver<u64> {
        self.head.subscribe()
    }

    pub(super) fn advance_head(&self, to: u64) {
        self.head.send_if_modified(|head| {
            let newer = to > *head;
            *head = (*head).max(to);
            newer
        });
    }

    /// Whether `secret` is what the edge called `name` must present: the key derived for the feed if it announces `versions`, else
    /// its secret itself, as in 0.1.0. Takes the same time whatever is wrong.
    pub(super) fn authenticates(&self, name: &str, secret: &str, versions: Option<WireVersions>) -> bool {
        use subtle::ConstantTimeEq as _;
        let offered = sha256(secret.as_bytes());
        self.edges.iter().fold(false, |known, edge| {
            let expected = if versions.is_some() { &edge.feed_digest } else { &edge.secret_digest };
            let matches = expected.ct_eq(&offered) & subtle::Choice::from(u8::from(edge.name == name));
            known | bool::from(matches)
        })
    }

    /// Signs the changes numbered `from + 1 ..= to` (all that matter up to `to` if `from` is 0) as of `now`, in this version of
    /// the feed.
    pub(super) fn sign(
        &self,
        version: u8,
        from: u64,
        to: u64,
        changes: Vec<Change>,
        now: OffsetDateTime,
    ) -> Result<String, ApiError> {
        let issued_at = unix_millis(now);
        let batch = Batch {
            instance: self.instance,
            from,
            to,
            issued_at,
            expires_at: issued_at + BATCH_LIFETIME_MS,
            changes,
        };
        self.seal(feed::signing_input_of(version, &batch, self.signer.kid()))
    }

    pub(super) fn sign_page(&self, page: &Page) -> Result<String, ApiError> {
        self.seal(feed::signing_input_of_page(page, self.signer.kid()))
    }

    fn seal(&self, signing_input: Result<String, serde_json::Error>) -> Result<String, ApiError> {
        let input = signing_input.map_err(ApiError::internal)?;
        let signature = self.signer.sign(input.as_bytes()).map_err(ApiError::internal)?;
        Ok(feed::seal(&input, &signature))
    }
}

fn sha256(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, bytes).as_ref());
    out
}
