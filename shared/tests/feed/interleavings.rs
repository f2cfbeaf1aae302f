//! Whatever arrives, in whatever order, under whatever clock: the sequence never falls, no revocation is skipped or lost,
//! and what is known equals what a snapshot of that sequence says.

use agentidp_shared::claims::Claims;
use agentidp_shared::exceptions::{Standing, SubjectException};
use agentidp_shared::feed::{Batch, Change, open};
use agentidp_shared::partner::PartnerRecord;
use agentidp_shared::scopes::ScopeSet;
use agentidp_shared::state::State;
use agentidp_shared::tier::Tier;
use agentidp_shared::verify::LEEWAY_SECONDS;
use proptest::prelude::*;
use uuid::Uuid;

use crate::model::*;
use crate::support::*;

const TTL: u64 = 600;
const AGENTS: u128 = 3;
const ORGANIZATIONS: u128 = 2;
const ISSUERS: u8 = 2;

#[derive(Debug, Clone)]
enum Step {
    IssueToken {
        agent: u128,
    },
    RevokeToken {
        which: usize,
    },
    SetAgent {
        agent: u128,
        standing: Standing,
    },
    SetOrganization {
        organization: u128,
        standing: Standing,
    },
    RotateKeys {
        number: u8,
    },
    SetTier {
        organization: u128,
        tier: Tier,
    },
    SetPartner {
        organization: u128,
        issuer: u8,
        /// The number of its key; none is no partner.
        key: Option<u8>,
    },
    /// The issuer signs a batch; it goes to the pool of everything ever on the wire.
    SignChanges {
        from: u64,
    },
    SignNews,
    SignSnapshot,
    /// The same, from another instance with the same keys.
    SignForeign {
        snapshot: bool,
    },
    /// Something from the pool reaches the node; `usize::MAX` is the newest.
    Deliver {
        which: usize,
        times: u8,
    },
    /// The newest changes reach the node with one thing wrong.
    DeliverSpoiled {
        how: u8,
    },
    Wait {
        milliseconds: u64,
    },
    /// The node's clock is off by this much from now on.
    SkewClock {
        milliseconds: i64,
    },
}

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![Just(Standing::Active), Just(Standing::Suspended)]
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (0..AGENTS).prop_map(|agent| Step::IssueToken { agent }),
        3 => (0_usize..20).prop_map(|which| Step::RevokeToken { which }),
        2 => (0..AGENTS, standing()).prop_map(|(agent, standing)| Step::SetAgent { agent, standing }),
        1 => (0..ORGANIZATIONS, standing())
            .prop_map(|(organization, standing)| Step::SetOrganization { organization, standing }),
        1 => (1_u8..40).prop_map(|number| Step::RotateKeys { number }),
        1 => (0..ORGANIZATIONS, prop_oneof![Just(Tier::Free), Just(Tier::Pro)])
            .prop_map(|(organization, tier)| Step::SetTier { organization, tier }),
        2 => (0..ORGANIZATIONS, 0..ISSUERS, prop::option::of(1_u8..40))
            .prop_map(|(organization, issuer, key)| Step::SetPartner { organization, issuer, key }),
        2 => (1_u64..20).prop_map(|from| Step::SignChanges { from }),
        6 => Just(Step::SignNews),
        2 => Just(Step::SignSnapshot),
        1 => any::<bool>().prop_map(|snapshot| Step::SignForeign { snapshot }),
        6 => (Just(usize::MAX), 1_u8..3).prop_map(|(which, times)| Step::Deliver { which, times }),
        4 => (0_usize..40, 1_u8..3).prop_map(|(which, times)| Step::Deliver { which, times }),
        2 => (0_u8..6).prop_map(|how| Step::DeliverSpoiled { how }),
        4 => (1_u64..90_000).prop_map(|milliseconds| Step::Wait { milliseconds }),
        1 => (200_000_u64..700_000).prop_map(|milliseconds| Step::Wait { milliseconds }),
        2 => (-400_000_i64..400_000).prop_map(|milliseconds| Step::SkewClock { milliseconds }),
    ]
}

