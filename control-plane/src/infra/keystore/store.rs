//! SQL of the keystore. Names of tables and columns come from [`SEALED_COLUMNS`], a constant.

use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use time::OffsetDateTime;

use super::Sealed;
use super::place::{SEALED_COLUMNS, SealedColumn};

/// Held while the keystore's row is made or moved ("keystore" in ASCII).
const LOCK: i64 = 0x6b65_7973_746f_7265;

/// The keystore's own row.
pub(super) struct Kept {
    pub check: Sealed,
    pub hmac_key_id: String,
    pub hmac_check: Vec<u8>,
    /// `None` if it is kept in Vault.
    pub hmac_root: Option<Sealed>,
}

/// How many values one key seals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyUse {
    pub column: &'static SealedColumn,
    pub key_id: String,
    pub rows: u64,
}

/// A sealed value, for sealing it anew. Its row is locked.
#[derive(Debug)]
pub struct SealedRow {
    /// Where it is on disk, as long as the row is locked.
    position: String,
    /// What its place is made of.
    pub row: String,
    pub ciphertext: Vec<u8>,
}

pub(super) async fn lock(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock($1)", LOCK).fetch_one(tx).await.map(|_| ())
}

pub(super) async fn kept(tx: &mut PgConnection) -> Result<Option<Kept>, sqlx::Error> {
    let row = sqlx::query!(
        "select check_ciphertext, check_key_id, hmac_key_id, hmac_check, hmac_ciphertext, hmac_wrapping_key_id from keystore"
    )
    .fetch_optional(tx)
    .await?;
    Ok(row.map(|row| Kept {
        check: Sealed { ciphertext: row.check_ciphertext, key_id: row.check_key_id },
        hmac_key_id: row.hmac_key_id,
        hmac_check: row.hmac_check,
        hmac_root: row
            .hmac_ciphertext
            .zip(row.hmac_wrapping_key_id)
            .map(|(ciphertext, key_id)| Sealed { ciphertext, key_id }),
    }))
}

pub(super) async fn keep(tx: &mut PgConnection, kept: &Kept, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    sqlx::query!(
        "insert into keystore (check_ciphertext, check_key_id, hmac_key_id, hmac_check, hmac_ciphertext, hmac_wrapping_key_id, created_at)
         values ($1, $2, $3, $4, $5, $6, $7)",
        kept.check.ciphertext,
        kept.check.key_id,
        kept.hmac_key_id,
        kept.hmac_check,
        kept.hmac_root.as_ref().map(|sealed| sealed.ciphertext.as_slice()),
        kept.hmac_root.as_ref().map(|sealed| sealed.key_id.as_str()),
        now
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// The root of the HMACs is kept in Vault from now on.
pub(super) async fn forget_hmac_root(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("update keystore set hmac_ciphertext = null, hmac_wrapping_key_id = null")
        .execute(tx)
        .await
        .map(|_| ())
}

/// The key that an instance of the first version, which had no row of its own, made its HMACs under. `None` if it made none.
pub(super) async fn first_hmac_key(tx: &mut PgConnection) -> Result<Option<String>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce(
             (select hmac_key_id from credentials where hmac_key_id is not null order by created_at, id limit 1),
             (select wrapping_key_id from signing_keys where exists (select from audit_checkpoints) order by created_at limit 1))"#
    )
    .fetch_one(tx)
    .await
}

/// The keys that some value is sealed under, in each column. Steps from one id to the next by the column's index, however many
/// rows there are.
pub async fn keys_in_use(tx: &mut PgConnection) -> Result<Vec<(&'static SealedColumn, String)>, sqlx::Error> {
    let mut found = Vec::new();
    for column in SEALED_COLUMNS {
        let SealedColumn { table, column: ciphertext, key_column, .. } = column;
        let from = format!("from {table} where {ciphertext} <> ''");
        let query = format!(
            "with recursive used (id) as (
               (select {key_column} {from} order by 1 limit 1)
               union all
               select (select {key_column} {from} and {key_column} > used.id order by 1 limit 1) from used where used.id is not null)
             select id from used where id is not null"
        );
        let ids: Vec<String> = sqlx::query_scalar(AssertSqlSafe(query)).fetch_all(&mut *tx).await?;
        found.extend(ids.into_iter().map(|id| (column, id)));
    }
    Ok(found)
}

/// How many values each key seals, in each column.
pub async fn count_by_key(tx: &mut PgConnection) -> Result<Vec<KeyUse>, sqlx::Error> {
    let mut uses = Vec::new();
    for column in SEALED_COLUMNS {
        let SealedColumn { table, column: ciphertext, key_column, .. } = column;
        let query = format!(
            "select {key_column} as key_id, count(*) as rows from {table} where {ciphertext} <> '' group by 1 order by 1"
        );
        for row in sqlx::query(AssertSqlSafe(query)).fetch_all(&mut *tx).await? {
            let rows: i64 = row.try_get("rows")?;
            uses.push(KeyUse {
                column,
                key_id: row.try_get("key_id")?,
                rows: u64::try_from(rows).unwrap_or(0),
            });
        }
    }
    Ok(uses)
}

