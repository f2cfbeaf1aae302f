//! The exported log: what an auditor finds in its files alone.

use std::fs;
use std::path::{Path, PathBuf};

use agentidp::audit::{self, Damage, ExportError};
use agentidp_shared::audit_bundle::{BadEvent, Line, Log};
use agentidp_shared::audit_chain::{Hash, genesis, hash};
use agentidp_shared::ids::InstanceId;
use agentidp_shared::signed_note::{Head, VerifierKey};
use aws_lc_rs::signature::{Ed25519KeyPair, KeyPair as _};
use serde_json::{Value, json};
use time::Duration;

use crate::support::{Instance, Tenant, execute, unique};

/// A folder of its own, removed afterwards.
struct Bundle(PathBuf);

impl Drop for Bundle {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

impl Bundle {
    fn new() -> Self {
        Self(std::env::temp_dir().join(format!("agentidp-bundle-{}", unique())))
    }

    async fn export(instance: &Instance) -> Self {
        let bundle = Self::new();
        let done = audit::export(&instance.app, &bundle.0, |_| ()).await.unwrap();
        assert_eq!(done.events, done.of);
        bundle
    }

    fn copy(&self) -> Self {
        fn copy(from: &Path, to: &Path) {
            fs::create_dir_all(to).unwrap();
            for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
                let target = to.join(entry.file_name());
                if entry.file_type().unwrap().is_dir() {
                    copy(&entry.path(), &target);
                } else {
                    fs::copy(entry.path(), target).unwrap();
                }
            }
        }
        let bundle = Self::new();
        copy(&self.0, &bundle.0);
        bundle
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    fn write(&self, name: &str, text: &str) {
        fs::write(self.0.join(name), text).unwrap();
    }

    fn lines(&self) -> Vec<String> {
        self.read("events.ndjson").lines().map(str::to_owned).collect()
    }

    fn write_lines(&self, lines: &[String]) {
        self.write("events.ndjson", &(lines.join("\n") + "\n"));
    }

    fn describe(&self, member: &str, value: Value) {
        let mut description: Value = serde_json::from_str(&self.read("bundle.json")).unwrap();
        description[member] = value;
        self.write("bundle.json", &description.to_string());
    }

    fn key(&self) -> VerifierKey {
        let description: Value = serde_json::from_str(&self.read("bundle.json")).unwrap();
        VerifierKey::parse(description["verifierKey"].as_str().unwrap()).unwrap()
    }

    fn instance(&self) -> InstanceId {
        let description: Value = serde_json::from_str(&self.read("bundle.json")).unwrap();
        description["instance"].as_str().unwrap().parse().unwrap()
    }

    fn heads(&self) -> Vec<String> {
        self.read("checkpoints.ndjson").lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Numbers and links the events anew, and writes the tree over them: what was done to them shows in no hash. The head of the
    /// first `size`, for each size.
    fn rewrite(&self, lines: &[String]) -> Vec<Head> {
        let mut previous: Hash = genesis(self.instance());
        let mut log = Log::of(self.instance());
        let mut heads = vec![];
        let mut fresh = vec![];
        fs::remove_dir_all(self.0.join("tile")).unwrap();
        let put = |tile: &agentidp_shared::audit_bundle::Tile<'_>| {
            let path = self.0.join(tile.path());
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, tile.hashes).unwrap();
        };
        for (text, sequence) in lines.iter().zip(1..) {
            let mut line: Line<'_> = serde_json::from_str(text).unwrap();
            (line.sequence, line.previous_hash) = (sequence, previous);
            line.hash = hash(&previous, &line.event());
            previous = line.hash;
            log.append(line.hash, put);
            heads.push(log.head());
            fresh.push(serde_json::to_string(&line).unwrap());
        }
        log.partial_tiles().for_each(|tile| put(&tile));
        self.write_lines(&fresh);
        heads
    }

    /// Signs a head with another key, as the only one.
    fn sign(&self, signer: &Ed25519KeyPair, head: &Head) -> String {
        let key = VerifierKey::new(self.key().name().to_owned(), key_of(signer)).unwrap();
        let note = key.note(head, signer.sign(key.text(head).as_bytes()).as_ref());
        self.describe("verifierKey", json!(key.to_string()));
        self.write("checkpoints.ndjson", &(json!(note).to_string() + "\n"));
        self.write("checkpoint", &note);
        note
    }

    fn fsck(&self) -> Result<audit::Checked, Damage> {
        audit::fsck(&self.0, None, &[], |_, _| ())
    }
}

fn key_of(signer: &Ed25519KeyPair) -> [u8; 32] {
    signer.public_key().as_ref().try_into().unwrap()
}

