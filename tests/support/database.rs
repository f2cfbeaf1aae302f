//! A database of its own for each control plane.

use std::str::FromStr;
use std::thread;

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection};

use crate::environment;

/// Dropped with its owner, whoever is still connected.
#[derive(Debug)]
pub struct Database {
    name: String,
    url: String,
    /// Where it is created and dropped.
    server: String,
}

impl Database {
    pub fn create() -> Self {
        Self::create_on(environment::database_url())
    }

    /// On a server of which a superuser's URL is given.
    pub fn create_on(base: String) -> Self {
        let name = format!("agentidp_test_{}", crate::unique());
        administer(base.clone(), format!("create database {name}"));
        let (head, query) = base
            .split_once('?')
            .map_or((base.as_str(), String::new()), |(head, query)| (head, format!("?{query}")));
        let server = head.trim_end_matches('/');
        let server = match server.match_indices('/').nth(2) {
            Some((position, _)) => &server[..position],
            None => server,
        };
        Self { url: format!("{server}/{name}{query}"), name, server: base }
    }

    /// The superuser's URL of this database.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// A connection past every policy, to look at what a test cannot see over HTTP.
    pub async fn connect(&self) -> PgConnection {
        PgConnectOptions::from_str(&self.url).unwrap().disable_statement_logging().connect().await.unwrap()
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if !thread::panicking() {
            let statement = format!("drop database if exists {} with (force)", self.name);
            administer(self.server.clone(), statement);
        }
    }
}

/// Runs one statement as superuser, from wherever, also inside another runtime.
fn administer(server: String, statement: String) {
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&server).await.unwrap();
            // The statement is a name of our own making; names cannot be parameters.
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
            connection.close().await.unwrap();
        });
    };
    thread::spawn(work).join().unwrap();
}
