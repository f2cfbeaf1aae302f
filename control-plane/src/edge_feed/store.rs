//! SQL of the edge feed. It speaks of all organizations at once; only the control plane itself and its edges read it.

use agentidp_shared::feed::{Change, Envelope, Subject};
use agentidp_shared::ids::OrganizationId;
use sqlx::PgConnection;
use time::OffsetDateTime;

use crate::infra::clock::from_unix_seconds;
use crate::infra::db;

/// The one sequencer of the deployment ("feed" in ASCII).
pub(super) const SEQUENCER_LOCK: i64 = 0x6665_6564;
/// Entries numbered in one transaction.
const BATCH: i64 = 1_000;
/// Superseded entries are kept this long for edges that follow by long poll; later ones take a snapshot.
const RETENTION: time::Duration = time::Duration::hours(1);
/// Twice the leeway of verification: how long after its expiry an exception still belongs in a snapshot.
const CLOCK_DIFFERENCE: time::Duration = time::Duration::seconds(20);

pub(super) struct Sequenced {
    pub sequence: u64,
    pub change: Change,
}

pub(super) async fn head(tx: &mut PgConnection) -> Result<u64, sqlx::Error> {
    let head = sqlx::query_scalar!(r#"select coalesce(max(sequence), 0) as "head!" from edge_feed"#)
        .fetch_one(tx)
        .await?;
    unsigned(head)
}

/// Appends to the pending entries; numbered after commit. The notification is delivered at commit too.
///
/// In a tenant's transaction the entry is its organization's, and the database refuses any that concerns another.
pub(super) async fn append_pending(tx: &mut PgConnection, change: &Change) -> Result<(), sqlx::Error> {
    let json = serde_json::to_value(change).map_err(|error| sqlx::Error::Encode(error.into()))?;
    let subjects: Vec<String> = change.subjects().iter().map(ToString::to_string).collect();
    sqlx::query!(
        "with appended as (insert into edge_feed_pending (key, change, expires_at, subjects) values ($1, $2, $3, $4))
         select pg_notify('agentidp_edge_feed', '')",
        change.key(),
        json,
        change.expires_at().map(from_unix_seconds),
        &subjects
    )
    .fetch_one(tx)
    .await
    .map(|_| ())
}

/// The last change with `key`, numbered or not.
pub(super) async fn latest(
    tx: &mut PgConnection,
    key: &str,
) -> Result<Option<serde_json::Value>, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select change as "change!" from (
             select change, 1 as pending, id as position from edge_feed_pending where key = $1
             union all select change, 0, sequence from edge_feed where key = $1) entries
           order by pending desc, position desc limit 1"#,
        key
    )
    .fetch_optional(tx)
    .await
}

/// The tiers of organizations that no change has told of, where they are not the free one.
pub(super) async fn unpublished_tiers(tx: &mut PgConnection) -> Result<Vec<Change>, sqlx::Error> {
    sqlx::query!(
        "select id, tier from organizations
         where tier <> 'free'
           and not exists (select 1 from edge_feed where key = 'tier/' || organizations.id)
           and not exists (select 1 from edge_feed_pending where key = 'tier/' || organizations.id)"
    )
    .fetch_all(tx)
    .await?
    .into_iter()
    .map(|row| {
        Ok(Change::Tier { organization_id: OrganizationId::new(row.id), tier: db::decode(&row.tier)? })
    })
    .collect()
}

/// Waits for the sequencer's lock.
pub(super) async fn lock(tx: &mut PgConnection) -> Result<(), sqlx::Error> {
    sqlx::query!("select pg_advisory_xact_lock($1)", SEQUENCER_LOCK).fetch_one(tx).await.map(|_| ())
}

/// Numbers committed entries after the last; returns how many there were. Needs the lock.
pub(super) async fn number_pending(tx: &mut PgConnection, now: OffsetDateTime) -> Result<u64, sqlx::Error> {
    let before = head(&mut *tx).await?;
    let moved = sqlx::query!(
        "with taken as (
           delete from edge_feed_pending where id in (select id from edge_feed_pending order by id limit $1)
           returning id, key, change, expires_at, subjects, ignorable)
         insert into edge_feed (sequence, key, change, expires_at, subjects, ignorable, sequenced_at)
         select (select coalesce(max(sequence), 0) from edge_feed) + row_number() over (order by id), key, change, expires_at,
           subjects, ignorable, $2
         from taken",
        BATCH,
        now
    )
    .execute(&mut *tx)
    .await?
    .rows_affected();
    if moved > 0 {
        super::limits::carry_over(&mut *tx, before, now).await?;
        sqlx::query!("select pg_notify('agentidp_edge_feed', '')").fetch_one(tx).await?;
    }
    Ok(moved)
}