fn token(agent: u128, number: u128, iat: u64) -> Claims {
    Claims {
        iss: ISSUER.into(),
        sub: Uuid::from_u128(100 + agent).into(),
        aud: vec![ISSUER.into()],
        client_id: Uuid::from_u128(100 + agent).into(),
        organization_id: Uuid::from_u128(200 + agent % ORGANIZATIONS).into(),
        scopes: ScopeSet::empty(),
        jti: Uuid::from_u128(1_000 + number).into(),
        iat,
        nbf: iat,
        exp: iat + TTL,
        status: None,
        auth_time: None,
        delegation: None,
    }
}

fn issuer_of(number: u8) -> String {
    format!("https://partner-{number}.example")
}

fn partner(key: u8) -> PartnerRecord {
    let Change::Keys { jwks } = keys(key) else { unreachable!() };
    PartnerRecord {
        partner_id: Uuid::from_u128(u128::from(key)).into(),
        jwks,
        keys_expire_at: u64::from(key),
        allowed_organizations: vec!["org-7".into()],
        expires_at: None,
    }
}

struct World {
    log: Log,
    /// Each with the sequence of the log when it was issued.
    tokens: Vec<(Claims, u64)>,
    pool: Vec<Batch>,
    issuer_ms: u64,
    skew_ms: i64,
    node: State,
}

impl World {
    fn new() -> Self {
        let log = Log::new();
        let node = State::from_snapshot(log.snapshot(NOW_MS), NOW_MS, hasher()).unwrap();
        Self { log, tokens: vec![], pool: vec![], issuer_ms: NOW_MS, skew_ms: 0, node }
    }

    fn node_clock_ms(&self) -> u64 {
        self.issuer_ms.saturating_add_signed(self.skew_ms)
    }

    fn exception(&self, standing: Standing) -> SubjectException {
        let now = self.issuer_ms / 1_000;
        let not_before = (standing == Standing::Active).then_some(now);
        // One second more, because a token may be dated one second ahead.
        SubjectException { standing, not_before, expires_at: now + TTL + 1 }
    }

    /// As the issuer does: nothing for whoever is suspended, and never the second of a `not_before` again.
    fn issue(&mut self, agent: u128) {
        let known = self.log.reference(self.log.head()).exceptions;
        let now = self.issuer_ms / 1_000;
        let number = u128::try_from(self.tokens.len()).unwrap();
        let token = [now, now + 1]
            .into_iter()
            .map(|iat| token(agent, number, iat))
            .find(|token| known.check(token).is_ok());
        self.tokens.extend(token.map(|token| (token, self.log.head())));
    }

