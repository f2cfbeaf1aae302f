//! Every secret the tests make is noted, and every log of every process they start is kept, so that `cargo xtask test` can look
//! for the ones in the others at its end (`xtask/src/logs.rs`, which reads what is written here).
//!
//! `AGENTIDP_TEST_LOGS` names the folder: `secrets/` has files with one secret a line, in hexadecimal, after what it is and a
//! space; `logs/` has the logs. Without it nothing is noted.

use std::collections::HashSet;
use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use crate::{hex, unique};

/// Shorter texts are in logs by chance.
const SHORTEST: usize = 16;

static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let folder = std::env::var_os("AGENTIDP_TEST_LOGS").filter(|folder| !folder.is_empty())?;
    let folder = PathBuf::from(folder);
    for part in ["secrets", "logs"] {
        fs::create_dir_all(folder.join(part)).unwrap();
    }
    Some(folder)
});

type Noted = (HashSet<Vec<u8>>, Option<File>);

/// What this process has noted, and where.
static NOTED: LazyLock<Mutex<Noted>> = LazyLock::new(|| {
    let file = FOLDER.as_ref().map(|folder| File::create(folder.join("secrets").join(unique())).unwrap());
    Mutex::new((HashSet::new(), file))
});

/// Notes a secret that must be in nobody's log. Of a key in base64 also the bytes, of one in PEM each line; of a token its
/// signature, without which it is worth nothing.
pub fn register(what: &str, secret: &str) {
    let secret = secret.trim();
    let parts: Vec<&str> = if secret.contains("-----BEGIN") {
        secret.lines().filter(|line| !line.starts_with("-----")).collect()
    } else if let [_, _, signature] = secret.split('.').collect::<Vec<_>>()[..] {
        vec![signature]
    } else {
        vec![secret]
    };
    for part in parts {
        note(what, part.as_bytes());
        if part.len() % 4 == 0
            && let Ok(bytes) = STANDARD.decode(part)
        {
            note(what, &bytes);
        }
    }
}

fn note(what: &str, secret: &[u8]) {
    if secret.len() < SHORTEST {
        return;
    }
    let mut noted = NOTED.lock().unwrap();
    if noted.0.insert(secret.to_owned())
        && let Some(file) = &mut noted.1
    {
        writeln!(file, "{} {}", what.replace(' ', "-"), hex(secret)).unwrap();
    }
}

/// Notes the secrets that an answer shows, wherever they are in it.
pub fn register_answer(body: &str) {
    if !["\"clientSecret\"", "\"access_token\"", "\"client_token\""].iter().any(|name| body.contains(name)) {
        return;
    }
    if let Ok(value) = serde_json::from_str(body) {
        register_members(&value);
    }
}

fn register_members(value: &Value) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                match member {
                    Value::String(secret)
                        if matches!(&**name, "clientSecret" | "access_token" | "client_token") =>
                    {
                        register(name, secret);
                    }
                    _ => register_members(member),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(register_members),
        _ => {}
    }
}

/// Notes what is in the files of a state folder: keys, and the first administrator's secret.
pub fn register_files(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let Ok(text) = fs::read_to_string(&path) else { continue };
        match serde_json::from_str::<Value>(&text) {
            Ok(value @ Value::Object(_)) => register_members(&value),
            _ if entry.file_name().to_string_lossy().contains("key") => register("key-file", &text),
            _ => {}
        }
    }
}

/// Keeps a log for the search.
pub fn keep_log(name: &str, log: &Path) {
    if let Some(folder) = &*FOLDER {
        let kept = folder.join("logs").join(format!("{}-{}.log", name.replace([' ', '/'], "-"), unique()));
        let _ = fs::copy(log, kept);
    }
}

/// The same of output that was caught.
pub fn keep_output(name: &str, output: &[u8]) {
    if let Some(folder) = &*FOLDER {
        let kept = folder.join("logs").join(format!("{}-{}.log", name.replace([' ', '/'], "-"), unique()));
        fs::write(kept, output).unwrap();
    }
}
