//! SQL of writing down what was issued.

use sqlx::PgConnection;
use sqlx::types::Json;
use time::OffsetDateTime;
use uuid::Uuid;

use super::issued::Issued;
use crate::audit::Action;
use crate::infra::clock::from_unix_seconds;
use crate::status_lists;

/// For each token its event, due for sealing, and its place in a status list; for each organization how many: all of it or nothing.
/// One statement, and so one trip. It writes what [`audit::record`](crate::audit::record) and
/// [`status_lists::record`] would. `slot` (0..16) spreads one organization's counter over rows.
#[expect(clippy::as_conversions, reason = "tells the macro the types; nothing is converted")]
pub(super) async fn insert(
    tx: &mut PgConnection,
    issued: &[&Issued],
    event_ids: &[Uuid],
    now: OffsetDateTime,
    slot: i16,
) -> Result<(), sqlx::Error> {
    fn column<'a, T>(issued: &[&'a Issued], of: impl Fn(&'a Issued) -> T) -> Vec<T> {
        issued.iter().copied().map(of).collect()
    }
    let (mut lists, mut indices) = (Vec::with_capacity(issued.len()), Vec::with_capacity(issued.len()));
    let (mut issued_at, mut derived_from) =
        (Vec::with_capacity(issued.len()), Vec::with_capacity(issued.len()));
    for Issued { claims, .. } in issued {
        let (list, idx) = status_lists::place_of(claims).unzip();
        lists.push(list);
        indices.push(idx);
        issued_at.push(i64::try_from(claims.iat).map_err(|error| sqlx::Error::Encode(error.into()))?);
        derived_from.push(claims.delegation.as_ref().map(|chain| Json(chain.hops())));
    }
    sqlx::query!(
        "with token as (
           select * from unnest($1::uuid[], $2::uuid[], $3::uuid[], $4::uuid[], $5::text[], $6::text[], $7::jsonb[], $8::uuid[], $9::int[],
             $10::uuid[], $11::bigint[], $12::timestamptz[], $13::jsonb[], $18::text[], $19::text[])
             as token (event_id, organization_id, agent_id, client_id, ip_address, user_agent, metadata, list_id, idx,
               jti, issued_at, expires_at, derived_from, trace_id, scopes)),
         event as (
           insert into audit_events (event_id, occurred_at, organization_id, agent_id, action, outcome, ip_address, user_agent, metadata,
             actor_id, on_behalf_of_id, token_id, via, trace_id)
           select event_id, $14, organization_id, agent_id, $15, 'success', ip_address, user_agent, metadata,
             client_id, nullif(agent_id, client_id), jti, 'api', trace_id from token
           returning event_id, occurred_at, organization_id),
         unsealed as (
           insert into audit_unsealed (event_id, occurred_at, organization_id)
           select event_id, occurred_at, organization_id from event returning 1),
         place as (
           insert into status_list_entries
             (list_id, idx, jti, organization_id, agent_id, client_id, issued_at, expires_at, derived_from, scopes)
           select list_id, idx, jti, organization_id, agent_id, client_id, issued_at, expires_at, derived_from,
             string_to_array(scopes, ' ') from token
           where list_id is not null
           returning 1)
         insert into usage_counters (organization_id, day, metric, slot, count)
         select organization_id, $16, 'tokens', $17, count(*) from token
         -- Last, because others who count wait for these rows: not before all the others are written.
         where (select count(*) from unsealed) + (select count(*) from place) >= 0
         group by organization_id
         -- So that two who count at once never wait for each other in a circle.
         order by organization_id
         on conflict (organization_id, day, metric, slot) do update set count = usage_counters.count + excluded.count",
        event_ids,
        &column(issued, |Issued { claims, .. }| claims.organization_id.as_uuid()),
        &column(issued, |Issued { claims, .. }| claims.sub.as_uuid()),
        &column(issued, |Issued { claims, .. }| claims.client_id.as_uuid()),
        &column(issued, |Issued { client, .. }| client.ip.map(|ip| ip.to_string())) as &[Option<String>],
        &column(issued, |Issued { client, .. }| client.user_agent.as_deref()) as &[Option<&str>],
        &column(issued, |Issued { metadata, .. }| Json(metadata)) as _,
        &lists as &[Option<Uuid>],
        &indices as &[Option<i32>],
        &column(issued, |Issued { claims, .. }| claims.jti.as_uuid()),
        &issued_at,
        &column(issued, |Issued { claims, .. }| from_unix_seconds(claims.exp)),
        &derived_from as _,
        now,
        Action::TokenIssued.as_str(),
        now.date(),
        slot,
        &column(issued, |Issued { client, .. }| client.trace_id.as_deref()) as &[Option<&str>],
        &column(issued, |Issued { claims, .. }| claims.scopes.to_string())
    )
    .execute(tx)
    .await
    .map(|_| ())
}
