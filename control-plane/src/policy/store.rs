//! The loaded policy, its hot reload, and remembered decisions.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::{Duration, SystemTime};

use agentidp_shared::policy::{Decision, Denial, EndpointTable, PolicyError, PolicyInput, RegoPolicy};
use agentidp_shared::scopes::ScopeSet;

use crate::app::App;

const EMBEDDED_POLICY: &str = include_str!("../../../policies/authz.rego");
const EMBEDDED_DATA: &str = include_str!("../../../policies/data/scopes.json");

/// How often the files of `AGENTIDP_POLICY_DIR` are looked at.
const WATCH_INTERVAL: Duration = Duration::from_secs(2);
/// Most decisions remembered for one version of the policy; scope sets are chosen by callers.
const MAX_REMEMBERED: usize = 10_000;

/// The table of endpoints that was built in.
pub fn built_in_table() -> EndpointTable {
    // It is part of the program, and tests read it.
    serde_json::from_str(EMBEDDED_DATA).unwrap_or_default()
}

#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    #[error("AGENTIDP_POLICY_DIR: {path} cannot be read")]
    Read { path: PathBuf, source: std::io::Error },
    #[error(transparent)]
    Policy(#[from] PolicyError),
}

#[derive(Debug, PartialEq, Eq, Hash)]
struct Question {
    method: String,
    route: String,
    authenticated: bool,
    scopes: ScopeSet,
}

/// One version of the policy. Decisions are remembered with it and die with it.
#[derive(Debug)]
struct Loaded {
    policy: Mutex<RegoPolicy>,
    table: EndpointTable,
    decisions: Mutex<HashMap<Question, Decision>>,
}

#[derive(Debug)]
pub struct PolicyStore {
    directory: Option<PathBuf>,
    loaded: RwLock<Arc<Loaded>>,
}

impl PolicyStore {
    /// Loads from `directory` (`authz.rego` and `data/scopes.json`), or what was built in.
    pub fn load(directory: Option<PathBuf>) -> Result<Self, LoadError> {
        let loaded = Loaded::read(directory.as_deref())?;
        Ok(Self { directory, loaded: RwLock::new(Arc::new(loaded)) })
    }

    /// Reads the policy again. When that fails the old one stays.
    pub fn reload(&self) -> Result<(), LoadError> {
        let loaded = Arc::new(Loaded::read(self.directory.as_deref())?);
        *self.loaded.write().unwrap_or_else(PoisonError::into_inner) = loaded;
        Ok(())
    }

    pub fn table(&self) -> EndpointTable {
        self.current().table.clone()
    }

    /// May a caller with these scopes use this route? Any failure of the policy is a "no".
    pub fn decide(&self, input: &PolicyInput<'_>) -> Decision {
        self.current().decide(input)
    }

    /// The operation behind a route.
    pub fn operation_of(&self, method: &str, route: &str) -> Option<String> {
        self.current().table.find(method, route).map(|endpoint| endpoint.operation.clone())
    }

    /// The methods the policy knows for a route.
    pub fn methods_of(&self, route: &str) -> Vec<String> {
        let loaded = self.current();
        loaded.table.endpoints.iter().filter(|row| row.path == route).map(|row| row.method.clone()).collect()
    }

