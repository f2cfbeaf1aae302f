//! Whose turn it is: a check may take minutes and holds a connection to the database, so an organization has one at a time, and
//! all together leave most connections to other requests.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use agentidp_shared::ids::OrganizationId;
use axum::http::{StatusCode, header};

use crate::infra::http::error::ApiError;

/// Seconds after which it is worth asking again.
const RETRY_AFTER: u32 = 5;

#[derive(Debug)]
pub(super) struct Turns {
    most: usize,
    running: Arc<Mutex<BTreeSet<OrganizationId>>>,
}

impl Turns {
    /// A quarter of the connections, and one at least.
    pub(super) fn new(connections: u32) -> Self {
        let most = usize::try_from(connections / 4).unwrap_or(1).max(1);
        Self { most, running: Arc::default() }
    }

    /// The organization's turn, until what is returned is dropped.
    pub(super) fn begin(&self, organization: OrganizationId) -> Result<Turn, ApiError> {
        let mut running = self.running.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = if running.contains(&organization) {
            let message = "a check of this organization's audit log still runs; wait for it";
            Some((StatusCode::TOO_MANY_REQUESTS, "VERIFICATION_RUNNING", message))
        } else if running.len() >= self.most {
            let message = "as many checks run as there is room for; try again later";
            Some((StatusCode::SERVICE_UNAVAILABLE, "BUSY", message))
        } else {
            None
        };
        if let Some((status, code, message)) = refused {
            return Err(
                ApiError::new(status, code, message).header(header::RETRY_AFTER, RETRY_AFTER.to_string())
            );
        }
        running.insert(organization);
        Ok(Turn { organization, running: self.running.clone() })
    }
}

#[derive(Debug)]
pub(super) struct Turn {
    organization: OrganizationId,
    running: Arc<Mutex<BTreeSet<OrganizationId>>>,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.running.lock().unwrap_or_else(PoisonError::into_inner).remove(&self.organization);
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn exhaustion_attack_an_organization_has_one_turn_and_all_leave_room() {
        let turns = Turns::new(8);
        let of = |number| turns.begin(OrganizationId::new(Uuid::from_u128(number)));
        let first = of(1).unwrap();
        assert!(of(1).is_err());
        let _second = of(2).unwrap();
        assert!(of(3).is_err(), "two are a quarter of eight");
        drop(first);
        assert!(of(3).is_ok());
        assert!(Turns::new(2).begin(OrganizationId::new(Uuid::nil())).is_ok());
    }
}