/// Up to `limit` values of `column` under `key_id`, locked. Rows that others hold and those of `except` are left for later.
pub async fn take_sealed(
    tx: &mut PgConnection,
    column: &SealedColumn,
    key_id: &str,
    except: &[String],
    limit: i64,
) -> Result<Vec<SealedRow>, sqlx::Error> {
    let SealedColumn { table, column: ciphertext, key_column, row, .. } = column;
    let query = format!(
        "select ctid::text as position, {row} as row, {ciphertext} as ciphertext from {table}
         where {key_column} = $1 and {ciphertext} <> '' and not ({row} = any($2)) limit $3 for update skip locked"
    );
    // By the index alone: a scan of the table would pass everything that was moved, batch after batch.
    sqlx::query!(
        "select set_config('enable_seqscan', 'off', true) as a, set_config('enable_bitmapscan', 'off', true) as b"
    )
    .fetch_one(&mut *tx)
    .await?;
    let query = sqlx::query(AssertSqlSafe(query)).bind(key_id).bind(except).bind(limit);
    let rows = query.fetch_all(tx).await?;
    let read = |row: sqlx::postgres::PgRow| {
        Ok(SealedRow {
            position: row.try_get("position")?,
            row: row.try_get("row")?,
            ciphertext: row.try_get("ciphertext")?,
        })
    };
    rows.into_iter().map(read).collect()
}

/// Whether [`take_sealed`] has anything to take yet, now or when others let go of it.
pub async fn is_left(
    tx: &mut PgConnection,
    column: &SealedColumn,
    key_id: &str,
    except: &[String],
) -> Result<bool, sqlx::Error> {
    let SealedColumn { table, column: ciphertext, key_column, row, .. } = column;
    let query = format!(
        "select exists (select from {table} where {key_column} = $1 and {ciphertext} <> '' and not ({row} = any($2)))"
    );
    sqlx::query_scalar(AssertSqlSafe(query)).bind(key_id).bind(except).fetch_one(tx).await
}

/// Replaces what [`take_sealed`] gave in the same transaction.
pub async fn replace_sealed(
    tx: &mut PgConnection,
    column: &SealedColumn,
    replaced: &[(SealedRow, Sealed)],
) -> Result<(), sqlx::Error> {
    let SealedColumn { table, column: ciphertext, key_column, .. } = column;
    let query = format!("update {table} set {ciphertext} = $2, {key_column} = $3 where ctid = $1::text::tid");
    for (row, sealed) in replaced {
        let query = sqlx::query(AssertSqlSafe(query.as_str()))
            .bind(&row.position)
            .bind(&sealed.ciphertext)
            .bind(&sealed.key_id);
        query.execute(&mut *tx).await?;
    }
    Ok(())
}

/// How many values of `column` are shorter than `overhead` bytes, or name none of the keys `held`.
pub(super) async fn count_not_sealed(
    tx: &mut PgConnection,
    column: &SealedColumn,
    held: &[String],
    overhead: usize,
) -> Result<u64, sqlx::Error> {
    let SealedColumn { table, column: ciphertext, key_column, .. } = column;
    let query = format!(
        "select count(*) from {table} where {ciphertext} <> ''
           and (length({ciphertext}) < $1 or {key_column} is null or {key_column} <> all($2))"
    );
    let overhead = i64::try_from(overhead).unwrap_or(i64::MAX);
    let count: i64 = sqlx::query_scalar(AssertSqlSafe(query)).bind(overhead).bind(held).fetch_one(tx).await?;
    Ok(u64::try_from(count).unwrap_or(0))
}

/// A sealed value and what its place is made of.
pub(super) struct Sample {
    pub row: String,
    pub sealed: Sealed,
}

/// Up to `limit` values of `column`, whichever come.
pub(super) async fn sample_sealed(
    tx: &mut PgConnection,
    column: &SealedColumn,
    limit: i64,
) -> Result<Vec<Sample>, sqlx::Error> {
    let SealedColumn { table, column: ciphertext, key_column, row, .. } = column;
    let query = format!(
        "select {row} as row, {ciphertext} as ciphertext, coalesce({key_column}, '') as key_id from {table}
         where {ciphertext} <> '' order by random() limit $1"
    );
    let rows = sqlx::query(AssertSqlSafe(query)).bind(limit).fetch_all(tx).await?;
    let read = |row: sqlx::postgres::PgRow| {
        let sealed = Sealed { ciphertext: row.try_get("ciphertext")?, key_id: row.try_get("key_id")? };
        Ok(Sample { row: row.try_get("row")?, sealed })
    };
    rows.into_iter().map(read).collect()
}