/// An instance with more events than a tile holds, and two signed heads.
async fn scene() -> (Instance, Tenant) {
    let instance = Instance::start().await;
    let tenant = instance.tenant().await;
    let organization = tenant.uuid().into();
    for round in 0..2 {
        let mut tx = instance.app.db.tenant(organization).await.unwrap();
        for number in 0..200 {
            let metadata = json!({"number": number, "round": round, "text": "ä \u{1F511} \"quoted\" \\ \u{2028}",
                "list": [1.5, -0.0, 0.1, 1e300, null, {"b": 1, "a": 2}]});
            let event = audit::NewEvent::new(organization, audit::Action::TokenIssued).metadata(metadata);
            audit::record(&mut tx, &instance.app, event).await.unwrap();
        }
        tx.commit().await.unwrap();
        instance.seal().await;
        instance.advance(Duration::minutes(2));
        assert!(audit::sign_if_due(&instance.app).await.unwrap());
    }
    (instance, tenant)
}

#[tokio::test]
async fn an_export_is_whole_up_to_the_newest_head_and_checked_without_the_service() {
    let (instance, tenant) = scene().await;
    tenant.again().await.create_agent(&["agents:read"]).await;
    instance.seal().await;
    let bundle = Bundle::export(&instance).await;
    let sealed = instance.number("select count(*) from audit_seals").await.unsigned_abs();
    let kept = bundle.heads();
    drop(instance);
    let found = audit::fsck(&bundle.0, Some(&bundle.key()), &kept[..2], |_, _| ()).unwrap();
    assert_eq!((found.head.tree_size, found.heads), (sealed, 3), "a head is signed for what had none");
    assert_eq!(found.verifier_key, bundle.key());
    assert!(bundle.0.join("tile/0/000").exists() && bundle.0.join("tile/1/000.p/1").exists());
}

#[tokio::test]
async fn tampering_attack_an_altered_log_is_exported_as_it_is_and_found_in_the_files() {
    for (tampering, expected) in [
        (
            "update audit_events set user_agent = 'another' where event_id = (select event_id from audit_seals where sequence = 7)",
            7,
        ),
        ("delete from audit_seals where sequence = 7", 7),
        ("update audit_tree set hash = sha256('x')", 0),
        ("update audit_checkpoints set root_hash = sha256('x'), note = replace(note, 'audit', 'other')", 0),
    ] {
        let (instance, _tenant) = scene().await;
        execute(
            &mut instance.superuser().await,
            &format!("set session_replication_role = replica; {tampering}"),
        )
        .await;
        let bundle = Bundle::new();
        audit::export(&instance.app, &bundle.0, |_| ()).await.unwrap();
        match bundle.fsck() {
            Err(Damage::Event { line, .. }) => assert_eq!(line, expected, "{tampering}"),
            // The tree is made anew from the events; the heads are not.
            Ok(_) => assert!(tampering.contains("audit_tree"), "{tampering}"),
            Err(found) => {
                assert!(matches!(found, Damage::Newest) && tampering.contains("checkpoints"), "{found:?}");
            }
        }
    }
}

#[tokio::test]
async fn an_export_goes_into_an_empty_folder_only() {
    let (instance, _tenant) = scene().await;
    let bundle = Bundle::export(&instance).await;
    let refused = audit::export(&instance.app, &bundle.0, |_| ()).await;
    assert!(matches!(refused, Err(ExportError::NotEmpty(_))), "{refused:?}");
}

