//! A PostgreSQL that can be killed: a cluster of its own, at a port that stays the same.

use std::fs::{self, File};
use std::os::unix::fs::MetadataExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use agentidp_tests::environment;
use agentidp_tests::process::{Folder, Process, free_port};
use sqlx::{Connection as _, PgConnection};

const ANSWERS_WITHIN: Duration = Duration::from_mins(2);

#[derive(Debug)]
pub struct Postgres {
    binaries: PathBuf,
    data: PathBuf,
    port: u16,
    url: String,
    supervisor: Child,
    folder: Folder,
}

impl Postgres {
    /// Lets `agentidp dev postgres` make the cluster, learns from it where everything is, and then runs it without that.
    pub async fn start() -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let mut command = Command::new(environment::agentidp());
        command.args(["dev", "postgres", "--state-dir"]).arg(folder.path().join("state"));
        let mut maker = Process::start("PostgreSQL", command, folder.path().join("postgres-maker.log"));
        let url = maker.ready("databaseUrl").to_owned();
        let mut connection = PgConnection::connect(&url).await.unwrap();
        let data: String =
            sqlx::query_scalar("show data_directory").fetch_one(&mut connection).await.unwrap();
        let fsync: String = sqlx::query_scalar("show fsync").fetch_one(&mut connection).await.unwrap();
        assert_eq!(fsync, "on", "a database that does not wait for its disk proves nothing");
        connection.close().await.unwrap();
        let data = PathBuf::from(data);
        let server = postmaster(&data).expect("a running server has a lock file");
        let binaries = fs::read_link(format!("/proc/{server}/exe")).unwrap().parent().unwrap().to_owned();
        maker.stop();
        let (head, database) = url.rsplit_once('/').unwrap();
        let url = format!("{}:{port}/{database}", head.rsplit_once(':').unwrap().0);
        let supervisor = launch(&binaries, &data, port, &folder);
        let postgres = Self { binaries, data, port, url, supervisor, folder };
        postgres.wait().await;
        postgres
    }

    /// A superuser's.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Every process of it at once, none with a chance to do anything more.
    pub fn kill(&mut self) {
        let server = postmaster(&self.data).expect("it runs");
        // First it must not make any more.
        signal("-STOP", &[server]);
        let all: Vec<u32> = children(server).into_iter().chain([server]).collect();
        signal("-KILL", &all);
        // Its parent is ours: that it has ended means that the server has.
        self.supervisor.wait().unwrap();
        let deadline = Instant::now() + Duration::from_secs(10);
        while all.iter().any(|process| runs(*process)) {
            assert!(Instant::now() < deadline, "a killed PostgreSQL goes on");
            std::thread::sleep(Duration::from_millis(1));
        }
        // Its number may be somebody else's by now, whom PostgreSQL would take for itself.
        fs::remove_file(self.data.join("postmaster.pid")).unwrap();
    }

    /// Starts it again over the same data; it recovers by itself.
    pub fn launch(&mut self) {
        self.supervisor = launch(&self.binaries, &self.data, self.port, &self.folder);
    }

    /// Waits until it answers.
    pub async fn wait(&self) {
        let started = Instant::now();
        loop {
            if let Ok(connection) = PgConnection::connect(&self.url).await {
                let _ = connection.close().await;
                return;
            }
            assert!(started.elapsed() < ANSWERS_WITHIN, "PostgreSQL does not answer:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("postgres.log")).unwrap_or_default()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        // The end of its input is the sign to stop.
        drop(self.supervisor.stdin.take());
        let _ = self.supervisor.wait();
        // It lies elsewhere if the user who runs PostgreSQL cannot reach our folder.
        let _ = fs::remove_dir_all(&self.data);
    }
}

fn launch(binaries: &PathBuf, data: &PathBuf, port: u16, folder: &Folder) -> Child {
    let log = File::options().create(true).append(true).open(folder.path().join("postgres.log")).unwrap();
    let mut command = Command::new(environment::agentidp());
    command.args(["dev", "supervise-postgres", "--binaries"]).arg(binaries).arg("--data").arg(data);
    command.args(["--port", &port.to_string()]);
    let (owner, ours) = (fs::metadata(data).unwrap(), fs::metadata(folder.path()).unwrap());
    if owner.uid() != ours.uid() {
        command.args(["--user", &owner.uid().to_string(), "--group", &owner.gid().to_string()]);
    }
    command.stdin(Stdio::piped()).stdout(log.try_clone().unwrap()).stderr(log);
    command.spawn().unwrap()
}

/// The server's process, by its lock file.
fn postmaster(data: &PathBuf) -> Option<u32> {
    let text = fs::read_to_string(PathBuf::from(data).join("postmaster.pid")).ok()?;
    text.lines().next()?.trim().parse().ok()
}

fn signal(name: &str, processes: &[u32]) {
    // One that ended meanwhile is no failure.
    let _ = Command::new("kill")
        .arg(name)
        .args(processes.iter().map(u32::to_string))
        .stderr(Stdio::null())
        .status()
        .unwrap();
}

fn children(parent: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let numbers = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    numbers.filter(|process| state_and_parent(*process).is_some_and(|(_, of)| of == parent)).collect()
}

fn runs(process: u32) -> bool {
    state_and_parent(process).is_some_and(|(state, _)| state != "Z" && state != "X")
}

/// From `/proc/…/stat`: `id (name) state parent …`, where a name may hold anything.
fn state_and_parent(process: u32) -> Option<(String, u32)> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
    Some((fields.next()?.to_owned(), fields.next()?.parse().ok()?))
}
