//! Writes an exported audit log of many events, as `agentidp audit export` does, and measures what checking it takes.
//!
//! `audit_scale EVENTS AGENTIDP`: the program `AGENTIDP` checks it, so what is measured is what ships.
#![allow(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::panic,
    reason = "a program for people, which stops when something is wrong"
)]

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};

use agentidp::audit::{Action, Bundle, Folder};
use agentidp_shared::audit_chain::{Attribution, SealedEvent, genesis, hash};
use agentidp_shared::ids::InstanceId;
use agentidp_shared::signed_note::VerifierKey;
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use nix::sys::resource::{Usage, UsageWho, getrusage};
use serde_json::json;
use uuid::Uuid;

/// As often as a busy instance signs a head.
const EVENTS_PER_HEAD: u64 = 1_000;
const FIRST_AT_US: i64 = 1_700_000_000_000_000;

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [events, agentidp] = arguments.as_slice() else { panic!("audit_scale EVENTS AGENTIDP") };
    let events: u64 = events.replace('_', "").parse().unwrap();
    let folder = std::env::temp_dir().join(format!("agentidp-audit-scale-{}", std::process::id()));
    let key = write(&folder, events);
    let made = usage(UsageWho::RUSAGE_SELF);
    let bytes = fs::metadata(folder.join("events.ndjson")).unwrap().len();
    println!("{events} events, {} MB: written in {:.1} s of CPU time", bytes / 1_000_000, cpu(&made));
    let status = Command::new(agentidp)
        .args(["audit", "fsck", "--key", &key.to_string()])
        .arg(&folder)
        .stdout(Stdio::null())
        .status()
        .unwrap();
    fs::remove_dir_all(&folder).unwrap();
    assert!(status.success(), "the log is whole, and was not found so");
    let checked = usage(UsageWho::RUSAGE_CHILDREN);
    // A measurement: nobody counts on the last digits.
    #[expect(clippy::cast_precision_loss, clippy::as_conversions, reason = "a rate")]
    let rate = events as f64 / cpu(&checked);
    println!(
        "checked in {:.2} s of CPU time (user and system): {rate:.0} events/s per core, at most {} MB of memory",
        cpu(&checked),
        memory_mb(&checked),
    );
}

/// A log of tokens issued to many agents of many organizations; what its heads are signed with.
fn write(folder: &Path, events: u64) -> VerifierKey {
    let instance = InstanceId::new(Uuid::from_u128(1));
    let pair = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let public = pair.public_key().as_ref().try_into().unwrap();
    let key = VerifierKey::new("audit-scale.example/audit".to_owned(), public).unwrap();
    let mut bundle = Folder::create(folder).unwrap().begin(instance, &key).unwrap();
    let mut previous = genesis(instance);
    let note = |bundle: &Bundle| {
        let head = bundle.head();
        key.note(&head, pair.sign(key.text(&head).as_bytes()).as_ref())
    };
    for sequence in 1..=events {
        let number = u128::from(sequence);
        let agent = Uuid::from_u128((number % 5_000) << 64 | 3);
        // As tokens/issue.rs records it.
        let metadata = json!({
            "actorId": agent,
            "jti": Uuid::from_u128(number << 64 | 4),
            "scope": "agents:read tokens:read",
            "audience": ["https://audit-scale.example"],
            "expiresAt": 1_700_003_600 + sequence / 1_000,
            "credentialId": Uuid::from_u128((number % 5_000) << 64 | 7),
        });
        let event = SealedEvent {
            sequence,
            event_id: Uuid::from_u128(number << 64 | 5).into(),
            timestamp_us: FIRST_AT_US + i64::try_from(sequence).unwrap() * 1_000,
            organization_id: Uuid::from_u128((number % 100) << 64 | 6).into(),
            agent_id: Some(agent.into()),
            action: Action::TokenIssued.as_str(),
            outcome: "success",
            ip_address: Some("2001:db8:85a3::8a2e:370:7334"),
            user_agent: Some("python-httpx/0.28.1"),
            metadata: &metadata,
            attribution: Some(Attribution {
                actor: Some(agent.into()),
                on_behalf_of: None,
                token_id: Some(Uuid::from_u128(number << 64 | 7).into()),
                via: "api",
                trace_id: None,
            }),
        };
        let sealed = hash(&previous, &event);
        bundle.put_event(&event, previous, sealed).unwrap();
        previous = sealed;
        if sequence.is_multiple_of(EVENTS_PER_HEAD) || sequence == events {
            bundle.put_head(&note(&bundle)).unwrap();
        }
    }
    let newest = note(&bundle);
    bundle.finish(&newest).unwrap();
    key
}

fn usage(who: UsageWho) -> Usage {
    getrusage(who).unwrap()
}

/// In seconds.
fn cpu(usage: &Usage) -> f64 {
    let time = usage.user_time() + usage.system_time();
    time::Duration::microseconds(time.tv_sec() * 1_000_000 + time.tv_usec()).as_seconds_f64()
}

fn memory_mb(usage: &Usage) -> i64 {
    let unit = if cfg!(target_os = "macos") { 1_000_000 } else { 1_000 };
    usage.max_rss() / unit
}
