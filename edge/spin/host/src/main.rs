//! A host with Spin's interfaces, for development and tests: it runs the component that ships, by the manifest that ships.
//!
//! It is not Spin. What it has of Spin is what the edge uses: HTTP triggers (`wasi:http` 0.2), variables, the key-value store with
//! its atomic operations, and the rules of the manifest about all three.

mod faults;
mod instance;
mod manifest;
mod serve;
mod store;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context as _, Result, anyhow};
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

use crate::faults::Faults;
use crate::instance::Shared;
use crate::manifest::App;
use crate::serve::Server;
use crate::store::Database;

/// Run a Spin application with one component.
#[derive(Parser)]
struct Arguments {
    /// The application's spin.toml.
    #[arg(long)]
    manifest: PathBuf,
    /// Where to listen; port 0 is any free one.
    #[arg(long, default_value = "127.0.0.1:3000")]
    listen: SocketAddr,
    /// A variable of the application; may be repeated.
    #[arg(long = "variable", value_name = "NAME=VALUE", value_parser = pair)]
    variables: Vec<(String, String)>,
    /// A variable whose value is in a file; for secrets.
    #[arg(long = "variable-file", value_name = "NAME=FILE", value_parser = pair)]
    variable_files: Vec<(String, String)>,
    /// The file of the key-value store; without one it is in memory.
    #[arg(long)]
    store: Option<PathBuf>,
    /// Where compiled code is kept.
    #[arg(long)]
    cache: PathBuf,
    /// The component, if it is not where the manifest says.
    #[arg(long)]
    component: Option<PathBuf>,
    /// Where faults are set, for tests; see `faults.rs`.
    #[arg(long)]
    faults: Option<SocketAddr>,
    /// Most memory of one instance.
    #[arg(long, default_value_t = 128)]
    max_memory_mib: usize,
}

fn pair(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').ok_or("NAME= is missing")?;
    Ok((name.to_owned(), value.to_owned()))
}

#[tokio::main]
async fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let mut variables: HashMap<String, String> = arguments.variables.into_iter().collect();
    for (name, file) in arguments.variable_files {
        let value = std::fs::read_to_string(&file).with_context(|| format!("cannot read {file}"))?;
        variables.insert(name, value.trim().to_owned());
    }
    let app = App::read(&arguments.manifest, &variables)?;
    let component = arguments.component.unwrap_or_else(|| app.source.clone());
    let database = Database::open(arguments.store.as_deref()).context("the store cannot be opened")?;
    let faults = Arc::new(Faults::default());
    let shared =
        Shared { app, database, max_memory: arguments.max_memory_mib << 20, faults: Arc::clone(&faults) };
    let server = Server::new(&component, &arguments.cache, shared)
        .map_err(|error| anyhow!("{} cannot be run: {error:?}", component.display()))?;

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let listener = TcpListener::bind(arguments.listen)
        .await
        .with_context(|| format!("cannot listen at {}", arguments.listen))?;
    let url = format!("http://{}", listener.local_addr()?);
    let faults_url = match arguments.faults {
        Some(address) => Some(faults::listen(address, faults).await?),
        None => None,
    };
    println!("{}", serde_json::json!({ "event": "ready", "url": url, "faultsUrl": faults_url }));
    let end = async {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    };
    server.serve(listener, end).await;
    Ok(())
}
