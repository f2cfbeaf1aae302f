//! Pages of lists.

use super::fields::{Fields, FromFields};

const DEFAULT_LIMIT: u64 = 20;
const MAX_LIMIT: u64 = 100;
/// Beyond this many pages a list wants filters, not pages.
const MAX_PAGE: u64 = 1_000_000;

/// `page` and `limit` of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub page: u64,
    /// 1 to 100.
    pub limit: u64,
}

/// The two parameters, as the OpenAPI document shows them.
#[derive(Debug, utoipa::IntoParams)]
#[into_params(parameter_in = Query)]
#[expect(dead_code, reason = "documents the parameters; `Page` reads them")]
pub struct PageParameters {
    /// From 1.
    #[param(minimum = 1, maximum = 1_000_000)]
    page: Option<u64>,
    /// 20 if absent.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<u64>,
}

impl FromFields for Page {
    fn from_fields(fields: &mut Fields) -> Option<Self> {
        Some(Self::read(fields))
    }
}

impl Page {
    pub fn read(fields: &mut Fields) -> Self {
        let page = fields.optional_u64("page", 1..=MAX_PAGE).unwrap_or(1);
        let limit = fields.optional_u64("limit", 1..=MAX_LIMIT).unwrap_or(DEFAULT_LIMIT);
        Self { page, limit }
    }

    pub fn offset(&self) -> i64 {
        i64::try_from((self.page - 1).saturating_mul(self.limit)).unwrap_or(i64::MAX)
    }

    pub fn limit(&self) -> i64 {
        i64::try_from(self.limit).unwrap_or(i64::MAX)
    }

    /// The answer for this page.
    pub fn of<T>(self, data: Vec<T>, total: i64) -> Paginated<T> {
        Paginated { data, total: u64::try_from(total).unwrap_or(0), page: self.page, limit: self.limit }
    }
}

/// One page of a list.
#[derive(Debug, serde::Serialize, utoipa::ToSchema)]
pub struct Paginated<T> {
    pub data: Vec<T>,
    /// How many there are on all pages.
    pub total: u64,
    pub page: u64,
    pub limit: u64,
}
