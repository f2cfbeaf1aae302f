//! A private PostgreSQL for as long as a task runs, or the one the user names in `DATABASE_URL`.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process::Service;
use crate::{paths, test, ui};

/// Dropping it stops a private cluster and removes its data.
#[derive(Debug)]
pub struct Database {
    url: String,
    private: Option<Private>,
}

#[derive(Debug)]
struct Private {
    service: Service,
    state: PathBuf,
}

impl Database {
    /// `postgres` is the folder with `initdb`.
    pub fn start(agentidp: &Path, postgres: Option<&Path>) -> Result<Self> {
        if let Some(url) = test::given_database() {
            return Ok(Self { url, private: None });
        }
        ui::step("starting a private PostgreSQL", || {
            let state = std::env::temp_dir().join(format!("agentidp-postgres-{}", std::process::id()));
            let mut command = Command::new(agentidp);
            command.current_dir(paths::root()).args(["dev", "postgres", "--state-dir"]).arg(&state);
            if let Some(postgres) = postgres {
                command.env("AGENTIDP_POSTGRES_BIN", postgres);
            }
            let mut service = Service::start("PostgreSQL", &command, false)?;
            let ready = service.wait_ready(Duration::from_secs(90))?;
            let url = ready.get("databaseUrl").and_then(Value::as_str).context("no databaseUrl announced")?;
            Ok(Self { url: url.to_owned(), private: Some(Private { service, state }) })
        })
    }

    /// With the rights to create databases.
    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn stop(mut self) -> Result<()> {
        self.private.as_mut().map_or(Ok(()), |private| private.service.stop(Duration::from_secs(25)))
    }
}

impl Drop for Private {
    fn drop(&mut self) {
        let _ = self.service.stop(Duration::from_secs(25));
        let _ = fs::remove_dir_all(&self.state);
    }
}
