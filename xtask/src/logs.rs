//! The last step of `cargo xtask test`: no log of any process that the tests started holds a secret that they made.
//!
//! The tests write both into a folder (`tests/support/secrets.rs`). A secret is looked for as it is, percent-encoded, in
//! hexadecimal, and in base64 wherever it may begin in a longer text. One more secret is put into a log first, in each of these
//! forms: a search that does not find them has found nothing.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A place for one run's logs and secrets, removed with it unless something was found.
#[derive(Debug)]
pub struct Logs {
    folder: PathBuf,
}

/// What the planted secret is noted as, and the log it is in.
const PLANTED: &str = "planted";
/// What the password of the tests' database is noted as.
pub const DATABASE_PASSWORD: &str = "database-password";

/// Texts are told apart by so many bytes first; every form of every secret is longer.
const PREFIX: usize = 8;

/// One form of one secret.
struct Form {
    text: Vec<u8>,
    what: String,
}

impl Logs {
    pub fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("agentidp-test-logs-{}", std::process::id()));
        for part in ["logs", "secrets"] {
            let part = folder.join(part);
            fs::create_dir_all(&part).with_context(|| format!("cannot create {}", part.display()))?;
        }
        Ok(Self { folder })
    }

    pub fn folder(&self) -> &Path {
        &self.folder
    }

    /// Notes a secret that was not made by a test, if there is one.
    pub fn register(&self, what: &str, secret: &str) -> Result<()> {
        if secret.is_empty() {
            return Ok(());
        }
        Ok(fs::write(self.folder.join("secrets").join(what), format!("{what} {}\n", hex(secret.as_bytes())))?)
    }

    /// An error that names the logs with secrets in them, and what they are, but not the secrets; else what was looked at. With
    /// `all`, every test was run, and to have nothing to look for or nowhere is an error too.
    pub fn search(self, all: bool) -> Result<String> {
        let planted = format!("planted {:032x} ä", std::process::id());
        self.register(PLANTED, &planted)?;
        let planted_forms = forms(planted.as_bytes());
        let mut log = Vec::new();
        for form in &planted_forms {
            log.extend_from_slice(form);
            log.push(b'\n');
        }
        fs::write(self.folder.join("logs").join(PLANTED), log)?;

        let (mut secrets, mut of_tests) = (Vec::new(), 0);
        for file in files(&self.folder.join("secrets"))? {
            for line in fs::read_to_string(file)?.lines() {
                let (what, digits) = line.split_once(' ').context("a line of the secrets is malformed")?;
                of_tests += usize::from(what != PLANTED && what != DATABASE_PASSWORD);
                secrets.push((what.to_owned(), unhex(digits).context("a secret is not hexadecimal")?));
            }
        }
        let index = index(&secrets);
        let (mut bytes, mut logs, mut planted_found) = (0, 0, 0);
        let mut found: BTreeMap<String, usize> = BTreeMap::new();
        for file in files(&self.folder.join("logs"))? {
            let log = fs::read(&file)?;
            let name = file.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let here = search(&log, &index);
            if name == PLANTED {
                planted_found = here.len();
                continue;
            }
            (bytes, logs) = (bytes + log.len(), logs + 1);
            for form in here {
                *found.entry(format!("{} in {name}", form.what)).or_default() += 1;
            }
        }
        if planted_found < planted_forms.len() {
            bail!("the search is blind: of {} planted forms it found {planted_found}", planted_forms.len());
        }
        if !found.is_empty() {
            let found: Vec<String> =
                found.into_iter().map(|(place, count)| format!("{count} × {place}")).collect();
            bail!(
                "secrets are in logs, which are kept in {}:\n  {}",
                self.folder.display(),
                found.join("\n  ")
            );
        }
        if all && (of_tests == 0 || logs == 0) {
            bail!("{of_tests} secrets and {logs} logs: nothing was looked for, or nowhere");
        }
        fs::remove_dir_all(&self.folder)?;
        Ok(format!(
            "secrets: none of {of_tests} in {logs} logs ({} KB); all {} planted forms were found",
            bytes / 1_024,
            planted_forms.len()
        ))
    }
}

fn files(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut files =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<Result<Vec<_>, std::io::Error>>()?;
    files.sort();
    Ok(files)
}

