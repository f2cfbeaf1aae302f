//! Pages of lists: by cursor, which stays in place while rows come and go, or by number, which reaches only so deep.

use agentidp_shared::strict::{decode_base64url, encode_base64url};
use time::OffsetDateTime;
use time::macros::datetime;
use uuid::Uuid;

use super::fields::{Fields, FromFields};

const DEFAULT_LIMIT: u64 = 20;
const MAX_LIMIT: u64 = 100;
/// Rows that a numbered page may lie behind: the database reads and drops all of them, again for each page.
const MAX_DEPTH: u64 = 10_000;
/// A number beyond this is a mistake; one below it is told how to go on.
const MAX_PAGE: u64 = 1_000_000;
/// `total` stops here, so that counting costs no more the more there is.
pub const MAX_COUNTED: i64 = 100_000;

/// The first byte of a cursor: how the rest is written.
const CURSOR_VERSION: u8 = 1;

/// The lists, by the byte that their cursors carry: one list takes no cursor of another. Never given to another list.
pub mod list {
    pub const AUDIT_EVENTS: u8 = 1;
    pub const AGENTS: u8 = 2;
    pub const CREDENTIALS: u8 = 3;
    pub const ORGANIZATIONS: u8 = 4;
    pub const MEMBERS: u8 = 5;
    pub const TRUST_POLICIES: u8 = 6;
    pub const PARTNERS: u8 = 7;
    pub const GRANTS: u8 = 8;
    pub const RESOURCES: u8 = 9;
}

/// The sort key of a row: every list is in the order of time, and of ids within one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SortKey {
    pub at: OffsetDateTime,
    pub id: Uuid,
}

impl SortKey {
    /// After every row.
    const LAST: Self = Self { at: datetime!(9999-12-31 23:59:59 UTC), id: Uuid::max() };
    /// Before every row.
    const FIRST: Self = Self { at: datetime!(0001-01-01 0:00 UTC), id: Uuid::nil() };

    fn to_bytes(self) -> Vec<u8> {
        let microseconds = i64::try_from(self.at.unix_timestamp_nanos() / 1_000).unwrap_or(i64::MAX);
        [&microseconds.to_be_bytes()[..], self.id.as_bytes()].concat()
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (microseconds, id) = bytes.split_first_chunk::<8>()?;
        let nanoseconds = i128::from(i64::from_be_bytes(*microseconds)) * 1_000;
        let at = OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).ok()?;
        // What PostgreSQL cannot hold is no row's time.
        (at >= Self::FIRST.at).then_some(Self { at, id: Uuid::from_slice(id).ok()? })
    }

    /// The cursor of `list` for what comes after this row.
    fn to_cursor(self, list: u8) -> String {
        encode_base64url(&[&[CURSOR_VERSION, list][..], &self.to_bytes()].concat())
    }

    fn from_cursor(text: &str, list: u8) -> Option<Self> {
        let bytes = decode_base64url(text).ok()?;
        match bytes.split_first_chunk::<2>() {
            Some(([CURSOR_VERSION, of], key)) if key.len() == 24 => {
                (*of == list).then(|| Self::from_bytes(key)).flatten()
            }
            // Version 0.1.0 gave out cursors of the audit log alone, without version and list.
            _ if list == list::AUDIT_EVENTS => Self::from_bytes(&bytes),
            _ => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Start {
    /// A page by its number, from 1.
    Page(u64),
    After(SortKey),
}

/// Where a page of a list begins, and how much it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    list: u8,
    start: Start,
    /// 1 to 100.
    limit: u64,
}

/// The parameters, as the OpenAPI document shows them.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters; `Page` reads them")]
pub struct PageParameters {
    /// From 1. Numbered pages reach 10,000 rows deep; further on, use `cursor`.
    #[param(minimum = 1, maximum = 10_000)]
    page: Option<u64>,
    /// 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u64>,
    /// The `nextCursor` of the page before; instead of `page`. The answer has no `total` then.
    #[param(max_length = 64)]
    cursor: Option<String>,
}

/// The parameters of `LIST`, one of [`list`], which takes no others.
#[derive(Debug)]
pub struct PageOf<const LIST: u8>(pub Page);

impl<const LIST: u8> FromFields for PageOf<LIST> {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self(Page::read(fields, LIST)))
    }
}

impl Page {
    /// Reads `page`, `limit` and `cursor` for `list`, one of [`list`].
    pub fn read(fields: &mut Fields, list: u8) -> Self {
        if fields.has("cursor") && fields.has("page") {
            fields.error("cursor", "goes on from a place of its own: use it without `page`");
        }
        let page = fields.optional_u64("page", 1..=MAX_PAGE).unwrap_or(1);
        let limit = fields.optional_u64("limit", 1..=MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
        if page.saturating_mul(limit) > MAX_DEPTH {
            let reason = format!(
                "ends more than {MAX_DEPTH} rows deep; use `cursor` with the `nextCursor` of the page before"
            );
            fields.error("page", reason);
        }
        let cursor = fields.optional_string("cursor", 1..=64).and_then(|text| {
            let key = SortKey::from_cursor(&text, list);
            if key.is_none() {
                fields.error("cursor", "must be the `nextCursor` of an earlier answer of this list");
            }
            key
        });
        Self { list, start: cursor.map_or(Start::Page(page), Start::After), limit }
    }

    /// The rows of a list, newest first, begin below this key.
    pub fn below(&self) -> SortKey {
        match self.start {
            Start::Page(_) => SortKey::LAST,
            Start::After(key) => key,
        }
    }

    /// The rows of a list, oldest first, begin above this key.
    pub fn above(&self) -> SortKey {
        match self.start {
            Start::Page(_) => SortKey::FIRST,
            Start::After(key) => key,
        }
    }

    /// Rows to skip after that.
    pub fn offset(&self) -> i64 {
        match self.start {
            Start::Page(page) => {
                i64::try_from(page.saturating_sub(1).saturating_mul(self.limit)).unwrap_or(i64::MAX)
            }
            Start::After(_) => 0,
        }
    }

    /// Rows to fetch: one more than the page holds, which tells whether there is another page.
    pub fn fetched(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX).saturating_add(1)
    }

