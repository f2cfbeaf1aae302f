//! What tests of bad input stand on.

use agentidp_tests::openapi::{Operation, operations};
use agentidp_tests::shape::{Shape, assert_documented};
use agentidp_tests::{Answer, ControlPlane};

use crate::bodies::Scene;

pub const JSON: &str = "application/json";
pub const FORM: &str = "application/x-www-form-urlencoded";

/// A control plane, somebody in it, and everything it says it can do.
pub struct Bench {
    _control_plane: ControlPlane,
    pub scene: Scene,
    pub operations: Vec<Operation>,
}

impl Bench {
    pub async fn set() -> Self {
        let control_plane = ControlPlane::start();
        let scene = Scene::set(control_plane.platform().await).await;
        let operations = operations(&scene.platform.api).await;
        Self { _control_plane: control_plane, scene, operations }
    }

    pub fn with_json(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.is_json())
    }

    pub fn with_form(&self) -> impl Iterator<Item = &Operation> {
        self.operations.iter().filter(|operation| operation.is_form())
    }

    pub async fn send(
        &self,
        operation: &Operation,
        content_type: &str,
        body: impl Into<reqwest::Body>,
    ) -> Answer {
        let path = self.scene.path(&operation.path);
        self.scene.api(operation).body(&operation.method, &path, content_type, body).await
    }
}

#[track_caller]
pub fn assert_refused(answer: &Answer, operation: &Operation, statuses: &[u16], what: &str) {
    assert_documented(answer, Shape::of_path(&operation.path));
    assert!(
        statuses.contains(&answer.status),
        "{what}: {} → {} {}",
        answer.asked,
        answer.status,
        answer.body
    );
}