/// Everything that matters at the feed's head, and where the head is. One statement, so one moment.
///
/// A revocation expires with its token, but the token is taken for as long as clocks may differ after that; so is this.
pub(super) async fn snapshot(
    tx: &mut PgConnection,
    now: OffsetDateTime,
) -> Result<(u64, Vec<Change>), sqlx::Error> {
    let rows = sqlx::query!(
        r#"select key as "key?", change as "change?", expires_at, subjects as "subjects?", ignorable as "ignorable?", head as "head!"
           from (select coalesce(max(sequence), 0) as head from edge_feed) newest
           left join (select distinct on (key) key, change, expires_at, subjects, ignorable from edge_feed order by key, sequence desc) entries
             on entries.expires_at is null or entries.expires_at > $1"#,
        now - CLOCK_DIFFERENCE
    )
    .fetch_all(tx)
    .await?;
    let head = unsigned(rows.first().map_or(0, |row| row.head))?;
    let changes = rows.into_iter().filter_map(|row| {
        let (key, change, subjects) = (row.key?, row.change?, row.subjects?);
        Some(decode(key, change, row.expires_at, &subjects, row.ignorable?))
    });
    Ok((head, changes.collect()))
}

/// What concerns every token, by key: the first page of a snapshot has it.
const FOR_ALL: [&str; 4] = ["keys", "issuer", "policy", "rate-limits"];
/// Where the keys of revoked tokens begin: from there on a page has more of them, since each takes little of it.
const TOKENS: &str = "token/";
const TOKENS_IN_A_PAGE: i64 = 16_000;
const OTHERS_IN_A_PAGE: i64 = 2_000;

/// A page of a snapshot as it was read.
pub(super) struct PageRows {
    pub head: u64,
    /// What concerns every token, on the first page.
    pub for_all: Vec<Change>,
    /// In order of their keys, each with the change if it still matters.
    pub entries: Vec<(String, Option<Change>)>,
    /// Whether there are keys after these.
    pub goes_on: bool,
}

/// Everything that matters of the keys after `after`, or of the first ones, up to what is stored in `bytes`; read at the head that it
/// comes with.
pub(super) async fn page(
    tx: &mut PgConnection,
    after: Option<&str>,
    bytes: i64,
    now: OffsetDateTime,
) -> Result<PageRows, sqlx::Error> {
    // In the order of the index, whatever the planner believes: a feed that has just grown may look small to it. To compile the
    // query would take several times as long as it does.
    sqlx::query!(
        "select set_config(name, 'off', true) from unnest('{enable_seqscan, enable_sort, jit}'::text[]) name"
    )
    .fetch_all(&mut *tx)
    .await?;
    let after = after.unwrap_or_default();
    let for_all = FOR_ALL.map(str::to_owned);
    let most = if after.starts_with(TOKENS) { TOKENS_IN_A_PAGE } else { OTHERS_IN_A_PAGE };
    let rows =
        sqlx::query_file!("src/edge_feed/page.sql", after, &for_all[..], most, bytes, now - CLOCK_DIFFERENCE)
            .fetch_all(tx)
            .await?;
    let first = rows.first();
    let head = unsigned(first.map_or(0, |row| row.head))?;
    let mut page =
        PageRows { head, for_all: vec![], entries: vec![], goes_on: first.is_some_and(|row| row.goes_on) };
    for row in rows {
        let (Some(key), Some(subjects), Some(ignorable)) = (row.key, row.subjects, row.ignorable) else {
            continue;
        };
        let change =
            row.change.map(|change| decode(key.clone(), change, row.expires_at, &subjects, ignorable));
        if FOR_ALL.contains(&&*key) {
            page.for_all.extend(change);
        } else {
            page.entries.push((key, change));
        }
    }
    page.entries.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
    Ok(page)
}

/// Whether every change after sequence `after` is still here, so that an edge which holds it can go on. What an hour ago was not there
/// is not asked any further: no edge takes that long.
pub(super) async fn keeps_all_since(
    tx: &mut PgConnection,
    after: u64,
    now: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    let Ok(next) = i64::try_from(after.saturating_add(1)) else { return Ok(false) };
    sqlx::query_scalar!(
        r#"select coalesce(head + 1 = $1 or (select sequenced_at >= $2 from edge_feed where sequence = $1), false) as "kept!"
           from (select coalesce(max(sequence), 0) as head from edge_feed) newest"#,
        next,
        now - RETENTION
    )
    .fetch_one(tx)
    .await
}

/// Up to `limit` changes after sequence `after`, in order.
pub(super) async fn changes_after(
    tx: &mut PgConnection,
    after: u64,
    limit: i64,
) -> Result<Vec<Sequenced>, sqlx::Error> {
    sqlx::query!(
        "select sequence, key, change, expires_at, subjects, ignorable from edge_feed where sequence > $1 order by sequence limit $2",
        i64::try_from(after).unwrap_or(i64::MAX),
        limit
    )
    .fetch_all(tx)
    .await?
    .into_iter()
    .map(|row| {
        let change = decode(row.key, row.change, row.expires_at, &row.subjects, row.ignorable);
        Ok(Sequenced { sequence: unsigned(row.sequence)?, change })
    })
    .collect()
}

