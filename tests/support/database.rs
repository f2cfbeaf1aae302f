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
}

impl Database {
    pub fn create() -> Self {
        let name = format!("agentidp_test_{}", crate::unique());
        administer(format!("create database {name}"));
        let base = environment::database_url();
        let (head, query) = base
            .split_once('?')
            .map_or((base.as_str(), String::new()), |(head, query)| (head, format!("?{query}")));
        let server = head.trim_end_matches('/');
        let server = match server.match_indices('/').nth(2) {
            Some((position, _)) => &server[..position],
            None => server,
        };
        Self { url: format!("{server}/{name}{query}"), name }
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
            administer(format!("drop database if exists {} with (force)", self.name));
        }
    }
}

/// Runs one statement as superuser, from wherever, also inside another runtime.
fn administer(statement: String) {
    let work = move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut connection = PgConnection::connect(&environment::database_url()).await.unwrap();
            // The statement is a name of our own making; names cannot be parameters.
            connection.execute(AssertSqlSafe(statement)).await.unwrap();
            connection.close().await.unwrap();
        });
    };
    thread::spawn(work).join().unwrap();
}
