//! A real OpenBao, initialised and unsealed, with KV version 2 at `secret`.

use std::process::Command;
use std::time::Duration;

use serde_json::{Value, json};

use crate::process::{Folder, Process, free_port};
use crate::{environment, eventually, secrets};

#[derive(Debug)]
pub struct Bao {
    // Ended before its folder goes.
    process: Process,
    folder: Folder,
    port: u16,
    pub root_token: String,
    unseal_key: String,
    http: reqwest::Client,
}

impl Bao {
    pub async fn start() -> Self {
        let (folder, port) = (Folder::new(), free_port());
        let config = format!(
            "storage \"raft\" {{\n path = \"{}\"\n node_id = \"one\"\n}}\nlistener \"tcp\" {{\n address = \"127.0.0.1:{port}\"\n tls_disable = true\n}}\n\
             api_addr = \"http://127.0.0.1:{port}\"\ncluster_addr = \"http://127.0.0.1:{}\"\n",
            folder.path().join("data").display(),
            free_port()
        );
        std::fs::create_dir(folder.path().join("data")).unwrap();
        std::fs::write(folder.path().join("bao.hcl"), config).unwrap();
        let process = launch(&folder);
        let mut bao = Self {
            process,
            folder,
            port,
            root_token: String::new(),
            unseal_key: String::new(),
            http: reqwest::Client::new(),
        };
        bao.answers().await;
        let made = bao.ask("PUT", "sys/init", &json!({"secret_shares": 1, "secret_threshold": 1})).await.1;
        bao.root_token = made["root_token"].as_str().unwrap().to_owned();
        bao.unseal_key = made["keys_base64"][0].as_str().unwrap().to_owned();
        secrets::register("vault-root-token", &bao.root_token);
        secrets::register("vault-unseal-key", &bao.unseal_key);
        bao.unseal().await;
        bao.done("POST", "sys/mounts/secret", &json!({"type": "kv", "options": {"version": "2"}})).await;
        eventually("the engine is ready", Duration::from_mins(1), async || {
            (bao.ask("GET", "secret/metadata/none", &Value::Null).await.0 == 404).then_some(())
        })
        .await;
        bao
    }

    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// What must be in nobody's log.
    pub fn secrets(&self) -> Vec<String> {
        vec![self.root_token.clone(), self.unseal_key.clone()]
    }

    /// As root: the status and the answer.
    pub async fn ask(&self, method: &str, path: &str, body: &Value) -> (u16, Value) {
        self.try_ask(method, path, body).await.unwrap()
    }

    async fn try_ask(&self, method: &str, path: &str, body: &Value) -> Option<(u16, Value)> {
        let method = reqwest::Method::from_bytes(method.as_bytes()).unwrap();
        let mut request = self.http.request(method, format!("{}/v1/{path}", self.url()));
        if !self.root_token.is_empty() {
            request = request.header("x-vault-token", &self.root_token);
        }
        if !body.is_null() {
            request = request.json(body);
        }
        let answer = request.send().await.ok()?;
        let status = answer.status().as_u16();
        Some((status, serde_json::from_slice(&answer.bytes().await.ok()?).unwrap_or_default()))
    }

    /// As root, what must succeed.
    pub async fn done(&self, method: &str, path: &str, body: &Value) -> Value {
        let (status, answer) = self.ask(method, path, body).await;
        assert!((200..300).contains(&status), "{method} {path}: {status} {answer}");
        answer
    }

    async fn answers(&self) {
        eventually("OpenBao answers", Duration::from_mins(1), async || {
            self.try_ask("GET", "sys/seal-status", &Value::Null).await
        })
        .await;
    }

    pub async fn unseal(&self) {
        self.done("PUT", "sys/unseal", &json!({"key": self.unseal_key})).await;
        eventually("OpenBao is active", Duration::from_mins(1), async || {
            (self.ask("GET", "sys/health", &Value::Null).await.0 == 200).then_some(())
        })
        .await;
    }

    pub async fn seal(&self) {
        self.done("PUT", "sys/seal", &Value::Null).await;
    }

    pub fn stop(&mut self) {
        self.process.stop();
    }

    /// Starts it again; it is sealed then.
    pub async fn start_again(&mut self) {
        self.process.stop();
        self.process = launch(&self.folder);
        self.answers().await;
    }

    /// The newest version of a secret in KV, and its number.
    pub async fn read(&self, path: &str) -> (Value, u64) {
        let answer = self.done("GET", &format!("secret/data/{path}"), &Value::Null).await;
        register_fields(&answer["data"]["data"]);
        (answer["data"]["data"].clone(), answer["data"]["metadata"]["version"].as_u64().unwrap())
    }

    pub async fn write(&self, path: &str, fields: &Value) {
        register_fields(fields);
        self.done("POST", &format!("secret/data/{path}"), &json!({"data": fields})).await;
    }

    /// A token of `role` with these policies.
    pub async fn token(&self, options: &Value) -> String {
        let answer = self.done("POST", "auth/token/create", options).await;
        let token = answer["auth"]["client_token"].as_str().unwrap().to_owned();
        secrets::register("vault-token", &token);
        token
    }
}

fn launch(folder: &Folder) -> Process {
    let mut command = Command::new(environment::bao());
    command.arg("server").arg("-config").arg(folder.path().join("bao.hcl"));
    Process::start_silent("OpenBao", command, folder.path().join("bao.log"))
}

/// Notes what a secret holds. The `id` of a key names it, in commands and their output.
fn register_fields(fields: &Value) {
    for (_, field) in fields.as_object().into_iter().flatten().filter(|(name, _)| *name != "id") {
        if let Some(field) = field.as_str() {
            secrets::register("vault-field", field);
        }
    }
}
