//! Where sealed secrets are: the one list of columns that hold ciphertext, and the places in them.

use std::fmt::Display;

/// A column of ciphertext. What stands in it is sealed for its own row and opens nowhere else.
///
/// An empty value is a secret that was forgotten. The names are SQL of our own making.
#[derive(Debug, PartialEq, Eq)]
pub struct SealedColumn {
    pub table: &'static str,
    pub column: &'static str,
    /// The column with the id of the envelope key.
    pub key_column: &'static str,
    /// What it is, in words.
    pub holds: &'static str,
    /// SQL that gives what [`SealedColumn::place`] is given for the row, as text.
    pub(super) row: &'static str,
    /// How the first version began the context that it sealed with; the row followed.
    first_context: Option<&'static str>,
}

pub static SIGNING_KEYS: SealedColumn = SealedColumn {
    table: "signing_keys",
    column: "private_key_ciphertext",
    key_column: "wrapping_key_id",
    holds: "private keys that tokens are signed with",
    row: "kid",
    first_context: Some("signing-key/"),
};

pub static DID_KEYS: SealedColumn = SealedColumn {
    table: "agent_did_keys",
    column: "private_key_ciphertext",
    key_column: "wrapping_key_id",
    holds: "private keys of agents' DIDs",
    row: "agent_id::text",
    first_context: Some("did-key/"),
};

pub static DOCUMENT_KEYS: SealedColumn = SealedColumn {
    table: "document_keys",
    column: "private_key_ciphertext",
    key_column: "wrapping_key_id",
    holds: "private keys that documents about agents are signed with",
    row: "kid",
    first_context: None,
};

pub static IDEMPOTENT_ANSWERS: SealedColumn = SealedColumn {
    table: "idempotency_keys",
    column: "response_ciphertext",
    key_column: "wrapping_key_id",
    holds: "answers to requests with an Idempotency-Key, for a day",
    row: "organization_id || '/' || agent_id || '/' || operation || '/' || key",
    first_context: Some("idempotency/"),
};

pub static CHECK: SealedColumn = SealedColumn {
    table: "keystore",
    column: "check_ciphertext",
    key_column: "check_key_id",
    holds: "the value that tells a wrong key at start",
    row: "'check'::text",
    first_context: None,
};

pub static HMAC_ROOT: SealedColumn = SealedColumn {
    table: "keystore",
    column: "hmac_ciphertext",
    key_column: "hmac_wrapping_key_id",
    holds: "the root of the HMACs, unless it is kept in Vault",
    row: "hmac_key_id",
    first_context: None,
};

/// Every column with ciphertext. A test compares this list with the database's schema.
pub static SEALED_COLUMNS: [&SealedColumn; 6] =
    [&CHECK, &HMAC_ROOT, &SIGNING_KEYS, &DID_KEYS, &DOCUMENT_KEYS, &IDEMPOTENT_ANSWERS];

impl SealedColumn {
    /// The place of one row. `row` names it alone in the table.
    pub fn place(&'static self, row: impl Display) -> Place {
        Place { column: self, row: row.to_string() }
    }
}

/// One value of a sealed column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    column: &'static SealedColumn,
    row: String,
}

impl Place {
    /// Additional authenticated data. No name of a table or column holds a NUL, so no two places have the same.
    pub(super) fn context(&self) -> String {
        format!("{}\0{}\0{}", self.column.table, self.column.column, self.row)
    }

    pub(super) fn first_context(&self) -> Option<String> {
        self.column.first_context.map(|beginning| format!("{beginning}{}", self.row))
    }
}

impl Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{} of {}", self.column.table, self.column.column, self.row)
    }
}
