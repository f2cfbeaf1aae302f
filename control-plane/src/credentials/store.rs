//! SQL of credentials.

use std::net::IpAddr;

use agentidp_shared::ids::{AgentId, CredentialId, OrganizationId};
use agentidp_shared::jwk::Jwk;
use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::model::{Credential, CredentialKind, CredentialStatus};
use super::public_key::PublicKey;
use crate::access::Permit;
use crate::infra::db::TenantTx;
use crate::infra::http::pagination::{MAX_COUNTED, Page};

/// Uses are noted no more often than this: one write a minute, however busy a client is.
pub const USE_NOTED_EVERY: time::Duration = time::Duration::minutes(1);

/// What is kept of a credential.
#[derive(Clone, Copy)]
pub(super) enum Stored<'a> {
    Secret(StoredSecret<'a>),
    Key(&'a PublicKey),
}

impl<'a> Stored<'a> {
    /// As columns: of secret and key the one that is not there is null.
    fn columns(self) -> (Option<&'a [u8]>, Option<&'a str>, Option<Json<&'a Jwk>>) {
        match self {
            Self::Secret(secret) => (Some(secret.hmac), Some(secret.key_id), None),
            Self::Key(key) => (None, None, Some(Json(key.jwk()))),
        }
    }
}

/// What is kept of a secret.
#[derive(Clone, Copy)]
pub(super) struct StoredSecret<'a> {
    pub hmac: &'a [u8; 32],
    pub key_id: &'a str,
}

/// Notes uses and where they came from, of each credential one within a minute. What another process notes at this moment is
/// left to it.
#[expect(clippy::as_conversions, reason = "tells the macro the type; nothing is converted")]
pub(super) async fn note_uses_any_tenant(
    tx: &mut PgConnection,
    used: &[(CredentialId, Option<IpAddr>)],
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    if used.is_empty() {
        return Ok(());
    }
    let credentials: Vec<_> = used.iter().map(|(credential, _)| credential.as_uuid()).collect();
    let addresses: Vec<_> =
        used.iter().map(|(_, address)| address.map(|address| address.to_string())).collect();
    sqlx::query!(
        "update credentials set last_used_at = $3, last_used_address = used.address
         from unnest($1::uuid[], $2::text[]) as used (id, address)
         where credentials.id = used.id and credentials.id in (
           select id from credentials where id = any($1) and (last_used_at is null or last_used_at < $4)
           order by id for update skip locked)",
        &credentials,
        &addresses as &[Option<String>],
        now,
        now - USE_NOTED_EVERY
    )
    .execute(tx)
    .await
    .map(|_| ())
}

pub(super) async fn insert(
    tx: &mut PgConnection,
    id: CredentialId,
    organization: OrganizationId,
    permit: Permit,
    stored: Stored<'_>,
    expires_at: Option<OffsetDateTime>,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let (hmac, hmac_key_id, public_jwk) = stored.columns();
    sqlx::query!(
        "insert into credentials (id, organization_id, agent_id, secret_hmac, hmac_key_id, public_jwk, expires_at, created_at)
         values ($1, $2, $3, $4, $5, $6, $7, $8)",
        id.as_uuid(),
        organization.as_uuid(),
        permit.agent().as_uuid(),
        hmac,
        hmac_key_id,
        public_jwk as _,
        expires_at,
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

struct Row {
    id: Uuid,
    agent_id: Uuid,
    status: String,
    created_at: OffsetDateTime,
    expires_at: Option<OffsetDateTime>,
    rotated_at: Option<OffsetDateTime>,
    previous_valid_until: Option<OffsetDateTime>,
    revoked_at: Option<OffsetDateTime>,
    last_used_at: Option<OffsetDateTime>,
    last_used_address: Option<String>,
    public_jwk: Option<Json<Jwk>>,
}

impl Row {
    fn into_credential(self, now: OffsetDateTime) -> Credential {
        let jwk = self.public_jwk.map(|Json(jwk)| jwk);
        Credential {
            kind: if jwk.is_some() { CredentialKind::PrivateKeyJwt } else { CredentialKind::ClientSecret },
            thumbprint: jwk.as_ref().map(Jwk::thumbprint),
            kid: jwk.and_then(|jwk| jwk.kid),
            id: self.id.into(),
            agent_id: self.agent_id.into(),
            client_id: self.agent_id.into(),
            status: CredentialStatus::at(now, &self.status, self.expires_at),
            created_at: self.created_at,
            expires_at: self.expires_at,
            rotated_at: self.rotated_at,
            previous_valid_until: self.previous_valid_until.filter(|until| *until > now),
            revoked_at: self.revoked_at,
            last_used_at: self.last_used_at,
            last_used_address: self.last_used_address,
        }
    }
}

pub(super) async fn find(
    tx: &mut TenantTx,
    agent: AgentId,
    credential: CredentialId,
    now: OffsetDateTime,
) -> Result<Option<Credential>, sqlx::Error> {
    let row = sqlx::query_as!(
        Row,
        r#"select id, agent_id, status, created_at, expires_at, rotated_at, previous_valid_until, revoked_at, last_used_at,
             last_used_address, public_jwk as "public_jwk: Json<Jwk>"
           from credentials where organization_id = $1 and agent_id = $2 and id = $3"#,
        tx.organization_id().as_uuid(),
        agent.as_uuid(),
        credential.as_uuid()
    )
    .fetch_optional(&mut **tx)
    .await?;
    Ok(row.map(|row| row.into_credential(now)))
}

/// One page, newest first, and how many there are, up to [`MAX_COUNTED`].
pub(super) async fn list(
    tx: &mut TenantTx,
    agent: AgentId,
    page: Page,
    now: OffsetDateTime,
) -> Result<(Vec<Credential>, Option<i64>), sqlx::Error> {
    let total = if page.is_counted() {
        Some(
            sqlx::query_scalar!(
                r#"select count(*) as "count!" from (
                     select from credentials where organization_id = $1 and agent_id = $2 limit $3) matching"#,
                tx.organization_id().as_uuid(),
                agent.as_uuid(),
                MAX_COUNTED
            )
            .fetch_one(&mut **tx)
            .await?,
        )
    } else {
        None
    };
    let below = page.below();
    let rows = sqlx::query_as!(
        Row,
        r#"select id, agent_id, status, created_at, expires_at, rotated_at, previous_valid_until, revoked_at, last_used_at,
             last_used_address, public_jwk as "public_jwk: Json<Jwk>"
           from credentials where organization_id = $1 and agent_id = $2 and (created_at, id) < ($5, $6)
           order by created_at desc, id desc limit $3 offset $4"#,
        tx.organization_id().as_uuid(),
        agent.as_uuid(),
        page.fetched(),
        page.offset(),
        below.at,
        below.id
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok((rows.into_iter().map(|row| row.into_credential(now)).collect(), total))
}

/// Up to two of the agent's credentials that are neither revoked nor expired: enough to know whether there is just one.
pub(super) async fn active(
    tx: &mut TenantTx,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<Vec<CredentialId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "select id from credentials
         where organization_id = $1 and agent_id = $2 and status = 'active' and (expires_at is null or expires_at > $3)
         limit 2",
        tx.organization_id().as_uuid(),
        agent.as_uuid(),
        now
    )
    .fetch_all(&mut **tx)
    .await?;
    Ok(ids.into_iter().map(CredentialId::new).collect())
}

/// How many of the agent's credentials are neither revoked nor expired.
pub(super) async fn count_active(
    tx: &mut TenantTx,
    agent: AgentId,
    now: OffsetDateTime,
) -> Result<i64, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select count(*) as "count!" from credentials
           where organization_id = $3 and agent_id = $1 and status = 'active' and (expires_at is null or expires_at > $2)"#,
        agent.as_uuid(),
        now,
        tx.organization_id().as_uuid()
    )
    .fetch_one(&mut **tx)
    .await
}

