//! Registering an agent in the caller's transaction: its row, its key pair, its DID.

use agentidp_shared::ids::AgentId;
use sqlx::PgConnection;

use super::model::{Agent, NewAgent};
use super::store;
use crate::app::App;
use crate::infra::http::error::{ApiError, constraint_name};
use crate::keys::{self, KeyError};
use crate::tenancy::{self, LimitReached, NotAdmitted, Share};

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("an agent of this organization has this e-mail address")]
    EmailTaken,
    #[error(transparent)]
    Limit(#[from] LimitReached),
    #[error("no key pair could be made")]
    Key(#[from] KeyError),
    #[error(transparent)]
    Query(#[from] sqlx::Error),
}

impl From<RegisterError> for ApiError {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::EmailTaken => {
                Self::conflict("EMAIL_TAKEN", "an agent of this organization has this e-mail address")
            }
            RegisterError::Limit(reached) => reached.into(),
            RegisterError::Key(error) => Self::internal(error),
            RegisterError::Query(error) => error.into(),
        }
    }
}

/// Inserts the agent with a new DID key. The transaction must be the organization's, or the system's.
pub async fn register(tx: &mut PgConnection, app: &App, new: NewAgent) -> Result<Agent, RegisterError> {
    tenancy::admit(tx, &app.tiers, new.organization_id, Share::Agents, app.now()).await.map_err(|error| {
        match error {
            NotAdmitted::Reached(reached) => RegisterError::Limit(reached),
            NotAdmitted::Query(error) => RegisterError::Query(error),
        }
    })?;
    let id = AgentId::new(app.new_id());
    let (public_key, private_key) = keys::new_did_key(app, id)?;
    let inserted = store::insert(tx, id, &new, &public_key, app.now()).await;
    inserted.map_err(|error| match constraint_name(&error) {
        Some("agents_email_unique") => RegisterError::EmailTaken,
        _ => RegisterError::Query(error),
    })?;
    store::insert_did_key(tx, id, new.organization_id, &private_key).await?;
    let agent = store::find(tx, &app.config.issuer, new.organization_id, id).await?;
    agent.ok_or(RegisterError::Query(sqlx::Error::RowNotFound))
}
