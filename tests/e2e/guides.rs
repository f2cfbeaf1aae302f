//! The guides, followed to the letter: what they say to write is written, and what they say to run is run, against the real programs.
//! Only the addresses are others.

use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::symlink;
use std::os::unix::process::CommandExt as _;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use agentidp_tests::edge::Setting;
use agentidp_tests::process::{Folder, free_port};
use agentidp_tests::{ControlPlane, Edge, environment, eventually};

/// Under which addresses the guides know the edge and the API.
const EDGE: &str = "https://id.example.com";
const API_PORT: &str = "3000";
const UPSTREAMS: &str = "upstreams.json";

/// A fenced block of a guide.
struct Block {
    /// What follows the fence: the language, and for a file its name.
    info: String,
    text: String,
}

/// The blocks of the section of a guide that is to be followed.
fn blocks(guide: &str, section: &str) -> Vec<Block> {
    let text = fs::read_to_string(environment::root().join("docs").join(guide)).unwrap();
    let (_, rest) = text.split_once(&format!("## {section}\n")).unwrap();
    let section = rest.split("\n## ").next().unwrap();
    let mut parts = section.split("```");
    let mut blocks = vec![];
    // Between every second pair of fences is a block.
    while let (Some(_), Some(block)) = (parts.next(), parts.next()) {
        let (info, text) = block.split_once('\n').unwrap();
        blocks.push(Block { info: info.to_owned(), text: text.to_owned() });
    }
    blocks
}

/// A program of a guide that goes on while the next steps are taken.
struct Background(Child);

impl Drop for Background {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Whoever follows a guide: a folder, a shell that keeps its variables from block to block, and the programs it is about.
struct Reader {
    // Who asks is ended before who answers.
    running: Vec<Background>,
    edge: Option<Edge>,
    control_plane: ControlPlane,
    folder: Folder,
    port: u16,
    api_port: u16,
}

impl Reader {
    async fn start() -> Self {
        let (port, api_port, folder) = (free_port(), free_port(), Folder::new());
        let control_plane = ControlPlane::start_behind(format!("http://127.0.0.1:{port}"));
        let edge = Edge::start(port, &control_plane, &control_plane.url()).await;
        symlink(environment::root().join("node_modules"), folder.path().join("node_modules")).unwrap();
        Self { running: vec![], edge: Some(edge), control_plane, folder, port, api_port }
    }

    fn with_real_addresses(&self, text: &str) -> String {
        text.replace(EDGE, &format!("http://127.0.0.1:{}", self.port))
            .replace(&format!("127.0.0.1:{API_PORT}"), &format!("127.0.0.1:{}", self.api_port))
            .replace(&format!("listen({API_PORT},"), &format!("listen({},", self.api_port))
    }

    /// Does what every block says; returns what each printed.
    async fn follow(&mut self, blocks: Vec<Block>) -> Vec<String> {
        let mut printed = vec![];
        for block in blocks {
            let text = self.with_real_addresses(&block.text);
            match block.info.split(' ').collect::<Vec<_>>()[..] {
                ["sh"] => printed.push(self.run(&text).await),
                ["sh", "background"] => self.run_in_background(&text).await,
                [_, name] => fs::write(self.folder.path().join(name), text).unwrap(),
                _ => panic!("what is to be done with a block of `{}`?", block.info),
            }
            self.configure_edge().await;
        }
        printed
    }

    fn shell(&self, script: &str) -> Command {
        let credential = self.control_plane.admin_credential();
        let mut command = Command::new("bash");
        command
            .args(["-c", script])
            .current_dir(self.folder.path())
            .env("CLIENT_ID", credential["clientId"].as_str().unwrap())
            .env("CLIENT_SECRET", credential["clientSecret"].as_str().unwrap())
            .env("NO_PROXY", "127.0.0.1")
            .stdin(Stdio::null());
        command
    }

    /// Runs a block in a shell that goes on from the one before; it ends with the first command that fails.
    async fn run(&self, text: &str) -> String {
        let script = format!(
            "set -euo pipefail; set -a; [ ! -f .shell ] || . ./.shell\n{text}\n{{ export -p | grep -v ' BASHOPTS\\| SHELLOPTS'; declare -f; }} > .shell"
        );
        let mut command = self.shell(&script);
        let output = tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap();
        let printed = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{text}\n{printed}\n{errors}");
        println!("{printed}");
        printed
    }

    async fn run_in_background(&mut self, text: &str) {
        let mut command = self.shell(&format!("exec {}", text.trim()));
        self.running.push(Background(command.process_group(0).spawn().unwrap()));
        eventually("the program listens", Duration::from_secs(20), async || {
            TcpStream::connect(("127.0.0.1", self.api_port)).ok()
        })
        .await;
    }

    /// Starts the edge anew once there is a file for its variable.
    async fn configure_edge(&mut self) {
        let file = self.folder.path().join(UPSTREAMS);
        let Ok(upstreams) = fs::read_to_string(&file) else { return };
        let configured = self.folder.path().join(".configured");
        if configured.exists() {
            return;
        }
        fs::write(configured, "").unwrap();
        self.edge = None;
        let origin = self.control_plane.url();
        let upstreams = serde_json::from_str(&upstreams).unwrap();
        let setting = Setting { upstreams, ..Setting::new(self.port, &self.control_plane, &origin) };
        self.edge = Some(Edge::start_with(setting).await);
    }
}

#[tokio::test]
async fn the_gateways_guide_ends_with_a_call_that_the_api_answers_and_some_that_are_refused() {
    let mut reader = Reader::start().await;
    let printed = reader.follow(blocks("gateway.md", "From nothing to a call")).await;
    let [.., call, other] = &printed[..] else { panic!("{printed:?}") };
    let lines: Vec<_> = call.lines().collect();
    let [answered, order, refused, why] = lines[..] else { panic!("{call}") };
    assert_eq!((answered, refused), ("200", "403"), "{call}");
    let order: serde_json::Value = serde_json::from_str(order).unwrap();
    assert_eq!((&order["order"], &order["scopes"]), (&"17".into(), &"orders:read".into()));
    assert!(order["agent"].is_string() && order["organization"].is_string(), "{order}");
    assert!(why.contains("INSUFFICIENT_SCOPE"), "{why}");
    assert_eq!(other.trim(), "invalid_target");
}

#[tokio::test]
async fn the_guide_for_mcp_ends_with_a_tool_that_answers_and_an_agent_that_is_refused() {
    let mut reader = Reader::start().await;
    let printed = reader.follow(blocks("mcp.md", "From nothing to a tool")).await;
    let lines: Vec<_> = printed.last().unwrap().lines().collect();
    let [greeted, refused] = lines[..] else { panic!("{printed:?}") };
    let agent = greeted.strip_prefix("Hello, ").unwrap();
    assert_eq!(agent.len(), 36, "{greeted}");
    assert!(refused.starts_with("refused: ") && refused.contains("403"), "{refused}");
}
