//! The command line of the control plane.

mod audit_commands;
mod keystore_commands;
mod progress;

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use agentidp::app::App;
use agentidp::dev::{self, Supervised};
use agentidp::infra::clock::SystemClock;
use agentidp::infra::config::{self, Config, Database};
use agentidp::infra::db::Db;
use agentidp::infra::jobs::{self, JobFilter};
use agentidp::infra::rng::SystemRng;
use agentidp::infra::{metrics, telemetry};
use agentidp::keys::ChangedBy;
use agentidp::serve::{self, Listeners};
use agentidp::{bootstrap, dead_letters, did, edge_feed, keys, migration_check, openapi};
use agentidp_shared::ids::AgentId;
use agentidp_shared::jwk::Algorithm;
use anyhow::Context as _;
use clap::{Args, Parser, Subcommand};
use time::format_description::well_known::Rfc3339;
use uuid::Uuid;

/// Identities for AI agents: the control plane.
#[derive(Debug, Parser)]
#[command(name = "agentidp", version, propagate_version = true, arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
    /// TOML file with settings under the names of the environment variables; the environment wins
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API and the edge feed
    #[command(after_long_help = settings_help())]
    Serve,
    /// Run jobs and nothing else; `serve` does it too unless `AGENTIDP_JOBS` is off
    ///
    /// Metrics and health (`/health/live`, `/health/ready`) are on `AGENTIDP_METRICS_LISTEN`. Takes the settings of `serve`.
    Worker,
    /// Create or update the database's schema, as its owner (`DATABASE_OWNER_URL`)
    Migrate {
        /// Change nothing: list whose rights the migrations that are due will change, and what to do about it (`DATABASE_URL`)
        #[arg(long)]
        check: bool,
        /// With `--check`: print JSON, for programs
        #[arg(long, requires = "check")]
        json: bool,
    },
    /// Create the system organization and its first administrator; safe to repeat
    Bootstrap(BootstrapArguments),
    /// Run everything a developer needs, from nothing: PostgreSQL, keys, migrations, an administrator, the server
    Dev(DevArguments),
    /// Look after the keys tokens are signed with, and those that seal secrets in the database
    #[command(subcommand)]
    Keys(KeysCommand),
    /// Check the audit log
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Look after agents' DIDs
    #[command(subcommand)]
    Dids(DidsCommand),
    /// Look at the jobs
    #[command(subcommand)]
    Jobs(JobsCommand),
    /// Look at the edges
    #[command(subcommand)]
    Edges(EdgesCommand),
    /// Print the OpenAPI document
    Openapi,
}

#[derive(Debug, Args)]
struct BootstrapArguments {
    /// Write the administrator's credential to this file (mode 0600) instead of printing it; it is shown only once
    #[arg(long, value_name = "FILE")]
    credential_file: Option<PathBuf>,
    /// Make a further credential for an existing administrator, for when the first was lost
    #[arg(long)]
    renew: bool,
}

#[derive(Debug, Args)]
struct DevArguments {
    #[command(subcommand)]
    command: Option<DevCommand>,
    /// Port of the API on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 8080)]
    port: u16,
    /// Port of the metrics on 127.0.0.1; 0 takes a free one
    #[arg(long, default_value_t = 9464)]
    metrics_port: u16,
    /// Folder for data, keys and secrets; delete it to start anew
    #[arg(long, default_value = ".agentidp", value_name = "FOLDER")]
    state_dir: PathBuf,
    /// Public URL of the edge in front; the API's own if absent
    #[arg(long, value_name = "URL")]
    issuer: Option<String>,
    /// Push endpoint of an edge (http://host:port/edge/v1/push); may be repeated
    #[arg(long = "edge-push-url", value_name = "URL")]
    edge_push_urls: Vec<String>,
    /// Print one JSON line on standard output when ready, for programs
    #[arg(long)]
    announce_json: bool,
}

#[derive(Debug, Subcommand)]
enum DevCommand {
    /// Run only the private PostgreSQL and print its superuser's URL
    Postgres {
        /// Folder for its data and password
        #[arg(long, default_value = ".agentidp", value_name = "FOLDER")]
        state_dir: PathBuf,
    },
    /// (internal) Stop PostgreSQL when standard input ends
    #[command(hide = true)]
    SupervisePostgres {
        #[arg(long)]
        binaries: PathBuf,
        #[arg(long)]
        data: PathBuf,
        #[arg(long)]
        port: u16,
        #[arg(long, requires = "group")]
        user: Option<u32>,
        #[arg(long, requires = "user")]
        group: Option<u32>,
    },
}

