//! Tries every attack of every row, in both directions, and with the same detector what the victim's own caller gets.

use std::time::Duration;

use agentidp_tests::openapi::{Operation, operations};
use agentidp_tests::{Agent, Answer, Api, ControlPlane, Tenant, eventually};
use sqlx::PgConnection;

use super::asking::{Question, filters, mixed, question};
use super::rows::{Attack, Kind, Row, row};
use super::things::{Rows, Things, outline, shape};

/// One organization of the two, with an administrator and an agent that may read and write agents.
struct Side {
    tenant: Tenant,
    agent: Api,
    agent_login: Agent,
    things: Things,
}

/// Two organizations on one deployment.
pub struct Scene<'a> {
    control_plane: &'a ControlPlane,
    platform: Tenant,
    sides: [Side; 2],
    superuser: PgConnection,
    rows: Rows,
}

/// One operation under one attack by one organization on the other.
#[derive(Debug)]
pub struct Cell {
    pub operation: String,
    pub attack: Attack,
    /// What the outsider got.
    pub leak: Option<String>,
    /// Whether the detector saw the thing when the victim's own caller asked.
    pub fires: bool,
}

/// What came of one question about someone's things and the same about nobody's.
struct Pair {
    things: Things,
    nobodys: Things,
    question: Question,
    answer: Answer,
    nobodys_answer: Answer,
}

impl Pair {
    async fn ask(
        api: &Api,
        (things, question): (&Things, Question),
        (nobodys, about_nobody): (&Things, Question),
    ) -> Self {
        let (answer, nobodys_answer) = (question.ask(api).await, about_nobody.ask(api).await);
        Self { things: things.clone(), nobodys: nobodys.clone(), question, answer, nobodys_answer }
    }

    /// What it shows of the things that was not said, or that it was done at all where that is not for the caller.
    fn shown(&self, kind: Kind) -> Option<String> {
        let status = self.answer.status;
        let opened = match kind {
            Kind::ById | Kind::Issue | Kind::Prove => (200..300).contains(&status),
            Kind::Platform | Kind::Edge => status != 401 && status != 403,
            Kind::Token => {
                ["\"active\":true", "\"valid\":true"].iter().any(|good| self.answer.body.contains(good))
            }
            Kind::List | Kind::Create | Kind::Caller | Kind::Count | Kind::Public => false,
        };
        let said = self.question.text();
        [&self.answer, &self.nobodys_answer]
            .into_iter()
            .find_map(|answer| {
                Some(format!("{} shows {}", answer.asked, self.things.shown_in(answer, &said)?))
            })
            .or_else(|| opened.then(|| format!("{} → {status}", self.answer.asked)))
    }

    /// How it differs from the answer about nobody's.
    fn told_apart(&self, kind: Kind) -> Option<String> {
        let (one, other) = match kind {
            Kind::Create => (outline(&self.answer), outline(&self.nobodys_answer)),
            _ => (shape(&self.answer, &self.things), shape(&self.nobodys_answer, &self.nobodys)),
        };
        (one != other).then(|| format!("{}: {one} / {other}", self.answer.asked))
    }
}

/// Whether it is about an issuer that an organization may have of its own.
fn is_of_issuer(operation: &Operation) -> bool {
    operation.path.contains("/.well-known/") && operation.path.contains("{organizationId}")
}

impl<'a> Scene<'a> {
    /// `platform` is logged in where the matrix is to be run: at the control plane, or at its edge.
    pub async fn set(control_plane: &'a ControlPlane, platform: Tenant) -> Self {
        let mut sides = vec![];
        for _ in 0..2 {
            let tenant = platform.create_organization().await;
            let agent_login =
                tenant.create_agent(&["openid", "agents:read", "agents:write", "tokens:read"]).await;
            let agent = agent_login.log_in(&tenant.api).await;
            let things = Things::make(&platform, &tenant).await;
            sides.push(Side { tenant, agent, agent_login, things });
        }
        let mut superuser = control_plane.database.connect().await;
        let rows = Rows::of_tenants(&mut superuser).await;
        let sides = sides.try_into().ok().unwrap();
        Self { control_plane, platform, sides, superuser, rows }
    }

