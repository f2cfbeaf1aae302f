//! Saying with an older version of the feed what an older version can say.

use uuid::Uuid;

use super::{Change, Envelope, Subject};
use crate::exceptions::{Standing, SubjectException};
use crate::ids::TokenId;

/// Unix seconds that never come: for what has no end.
const NEVER: u64 = (1 << 40) - 1;

impl Change {
    /// Whether it cannot be read and says that it need not be.
    pub fn is_ignorable(&self) -> bool {
        matches!(self, Self::Unknown(envelope) if envelope.ignorable)
    }

    /// Returns the change as version 1 of the feed says it: at least as strict, and one change for one, so that a batch holds
    /// exactly the changes it numbers. `None` if nothing that version 1 can say is strict enough.
    pub fn in_first_version(self) -> Option<Self> {
        match self {
            // Every token from before, whatever it holds: version 1 cannot tell them apart.
            Self::AgentLimited { agent_id, exception, limit } => {
                let not_before = exception.not_before.max(Some(limit.issued_until));
                Some(Self::Agent { agent_id, exception: SubjectException { not_before, ..exception } })
            }
            // Rows that any of several scopes opens: the control plane decides.
            Self::Policy { endpoints } => Some(Self::Policy { endpoints: endpoints.in_first_version() }),
            Self::Unknown(envelope) => strictest(&envelope),
            change => Some(change),
        }
    }
}

/// What refuses everything that the subject of a change could do. It must have the key of the change: under another, the next change that
/// is about the subject would end it.
fn strictest(envelope: &Envelope) -> Option<Change> {
    if envelope.ignorable {
        // Revokes a token that is never issued and has long expired: it changes nothing and takes the number.
        return Some(Change::TokenRevoked { jti: TokenId::new(Uuid::nil()), expires_at: 0 });
    }
    let expires_at = envelope.expires_at.unwrap_or(NEVER);
    let exception = SubjectException { standing: Standing::Suspended, not_before: None, expires_at };
    let stand_in = match envelope.subjects.as_slice() {
        // Whatever else is said of a token, it stays revoked.
        [Subject::Token(jti)] => return Some(Change::TokenRevoked { jti: *jti, expires_at }),
        [Subject::Principal(agent_id)] => Change::Agent { agent_id: *agent_id, exception },
        [Subject::Organization(organization_id)] => {
            Change::Organization { organization_id: *organization_id, exception }
        }
        _ => return None,
    };
    Some(stand_in).filter(|stand_in| stand_in.key() == envelope.key)
}
