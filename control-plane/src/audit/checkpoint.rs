//! Signed tree heads, in the form of C2SP's tlog-checkpoint: who holds one can tell later whether the log was cut, forked or
//! written anew.

use std::time::Duration;

use agentidp_shared::audit_chain::to_hex;
use agentidp_shared::signed_note::{Head, InvalidCheckpoint, VerifierKey};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use axum::Json;
use axum::extract::State;
use time::OffsetDateTime;
use utoipa::ToSchema;
use zeroize::Zeroizing;

use super::{carry, seal, tree};
use crate::access::Caller;
use crate::app::App;
use crate::infra::db::SystemTx;
use crate::infra::http::error::{ApiError, ErrorBody};

/// A head is signed when so many events have come since the last, or so much time has passed and at least one has.
const EVENTS: u64 = 1_000;
const INTERVAL: Duration = Duration::from_mins(1);

/// The key that heads are signed with, derived from the keystore's; it signs nothing else.
struct Signer {
    verifier: VerifierKey,
    pair: Ed25519KeyPair,
}

impl Signer {
    fn new(app: &App) -> Result<Self, sqlx::Error> {
        let unusable = || sqlx::Error::Decode("the checkpoint key cannot be used".into());
        let instance = app.feed.instance().as_uuid();
        let seed = Zeroizing::new(app.keystore.hmac("audit checkpoints", instance.as_bytes()));
        let pair = Ed25519KeyPair::from_seed_unchecked(seed.as_slice()).map_err(|_| unusable())?;
        let issuer = app.config.issuer.split_once("://").map_or(&*app.config.issuer, |(_, rest)| rest);
        let key = pair.public_key().as_ref().try_into().map_err(|_| unusable())?;
        let verifier = VerifierKey::new(format!("{issuer}/audit"), key).ok_or_else(unusable)?;
        Ok(Self { verifier, pair })
    }

    fn sign(&self, head: &Head) -> String {
        self.verifier.note(head, self.pair.sign(self.verifier.text(head).as_bytes()).as_ref())
    }
}

/// What verifies this instance's signed heads.
pub(super) fn verifier_key(app: &App) -> Result<VerifierKey, sqlx::Error> {
    Ok(Signer::new(app)?.verifier)
}

/// A signed head that was given out.
pub(super) struct Checkpoint {
    pub head: Head,
    pub note: String,
    created_at: OffsetDateTime,
}

/// The head that a signed note speaks of, if this instance signed it.
pub fn read(app: &App, note: &str) -> Result<Head, InvalidCheckpoint> {
    verifier_key(app).map_err(|_| InvalidCheckpoint)?.open(note)
}

fn head(tree_size: i64, root_hash: Vec<u8>) -> Result<Head, sqlx::Error> {
    Ok(Head {
        tree_size: u64::try_from(tree_size).map_err(|error| sqlx::Error::Decode(error.into()))?,
        root_hash: root_hash
            .try_into()
            .map_err(|_| sqlx::Error::Decode("a checkpoint's root has not 32 bytes".into()))?,
    })
}

/// The first head of a tree larger than `size`.
pub(super) async fn first_above(tx: &mut SystemTx, size: u64) -> Result<Option<Head>, sqlx::Error> {
    let row = sqlx::query!(
        "select tree_size, root_hash from audit_checkpoints where tree_size > $1 order by tree_size limit 1",
        i64::try_from(size).unwrap_or(i64::MAX)
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| head(row.tree_size, row.root_hash)).transpose()
}