    /// Every cell of the operations that `wanted` picks, and the operations that have no row.
    pub async fn run(mut self, wanted: impl Fn(Row) -> bool) -> (Vec<Cell>, Vec<String>) {
        let (mut cells, mut without_row) = (vec![], vec![]);
        for operation in operations(&Api::new(&self.control_plane.url())).await {
            let Some(row) = row(&operation.id) else {
                without_row.push(format!("{} ({} {})", operation.id, operation.method, operation.path));
                continue;
            };
            if !wanted(row) {
                continue;
            }
            for (attacker, victim) in [(0, 1), (1, 0)] {
                cells.extend(self.attack(&operation, row, attacker, victim).await);
            }
        }
        (cells, without_row)
    }

    async fn attack(&mut self, operation: &Operation, row: Row, attacker: usize, victim: usize) -> Vec<Cell> {
        match row.kind {
            Kind::List => self.attack_list(operation, row, attacker, victim).await,
            Kind::Count => vec![self.attack_count(operation, attacker, victim).await],
            _ => self.attack_by_asking(operation, row, attacker, victim).await,
        }
    }

    /// Fresh things of the victim, of which the operation can do what it does, and whose caller can ask for that.
    async fn prepare(&self, operation: &Operation, kind: Kind, victim: usize) -> (Things, Api) {
        let Side { tenant, .. } = &self.sides[victim];
        let admin = tenant.api.clone();
        match operation.id.as_str() {
            // The whole organization ends, and at its own word none does.
            "delete_organization" => {
                let doomed = self.platform.create_organization().await;
                let things = Things {
                    organization: doomed.organization_id,
                    slug: doomed.slug,
                    ..Things::make(&self.platform, tenant).await
                };
                return (things, self.platform.api.clone());
            }
            "change_member" | "remove_member" => {
                let things = Things::make(&self.platform, tenant).await;
                let path = format!("/api/v1/organizations/{}/members", tenant.organization_id);
                let body = serde_json::json!({"agentId": things.agent, "role": "member"});
                admin.post(&path, &body).await.expect(201);
                return (things, admin);
            }
            // An organization that will have an issuer of its own.
            _ if is_of_issuer(operation) => {
                let with_issuer = self.platform.create_organization().await;
                let things = Things {
                    organization: with_issuer.organization_id,
                    slug: with_issuer.slug,
                    ..Things::make(&self.platform, tenant).await
                };
                return (things, self.platform.api.clone());
            }
            // What an organization may have is for the platform to say.
            "set_allowed_resources" => {
                return (Things::make(&self.platform, tenant).await, self.platform.api.clone());
            }
            _ => {}
        }
        let things = Things::make(&self.platform, tenant).await;
        let own = match kind {
            Kind::Platform => self.platform.api.clone(),
            Kind::Edge => admin.with_token(&self.control_plane.edge_key()),
            Kind::Issue => admin.with_basic(&tenant.admin.id, &tenant.admin.secret),
            Kind::Caller => admin.with_token(&things.token),
            _ => admin,
        };
        (things, own)
    }

    fn attackers(&self, kind: Kind, attacker: usize) -> Vec<Api> {
        let Side { tenant, agent, agent_login, .. } = &self.sides[attacker];
        match kind {
            Kind::Issue => vec![
                tenant.api.with_basic(&tenant.admin.id, &tenant.admin.secret),
                tenant.api.with_basic(&agent_login.id, &agent_login.secret),
            ],
            Kind::ById | Kind::Public => vec![tenant.api.clone(), agent.clone(), tenant.api.anonymous()],
            // What an agent may not do for lack of a scope it is refused whatever it asks for.
            _ => vec![tenant.api.clone(), agent.clone()],
        }
    }

