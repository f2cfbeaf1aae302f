//! How nodes and their hub speak: HTTP inside one deployment, never reachable from outside.

use agentidp_shared::wire::WireVersions;
use http::StatusCode;

use crate::form::Parameters;
use crate::host::Taken;
use crate::knowledge::Known;
use crate::usage::HandOver;

/// `GET`: the batches after the place the query names, or a piece of everything ([`Newer`]).
pub const NEWER_PATH: &str = "/newer";
/// `POST`: takes a pushed batch.
pub const TAKE_PATH: &str = "/take";
/// `POST`: takes what a node counted.
pub const USAGE_PATH: &str = "/usage";

/// Begins the line that says where everything goes on. No signed text does.
const MORE: &str = "more ";

/// A piece of everything that a hub has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Piece {
    /// Of the snapshot that the hub had then.
    pub generation: u64,
    /// From 0.
    pub number: usize,
}

/// A hub's answer to a question for news.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Newer {
    /// As they were signed: batches, or a page of everything, and behind the last page the batches that followed.
    pub texts: Vec<String>,
    /// The piece to ask for next.
    pub more: Option<Piece>,
}

impl Newer {
    /// The body of the answer: a line for each text. Nodes of 0.1.0, which know nothing of pieces, are never given one of several.
    pub fn write(&self) -> String {
        let body = self.texts.join("\n");
        match self.more {
            Some(Piece { generation, number }) => format!("{body}\n{MORE}{generation} {number}"),
            None => body,
        }
    }

    /// Reads the body of an answer.
    pub fn read(body: &str) -> Self {
        let mut newer = Self::default();
        for line in body.lines().filter(|line| !line.is_empty()) {
            match line.strip_prefix(MORE) {
                None => newer.texts.push(line.to_owned()),
                Some(more) => newer.more = read_piece(more, ' '),
            }
        }
        newer
    }
}

fn read_piece(text: &str, between: char) -> Option<Piece> {
    let (generation, number) = text.split_once(between)?;
    Some(Piece { generation: generation.parse().ok()?, number: number.parse().ok()? })
}

/// Path and query of a question for news, or for a piece of everything.
pub fn newer_target(known: Option<Known>, piece: Option<Piece>) -> String {
    let known = known.map(|Known { sequence, issued_at_ms, version }| {
        format!("&sequence={sequence}&issuedAt={issued_at_ms}&held={version}")
    });
    let piece = piece.map(|piece| format!("&piece={}.{}", piece.generation, piece.number));
    let (known, piece) = (known.unwrap_or_default(), piece.unwrap_or_default());
    format!("{NEWER_PATH}?feed={}{known}{piece}", WireVersions::CURRENT.feed)
}

/// The piece that a question names; what cannot be read is none.
pub fn piece_from_query(query: &str) -> Option<Piece> {
    read_piece(Parameters::parse(query).ok()?.get("piece")?, '.')
}

/// The version of the feed that the asking node understands; nodes of the first version do not say.
pub fn understood_from_query(query: &str) -> u8 {
    let feed = Parameters::parse(query).ok().and_then(|query| query.get("feed")?.parse().ok());
    feed.unwrap_or(WireVersions::FIRST.feed)
}

/// The place a question for news names; what cannot be read is no place. A node that does not say in which version it was told
/// has the newest that it understands.
pub fn known_from_query(query: &str) -> Option<Known> {
    let understood = understood_from_query(query);
    let query = Parameters::parse(query).ok()?;
    let held = query.get("held").and_then(|held| held.parse().ok());
    Some(Known {
        sequence: query.get("sequence")?.parse().ok()?,
        issued_at_ms: query.get("issuedAt")?.parse().ok()?,
        version: held.unwrap_or(understood),
    })
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
        let known = Some(Known { sequence: 7, issued_at_ms: u64::MAX, version: 1 });
        let piece = Some(Piece { generation: 9, number: 62 });
        assert_eq!(piece_from_query(newer_target(known, piece).split_once('?').unwrap().1), piece);
        let target = newer_target(known, None);
        assert_eq!(piece_from_query(target.split_once('?').unwrap().1), None);
        assert_eq!(known_from_query(target.split_once('?').unwrap().1), known);
        assert_eq!(understood_from_query(target.split_once('?').unwrap().1), WireVersions::CURRENT.feed);
        assert_eq!(known_from_query(newer_target(None, None).split_once('?').unwrap().1), None);
        for (query, held) in [("feed=2&sequence=1&issuedAt=1", 2), ("sequence=1&issuedAt=1", 1)] {
            assert_eq!(known_from_query(query).unwrap().version, held, "{query}");
        }
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

    #[test]
    fn what_is_answered_is_what_is_read() {
        let texts = vec!["a.b.c".to_owned(), "d.e.f".to_owned()];
        for newer in [
            Newer::default(),
            Newer { texts: texts.clone(), more: None },
            Newer { texts, more: Some(Piece { generation: 7, number: 1 }) },
        ] {
            assert_eq!(Newer::read(&newer.write()), newer);
        }
        assert_eq!(Newer::read("more x"), Newer::default());
    }
}