/// Every way in which a log could show it.
fn forms(secret: &[u8]) -> Vec<Vec<u8>> {
    let lower = hex(secret);
    let encode = |upper: bool| {
        secret.iter().fold(String::new(), |mut text, byte| {
            match byte {
                b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                    text.push(char::from(*byte));
                }
                _ => {
                    let _ = if upper { write!(text, "%{byte:02X}") } else { write!(text, "%{byte:02x}") };
                }
            }
            text
        })
    };
    let mut forms = vec![
        secret.to_owned(),
        encode(true).into_bytes(),
        encode(false).into_bytes(),
        lower.to_uppercase().into_bytes(),
        lower.into_bytes(),
    ];
    // A text in base64 looks one of three ways, by where it begins. What it shares with its neighbours is left out.
    for before in 0..3 {
        let shifted = [vec![0; before].as_slice(), secret].concat();
        let whole = shifted.len() / 3 * 4;
        for encoded in [STANDARD_NO_PAD.encode(&shifted), URL_SAFE_NO_PAD.encode(&shifted)] {
            let first = if before == 0 { 0 } else { 4 };
            forms.extend(encoded.get(first..whole).map(|text| text.as_bytes().to_vec()));
        }
    }
    forms.sort();
    forms.dedup();
    forms.retain(|form| form.len() > PREFIX);
    forms
}

fn index(secrets: &[(String, Vec<u8>)]) -> HashMap<[u8; PREFIX], Vec<Form>> {
    let mut index: HashMap<_, Vec<Form>> = HashMap::new();
    for (what, secret) in secrets {
        for text in forms(secret) {
            if let Some(prefix) = text.first_chunk::<PREFIX>() {
                index.entry(*prefix).or_default().push(Form { text, what: what.clone() });
            }
        }
    }
    index
}

/// The forms that are in the text.
fn search<'a>(text: &[u8], index: &'a HashMap<[u8; PREFIX], Vec<Form>>) -> Vec<&'a Form> {
    let mut found = Vec::new();
    for (position, window) in text.windows(PREFIX).enumerate() {
        let Some(forms) = window.first_chunk::<PREFIX>().and_then(|prefix| index.get(prefix)) else {
            continue;
        };
        let rest = text.get(position..).unwrap_or_default();
        found.extend(forms.iter().filter(|form| rest.starts_with(&form.text)));
    }
    found
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn unhex(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "sk_Zm9v/YmFy+c2VjcmV0";

    fn logs(name: &str, log: &[u8]) -> Logs {
        let folder = std::env::temp_dir().join(format!("agentidp-logs-{name}-{}", std::process::id()));
        for part in ["logs", "secrets"] {
            fs::create_dir_all(folder.join(part)).unwrap();
        }
        fs::write(folder.join("logs").join("a.log"), log).unwrap();
        let logs = Logs { folder };
        logs.register("clientSecret", SECRET).unwrap();
        logs
    }

    fn outcome(name: &str, log: &[u8]) -> Result<String, String> {
        let logs = logs(name, log);
        let folder = logs.folder.clone();
        let outcome = logs.search(true).map_err(|error| error.to_string());
        let _ = fs::remove_dir_all(folder);
        outcome
    }

    #[test]
    fn a_log_without_secrets_passes_and_says_what_was_looked_at() {
        let said = outcome("clean", b"nothing to see").unwrap();
        assert!(said.contains("none of 1 in 1 logs"), "{said}");
    }

    #[test]
    fn hidden_secret_attack_every_form_in_a_log_is_found_and_not_repeated() {
        let shown = SECRET.to_owned();
        let percent = SECRET.replace('/', "%2F").replace('+', "%2B");
        for (number, log) in [
            shown.clone(),
            percent
                .to_lowercase()
                .replace("sk_zm9v", "sk_Zm9v")
                .replace("ymfy", "YmFy")
                .replace("c2vjcmv0", "c2VjcmV0"),
            percent,
            hex(SECRET.as_bytes()),
            hex(SECRET.as_bytes()).to_uppercase(),
            STANDARD_NO_PAD.encode(SECRET),
            STANDARD_NO_PAD.encode(format!("u:{SECRET}")),
            URL_SAFE_NO_PAD.encode(format!("client:{SECRET}?")),
        ]
        .into_iter()
        .enumerate()
        {
            let line = format!("{{\"level\":\"INFO\",\"message\":\"x{log}y\"}}");
            let error = outcome(&format!("hidden-{number}"), line.as_bytes()).unwrap_err();
            assert!(error.contains("clientSecret in a.log"), "{log}: {error}");
            assert!(!error.contains(SECRET) && !error.contains(&log), "{error}");
        }
    }

    #[test]
    fn to_look_for_nothing_or_nowhere_is_an_error() {
        let logs = logs("nowhere", b"");
        fs::remove_file(logs.folder.join("logs").join("a.log")).unwrap();
        let folder = logs.folder.clone();
        logs.search(true).unwrap_err();
        fs::remove_dir_all(folder).unwrap();
    }
}
