//! What a new token may be for: what was asked, if the agent was granted it and its organization may have it.

use agentidp_shared::claims::Claims;
use agentidp_shared::ids::OrganizationId;
use agentidp_shared::scopes::ScopeSet;
use sqlx::PgConnection;

use super::model;
use super::oauth_error::OAuthError;
use crate::app::App;
use crate::resources::{self, Lacking};

/// The scopes and the audience that a token is asked for, of an agent that was granted these scopes.
#[derive(Debug)]
pub(super) struct Asked {
    pub scopes: ScopeSet,
    /// Whether the request names the scopes, and does not take what there is.
    names_scopes: bool,
    pub audience: String,
}

impl Asked {
    pub fn read(
        app: &App,
        scope: Option<&str>,
        resource: Option<&str>,
        granted: &ScopeSet,
    ) -> Result<Self, OAuthError> {
        let scopes = model::granted_scopes(scope, granted)?;
        let audience = model::audience(resource, &app.config.issuer)?;
        Ok(Self { scopes, names_scopes: scope.is_some(), audience })
    }

    /// Whether it is for the management API alone, which every organization may have.
    pub fn is_plain(&self, app: &App) -> bool {
        self.audience == app.config.issuer && resources::of_apis(&self.scopes).is_empty()
    }

    /// Asks the database what the organization may not have of it.
    pub async fn lacking(
        &self,
        tx: &mut PgConnection,
        app: &App,
        organization: OrganizationId,
    ) -> Result<Lacking, sqlx::Error> {
        resources::lacking(tx, app, organization, &self.scopes, &self.audience).await
    }

    /// Refuses what was named and may not be had. Of scopes that were not named, what may be had is given (RFC 6749 §3.3).
    pub fn without(self, lacking: &Lacking) -> Result<Self, OAuthError> {
        if self.names_scopes {
            refuse(lacking)?;
        } else if lacking.audience {
            return Err(not_allowed());
        }
        Ok(Self { scopes: self.scopes.difference(&lacking.scopes), ..self })
    }
}

/// Whether the token is for the management API alone, which every organization may have.
pub fn is_plain(app: &App, claims: &Claims) -> bool {
    resources::of_apis(&claims.scopes).is_empty() && claims.aud == [app.config.issuer.as_str()]
}

pub(super) fn refuse(lacking: &Lacking) -> Result<(), OAuthError> {
    if lacking.audience {
        return Err(not_allowed());
    }
    if !lacking.scopes.is_empty() {
        let description = format!("the platform does not let the organization have: {}", lacking.scopes);
        return Err(OAuthError::InvalidScope(description.into()));
    }
    Ok(())
}

fn not_allowed() -> OAuthError {
    OAuthError::InvalidTarget(
        "the platform does not let the organization have tokens for this resource".into(),
    )
}
