//! Writing down that tokens were issued, before they are given out: many by one commit. Whatever is issued while one commit is
//! under way is in the next, so the disk's pace limits how long a token takes, and not how many there are.

use std::sync::Arc;

use agentidp_shared::claims::Claims;
use agentidp_shared::delegation::Chain;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::store::Client;
use super::{allowed, issued_store};
use crate::app::App;
use crate::infra::gather::Round;
use crate::infra::http::client_info::ClientInfo;
use crate::resources::{self, Lacking};

/// Slots one organization's usage counter is spread over.
const USAGE_SLOTS: u8 = 16;

/// A token that is to be given out, and what its event says.
pub(super) struct Issued {
    pub claims: Claims,
    pub client: ClientInfo,
    /// Of the event.
    pub metadata: Value,
}

impl Issued {
    /// Issued to `client`, which asked for it.
    pub fn of(claims: &Claims, client: &Client, client_info: &ClientInfo) -> Self {
        let mut metadata = json!({
            "actorId": client.agent_id,
            "jti": claims.jti,
            "scope": claims.scopes.to_string(),
            "audience": claims.aud,
            "expiresAt": claims.exp,
        });
        if let Some(members) = metadata.as_object_mut() {
            let is_foreign = client.organization_id != claims.organization_id;
            // By which credential another organization's agent has come, that organization's log says.
            let credential = client.credential_id.filter(|_| !is_foreign).map(|credential| json!(credential));
            let home = is_foreign.then(|| json!(client.organization_id));
            members.extend(home.map(|organization| ("actorOrganizationId".to_owned(), organization)));
            let actors = claims.delegation.as_ref().and_then(Chain::act);
            members.extend(credential.map(|credential| ("credentialId".to_owned(), credential)));
            members.extend(actors.map(|actors| ("act".to_owned(), actors)));
        }
        Self { claims: claims.clone(), client: client_info.clone(), metadata }
    }
}

impl Round for Issued {
    type Context = App;
    /// What must not be had of the token; it is written only if that is nothing.
    type Answer = Result<Lacking, Arc<sqlx::Error>>;
    const MOST: usize = 256;

    async fn run(app: &App, asked: Vec<Self>) -> Vec<Self::Answer> {
        let error = match write(app, &asked).await {
            Ok(lacking) => return lacking.into_iter().map(Ok).collect(),
            Err(error) => error,
        };
        let mut outcomes = Vec::with_capacity(asked.len());
        if asked.len() > 1 && is_about_the_data(&error) {
            // Something is wrong with one of them: the others are not to suffer for it.
            for issued in asked.chunks(1) {
                let lacking = write(app, issued).await.map_err(Arc::new);
                outcomes.push(lacking.map(|mut lacking| lacking.pop().unwrap_or_default()));
            }
        } else {
            let error = Arc::new(error);
            outcomes.resize_with(asked.len(), || Err(error.clone()));
        }
        outcomes
    }
}

/// Whether the database refused what was written, rather than being unable to write. Class 22: data; 23: constraints.
fn is_about_the_data(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| code.starts_with("22") || code.starts_with("23"))
}

/// Writes all of them or none, by one statement that commits itself. Across organizations: each row is written under the organization
/// that its token names. Returns what each must not have.
async fn write(app: &App, issued: &[Issued]) -> Result<Vec<Lacking>, sqlx::Error> {
    if !issued.iter().all(|issued| allowed::is_plain(app, &issued.claims)) {
        return write_allowed(app, issued).await;
    }
    let issued: Vec<_> = issued.iter().collect();
    let mut line = app.tokens.issued_line.take(&app.db).await?;
    add(&mut line, app, &issued).await?;
    line.keep();
    Ok(vec![Lacking::default(); issued.len()])
}

/// Writes those that their organizations may have. A change of rights is either seen here, or finds the events that are written.
async fn write_allowed(app: &App, issued: &[Issued]) -> Result<Vec<Lacking>, sqlx::Error> {
    let mut tx = app.db.system().await?;
    resources::lock_shared(&mut tx).await?;
    let claims: Vec<_> = issued.iter().map(|issued| &issued.claims).collect();
    let lacking = resources::lacking_of_tokens(&mut tx, app, &claims).await?;
    let allowed = issued.iter().zip(&lacking).filter(|(_, lacking)| lacking.is_nothing());
    let allowed: Vec<_> = allowed.map(|(issued, _)| issued).collect();
    add(&mut tx, app, &allowed).await?;
    tx.commit().await?;
    Ok(lacking)
}

/// Writes them in a transaction of the caller's, which may be of the organization of all these tokens.
pub(super) async fn add(tx: &mut PgConnection, app: &App, issued: &[&Issued]) -> Result<(), sqlx::Error> {
    let mut slot = [0];
    app.rng.fill(&mut slot);
    let [slot] = slot;
    let event_ids: Vec<_> = issued.iter().map(|_| app.new_id()).collect();
    issued_store::insert(tx, issued, &event_ids, app.now(), i16::from(slot % USAGE_SLOTS)).await
}
