//! How nodes and their hub speak: HTTP inside one deployment, never reachable from outside.

use agentidp_shared::wire::WireVersions;
use http::StatusCode;

use crate::form::Parameters;
use crate::host::Taken;
use crate::knowledge::Known;
use crate::usage::HandOver;

/// `GET`: the batches after the place the query names, one per line.
pub const NEWER_PATH: &str = "/newer";
/// `POST`: takes a pushed batch.
pub const TAKE_PATH: &str = "/take";
/// `POST`: takes what a node counted.
pub const USAGE_PATH: &str = "/usage";

/// Path and query of a question for news.
pub fn newer_target(known: Option<Known>) -> String {
    let understood = format!("{NEWER_PATH}?feed={}", WireVersions::CURRENT.feed);
    match known {
        Some(known) => {
            format!("{understood}&sequence={}&issuedAt={}", known.sequence, known.issued_at_ms)
        }
        None => understood,
    }
}

/// The version of the feed that the asking node understands; nodes of the first version do not say.
pub fn understood_from_query(query: &str) -> u8 {
    let feed = Parameters::parse(query).ok().and_then(|query| query.get("feed")?.parse().ok());
    feed.unwrap_or(WireVersions::FIRST.feed)
}

/// The place a question for news names; what cannot be read is no place.
pub fn known_from_query(query: &str) -> Option<Known> {
    let query = Parameters::parse(query).ok()?;
    Some(Known {
        sequence: query.get("sequence")?.parse().ok()?,
        issued_at_ms: query.get("issuedAt")?.parse().ok()?,
    })
}

/// The batches of an answer.
pub fn batches(body: &str) -> Vec<String> {
    body.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

/// The body of what a node counted.
pub fn write_hand_over(hand_over: &HandOver) -> String {
    serde_json::to_string(hand_over).unwrap_or_default()
}

pub fn read_hand_over(body: &str) -> Option<HandOver> {
    serde_json::from_str(body).ok()
}

pub fn status_of(taken: Taken) -> StatusCode {
    match taken {
        Taken::Known => StatusCode::NO_CONTENT,
        Taken::Conflict => StatusCode::CONFLICT,
        Taken::Refused => StatusCode::BAD_REQUEST,
    }
}

pub fn taken_from_status(status: u16) -> Option<Taken> {
    [Taken::Known, Taken::Conflict, Taken::Refused].into_iter().find(|taken| status_of(*taken) == status)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_is_what_is_understood() {
        let known = Some(Known { sequence: 7, issued_at_ms: u64::MAX });
        let target = newer_target(known);
        assert_eq!(known_from_query(target.split_once('?').unwrap().1), known);
        assert_eq!(understood_from_query(target.split_once('?').unwrap().1), WireVersions::CURRENT.feed);
        assert_eq!(known_from_query(newer_target(None).split_once('?').unwrap().1), None);
        for query in ["", "sequence=1&issuedAt=1", "feed=x", "feed=300"] {
            assert_eq!(understood_from_query(query), 1, "{query}");
        }
        for query in ["", "sequence=1", "sequence=-1&issuedAt=1", "sequence=1&issuedAt=x"] {
            assert_eq!(known_from_query(query), None, "{query}");
        }
        for taken in [Taken::Known, Taken::Conflict, Taken::Refused] {
            assert_eq!(taken_from_status(status_of(taken).as_u16()), Some(taken));
        }
        assert_eq!(taken_from_status(500), None);
    }
}
