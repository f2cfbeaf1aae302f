//! The cases, by topic.

mod documents;
mod forward_auth;
mod hostile;
mod introspect;
mod places;
mod token_claims;
mod token_forms;
mod verify;

use super::case::Case;
use super::scene::Scene;

pub fn all(scene: &Scene) -> Vec<Case> {
    [
        verify::cases,
        token_forms::cases,
        token_claims::cases,
        introspect::cases,
        documents::cases,
        forward_auth::cases,
        places::cases,
        hostile::cases,
    ]
    .iter()
    .flat_map(|cases| cases(scene))
    .collect()
}
