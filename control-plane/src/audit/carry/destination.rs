//! The places: a folder, an object storage or any server that takes PUT, a webhook.

use std::error::Error;
use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use agentidp_shared::audit_chain::to_hex;
use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, header};
use reqwest::{Method, RequestBuilder, StatusCode, redirect};
use serde_json::json;
use time::format_description::well_known::Rfc3339;

use super::Place;
use crate::app::App;
use crate::audit::checkpoint;
use crate::infra::config::{CheckpointUrl, CheckpointWebhook};
use crate::infra::jobs::JobError;

const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const TIMEOUT: Duration = Duration::from_secs(15);
/// Longest note that is read back.
const MAX_NOTE: usize = 16 * 1024;
const LATEST: &str = "latest";

/// Where to, ready to use.
pub(super) struct Destination {
    pub place: Place,
    to: To,
}

enum To {
    Folder(PathBuf),
    Url(reqwest::Client, CheckpointUrl),
    Webhook(reqwest::Client, CheckpointWebhook),
}

/// What the place is called in the database: no secret is in it.
pub(super) fn target(app: &App, place: Place) -> String {
    let places = &app.config.checkpoints;
    let target = match place {
        Place::Folder => places.folder.as_ref().map(|folder| folder.display().to_string()),
        Place::Url => places.url.as_ref().map(|to| to.url.clone()),
        Place::Webhook => places.webhook.as_ref().map(|to| to.url.clone()),
    };
    target.unwrap_or_default()
}

impl Destination {
    /// `None` if it is not configured any more.
    pub(super) fn of(app: &App, place: Place) -> Result<Option<Self>, reqwest::Error> {
        let places = &app.config.checkpoints;
        let to = match place {
            Place::Folder => places.folder.clone().map(To::Folder),
            Place::Url => places.url.clone().map(|to| Ok(To::Url(client()?, to))).transpose()?,
            Place::Webhook => places.webhook.clone().map(|to| Ok(To::Webhook(client()?, to))).transpose()?,
        };
        Ok(to.map(|to| Self { place, to }))
    }

    pub(super) fn target(&self) -> String {
        match &self.to {
            To::Folder(folder) => folder.display().to_string(),
            To::Url(_, to) => to.url.clone(),
            To::Webhook(_, to) => to.url.clone(),
        }
    }

    /// The newest head that is there, if the place shows it.
    pub(super) async fn latest(&self) -> Result<Option<String>, JobError> {
        match &self.to {
            To::Folder(folder) => {
                let folder = folder.clone();
                Ok(blocking(move || read(&folder.join(LATEST))).await?)
            }
            To::Url(client, to) => get(client, to, LATEST).await,
            To::Webhook(..) => Ok(None),
        }
    }

    /// Adds a head. One that is there already stays; another of the same size is an error.
    pub(super) async fn put(&self, app: &App, note: &str) -> Result<(), JobError> {
        let head = checkpoint::read(app, note)?;
        let name = head.tree_size.to_string();
        match &self.to {
            To::Folder(folder) => {
                let (folder, note) = (folder.clone(), note.to_owned());
                let other = blocking(move || add(&folder, &name, &note)).await?;
                if other { Err(another(self.place, head.tree_size)) } else { Ok(()) }
            }
            To::Url(client, to) => {
                // As S3 and others know it: nothing that is there is written over.
                let request = put_request(client, to, &name, note).header(header::IF_NONE_MATCH, "*");
                match send(request).await?.status() {
                    StatusCode::PRECONDITION_FAILED => match get(client, to, &name).await? {
                        Some(there) if there != note => Err(another(self.place, head.tree_size)),
                        _ => Ok(()),
                    },
                    status => good(status),
                }
            }
            To::Webhook(client, to) => {
                let now = app.now();
                let body = json!({
                    "type": "audit.checkpoint.signed",
                    "timestamp": now.format(&Rfc3339)?,
                    "data": {
                        "checkpoint": note,
                        "treeSize": head.tree_size,
                        "rootHash": to_hex(&head.root_hash),
                        "verifierKey": checkpoint::verifier_key(app)?.to_string(),
                    },
                });
                let (id, at, body) = (format!("checkpoint-{name}"), now.unix_timestamp(), body.to_string());
                let key = hmac::Key::new(hmac::HMAC_SHA256, to.secret.expose());
                let signature = hmac::sign(&key, format!("{id}.{at}.{body}").as_bytes());
                let request = client
                    .post(&to.url)
                    .header(header::CONTENT_TYPE, "application/json")
                    .header("webhook-id", id)
                    .header("webhook-timestamp", at)
                    .header("webhook-signature", format!("v1,{}", STANDARD.encode(signature)))
                    .body(body);
                good(send(request).await?.status())
            }
        }
    }

