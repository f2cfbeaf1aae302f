//! A short run of `cargo xtask rotations`: the signing key is replaced under load, and no request fails.

use std::process::Command;

use serde_json::Value;

#[test]
fn no_request_fails_while_the_signing_key_is_rotated() {
    let mut rotations = Command::new(env!("CARGO_BIN_EXE_agentidp-rotations"));
    let output = rotations.args(["5", "--json"]).output().unwrap();
    let progress = String::from_utf8_lossy(&output.stderr);
    let result = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{progress}\n{result}");
    let result: Value = serde_json::from_str(&result).unwrap();
    assert_eq!((&result["rotations"], &result["keys"]), (&5.into(), &6.into()));
    assert_eq!(result["switchesOfAlgorithm"], 2);
    let during = &result["during"];
    for asked in ["verified", "issued"] {
        assert!(during[asked]["requests"].as_u64().unwrap() > 100, "{result}");
    }
    assert!(during["verifiedOfReplacedKeys"].as_u64().unwrap() > 0, "{result}");
    assert_eq!(during["failures"], Value::Array(vec![]), "{result}");
}
