//! A short run of `cargo xtask chaos`: nothing acknowledged is lost when database and control plane are killed under load.

use std::process::Command;

use agentidp_tests::environment;
use serde_json::Value;

#[test]
fn nothing_acknowledged_is_lost_when_everything_is_killed_again_and_again() {
    let mut chaos = Command::new(env!("CARGO_BIN_EXE_agentidp-chaos"));
    chaos.args(["--kills", "6", "--database-kills", "3", "--seed", "7", "--json"]);
    let output = chaos.env("AGENTIDP_BIN", environment::agentidp()).output().unwrap();
    let progress = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{progress}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let list = |name: &str| report[name].as_array().unwrap().clone();
    // It looked at something, everywhere.
    for invariant in list("invariants") {
        assert!(invariant["checked"].as_u64().unwrap() > 0, "{invariant}");
        assert_eq!(invariant["violations"], Value::Array(vec![]), "{invariant}");
    }
    for damage in list("damages") {
        assert_eq!(damage["missedBy"], Value::Array(vec![]), "{damage}");
    }
    let struck: u64 = list("recovery").iter().map(|killed| killed["times"].as_u64().unwrap()).sum();
    // One strike kills both at once, and one the control plane twice.
    assert_eq!(struck, 7, "{progress}");
}