    async fn attack_by_asking(
        &mut self,
        operation: &Operation,
        row: Row,
        attacker: usize,
        victim: usize,
    ) -> Vec<Cell> {
        let (things, own_api) = self.prepare(operation, row.kind, victim).await;
        let nobodys = Things::nobodys().await;
        let edge = (row.kind == Kind::Edge).then(|| self.control_plane.edge_name().to_owned());
        let about = |things| Question { edge: edge.clone(), ..question(operation, things) };
        let (asked, about_nobody) = ((&things, about(&things)), (&nobodys, about(&nobodys)));
        if row.kind == Kind::Prove {
            // A proof is against a signed head, and one is signed every minute.
            eventually("a signed head has the event", Duration::from_mins(3), async || {
                asked.1.ask(&own_api).await.is(200).then_some(())
            })
            .await;
        }
        let before = self.rows.of(&mut self.superuser, &things.organization).await;
        let mut pairs = vec![];
        for api in self.attackers(row.kind, attacker) {
            pairs.push(Pair::ask(&api, asked.clone(), about_nobody.clone()).await);
        }
        let Side { tenant, things: mine, .. } = &self.sides[attacker];
        let with_theirs = mixed(operation, mine, &things);
        for (theirs, nobody) in with_theirs.into_iter().zip(mixed(operation, mine, &nobodys)) {
            pairs.push(Pair::ask(&tenant.api, (&things, theirs), (&nobodys, nobody)).await);
        }
        if row.kind == Kind::Create {
            // The organization is the token's, whatever the body says.
            let mut body: serde_json::Value =
                serde_json::from_str(&about_nobody.1.body.as_ref().unwrap().1).unwrap();
            body["organizationId"] = things.organization.clone().into();
            tenant.api.post(&operation.path, &body).await.expect(400);
        }
        let between = self.rows.of(&mut self.superuser, &things.organization).await;
        if is_of_issuer(operation) {
            let path = format!("/api/v1/organizations/{}", things.organization);
            own_api.patch(&path, &serde_json::json!({"issuerKind": "organization"})).await.expect(200);
        }
        let own = Pair::ask(&own_api, asked.clone(), about_nobody.clone()).await;
        let after = self.rows.of(&mut self.superuser, &things.organization).await;

        // Once more: what its own were shown is not kept for others.
        let mut published = None;
        if operation.method == "GET" {
            for api in self.attackers(row.kind, attacker) {
                let pair = Pair::ask(&api, asked.clone(), about_nobody.clone()).await;
                if is_of_issuer(operation) {
                    // It is public by now, and shows nothing but the id that was said.
                    published = published.or(pair.shown(Kind::Public));
                } else {
                    pairs.push(pair);
                }
            }
        }

        let written = |one: &[String], other: &[String]| {
            let changed = other.iter().find(|line| !one.contains(line))?;
            Some(format!("{} {} changed {changed}", operation.method, operation.path))
        };
        let mut cells = vec![];
        for attack in row.attacks {
            let (leak, fires) = match attack {
                // What is the platform's or the edges' is no organization's rows: that it was let in is what is looked for.
                Attack::Write if matches!(row.kind, Kind::Platform | Kind::Edge) => {
                    (pairs.iter().find_map(|pair| pair.shown(row.kind)), own.shown(row.kind).is_some())
                }
                Attack::Write | Attack::Delete => {
                    (written(&before, &between), written(&between, &after).is_some())
                }
                Attack::Error => (
                    pairs.iter().find_map(|pair| pair.told_apart(row.kind)),
                    own.told_apart(row.kind).is_some(),
                ),
                _ if row.kind == Kind::Public => (
                    pairs.iter().find_map(|pair| pair.shown(row.kind)),
                    self.sees_own_agent(victim, &things).await,
                ),
                _ => {
                    let shown = pairs.iter().find_map(|pair| pair.shown(row.kind));
                    (shown.or(published.clone()), own.shown(row.kind).is_some())
                }
            };
            cells.push(Cell { operation: operation.id.clone(), attack: *attack, leak, fires });
        }
        cells
    }

    /// Whether what looks for a leak in public documents finds one where there is something: in the agent, as its own see it.
    async fn sees_own_agent(&self, victim: usize, things: &Things) -> bool {
        let path = format!("/api/v1/agents/{}", things.agent);
        let answer = self.sides[victim].tenant.api.get(&path).await.expect(200);
        things.shown_in(&answer, &path).is_some()
    }

