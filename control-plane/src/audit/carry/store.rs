//! SQL of how far each place is.

use sqlx::PgConnection;
use time::OffsetDateTime;

/// The size of the largest head that is there; `None` if nothing is, or the place is another by now.
pub(super) async fn carried(
    tx: &mut PgConnection,
    destination: &str,
    target: &str,
) -> Result<Option<u64>, sqlx::Error> {
    let size = sqlx::query_scalar!(
        "select tree_size from audit_carried where destination = $1 and target = $2",
        destination,
        target
    )
    .fetch_optional(tx)
    .await?;
    Ok(size.map(i64::unsigned_abs))
}

/// Never back: two workers may have carried the same.
pub(super) async fn put(
    tx: &mut PgConnection,
    destination: &str,
    target: &str,
    tree_size: u64,
    now: OffsetDateTime,
) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into audit_carried (destination, target, tree_size, carried_at) values ($1, $2, $3, $4)
         on conflict (destination) do update set target = excluded.target, carried_at = excluded.carried_at,
           tree_size = case when audit_carried.target = excluded.target
             then greatest(audit_carried.tree_size, excluded.tree_size) else excluded.tree_size end",
        destination,
        target,
        i64::try_from(tree_size).unwrap_or(i64::MAX),
        now
    )
    .execute(tx)
    .await?;
    Ok(())
}

/// When the first head was signed that is not there; `None` if all are.
pub(super) async fn waiting_since(
    tx: &mut PgConnection,
    destination: &str,
    target: &str,
) -> Result<Option<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar!(
        "select created_at from audit_checkpoints
         where tree_size > coalesce((select tree_size from audit_carried where destination = $1 and target = $2),
           (select max(tree_size) - 1 from audit_checkpoints))
         order by tree_size limit 1",
        destination,
        target
    )
    .fetch_optional(tx)
    .await
}