    /// Says which head is the newest.
    pub(super) async fn put_latest(&self, note: &str) -> Result<(), JobError> {
        match &self.to {
            To::Folder(folder) => {
                let (folder, note) = (folder.clone(), note.to_owned());
                Ok(blocking(move || replace(&folder, LATEST, &note)).await?)
            }
            To::Url(client, to) => good(send(put_request(client, to, LATEST, note)).await?.status()),
            To::Webhook(..) => Ok(()),
        }
    }
}

fn another(place: Place, tree_size: u64) -> JobError {
    tracing::error!(
        place = place.as_str(),
        tree_size,
        "THE AUDIT LOG IS NOT THE ONE WHOSE HEADS WERE CARRIED"
    );
    let place = place.as_str();
    JobError::Again(anyhow::anyhow!(
        "the {place} holds another head of {tree_size} events: the log was written anew"
    ))
}

fn client() -> Result<reqwest::Client, reqwest::Error> {
    // A redirect would carry the token to wherever it points.
    reqwest::Client::builder()
        .connect_timeout(CONNECT_TIMEOUT)
        .timeout(TIMEOUT)
        .redirect(redirect::Policy::none())
        .no_proxy()
        .build()
}

fn request(client: &reqwest::Client, to: &CheckpointUrl, method: Method, name: &str) -> RequestBuilder {
    let request = client.request(method, format!("{}/{name}", to.url));
    let token = to.token.as_ref().and_then(|token| {
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose())).ok()?;
        value.set_sensitive(true);
        Some(value)
    });
    match token {
        Some(token) => request.header(header::AUTHORIZATION, token),
        None => request,
    }
}

fn put_request(client: &reqwest::Client, to: &CheckpointUrl, name: &str, note: &str) -> RequestBuilder {
    request(client, to, Method::PUT, name)
        .header(header::CONTENT_TYPE, "text/plain; charset=utf-8")
        .body(note.to_owned())
}

/// The innermost cause says most ("connection refused"), and no error tells the URL.
async fn send(request: RequestBuilder) -> Result<reqwest::Response, JobError> {
    request.send().await.map_err(|error| {
        let mut cause: &dyn Error = &error;
        while let Some(inner) = cause.source() {
            cause = inner;
        }
        let reason = if error.is_timeout() { "no answer in time".to_owned() } else { cause.to_string() };
        JobError::Again(anyhow::anyhow!("{reason}"))
    })
}

fn good(status: StatusCode) -> Result<(), JobError> {
    if status.is_success() { Ok(()) } else { Err(JobError::Again(anyhow::anyhow!("answered with {status}"))) }
}

/// What is at the place; `None` if nothing is, or it shows nothing.
async fn get(client: &reqwest::Client, to: &CheckpointUrl, name: &str) -> Result<Option<String>, JobError> {
    let mut answer = send(request(client, to, Method::GET, name)).await?;
    match answer.status() {
        StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::METHOD_NOT_ALLOWED => return Ok(None),
        status => good(status)?,
    }
    let mut bytes = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        if bytes.len() + chunk.len() > MAX_NOTE {
            return Err(JobError::Again(anyhow::anyhow!("answered with more than a head")));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Some(String::from_utf8(bytes).map_err(|_| JobError::Again(anyhow::anyhow!("answered with no text")))?))
}

async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> io::Result<T> + Send + 'static,
) -> Result<T, JobError> {
    Ok(tokio::task::spawn_blocking(work).await??)
}

fn read(path: &Path) -> io::Result<Option<String>> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Adds the file unless it is there; whether something else is there under its name.
fn add(folder: &Path, name: &str, note: &str) -> io::Result<bool> {
    match read(&folder.join(name))? {
        Some(there) => Ok(there != note),
        None => replace(folder, name, note).map(|()| false),
    }
}

/// Whole or not at all, also when the power fails.
fn replace(folder: &Path, name: &str, note: &str) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    let fresh = folder.join(format!(".{name}.{}", std::process::id()));
    let mut file = File::create(&fresh)?;
    file.write_all(note.as_bytes())?;
    file.sync_all()?;
    fs::rename(&fresh, folder.join(name))?;
    File::open(folder)?.sync_all()
}
