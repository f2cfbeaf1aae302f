//! Who asks, all the time, whatever happens.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use agentidp_tests::tenants::new_agent;
use agentidp_tests::{Api, ControlPlane, Tenant};
use serde_json::json;
use tokio::task::JoinSet;

use crate::actor::Actor;
use crate::caller::{Caller, Reply};
use crate::ledger::{Column, Fate, Kind, Ledger, Secret};
use crate::random::Random;

const CLIENTS: u64 = 8;
/// Of those who repeat what was not answered, and how many credentials they make for an agent.
const REPEATERS: u64 = 3;
const CREDENTIALS: usize = 10;
/// Agents in one client's hands at once.
const ACTORS: usize = 6;
/// Between two requests of one client, in milliseconds: the databases of a development machine have other work too.
const PAUSE: (u64, u64) = (5, 40);
/// Between two rotations of the signing key, of which there can be 32 at once.
const KEY_PAUSE: Duration = Duration::from_secs(30);
const ORGANIZATION_PAUSE: Duration = Duration::from_millis(1_500);

/// All who ask.
#[derive(Debug)]
pub struct Load {
    clients: JoinSet<Ledger>,
    stop: Arc<AtomicBool>,
    first: Ledger,
}

impl Load {
    pub async fn start(control_plane: &ControlPlane, platform: &Tenant, tenant: &Tenant, seed: u64) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let mut clients = JoinSet::new();
        let caller = |name: String, tenant: &Tenant| {
            let api = tenant.api.at(&control_plane.url());
            Caller::new(name, api, Arc::clone(&stop))
        };
        let first = begin(caller("first".into(), tenant), tenant.organization_id.clone());
        for number in 0..CLIENTS {
            let caller = caller(format!("client-{number}"), tenant);
            clients.spawn(play(caller, tenant.organization_id.clone(), Random::new(seed, number)));
        }
        for number in 0..REPEATERS {
            let caller = caller(format!("repeater-{number}"), tenant);
            clients.spawn(repeat(caller, Random::new(seed, 800 + number)));
        }
        clients.spawn(rotate_keys(caller("keys".into(), platform)));
        clients.spawn(make_organizations(caller("organizations".into(), platform), Random::new(seed, 900)));
        let first = first.await;
        Self { clients, stop, first }
    }

    /// Lets everybody end what they are at, and says what they saw.
    pub async fn stop(self) -> Ledger {
        self.stop.store(true, Ordering::Relaxed);
        let mut all = self.first;
        for ledger in self.clients.join_all().await {
            all.merge(ledger);
        }
        all
    }
}

async fn pause(random: &mut Random) {
    tokio::time::sleep(Duration::from_millis(random.between(PAUSE.0, PAUSE.1))).await;
}

async fn play(mut caller: Caller, organization: String, mut random: Random) -> Ledger {
    let (mut actors, mut done): (Vec<Actor>, Vec<Actor>) = (Vec::new(), Vec::new());
    while !caller.is_stopped() {
        if actors.len() < ACTORS {
            actors.extend(Actor::create(&mut caller, &organization).await);
        } else {
            let index = random.below(actors.len());
            actors[index].act(&mut caller, &mut random).await;
            if !actors[index].is_usable() {
                done.push(actors.swap_remove(index));
            }
        }
        pause(&mut random).await;
    }
    for actor in actors.into_iter().chain(done) {
        actor.finish(&mut caller);
    }
    caller.ledger
}

/// Makes agents and credentials, each by as many requests with one idempotency key as it takes.
async fn repeat(mut caller: Caller, mut random: Random) -> Ledger {
    while !caller.is_stopped() {
        let body = new_agent();
        let create = |api: &Api| api.request("POST", "/api/v1/agents").json(&body);
        let Some(created) = caller.repeat(Kind::RepeatCreateAgent, create).await else { continue };
        let agent = created.text("agentId");
        caller.ledger.fact(Column::AgentStatus, &agent, "active", None);
        let path = format!("/api/v1/agents/{agent}/credentials");
        for _ in 0..CREDENTIALS {
            pause(&mut random).await;
            let generate = |api: &Api| api.request("POST", &path).json(&json!({}));
            let Some(made) = caller.repeat(Kind::RepeatGenerateCredential, generate).await else { break };
            caller.ledger.fact(Column::CredentialStatus, &made.text("credentialId"), "active", None);
            let (agent, text) = (agent.clone(), made.text("clientSecret"));
            caller.ledger.secrets.push(Secret { agent, text, fate: Fate::Good });
        }
    }
    caller.ledger
}

/// One of each that the damages need, asked for before the first kill.
async fn begin(mut caller: Caller, organization: String) -> Ledger {
    if let Some(mut actor) = Actor::create(&mut caller, &organization).await {
        actor.begin(&mut caller, &mut Random::new(0, 0)).await;
        actor.finish(&mut caller);
    }
    caller.ledger
}

async fn rotate_keys(mut caller: Caller) -> Ledger {
    let mut next = Instant::now();
    while !caller.is_stopped() {
        if Instant::now() >= next {
            next = Instant::now() + KEY_PAUSE;
            let request = caller.api.request("POST", "/api/v1/keys/rotate");
            match caller.ask(Kind::RotateKey, request).await {
                Reply::Done(answer) => {
                    caller.ledger.fact(Column::SigningKeyExists, &answer.text("kid"), "true", None);
                }
                Reply::Refused(answer) => {
                    let code = answer.code();
                    let is_full = code == "KEY_WAITING" || code == "TOO_MANY_KEYS";
                    caller.expect(is_full, || format!("no new key: {}", answer.body));
                }
                Reply::InDoubt(_) => {}
            }
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    caller.ledger
}

async fn make_organizations(mut caller: Caller, mut random: Random) -> Ledger {
    let mut next = Instant::now();
    while !caller.is_stopped() {
        if Instant::now() >= next {
            next = Instant::now() + ORGANIZATION_PAUSE;
            make_organization(&mut caller, &mut random).await;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    caller.ledger
}

async fn make_organization(caller: &mut Caller, random: &mut Random) {
    let slug = format!("chaos-{}", agentidp_tests::unique());
    let body = json!({
        "name": slug, "slug": slug, "tier": "pro",
        "admin": {"email": new_agent()["email"], "owner": "chaos"},
    });
    let request = caller.api.request("POST", "/api/v1/organizations").json(&body);
    let Reply::Done(answer) = caller.must(Kind::CreateOrganization, request).await else { return };
    let id = answer.text("organizationId");
    if random.percent(50) {
        return caller.ledger.fact(Column::OrganizationStatus, &id, "active", None);
    }
    let path = format!("/api/v1/organizations/{id}");
    let request = caller.api.request("PATCH", &path).json(&json!({"status": "suspended"}));
    match caller.must(Kind::SuspendOrganization, request).await {
        Reply::Done(_) => caller.ledger.fact(Column::OrganizationStatus, &id, "suspended", None),
        Reply::Refused(_) => caller.ledger.fact(Column::OrganizationStatus, &id, "active", None),
        Reply::InDoubt(mark) => {
            let doubt = Some((mark, "suspended".to_owned()));
            caller.ledger.fact(Column::OrganizationStatus, &id, "active", doubt);
        }
    }
}
