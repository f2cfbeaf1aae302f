//! What is right, from the text of the rules and nothing else.

use super::ROLES;
use super::doors::Door;
use super::trying::Act;

/// Something that is tried. Without a subject the actor does it to itself.
#[derive(Debug, Clone, Copy)]
pub struct Attempt {
    pub act: Act,
    pub door: Door,
    pub actor: &'static str,
    pub subject: Option<&'static str>,
}

fn rank(role: &str) -> usize {
    ROLES.iter().position(|known| *known == role).unwrap()
}

pub fn is_allowed(attempt: Attempt) -> bool {
    use Act::{
        AddMember, BorrowToken, ChangeRole, ChangeScopes, GenerateCredential, ListCredentials, RemoveMember,
        RevokeToken, RotateCredential, RotateDidKey, TrustWorkload,
    };
    let Attempt { act, door, actor, subject } = attempt;
    let for_administrators =
        matches!(act, AddMember | ChangeRole | RemoveMember | TrustWorkload | BorrowToken);
    // Whoever has a token may end it, with any other of its own.
    if act == RevokeToken && subject.is_none() && door != Door::Delegated {
        return true;
    }
    // A delegated right is for reading and passing on, an exchanged one is no different, and a bootstrap token registers. What
    // was answered to more is not answered again to less.
    let own = match door {
        Door::Own | Door::Narrowed => true,
        Door::Borrowed => false,
        Door::Delegated | Door::Exchanged | Door::Bootstrap | Door::Replayed => return false,
    };
    // A borrowed token makes nobody hold more, or for longer.
    let gives = matches!(
        act,
        ListCredentials
            | GenerateCredential
            | RotateCredential
            | RotateDidKey
            | ChangeScopes
            | AddMember
            | ChangeRole
            | RemoveMember
            | TrustWorkload
            | BorrowToken
    );
    if !own && gives {
        return false;
    }
    // The narrowed token holds `agents:write agents:read`: no more than a manager needs, and less than its agent may ask for.
    let narrowed = door == Door::Narrowed;
    if narrowed && (for_administrators || matches!(act, GenerateCredential | RotateCredential)) {
        return false;
    }
    let carried = if narrowed { rank(actor).min(rank("manager")) } else { rank(actor) };
    let (subject, itself) = match subject {
        Some(subject) => (subject, false),
        None => (actor, own),
    };
    let least = match act {
        ListCredentials => rank("auditor"),
        _ if for_administrators => rank("admin"),
        _ => rank("manager"),
    };
    // To itself everybody may do what makes it hold no more.
    if itself && !for_administrators && act != ChangeScopes {
        return true;
    }
    // Reading is not what a rank protects from.
    let protected = act != ListCredentials && !itself;
    carried >= least && (!protected || rank(subject) <= carried)
}