    fn current(&self) -> Arc<Loaded> {
        self.loaded.read().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Loaded {
    fn read(directory: Option<&Path>) -> Result<Self, LoadError> {
        let policy = match directory {
            None => RegoPolicy::new(EMBEDDED_POLICY, EMBEDDED_DATA)?,
            Some(directory) => {
                let read = |path: PathBuf| {
                    std::fs::read_to_string(&path).map_err(|source| LoadError::Read { path, source })
                };
                let [rego, data] = files(directory);
                RegoPolicy::new(&read(rego)?, &read(data)?)?
            }
        };
        let table = policy.table().clone();
        Ok(Self { policy: Mutex::new(policy), table, decisions: Mutex::default() })
    }

    fn decide(&self, input: &PolicyInput<'_>) -> Decision {
        let question = Question {
            method: input.method.to_owned(),
            route: input.route.to_owned(),
            authenticated: input.authenticated,
            scopes: input.scopes.clone(),
        };
        if let Some(decision) = self.decisions.lock().unwrap_or_else(PoisonError::into_inner).get(&question) {
            return decision.clone();
        }
        let decision = self.policy.lock().unwrap_or_else(PoisonError::into_inner).evaluate(input);
        let decision = match decision {
            Ok(decision) => decision,
            Err(error) => {
                tracing::error!(%error, method = input.method, route = input.route, "the policy failed; access denied");
                return Decision::Deny(Denial::UnknownEndpoint);
            }
        };
        let mut decisions = self.decisions.lock().unwrap_or_else(PoisonError::into_inner);
        if decisions.len() >= MAX_REMEMBERED {
            decisions.clear();
        }
        decisions.insert(question, decision.clone());
        decision
    }
}

fn files(directory: &Path) -> [PathBuf; 2] {
    [directory.join("authz.rego"), directory.join("data").join("scopes.json")]
}

/// Watches the policy's files and publishes a changed policy to the edge.
pub fn spawn(app: &App) {
    let Some(directory) = app.config.policy_dir.clone() else { return };
    let app = app.clone();
    app.tasks.clone().spawn(async move {
        let mut seen = modified(&directory);
        while app.shutdown.run_until_cancelled(tokio::time::sleep(WATCH_INTERVAL)).await.is_some() {
            let now = modified(&directory);
            if now == seen {
                continue;
            }
            seen = now;
            reload_and_publish(&app).await;
        }
    });
}

/// Reloads the policy and tells the edge; a policy that cannot be used changes nothing and is logged.
pub async fn reload_and_publish(app: &App) {
    match app.policy.reload() {
        Ok(()) => tracing::info!("policy reloaded"),
        Err(error) => {
            tracing::error!(error = %error, cause = ?std::error::Error::source(&error), "policy not reloaded; the old one stays");
            return;
        }
    }
    if let Err(error) = crate::edge_feed::publish_configuration(app).await {
        tracing::error!(%error, "the reloaded policy could not be published to the edge");
    }
}

fn modified(directory: &Path) -> [Option<SystemTime>; 2] {
    files(directory).map(|path| std::fs::metadata(path).and_then(|metadata| metadata.modified()).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ask(store: &PolicyStore, scopes: &str) -> Decision {
        store.decide(&PolicyInput {
            method: "GET",
            route: "/api/v1/agents",
            authenticated: true,
            scopes: &ScopeSet::parse(scopes).unwrap(),
        })
    }

    #[test]
    fn a_reloaded_policy_forgets_old_decisions_and_a_broken_one_changes_nothing() {
        let directory = std::env::temp_dir().join(format!("agentidp-policy-{}", std::process::id()));
        std::fs::create_dir_all(directory.join("data")).unwrap();
        let [rego, data] = files(&directory);
        std::fs::write(&rego, EMBEDDED_POLICY).unwrap();
        std::fs::write(&data, EMBEDDED_DATA).unwrap();
        let store = PolicyStore::load(Some(directory.clone())).unwrap();
        assert_eq!(ask(&store, "agents:read"), Decision::Allow);

        std::fs::write(
            &data,
            EMBEDDED_DATA.replace(r#""scopes": ["agents:read"]}"#, r#""scopes": ["audit:read"]}"#),
        )
        .unwrap();
        assert_eq!(ask(&store, "agents:read"), Decision::Allow, "not yet reloaded");
        store.reload().unwrap();
        assert!(matches!(ask(&store, "agents:read"), Decision::Deny(Denial::InsufficientScope { .. })));

        std::fs::write(&rego, "package agentidp.authz\nallow if {").unwrap();
        store.reload().unwrap_err();
        assert_eq!(ask(&store, "audit:read"), Decision::Allow);
        std::fs::remove_dir_all(directory).unwrap();
    }
}