/// The notes of up to `limit` heads of trees larger than `size`, and these sizes.
pub(super) async fn notes_above(
    tx: &mut SystemTx,
    size: u64,
    limit: i64,
) -> Result<Vec<(u64, String)>, sqlx::Error> {
    let rows = sqlx::query!(
        "select tree_size, note from audit_checkpoints where tree_size > $1 order by tree_size limit $2",
        i64::try_from(size).unwrap_or(i64::MAX),
        limit
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(rows.into_iter().map(|row| (row.tree_size.unsigned_abs(), row.note)).collect())
}

/// The newest.
pub(super) async fn latest(tx: &mut SystemTx) -> Result<Option<Checkpoint>, sqlx::Error> {
    let row = sqlx::query!(
        "select tree_size, root_hash, note, created_at from audit_checkpoints order by tree_size desc limit 1"
    )
    .fetch_optional(&mut **tx)
    .await?;
    row.map(|row| {
        let head = head(row.tree_size, row.root_hash)?;
        Ok(Checkpoint { head, note: row.note, created_at: row.created_at })
    })
    .transpose()
}

/// Signs the tree's head if that is due; returns whether it did.
pub async fn sign_if_due(app: &App) -> Result<bool, sqlx::Error> {
    sign(app, EVENTS).await
}

/// Signs the tree's head if `events` have come since the last, or it is time. Never one that contradicts the last: then the log was
/// tampered with.
pub(super) async fn sign(app: &App, events: u64) -> Result<bool, sqlx::Error> {
    let mut tx = app.db.system().await?;
    if !seal::lead(&mut tx).await? {
        return Ok(false);
    }
    let (size, last) = (tree::size(&mut tx).await?, latest(&mut tx).await?);
    let due = match &last {
        None => size > 0,
        Some(last) => {
            size > last.head.tree_size
                && (size - last.head.tree_size >= events || app.now() - last.created_at >= INTERVAL)
        }
    };
    let contradicted = match &last {
        Some(last) if size < last.head.tree_size => true,
        Some(last) if due => tree::root(&mut tx, last.head.tree_size).await? != last.head.root_hash,
        _ => false,
    };
    if contradicted {
        return Err(sqlx::Error::Decode(
            "the audit log contradicts its last checkpoint: it was tampered with, and no further one is signed".into(),
        ));
    }
    if !due {
        tx.commit().await?;
        return Ok(false);
    }
    let head = Head { tree_size: size, root_hash: tree::root(&mut tx, size).await? };
    sqlx::query!(
        "insert into audit_checkpoints (tree_size, root_hash, note, created_at) values ($1, $2, $3, $4)",
        i64::try_from(size).unwrap_or(i64::MAX),
        head.root_hash.as_slice(),
        Signer::new(app)?.sign(&head),
        app.now()
    )
    .execute(&mut *tx)
    .await?;
    carry::enqueue(&mut tx, app).await?;
    tx.commit().await?;
    Ok(true)
}

pub(super) fn none_yet() -> ApiError {
    ApiError::not_found(
        "CHECKPOINT_NOT_FOUND",
        "no head was signed yet; the first is, once events are sealed",
    )
}

/// A signed tree head of the instance's audit log.
#[derive(Debug, serde::Serialize, ToSchema)]
#[serde(rename_all = "camelCase")]
pub(super) struct AuditCheckpoint {
    /// The signed note, as C2SP's tlog-checkpoint says: keep it.
    checkpoint: String,
    /// What verifies it: a verifier key of C2SP's signed-note. Pin it: it stays while the
    /// issuer stays.
    verifier_key: String,
    tree_size: u64,
    /// In hexadecimal.
    root_hash: String,
}

/// The newest signed head of the audit log
///
/// Of the whole instance's log, whose leaves are the `hash` of each event in `sequence`. Who keeps it can ask later for a proof
/// that the log still begins with what it covers.
#[utoipa::path(get, path = "/api/v1/audit/checkpoint", operation_id = "get_audit_checkpoint", tag = "Audit",
    responses(
        (status = 200, description = "The newest head", body = AuditCheckpoint),
        (status = 401, description = "The access token is missing or not good", body = ErrorBody),
        (status = 403, description = "A scope is lacking", body = ErrorBody),
        (status = 404, description = "None was signed yet", body = ErrorBody)))]
pub(super) async fn get_audit_checkpoint(
    State(app): State<App>,
    _caller: Caller,
) -> Result<Json<AuditCheckpoint>, ApiError> {
    let latest = latest(&mut app.db.system().await?).await?.ok_or_else(none_yet)?;
    Ok(Json(AuditCheckpoint {
        checkpoint: latest.note,
        verifier_key: verifier_key(&app)?.to_string(),
        tree_size: latest.head.tree_size,
        root_hash: to_hex(&latest.head.root_hash),
    }))
}