    /// Whether the answer says how many rows there are on all pages.
    pub fn is_counted(&self) -> bool {
        matches!(self.start, Start::Page(_))
    }

    /// The answer, of the rows that were fetched; `key` is a row's sort key.
    pub fn of<T>(self, mut fetched: Vec<T>, total: Option<i64>, key: impl Fn(&T) -> SortKey) -> Paginated<T> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let has_more = fetched.len() > limit;
        fetched.truncate(limit);
        let last = fetched.last().filter(|_| has_more);
        let next_cursor = last.map(|row| key(row).to_cursor(self.list));
        let page = match self.start {
            Start::Page(page) => Some(page),
            Start::After(_) => None,
        };
        let total = total.and_then(|total| u64::try_from(total).ok());
        Paginated { data: fetched, total, page, limit: self.limit, next_cursor }
    }
}

/// One page of a list.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
#[serde(rename_all = "camelCase")]
pub struct Paginated<T> {
    pub data: Vec<T>,
    /// How many match on all pages, counted up to 100,000. Absent when a cursor was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Absent when a cursor was given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub page: Option<u64>,
    pub limit: u64,
    /// For the next page; `null` on the last.
    pub next_cursor: Option<String>,
}

#[cfg(test)]
mod tests {
    use serde_json::{Map, Value};

    use super::*;
    use crate::infra::clock::from_unix_seconds;

    const KEY: SortKey = SortKey { at: datetime!(2030-01-15 12:00:00.000001 UTC), id: Uuid::from_u128(7) };

    fn read(query: &[(&str, &str)]) -> Result<Page, String> {
        let members: Map<String, Value> =
            query.iter().map(|(name, value)| ((*name).to_owned(), Value::from(*value))).collect();
        let page = Fields::of_query(members).read::<PageOf<{ list::AGENTS }>>();
        page.map(|PageOf(page)| page).map_err(|error| format!("{error:?}"))
    }

    #[test]
    fn a_cursor_goes_on_after_the_last_row_of_its_page() {
        let rows = |count: u128| (0..count).map(|id| SortKey { id: Uuid::from_u128(id), ..KEY }).collect();
        let first = read(&[("limit", "2")]).unwrap().of(rows(3), Some(9), |row| *row);
        assert_eq!((first.data.len(), first.total, first.page), (2, Some(9), Some(1)));
        let next = read(&[("limit", "2"), ("cursor", &first.next_cursor.unwrap())]).unwrap();
        assert_eq!((next.below(), next.above(), next.offset()), (first.data[1], first.data[1], 0));
        let last = next.of(rows(2), None, |row| *row);
        assert_eq!((last.data.len(), last.total, last.page, last.next_cursor), (2, None, None, None));
    }

    #[test]
    fn a_cursor_of_another_list_or_of_nobody_is_refused_under_its_name() {
        let foreign = KEY.to_cursor(list::MEMBERS);
        let old = encode_base64url(&KEY.to_bytes());
        let long = format!("{}AA", KEY.to_cursor(list::AGENTS));
        let wild = encode_base64url(&[&[CURSOR_VERSION, list::AGENTS][..], &[0xff; 24]].concat());
        let ancient = SortKey { at: from_unix_seconds(0) - time::Duration::days(2_000_000), ..KEY };
        let ancient = ancient.to_cursor(list::AGENTS);
        for cursor in ["AAAA", "not base64", &foreign, &old, &long, &ancient] {
            let refused = read(&[("cursor", cursor)]).unwrap_err();
            assert!(refused.contains("\"field\": String(\"cursor\")"), "{cursor}: {refused}");
        }
        // Of our form, whatever it says: a place in one's own list, and nothing more.
        assert!(read(&[("cursor", &wild)]).is_ok());
        assert!(read(&[("cursor", &KEY.to_cursor(list::AGENTS)), ("page", "1")]).is_err());
        assert_eq!(SortKey::from_cursor(&old, list::AUDIT_EVENTS), Some(KEY), "as version 0.1.0 gave it out");
    }

    #[test]
    fn exhaustion_attack_pages_by_number_reach_only_so_deep() {
        assert_eq!(read(&[("page", "500")]).unwrap().offset(), 9_980);
        assert_eq!(read(&[("page", "100"), ("limit", "100")]).unwrap().offset(), 9_900);
        for query in [&[("page", "501")][..], &[("page", "101"), ("limit", "100")], &[("page", "10001")]] {
            let refused = read(query).unwrap_err();
            assert!(refused.contains("\"field\": String(\"page\")"), "{refused}");
        }
        assert!(read(&[("page", "501")]).unwrap_err().contains("cursor"));
    }
}