    fn run(&mut self, step: &Step) {
        match *step {
            Step::IssueToken { agent } => self.issue(agent),
            Step::RevokeToken { which } => {
                if let Some((token, _)) = self.tokens.get(which % self.tokens.len().max(1)) {
                    let change = Change::TokenRevoked { jti: token.jti, expires_at: token.exp };
                    self.log.changes.push(change);
                }
            }
            Step::SetAgent { agent, standing } => {
                let agent_id = Uuid::from_u128(100 + agent).into();
                self.log.changes.push(Change::Agent { agent_id, exception: self.exception(standing) });
            }
            Step::SetOrganization { organization, standing } => {
                let organization_id = Uuid::from_u128(200 + organization).into();
                let exception = self.exception(standing);
                self.log.changes.push(Change::Organization { organization_id, exception });
            }
            Step::RotateKeys { number } => self.log.changes.push(keys(number)),
            Step::SetTier { organization, tier } => {
                let organization_id = Uuid::from_u128(200 + organization).into();
                self.log.changes.push(Change::Tier { organization_id, tier });
            }
            Step::SetPartner { organization, issuer, key } => {
                let organization_id = Uuid::from_u128(200 + organization).into();
                let (partner, issuer) = (key.map(partner), issuer_of(issuer));
                self.log.changes.push(Change::Partner { organization_id, issuer, partner });
            }
            Step::SignChanges { from } => {
                self.pool.push(self.log.changes_after(from.min(self.log.head()), self.issuer_ms));
            }
            Step::SignNews => {
                self.pool.push(self.log.changes_after(self.node.sequence(), self.issuer_ms));
            }
            Step::SignSnapshot => self.pool.push(self.log.snapshot(self.issuer_ms)),
            Step::SignForeign { snapshot } => {
                let mut other = self.log.clone();
                other.instance = instance(2);
                other.changes.push(keys(200));
                let batch = if snapshot {
                    other.snapshot(self.issuer_ms)
                } else {
                    other.changes_after(self.node.sequence(), self.issuer_ms)
                };
                self.pool.push(batch);
            }
            Step::Deliver { which, times } => {
                let newest = self.pool.len().wrapping_sub(1);
                let index = if which == usize::MAX { newest } else { which % self.pool.len().max(1) };
                if let Some(batch) = self.pool.get(index).cloned() {
                    for _ in 0..times {
                        self.deliver(&batch);
                    }
                }
            }
            Step::DeliverSpoiled { how } => self.deliver_spoiled(how),
            Step::Wait { milliseconds } => self.issuer_ms += milliseconds,
            Step::SkewClock { milliseconds } => self.skew_ms = milliseconds,
        }
    }

    /// Through the whole path: sealed, opened, applied.
    fn deliver(&mut self, batch: &Batch) {
        let (before, clock) = (self.node.sequence(), self.node_clock_ms());
        let batch = open(&sealed(batch), &pinned()).unwrap();
        let (instance, to) = (batch.instance, batch.to);
        let outcome = self.node.apply(batch, clock);
        if outcome.is_ok() {
            assert_eq!(instance, self.log.instance, "another instance was accepted");
            assert_eq!(self.node.sequence(), to);
        } else {
            assert_eq!(self.node.sequence(), before, "a refused batch moved the sequence");
        }
    }

    fn deliver_spoiled(&mut self, how: u8) {
        let known = self.node.sequence();
        let mut batch = self.log.changes_after(known, self.issuer_ms);
        match how {
            0 => batch.instance = instance(3),
            1 => batch.expires_at = self.node.trusted_now_ms(self.node_clock_ms()),
            2 => batch.to += 1,
            3 => batch.changes.push(keys(77)),
            4 => batch.from += 1,
            _ => batch.issued_at = self.node.issued_at_ms() - 1,
        }
        let clock = self.node_clock_ms();
        assert!(self.node.apply(batch, clock).is_err(), "spoiled batch {how} was accepted");
        assert_eq!(self.node.sequence(), known);
    }

    fn check_knowledge(&self) {
        let reference = self.log.reference(self.node.sequence());
        assert_eq!(self.node.keys.to_jwks(), reference.keys);
        assert_eq!(self.node.issuer.token_ttl_seconds, reference.token_ttl_seconds);
        assert_eq!(self.node.limits, reference.limits);
        for number in 0..ORGANIZATIONS {
            let id = Uuid::from_u128(200 + number);
            let tier = reference.tiers.get(&id).copied().unwrap_or_default();
            assert_eq!(self.node.limit_of(id.into()), reference.limits.of_organization(tier));
            for issuer in (0..ISSUERS).map(issuer_of) {
                let known = self.node.partner(id.into(), &issuer).map(|partner| partner.record().clone());
                assert_eq!(known.as_ref(), reference.partners.get(&(id, issuer)), "partners differ");
            }
        }

        let now = self.node.trusted_now_ms(self.node_clock_ms()) / 1_000;
        let from_snapshot = self.node_from_snapshot();
        for (token, position) in &self.tokens {
            let known = self.node.exceptions.check(token);
            let expected = reference.exceptions.check(token);
            assert!(known.is_ok() || expected.is_err(), "an exception nobody made: {known:?}");
            let live = now < token.exp + LEEWAY_SECONDS;
            // Of a token issued later than what it has heard, a node may or may not remember an exception that no token from
            // before can outlive, such as a suspension since lifted.
            if live && *position <= self.node.sequence() {
                assert_eq!(known, expected, "a live token is judged otherwise than the log says: {token:?}");
                assert_eq!(known, from_snapshot.exceptions.check(token), "snapshot and changes differ");
            }
        }
    }

