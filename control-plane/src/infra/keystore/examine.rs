//! Looking at what is sealed: whether it is, under keys that are held, and whether it opens where it stands.

use sqlx::PgConnection;

use super::cipher::OVERHEAD;
use super::place::{Place, SEALED_COLUMNS, SealedColumn};
use super::{Keystore, store};

/// What was found in one column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Examined {
    pub column: &'static SealedColumn,
    /// Values that are too short to be sealed, or name no key that is held.
    pub not_sealed: u64,
    /// Values tried that opened.
    pub opened: u64,
    /// Values tried that did not.
    pub closed: Vec<Place>,
}

impl Keystore {
    /// Counts what is not sealed in every column, and opens up to `sample` values of each, chosen by chance.
    pub async fn examine(&self, tx: &mut PgConnection, sample: u32) -> Result<Vec<Examined>, sqlx::Error> {
        let held: Vec<String> = self.keys().iter().map(|key| key.id.to_string()).collect();
        let mut all = Vec::new();
        for column in SEALED_COLUMNS {
            let not_sealed = store::count_not_sealed(tx, column, &held, OVERHEAD).await?;
            let mut examined = Examined { column, not_sealed, opened: 0, closed: Vec::new() };
            for value in store::sample_sealed(tx, column, sample.into()).await? {
                let place = column.place(&value.row);
                match self.open(&value.sealed.ciphertext, &value.sealed.key_id, &place) {
                    Ok(_) => examined.opened += 1,
                    Err(_) => examined.closed.push(place),
                }
            }
            all.push(examined);
        }
        Ok(all)
    }
}