#[tokio::test]
async fn tampering_attack_twelve_ways_to_alter_an_exported_log_are_all_found_in_its_files() {
    let (instance, _tenant) = scene().await;
    let whole = Bundle::export(&instance).await;
    let (other_instance, _other_tenant) = scene().await;
    let other = Bundle::export(&other_instance).await;
    whole.fsck().unwrap();
    other.fsck().unwrap();
    let (lines, heads, key) = (whole.lines(), whole.heads(), whole.key());
    let at = lines.iter().position(|line| line.contains("\"number\":7,")).unwrap();
    let forger = Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap();
    let altered = |at: usize, from: &str, to: &str| {
        let mut lines = lines.clone();
        assert!(lines[at].contains(from), "{}", lines[at]);
        lines[at] = lines[at].replacen(from, to, 1);
        lines
    };
    macro_rules! found {
        ($name:literal, $bundle:expr, $damage:pat) => {
            let found = $bundle;
            assert!(matches!(found, Err($damage)), "{}: {found:?}", $name);
        };
    }
    let with = |lines: &[String]| {
        let bundle = whole.copy();
        bundle.write_lines(lines);
        bundle
    };

    let edited = with(&altered(at, "\"outcome\":\"success\"", "\"outcome\":\"failure\""));
    found!("a field edited", edited.fsck(), Damage::Event { reason: BadEvent::Altered, .. });

    let edited = with(&altered(at, "\"number\":7,", "\"number\":8,"));
    found!("metadata edited", edited.fsck(), Damage::Event { reason: BadEvent::Altered, .. });

    let mut swapped = lines.clone();
    swapped.swap(at, at + 1);
    found!("two swapped", with(&swapped).fsck(), Damage::Event { reason: BadEvent::OutOfOrder { .. }, .. });
    let (one, two) = (format!("\"sequence\":{},", at + 1), format!("\"sequence\":{},", at + 2));
    swapped[at] = swapped[at].replace(&two, &one);
    swapped[at + 1] = swapped[at + 1].replace(&one, &two);
    found!(
        "two swapped and renumbered",
        with(&swapped).fsck(),
        Damage::Event { reason: BadEvent::NotLinked, .. }
    );

    let mut fewer = lines.clone();
    fewer.remove(at);
    found!("one deleted", with(&fewer).fsck(), Damage::Event { reason: BadEvent::OutOfOrder { .. }, .. });

    found!("the tail deleted", with(&lines[..lines.len() - 5]).fsck(), Damage::CutShort { .. });

    let mut more = lines.clone();
    more.insert(at, lines[at].clone());
    found!("one inserted", with(&more).fsck(), Damage::Event { reason: BadEvent::OutOfOrder { .. }, .. });

    let rewritten = whole.copy();
    let forged = rewritten.rewrite(&altered(at, "\"number\":7,", "\"number\":8,"));
    found!("everything rewritten with fresh hashes", rewritten.fsck(), Damage::Contradicted { .. });

    let changed = whole.copy();
    changed.write("checkpoint", &heads[1].replacen(&format!("\n{}\n", lines.len()), "\n9\n", 1));
    found!("the newest checkpoint changed", changed.fsck(), Damage::Newest);
    let changed = whole.copy();
    changed.write(
        "checkpoints.ndjson",
        &whole.read("checkpoints.ndjson").replacen("/audit\\n", "/audit\\n1", 1),
    );
    found!("an earlier checkpoint changed", changed.fsck(), Damage::Checkpoint { line: 1 });

    let rolled = whole.copy();
    rolled.write("checkpoint", &heads[0]);
    found!("rolled back to an old checkpoint", rolled.fsck(), Damage::Unsigned { .. });
    let old = key.open(&heads[0]).unwrap();
    rolled.rewrite(&lines[..usize::try_from(old.tree_size).unwrap()]);
    rolled.write("checkpoints.ndjson", &(json!(heads[0]).to_string() + "\n"));
    assert_eq!(rolled.fsck().unwrap().head, old, "an old bundle is whole");
    let found = audit::fsck(&rolled.0, Some(&key), &heads[..2], |_, _| ());
    found!("rolled back in all its files", found, Damage::RolledBack { .. });

    // As the service itself could, with its key: what it showed before tells.
    let (one, two) = (whole.copy(), rewritten.copy());
    let kept = one.sign(&forger, &key.open(&heads[1]).unwrap());
    two.sign(&forger, forged.last().unwrap());
    assert!(one.fsck().is_ok() && two.fsck().is_ok(), "each view is whole");
    let found = audit::fsck(&two.0, Some(&one.key()), &[kept.clone(), kept.clone()], |_, _| ());
    found!("two views forked", found, Damage::Contradicted { .. });

    let rekeyed = whole.copy();
    rekeyed.describe("verifierKey", json!(one.key().to_string()));
    found!("the key changed", rekeyed.fsck(), Damage::Newest);
    let found = audit::fsck(&two.0, Some(&key), &[], |_, _| ());
    found!("the key changed and all signed anew", found, Damage::OtherKey { .. });
    found!("another's checkpoint kept", audit::fsck(&whole.0, None, &[kept], |_, _| ()), Damage::Kept);

    let replayed = with(&other.lines());
    found!(
        "another instance's events",
        replayed.fsck(),
        Damage::Event { line: 1, reason: BadEvent::NotLinked }
    );
    let found = audit::fsck(&other.0, Some(&key), &[], |_, _| ());
    found!("another instance's log", found, Damage::OtherKey { .. });
    let named = other.copy();
    named.describe("instance", json!(whole.instance().to_string()));
    found!("another instance's log as ours", named.fsck(), Damage::Event { line: 1, .. });
}

#[tokio::test]
async fn files_that_are_missing_cut_off_or_not_what_they_should_be_are_named() {
    let (instance, _tenant) = scene().await;
    let whole = Bundle::export(&instance).await;
    for name in
        ["bundle.json", "checkpoint", "checkpoints.ndjson", "events.ndjson", "tile/0/000", "tile/1/000.p/1"]
    {
        let bundle = whole.copy();
        fs::remove_file(bundle.0.join(name)).unwrap();
        let found = bundle.fsck().unwrap_err().to_string();
        assert!(found.contains(name), "{name}: {found}");
        let bundle = whole.copy();
        let mut bytes = fs::read(bundle.0.join(name)).unwrap();
        bytes.truncate(bytes.len() - 3);
        fs::write(bundle.0.join(name), bytes).unwrap();
        assert!(bundle.fsck().is_err(), "{name} cut off");
        let bundle = whole.copy();
        fs::write(bundle.0.join(name), vec![b'x'; 3 * 1024 * 1024]).unwrap();
        assert!(bundle.fsck().is_err(), "{name} too large");
        fs::write(bundle.0.join(name), b"").unwrap();
        assert!(bundle.fsck().is_err(), "{name} emptied");
    }
    let bundle = whole.copy();
    bundle.describe("format", json!("agentidp audit bundle v9"));
    assert!(matches!(bundle.fsck(), Err(Damage::Malformed { .. })));
}