#[derive(Debug, Subcommand)]
enum KeysCommand {
    /// List the keys tokens are signed with: waiting, signing, retiring
    List,
    /// Publish a new key; running servers sign with it once the edges know it
    ///
    /// Each algorithm that the instance or an organization has chosen has a key of its own. To change the instance's algorithm,
    /// change `AGENTIDP_SIGNING_ALGORITHM` and restart: the first key of the new algorithm is made then.
    Rotate {
        /// `ES256`, `EdDSA` or `RS256`; that of the instance if absent
        #[arg(long)]
        algorithm: Option<Algorithm>,
        /// Not the key of tokens, but the one that badges and the instance's card are signed with
        #[arg(long, conflicts_with = "algorithm")]
        documents: bool,
    },
    /// Take a key back at once, with every token it signed: it leaked, or may have
    ///
    /// Running servers stop signing with it within two seconds. If it was the one that signs, another signs from now on.
    Revoke {
        /// As `agentidp keys list` shows it
        kid: String,
    },
    /// List the keystore's keys, and how many secrets each still seals
    Status {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Move every secret in the database to the keystore key that seals now
    ///
    /// Servers keep running. It may be stopped and run again. When it is done, the keys before can go: `agentidp keys status` says
    /// which.
    Reencrypt,
    /// Print the JWK Set that edges pin: the public half of the key the feed is signed with
    Feed,
}

#[derive(Debug, Subcommand)]
enum DidsCommand {
    /// Replace the key behind an agent's DID
    ///
    /// The new key is in the DID document at once. The private half of the key before is destroyed.
    Rotate {
        /// The agent's id
        agent: AgentId,
        /// How long the keys before stay in the document to verify what they signed, up to 30 days; 0 takes them out at once, for
        /// when one leaked
        #[arg(long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(..=2_592_000))]
        overlap_seconds: Option<u64>,
    },
}

#[derive(Debug, Subcommand)]
enum AuditCommand {
    /// Compare every event of the instance with its seal, every seal with the one before, and all with the signed heads; fails if
    /// the log was tampered with
    Verify {
        /// A checkpoint that was kept elsewhere (`checkpoint` of `GET /api/v1/audit/checkpoint`), to compare the log with
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
    },
    /// Write the whole log into a folder that `audit fsck` checks without this service
    Export {
        /// Made if it does not exist; must be empty
        #[arg(value_name = "FOLDER")]
        bundle: PathBuf,
    },
    /// Check an exported log, with nothing else: no database, no settings; fails at the first thing that is wrong
    Fsck {
        #[arg(value_name = "FOLDER")]
        bundle: PathBuf,
        /// The key its heads must be signed with (`verifierKey` of `GET /api/v1/audit/checkpoint`, kept from before)
        #[arg(long, value_name = "VERIFIER_KEY")]
        key: Option<String>,
        /// A checkpoint that was kept elsewhere and must be in it, or a folder of them (`AGENTIDP_CHECKPOINT_DIR`)
        #[arg(long, value_name = "FILE|FOLDER")]
        checkpoint: Option<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
enum JobsCommand {
    /// List jobs, oldest first, up to a thousand
    List {
        #[arg(long, value_parser = ["ready", "running", "done", "dead"])]
        state: Option<String>,
        #[arg(long)]
        kind: Option<String>,
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
    /// Let dead jobs run again, with all their attempts; it is recorded in the audit log
    #[command(group = clap::ArgGroup::new("which").required(true))]
    Retry {
        #[arg(value_name = "ID", group = "which")]
        ids: Vec<Uuid>,
        /// All dead jobs
        #[arg(long, group = "which")]
        dead: bool,
    },
}

#[derive(Debug, Subcommand)]
enum EdgesCommand {
    /// List the edges that were ever heard of, and how far each is
    List {
        /// Print JSON, for programs
        #[arg(long)]
        json: bool,
    },
}

fn settings_help() -> String {
    let mut help =
        String::from("Settings (environment variables, or the same names in the file given by --config):\n");
    for (name, default, meaning) in config::VARIABLES {
        let default = if default.is_empty() { String::new() } else { format!(" [{default}]") };
        let _ = writeln!(help, "  {name}{default}\n      {meaning}");
    }
    help.push_str(
        "\nSignals: SIGTERM and SIGINT stop in order, a second one at once; SIGHUP reloads the policy.",
    );
    help
}

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: Cli) -> anyhow::Result<()> {
    let Cli { command, config } = cli;
    let command = match command {
        Command::Openapi => return print(&openapi::to_text()?),
        Command::Keys(KeysCommand::Feed) => {
            let keys = edge_feed::public_keys(&config::feed_key(config.as_deref())?)?;
            return print(&format!("{}\n", serde_json::to_string(&keys)?));
        }
        Command::Dev(DevArguments {
            command: Some(DevCommand::SupervisePostgres { binaries, data, port, user, group }),
            ..
        }) => return dev::supervise(&Supervised { binaries, data, port, run_as: user.zip(group) }),
        Command::Audit(AuditCommand::Fsck { bundle, key, checkpoint }) => {
            return audit_commands::fsck(&bundle, key.as_deref(), checkpoint.as_deref());
        }
        other => other,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        match command {
            Command::Serve => serve(Config::load(config.as_deref())?).await,
            Command::Worker => work(Config::load(config.as_deref())?).await,
            Command::Migrate { check: true, json } => {
                let db = Db::connect(&Database::load(config.as_deref())?).await?;
                let findings = migration_check::run(&db).await?;
                print(&migration_check::to_text(findings.as_deref(), json)?)
            }
            Command::Migrate { check: false, .. } => {
                Db::migrate(&Database::load(config.as_deref())?).await?;
                print("the schema is up to date\n")
            }
            Command::Bootstrap(arguments) => bootstrap(&start(config).await?, &arguments).await,
            Command::Dev(arguments) => run_dev(arguments, config).await,
            Command::Keys(KeysCommand::List) => list_keys(&start(config).await?).await,
            Command::Keys(KeysCommand::Rotate { documents: true, .. }) => {
                let kid = keys::rotate_documents(&start(config).await?, ChangedBy::CommandLine).await?;
                print(&format!("RS256 {kid} is published; it signs documents in half a minute\n"))
            }
            Command::Keys(KeysCommand::Rotate { documents: false, algorithm }) => {
                let app = start(config).await?;
                let key = keys::rotate(&app, algorithm, ChangedBy::CommandLine).await?;
                print(&format!(
                    "{} {} is published; it signs once the edges know it\n",
                    key.algorithm, key.kid
                ))
            }
            Command::Keys(KeysCommand::Status { json }) => {
                keystore_commands::status(&start(config).await?, json).await
            }
            Command::Keys(KeysCommand::Reencrypt) => {
                keystore_commands::reencrypt(&start(config).await?).await
            }
            Command::Keys(KeysCommand::Revoke { kid }) => {
                let signing = keys::revoke(&start(config).await?, &kid, ChangedBy::CommandLine).await?;
                print(&format!(
                    "{kid} is revoked, and every token it signed; {} {} signs\n",
                    signing.algorithm, signing.kid
                ))
            }
            Command::Audit(AuditCommand::Verify { checkpoint }) => {
                audit_commands::verify(&start(config).await?, checkpoint.as_deref()).await
            }
            Command::Dids(DidsCommand::Rotate { agent, overlap_seconds }) => {
                let rotated = did::rotate_by_command(&start(config).await?, agent, overlap_seconds).await?;
                print(&format!("{} is the key from now on\n", rotated.key_id))
            }
            Command::Jobs(JobsCommand::List { state, kind, json }) => {
                list_jobs(&start(config).await?, &JobFilter { state, kind }, json).await
            }
            Command::Jobs(JobsCommand::Retry { ids, dead }) => {
                let ids = (!dead).then_some(ids);
                let retried = dead_letters::retry(&start(config).await?, ids.as_deref()).await?;
                print(&format!("{} jobs run again\n", retried.len()))
            }
            Command::Edges(EdgesCommand::List { json }) => list_edges(&start(config).await?, json).await,
            Command::Audit(AuditCommand::Export { bundle }) => {
                audit_commands::export(&start(config).await?, &bundle).await
            }
            Command::Openapi
            | Command::Audit(AuditCommand::Fsck { .. })
            | Command::Keys(KeysCommand::Feed) => Ok(()),
        }
    })
}

async fn serve(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config)?;
    let recorder = metrics::install().context("the metrics recorder cannot be installed")?;
    let listeners = Listeners::bind(config.listen, config.metrics_listen).await?;
    let app = App::start(config, Arc::new(SystemClock), Arc::new(SystemRng)).await?;
    serve::listen_to_signals(&app)?;
    serve::run(app, listeners, recorder).await
}

async fn work(config: Config) -> anyhow::Result<()> {
    telemetry::init(&config)?;
    let recorder = metrics::install().context("the metrics recorder cannot be installed")?;
    let listener = serve::bind("AGENTIDP_METRICS_LISTEN", config.metrics_listen).await?;
    let app = App::start(config, Arc::new(SystemClock), Arc::new(SystemRng)).await?;
    serve::listen_to_signals(&app)?;
    serve::work(app, listener, recorder).await
}

/// For commands that do one thing: everything but the server.
async fn start(config: Option<PathBuf>) -> anyhow::Result<App> {
    let mut config = Config::load(config.as_deref())?;
    config.database.kept_connections = 0;
    telemetry::init(&config)?;
    Ok(App::start(config, Arc::new(SystemClock), Arc::new(SystemRng)).await?)
}

async fn run_dev(arguments: DevArguments, config_file: Option<PathBuf>) -> anyhow::Result<()> {
    if let Some(DevCommand::Postgres { state_dir }) = arguments.command {
        return dev::run_postgres(state_dir).await;
    }
    dev::run(dev::Options {
        port: arguments.port,
        metrics_port: arguments.metrics_port,
        state_dir: arguments.state_dir,
        issuer: arguments.issuer,
        edge_push_urls: arguments.edge_push_urls,
        announce_json: arguments.announce_json,
        config_file,
    })
    .await
}

async fn bootstrap(app: &App, arguments: &BootstrapArguments) -> anyhow::Result<()> {
    if let Some(path) = &arguments.credential_file {
        // Before anything is made: a credential that cannot be written down is lost.
        dev::check_writable(path)?;
    }
    let outcome = bootstrap::run(app, arguments.renew).await?;
    if outcome.credential.is_none() {
        return print(&format!(
            "already done: administrator {} of organization {} (--renew makes a further credential)\n",
            outcome.agent_id, outcome.organization_id
        ));
    }
    let credential = dev::credential_json(&outcome);
    match &arguments.credential_file {
        Some(path) => {
            dev::write_private(path, &credential)?;
            print(&format!("the administrator's credential is in {}\n", path.display()))
        }
        None => print(&credential),
    }
}

async fn list_keys(app: &App) -> anyhow::Result<()> {
    let mut text = String::new();
    for key in keys::list(app).await? {
        let created = key.created_at.format(&Rfc3339)?;
        writeln!(text, "{:<8} {:<5} {}  {created}", key.status.as_str(), key.algorithm.as_str(), key.kid)?;
    }
    print(&text)
}

async fn list_jobs(app: &App, filter: &JobFilter, json: bool) -> anyhow::Result<()> {
    let mut tx = app.db.system().await?;
    let jobs = jobs::list(&mut tx, filter).await?;
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&jobs)?));
    }
    let mut text =
        format!("{:<36}  {:<8} {:<24} {:>8}  {:<28} LAST ERROR\n", "ID", "STATE", "KIND", "ATTEMPTS", "DUE");
    for job in jobs {
        let due = job.due_at.format(&Rfc3339)?;
        // One line each, whatever a failure said.
        let error: String = job.last_error.unwrap_or_default().chars().filter(|c| !c.is_control()).collect();
        let line = format!(
            "{:<36}  {:<8} {:<24} {:>8}  {due:<28} {error}",
            job.id, job.state, job.kind, job.attempts
        );
        writeln!(text, "{}", line.trim_end())?;
    }
    print(&text)
}

async fn list_edges(app: &App, json: bool) -> anyhow::Result<()> {
    let overview = edge_feed::overview(app).await?;
    if json {
        return print(&format!("{}\n", serde_json::to_string_pretty(&overview)?));
    }
    let mut text = format!(
        "{:<32} {:<10} {:<28} {:>12} {:>9}  {:<4}  LAST SEEN\n",
        "NODE",
        "VERSION",
        "UNDERSTANDS",
        format!("HELD/{}", overview.head),
        "LAG (S)",
        "SEEN"
    );
    for node in overview.nodes {
        let seen = if node.seen_recently { "yes" } else { "no" };
        let last = node.last_seen_at.format(&Rfc3339)?;
        writeln!(
            text,
            "{:<32} {:<10} {:<28} {:>12} {:>9.1}  {seen:<4}  {last}",
            node.id,
            node.version,
            node.wire_versions.as_deref().unwrap_or("version 1"),
            node.acknowledged_sequence,
            node.lag_seconds
        )?;
    }
    print(&text)
}

fn print(text: &str) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    out.write_all(text.as_bytes())?;
    Ok(out.flush()?)
}