pub(super) async fn purge_superseded(tx: &mut PgConnection, now: OffsetDateTime) -> Result<(), sqlx::Error> {
    // Locked, so that the head is not moving; the newest row always stays, or sequence numbers would begin again.
    lock(&mut *tx).await?;
    sqlx::query!(
        "delete from edge_feed entry where sequenced_at < $1 and sequence < (select max(sequence) from edge_feed)
           and (expires_at < $1 or exists (select from edge_feed later where later.key = entry.key and later.sequence > entry.sequence))",
        now - RETENTION
    )
    .execute(tx)
    .await
    .map(|_| ())
}

/// What an edge says of itself.
pub(super) struct Noted<'a> {
    pub node: &'a str,
    pub version: &'a str,
    /// What it announced.
    pub wire_versions: Option<String>,
    /// What it holds.
    pub sequence: u64,
}

/// Notes what a node holds; returns what it held before, if it was known.
pub(super) async fn acknowledge(
    tx: &mut PgConnection,
    noted: Noted<'_>,
    now: OffsetDateTime,
) -> Result<Option<u64>, sqlx::Error> {
    let before = sqlx::query_scalar!(
        r#"with known as (select acknowledged_sequence from edge_nodes where id = $1)
           insert into edge_nodes (id, version, acknowledged_sequence, last_seen_at, wire_versions) values ($1, $2, $3, $4, $5)
           on conflict (id) do update
             set version = $2, acknowledged_sequence = $3, last_seen_at = $4, wire_versions = $5
           returning (select acknowledged_sequence from known) as before"#,
        noted.node,
        noted.version,
        i64::try_from(noted.sequence).unwrap_or(i64::MAX),
        now,
        noted.wire_versions
    )
    .fetch_one(tx)
    .await?;
    before.map(unsigned).transpose()
}

/// When the revocations and suspensions numbered `after + 1 ..= to` were numbered.
pub(super) async fn exceptions_between(
    tx: &mut PgConnection,
    after: u64,
    to: u64,
) -> Result<Vec<OffsetDateTime>, sqlx::Error> {
    sqlx::query_scalar!(
        "select sequenced_at from edge_feed where sequence > $1 and sequence <= $2 and expires_at is not null
         order by sequence limit 1000",
        i64::try_from(after).unwrap_or(i64::MAX),
        i64::try_from(to).unwrap_or(i64::MAX)
    )
    .fetch_all(tx)
    .await
}

/// Whether the key `kid` has been numbered, and every edge seen since `seen_since` holds a sequence that contains it.
pub(super) async fn key_is_everywhere(
    tx: &mut PgConnection,
    kid: &str,
    seen_since: OffsetDateTime,
) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar!(
        r#"select coalesce((
             select not exists (select from edge_nodes where last_seen_at >= $2 and acknowledged_sequence < published.sequence)
             from (select min(sequence) as sequence from edge_feed
                   where key = 'keys' and change #> '{jwks,keys}' @> jsonb_build_array(jsonb_build_object('kid', $1::text))) published
             where published.sequence is not null), false) as "everywhere!""#,
        kid,
        seen_since
    )
    .fetch_one(tx)
    .await
}

pub(super) struct NodeLag {
    pub node: String,
    pub waiting_since: Option<OffsetDateTime>,
}

/// For each edge seen since `seen_since`: when the first change it does not hold was numbered.
pub(super) async fn lags(
    tx: &mut PgConnection,
    seen_since: OffsetDateTime,
) -> Result<Vec<NodeLag>, sqlx::Error> {
    sqlx::query_as!(
        NodeLag,
        r#"select id as node, (select min(sequenced_at) from edge_feed where sequence > acknowledged_sequence) as waiting_since
           from edge_nodes where last_seen_at >= $1"#,
        seen_since
    )
    .fetch_all(tx)
    .await
}

/// An edge as it was last heard of.
pub(super) struct NodeRow {
    pub id: String,
    pub version: String,
    pub wire_versions: Option<String>,
    pub acknowledged_sequence: i64,
    pub last_seen_at: OffsetDateTime,
    /// When the first change it does not hold was numbered.
    pub waiting_since: Option<OffsetDateTime>,
}

/// Every edge that was ever heard of, by name.
pub(super) async fn nodes(tx: &mut PgConnection) -> Result<Vec<NodeRow>, sqlx::Error> {
    sqlx::query_as!(
        NodeRow,
        r#"select id, version, wire_versions, acknowledged_sequence, last_seen_at,
             (select min(sequenced_at) from edge_feed where sequence > acknowledged_sequence) as waiting_since
           from edge_nodes order by id limit 1000"#
    )
    .fetch_all(tx)
    .await
}

/// Reads a change as far as this build can: a newer one may have written it.
fn decode(
    key: String,
    change: serde_json::Value,
    expires_at: Option<OffsetDateTime>,
    subjects: &[String],
    ignorable: bool,
) -> Change {
    let expires_at = expires_at.map(|at| u64::try_from(at.unix_timestamp()).unwrap_or_default());
    let subjects = subjects.iter().map(|subject| Subject::read(subject)).collect();
    Envelope { key, subjects, ignorable, expires_at, change }.open()
}

pub(super) fn unsigned(sequence: i64) -> Result<u64, sqlx::Error> {
    u64::try_from(sequence).map_err(|error| sqlx::Error::Decode(error.into()))
}