    async fn attack_list(
        &self,
        operation: &Operation,
        row: Row,
        attacker: usize,
        victim: usize,
    ) -> Vec<Cell> {
        let things = Things::make(&self.platform, &self.sides[victim].tenant).await;
        if row.attacks.contains(&Attack::Cursor) {
            // Newer ones, so that a cursor leads to the others.
            Things::make(&self.platform, &self.sides[victim].tenant).await;
        }
        let nobodys = Things::nobodys().await;
        let own_api = self.sides[victim].tenant.api.clone();
        let mut cells = vec![];
        for attack in row.attacks {
            let mut apis = self.attackers(row.kind, attacker);
            apis.push(own_api.clone());
            let mut seen = vec![];
            for api in &apis {
                let found = match attack {
                    Attack::Filter => Self::filtered(operation, api, &things, &nobodys).await,
                    Attack::Cursor => Self::led(operation, api, &own_api, &things).await,
                    _ => {
                        let asked = question(operation, &things);
                        let answer = asked.ask(api).await;
                        things
                            .shown_in(&answer, &asked.text())
                            .map(|shown| format!("{} shows {shown}", answer.asked))
                    }
                };
                seen.push(found);
            }
            let fires = seen.pop().flatten().is_some();
            let leak = seen.into_iter().flatten().next();
            cells.push(Cell { operation: operation.id.clone(), attack: *attack, leak, fires });
        }
        cells
    }

    /// Whether a filter tells what there is from what there is not.
    async fn filtered(operation: &Operation, api: &Api, things: &Things, nobodys: &Things) -> Option<String> {
        let about_nobody = filters(operation, nobodys);
        for (theirs, nobody) in filters(operation, things).into_iter().zip(about_nobody) {
            let pair = Pair::ask(api, (things, theirs), (nobodys, nobody)).await;
            let found = pair.shown(Kind::List).or_else(|| pair.told_apart(Kind::List));
            if found.is_some() {
                return found;
            }
        }
        None
    }

    /// Whether the victim's cursor, or turning pages, leads to the victim's things.
    async fn led(operation: &Operation, api: &Api, own: &Api, things: &Things) -> Option<String> {
        let mut queries: Vec<String> = (1..=6).map(|page| format!("limit=1&page={page}")).collect();
        if operation.query_parameters.iter().any(|name| name == "cursor") {
            let page = own.get(&format!("{}?limit=1", operation.path)).await.expect(200).json();
            match page["nextCursor"].as_str() {
                Some(cursor) => {
                    queries.push(format!("limit=100&cursor={}", agentidp_tests::api::encode(cursor)))
                }
                // Of all else there are two.
                None => assert_eq!(operation.id, "list_organizations", "no cursor: {page}"),
            }
        }
        for query in queries {
            let answer = api.get(&format!("{}?{query}", operation.path)).await;
            if let Some(shown) = things.shown_in(&answer, &query) {
                return Some(format!("{} shows {shown}", answer.asked));
            }
        }
        None
    }

    /// Whether the outsider's count rises with what the victim does, as the victim's own does.
    async fn attack_count(&self, operation: &Operation, attacker: usize, victim: usize) -> Cell {
        let count = async |api: &Api| {
            api.get(&operation.path).await.expect(200).json()["checkedCount"].as_u64().unwrap()
        };
        let (outsider, own) = (&self.sides[attacker].tenant.api, &self.sides[victim].tenant.api);
        let settled = async |api: &Api| {
            eventually("every event is sealed", Duration::from_mins(1), async || {
                let total =
                    api.get("/api/v1/audit?limit=1").await.expect(200).json()["total"].as_u64().unwrap();
                let counted = count(api).await;
                (total == counted).then_some(counted)
            })
            .await
        };
        let (before, own_before) = (settled(outsider).await, settled(own).await);
        Things::make(&self.platform, &self.sides[victim].tenant).await;
        let own_after = settled(own).await;
        let after = count(outsider).await;
        let leak = (after != before).then(|| format!("{} counts another's events", operation.path));
        Cell { operation: operation.id.clone(), attack: Attack::Read, leak, fires: own_after > own_before }
    }
}
