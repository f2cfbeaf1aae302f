//! Writing down that tokens were issued, before they are given out: many by one commit. Whatever is issued while one commit is
//! under way is in the next, so the disk's pace limits how long a token takes, and not how many there are.

use std::sync::Arc;

use agentidp_shared::claims::Claims;
use agentidp_shared::delegation::Chain;
use serde_json::{Value, json};
use sqlx::PgConnection;

use super::issued_store;
use super::store::Client;
use crate::app::App;
use crate::infra::gather::Round;
use crate::infra::http::client_info::ClientInfo;

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
    type Answer = Result<(), Arc<sqlx::Error>>;
    const MOST: usize = 256;

    async fn run(app: &App, asked: Vec<Self>) -> Vec<Self::Answer> {
        let error = match write(app, &asked).await {
            Ok(()) => return asked.iter().map(|_| Ok(())).collect(),
            Err(error) => error,
        };
        let mut outcomes = Vec::with_capacity(asked.len());
        if asked.len() > 1 && is_about_the_data(&error) {
            // Something is wrong with one of them: the others are not to suffer for it.
            for issued in asked.chunks(1) {
                outcomes.push(write(app, issued).await.map_err(Arc::new));
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

/// All of them or none, by one statement that commits itself. Across organizations: each row is written under the organization that
/// its token names.
async fn write(app: &App, issued: &[Issued]) -> Result<(), sqlx::Error> {
    let mut line = app.tokens.issued_line.take(&app.db).await?;
    add(&mut line, app, issued).await?;
    line.keep();
    Ok(())
}

/// The same in a transaction of the caller's, which may be of the organization of all these tokens.
pub(super) async fn add(tx: &mut PgConnection, app: &App, issued: &[Issued]) -> Result<(), sqlx::Error> {
    let mut slot = [0];
    app.rng.fill(&mut slot);
    let [slot] = slot;
    let event_ids: Vec<_> = issued.iter().map(|_| app.new_id()).collect();
    issued_store::insert(tx, issued, &event_ids, app.now(), i16::from(slot % USAGE_SLOTS)).await
}
