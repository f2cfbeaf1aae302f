//! Limits on the tokens that an agent was given before its scopes were reduced, kept whatever is told of the agent afterwards.

use agentidp_shared::feed::Change;
use sqlx::PgConnection;
use time::OffsetDateTime;

/// Gives each change numbered after `before` the limit of the change that it replaces, while tokens may be left that it
/// concerns. Whoever suspends an agent, or tells that its documents changed, need not know of its limit.
pub(super) async fn carry_over(
    tx: &mut PgConnection,
    before: u64,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    let mut after = i64::try_from(before).unwrap_or(i64::MAX);
    // One at a time: what one is given, the next one of the same agent takes over.
    loop {
        let next = sqlx::query!(
            r#"select entry.sequence, entry.change, earlier.change as "earlier!"
               from edge_feed entry cross join lateral (
                 select change, expires_at from edge_feed
                 where key = entry.key and sequence < entry.sequence order by sequence desc limit 1) earlier
               where entry.sequence > $1 and entry.key like 'agent/%'
                 and earlier.change ->> 'type' = 'agentLimited' and earlier.expires_at > $2
               order by entry.sequence limit 1"#,
            after,
            now
        )
        .fetch_optional(&mut *tx)
        .await?;
        let Some(next) = next else { return Ok(()) };
        after = next.sequence;
        let read = |change| serde_json::from_value::<Change>(change).ok();
        // What this build cannot read is not its to change.
        let (Some(change), Some(earlier)) = (read(next.change), read(next.earlier)) else { continue };
        let Some(change) = limited_as(change, &earlier) else { continue };
        let change = serde_json::to_value(&change).map_err(|error| sqlx::Error::Encode(error.into()))?;
        sqlx::query!("update edge_feed set change = $2 where sequence = $1", next.sequence, change)
            .execute(&mut *tx)
            .await?;
    }
}

/// `change` with the limit of `earlier` besides its own.
fn limited_as(change: Change, earlier: &Change) -> Option<Change> {
    let Change::AgentLimited { limit: earlier, .. } = earlier else { return None };
    match change {
        Change::Agent { agent_id, exception } => {
            Some(Change::AgentLimited { agent_id, exception, limit: earlier.clone() })
        }
        Change::AgentLimited { agent_id, exception, limit } => {
            Some(Change::AgentLimited { agent_id, exception, limit: earlier.tightened(&limit) })
        }
        _ => None,
    }
}
