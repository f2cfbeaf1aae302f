//! What was asked and what was answered, and what must therefore be true.

use std::collections::BTreeMap;

/// Something asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    IssueToken,
    IntrospectToken,
    RevokeToken,
    CreateAgent,
    /// With an idempotency key, again and again until there is an answer.
    RepeatCreateAgent,
    UpdateAgent,
    SuspendAgent,
    ReactivateAgent,
    DecommissionAgent,
    GenerateCredential,
    /// In the same way.
    RepeatGenerateCredential,
    RotateCredential,
    RevokeCredential,
    AddMember,
    RemoveMember,
    RotateKey,
    CreateOrganization,
    SuspendOrganization,
}

impl Kind {
    /// The events it leaves in the log, all in one transaction.
    pub fn events(self) -> &'static [(&'static str, i64)] {
        match self {
            Self::IssueToken => &[("token.issued", 1)],
            Self::IntrospectToken => &[("token.introspected", 1)],
            Self::RevokeToken => &[("token.revoked", 1)],
            Self::CreateAgent | Self::RepeatCreateAgent => &[("agent.created", 1)],
            Self::UpdateAgent => &[("agent.updated", 1)],
            Self::SuspendAgent => &[("agent.suspended", 1)],
            Self::ReactivateAgent => &[("agent.reactivated", 1)],
            Self::DecommissionAgent => &[("agent.decommissioned", 1)],
            Self::GenerateCredential | Self::RepeatGenerateCredential => &[("credential.generated", 1)],
            Self::RotateCredential => &[("credential.rotated", 1)],
            Self::RevokeCredential => &[("credential.revoked", 1)],
            Self::AddMember => &[("org.member_added", 1)],
            Self::RemoveMember => &[("org.member_removed", 1)],
            Self::RotateKey => &[("key.rotated", 1)],
            // In the log of who did it and in the organization's own; with its first administrator.
            Self::CreateOrganization => {
                &[("agent.created", 1), ("credential.generated", 1), ("org.created", 2)]
            }
            Self::SuspendOrganization => &[("org.suspended", 2)],
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::IssueToken => "issue token",
            Self::IntrospectToken => "introspect token",
            Self::RevokeToken => "revoke token",
            Self::CreateAgent => "create agent",
            Self::UpdateAgent => "update agent",
            Self::SuspendAgent => "suspend agent",
            Self::ReactivateAgent => "reactivate agent",
            Self::DecommissionAgent => "decommission agent",
            Self::GenerateCredential => "generate credential",
            Self::RepeatCreateAgent | Self::RepeatGenerateCredential => "the same, repeated",
            Self::RotateCredential => "rotate credential",
            Self::RevokeCredential => "revoke credential",
            Self::AddMember => "add member",
            Self::RemoveMember => "remove member",
            Self::RotateKey => "rotate signing key",
            Self::CreateOrganization => "create organization",
            Self::SuspendOrganization => "suspend organization",
        }
    }
}

/// What came back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A success, answered in full: from then on it must never be lost.
    Acknowledged,
    /// A client error: nothing may have happened.
    Refused,
    /// No answer, half an answer, or a server error: it may have happened or not.
    InDoubt,
}

/// A request. Its mark is its user agent, which the log records with every event it causes.
#[derive(Debug, Clone)]
pub struct Entry {
    pub mark: String,
    pub kind: Kind,
    pub outcome: Outcome,
}

/// Whether something is good: known for certain, or decided by whether the request with this mark happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fate {
    Good,
    Bad,
    GoodUnless(String),
    BadUnless(String),
}

impl Fate {
    pub fn is_good(&self, happened: impl Fn(&str) -> bool) -> bool {
        match self {
            Self::Good => true,
            Self::Bad => false,
            Self::GoodUnless(mark) => !happened(mark),
            Self::BadUnless(mark) => happened(mark),
        }
    }
}

#[derive(Debug, Clone)]
pub struct Token {
    pub text: String,
    pub jti: String,
    pub fate: Fate,
}

#[derive(Debug, Clone)]
pub struct Secret {
    pub agent: String,
    pub text: String,
    pub fate: Fate,
}

/// A column of the database that a request decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Column {
    AgentOwner,
    AgentStatus,
    AgentIsMember,
    CredentialStatus,
    OrganizationStatus,
    SigningKeyExists,
}

/// What a column must hold; another value, if the request with this mark happened.
#[derive(Debug, Clone)]
pub struct Fact {
    pub column: Column,
    pub subject: String,
    pub value: String,
    pub in_doubt: Option<(String, String)>,
}

#[derive(Debug, Default)]
pub struct Ledger {
    pub entries: Vec<Entry>,
    pub tokens: Vec<Token>,
    pub secrets: Vec<Secret>,
    pub facts: Vec<Fact>,
    /// Credentials that expire soon, of which it must be told.
    pub expiring: Vec<String>,
    /// Answers that nobody who was told what happened before could expect.
    pub surprises: Vec<String>,
    /// Answers that were compared with what had to come.
    pub expected_answers: usize,
}

impl Ledger {
    pub fn merge(&mut self, other: Self) {
        self.entries.extend(other.entries);
        self.tokens.extend(other.tokens);
        self.secrets.extend(other.secrets);
        self.facts.extend(other.facts);
        self.expiring.extend(other.expiring);
        self.surprises.extend(other.surprises);
        self.expected_answers += other.expected_answers;
    }

    pub fn fact(&mut self, column: Column, subject: &str, value: &str, in_doubt: Option<(String, String)>) {
        self.facts.push(Fact { column, subject: subject.into(), value: value.into(), in_doubt });
    }

    /// By kind: acknowledged, in doubt, refused.
    pub fn counts(&self) -> BTreeMap<Kind, [usize; 3]> {
        let mut counts: BTreeMap<Kind, [usize; 3]> = BTreeMap::new();
        for entry in &self.entries {
            let of_kind = counts.entry(entry.kind).or_default();
            match entry.outcome {
                Outcome::Acknowledged => of_kind[0] += 1,
                Outcome::InDoubt => of_kind[1] += 1,
                Outcome::Refused => of_kind[2] += 1,
            }
        }
        counts
    }
}
