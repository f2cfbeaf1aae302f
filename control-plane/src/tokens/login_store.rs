//! SQL of logins by secret: all that one takes in one question.

use sqlx::PgConnection;
use time::OffsetDateTime;
use uuid::Uuid;

use super::store::{Client, ClientColumns};
use crate::credentials::{Candidate, Known, Presented, PresentedSecret, USE_NOTED_EVERY};

/// For each login whether its address has to wait, and else the agent's secrets that are neither revoked nor expired; at least one row
/// for each, so that agents who do not exist cost as much as the others. The client only where one of them has the HMAC that was
/// offered: whether there is such an agent is not to show in how long a refusal takes. That is no proof yet: the caller compares.
#[expect(clippy::as_conversions, reason = "tells the macro the types; nothing is converted")]
pub(super) async fn known_any_tenant(
    tx: &mut PgConnection,
    logins: &[Presented],
    now: OffsetDateTime,
) -> Result<Vec<(Known, Option<Client>)>, sqlx::Error> {
    let agents: Vec<_> =
        logins.iter().map(|login| login.secret.as_ref().map(|secret| secret.agent().as_uuid())).collect();
    let address_keys: Vec<_> = logins.iter().map(|login| login.address_key.as_deref()).collect();
    let offered: Vec<_> =
        logins.iter().map(|login| login.secret.as_ref().map(PresentedSecret::offered)).collect();
    let rows = sqlx::query!(
        r#"select asked.place as "place!", throttle.blocked_until as "blocked_until?",
             credential.id as "id?", credential.hmac_key_id as "hmac_key_id?", credential.secret_hmac as "secret_hmac?",
             credential.previous_secret_hmac as "previous_secret_hmac?",
             (credential.last_used_at is null or credential.last_used_at < $5) as "use_is_news!",
             client.agent_id as "agent_id?", client.organization_id as "organization_id?", client.scopes as "scopes?",
             client.status as "status?", client.organization_status as "organization_status?",
             client.signing_algorithm as "signing_algorithm?", client.signing_algorithm_before as "signing_algorithm_before?",
             client.issuer_kind as "issuer_kind?", client.not_before as "not_before?", client.role as "role?"
           from unnest($1::uuid[], $2::text[], $3::bytea[]) with ordinality as asked (agent_id, address_key, offered, place)
           left join login_throttle throttle on throttle.key = asked.address_key and throttle.blocked_until > $4
           -- Each by its index, whatever there was when this was planned; and the client only then.
           left join lateral (
             select id, agent_id, hmac_key_id, secret_hmac, last_used_at,
               case when previous_valid_until > $4 then previous_secret_hmac end as previous_secret_hmac
             from credentials
             where throttle.key is null and agent_id = asked.agent_id and status = 'active'
               and (expires_at is null or expires_at > $4) and secret_hmac is not null
             offset 0) credential on true
           left join lateral (
             select agents.id as agent_id, agents.organization_id, agents.scopes, agents.status,
               organizations.status as organization_status, organizations.signing_algorithm,
               organizations.signing_algorithm_before, organizations.issuer_kind,
               greatest(agents.not_before, organizations.not_before, agents.scope_limit_at) as not_before, members.role
             from agents
             join organizations on organizations.id = agents.organization_id
             left join organization_members members
               on members.agent_id = agents.id and members.organization_id = agents.organization_id
             where agents.id = credential.agent_id
               and asked.offered in (credential.secret_hmac, credential.previous_secret_hmac)
             offset 0) client on true"#,
        &agents as &[Option<Uuid>],
        &address_keys as &[Option<&str>],
        &offered as &[Option<&[u8]>],
        now,
        now - USE_NOTED_EVERY
    )
    .fetch_all(tx)
    .await?;
    let mut known: Vec<(Known, Option<Client>)> = logins.iter().map(|_| Default::default()).collect();
    for row in rows {
        let place = usize::try_from(row.place - 1).ok().and_then(|place| known.get_mut(place));
        let (known, client) = place.ok_or_else(|| sqlx::Error::Decode("a row of nobody's".into()))?;
        known.blocked_until = row.blocked_until;
        known.candidates.push(row.id.map(|id| Candidate {
            id: id.into(),
            hmac_key_id: row.hmac_key_id,
            secret_hmac: row.secret_hmac,
            previous_secret_hmac: row.previous_secret_hmac,
            use_is_news: row.use_is_news,
        }));
        // All of them are there or none.
        if let (
            Some(id),
            Some(organization_id),
            Some(scopes),
            Some(status),
            Some(organization_status),
            Some(issuer_kind),
        ) = (
            row.agent_id,
            row.organization_id,
            row.scopes,
            row.status,
            row.organization_status,
            row.issuer_kind,
        ) {
            let columns = ClientColumns {
                id,
                organization_id,
                scopes,
                status,
                organization_status,
                issuer_kind,
                signing_algorithm: row.signing_algorithm,
                signing_algorithm_before: row.signing_algorithm_before,
                not_before: row.not_before,
                role: row.role,
            };
            *client = Some(columns.try_into()?);
        }
    }
    Ok(known)
}