    /// What a node would know that only ever saw a snapshot of this sequence.
    fn node_from_snapshot(&self) -> State {
        let sequence = usize::try_from(self.node.sequence()).unwrap();
        let log = Log { changes: self.log.changes[..sequence].to_vec(), ..self.log.clone() };
        let at = self.node.issued_at_ms();
        State::from_snapshot(log.snapshot(at), at, hasher()).unwrap()
    }
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 4_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_interleaving_keeps_the_sequence_rising_and_every_revocation(steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        for step in &steps {
            let (sequence, issued_at) = (world.node.sequence(), world.node.issued_at_ms());
            world.run(step);
            prop_assert!(world.node.sequence() >= sequence, "the sequence fell");
            prop_assert!(world.node.issued_at_ms() >= issued_at, "the trusted clock fell");
            world.check_knowledge();
        }
    }

    #[test]
    fn one_step_or_many_steps_or_a_snapshot_lead_to_the_same_knowledge(
        steps in prop::collection::vec(step(), 1..60),
        cuts in prop::collection::vec(1_u64..60, 0..6),
    ) {
        let mut world = World::new();
        for step in &steps {
            world.run(step);
        }
        let (log, at) = (world.log.clone(), world.issuer_ms);
        let start = || State::from_snapshot(Log::new().snapshot(NOW_MS), NOW_MS, hasher()).unwrap();
        let mut at_once = start();
        at_once.apply(log.changes_after(3, at), at).unwrap();
        let mut bit_by_bit = start();
        let mut cuts: Vec<u64> = cuts.into_iter().map(|cut| cut.clamp(3, log.head())).chain([log.head()]).collect();
        cuts.sort_unstable();
        for cut in cuts {
            let part = Log { changes: log.changes[..usize::try_from(cut).unwrap()].to_vec(), ..log.clone() };
            bit_by_bit.apply(part.changes_after(bit_by_bit.sequence(), at), at).unwrap();
        }
        let by_snapshot = State::from_snapshot(log.snapshot(at), at, hasher()).unwrap();
        for other in [&bit_by_bit, &by_snapshot] {
            prop_assert_eq!(at_once.sequence(), other.sequence());
            prop_assert_eq!(at_once.keys.to_jwks(), other.keys.to_jwks());
            prop_assert_eq!(&at_once.issuer, &other.issuer);
            for (token, _) in world.tokens.iter().filter(|(token, _)| at / 1_000 < token.exp + LEEWAY_SECONDS) {
                prop_assert_eq!(at_once.exceptions.check(token), other.exceptions.check(token));
            }
        }
    }
}

#[test]
fn clock_that_jumps_ahead_and_back_does_not_raise_the_dead() {
    let mut world = World::new();
    world.issue(0);
    world.run(&Step::RevokeToken { which: 0 });
    let nearly_expired = (TTL - 60) * 1_000;
    world.issuer_ms += nearly_expired;
    world.skew_ms = 240_000;
    world.run(&Step::SignNews);
    world.run(&Step::Deliver { which: usize::MAX, times: 1 });
    assert_eq!(world.node.sequence(), world.log.head(), "the batch is still in time on the fast clock");
    world.skew_ms = 0;
    world.check_knowledge();
}