pub(super) struct Rotation<'a> {
    /// Of the kind that the credential is.
    pub new: Stored<'a>,
    pub now: OffsetDateTime,
    /// How long the secret or key until now is accepted too.
    pub previous_valid_until: Option<OffsetDateTime>,
    pub not_if_rotated_since: OffsetDateTime,
}

/// Replaces the secret or key; false if the credential is not there, not active, expired, or was rotated too recently. Of several
/// at once the first takes the row, and the others then find it rotated.
pub(super) async fn rotate(
    tx: &mut TenantTx,
    permit: Permit,
    credential: CredentialId,
    rotation: &Rotation<'_>,
) -> Result<bool, sqlx::Error> {
    let (hmac, hmac_key_id, public_jwk) = rotation.new.columns();
    sqlx::query!(
        "update credentials set previous_secret_hmac = case when $6::timestamptz is not null then secret_hmac end,
           previous_public_jwk = case when $6::timestamptz is not null then public_jwk end,
           previous_valid_until = $6, secret_hmac = $3, hmac_key_id = $4, public_jwk = $9, rotated_at = $5
         where organization_id = $8 and agent_id = $1 and id = $2 and status = 'active'
           and (expires_at is null or expires_at > $5) and (rotated_at is null or rotated_at <= $7)",
        permit.agent().as_uuid(),
        credential.as_uuid(),
        hmac,
        hmac_key_id,
        rotation.now,
        rotation.previous_valid_until,
        rotation.not_if_rotated_since,
        tx.organization_id().as_uuid(),
        public_jwk as _
    )
    .execute(&mut **tx)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// False if the credential is not there or already was revoked.
pub(super) async fn revoke(
    tx: &mut TenantTx,
    permit: Permit,
    credential: CredentialId,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    sqlx::query!(
        "update credentials set status = 'revoked', revoked_at = $3, previous_secret_hmac = null, previous_public_jwk = null, previous_valid_until = null
         where organization_id = $4 and agent_id = $1 and id = $2 and status = 'active'",
        permit.agent().as_uuid(),
        credential.as_uuid(),
        now,
        tx.organization_id().as_uuid()
    )
    .execute(&mut **tx)
    .await
    .map(|done| done.rows_affected() == 1)
}

/// Revokes every credential of the agent; returns those that were not revoked before.
pub async fn revoke_all(
    tx: &mut PgConnection,
    organization: OrganizationId,
    permit: Permit,
    now: OffsetDateTime,
) -> Result<Vec<CredentialId>, sqlx::Error> {
    let ids = sqlx::query_scalar!(
        "update credentials set status = 'revoked', revoked_at = $3, previous_secret_hmac = null, previous_public_jwk = null, previous_valid_until = null
         where organization_id = $1 and agent_id = $2 and status = 'active' returning id",
        organization.as_uuid(),
        permit.agent().as_uuid(),
        now
    )
    .fetch_all(tx)
    .await?;
    Ok(ids.into_iter().map(CredentialId::new).collect())
}
