//! What edges report: every call once, whatever comes twice, late, or from somebody else.

use agentidp::housekeeping;
use agentidp::infra::clock::unix_millis;
use agentidp_shared::usage::{self, Batch, DAY_MS, Decision, MAX_TALLIES, Tally};
use futures_util::future::join_all;
use time::Duration;
use uuid::Uuid;

use crate::support::{Answer, Edge, Instance, Tenant};

/// An edge and an organization whose agents call through it.
struct Scene {
    instance: Instance,
    tenant: Tenant,
}

impl Scene {
    async fn set() -> Self {
        let instance = Instance::start_with(|settings| settings.with("DATABASE_MAX_CONNECTIONS", "8")).await;
        let tenant = instance.tenant().await;
        Self { instance, tenant }
    }

    fn now_ms(&self) -> u64 {
        unix_millis(self.instance.now())
    }

    fn tally(&self, decision: Decision, count: u64) -> Tally {
        Tally {
            organization_id: self.tenant.organization_id.parse().unwrap(),
            agent_id: self.tenant.admin.id.parse().unwrap(),
            decision,
            day: u32::try_from(self.now_ms() / DAY_MS).unwrap(),
            count,
        }
    }

    fn batch(&self, tallies: Vec<Tally>) -> Batch {
        Batch { id: self.instance.app.new_id(), issued_at: self.now_ms(), tallies }
    }

    async fn send(&self, edge: &str, batch: &Batch) -> Answer {
        self.instance.edge(edge).report(batch).await
    }

    async fn send_text(&self, edge: &str, sealed: String) -> Answer {
        self.instance.edge(edge).api.send("POST", "/edge/v1/usage", "application/jose", sealed).await
    }

    async fn counted(&self, decision: Decision) -> i64 {
        let organization = &self.tenant.organization_id;
        let decision = decision.as_str();
        let sum = "select coalesce(sum(count), 0)::bigint from edge_usage";
        self.instance
            .number(&format!("{sum} where organization_id = '{organization}' and decision = '{decision}'"))
            .await
    }

    async fn counted_at_all(&self) -> i64 {
        self.instance.number("select coalesce(sum(count), 0)::bigint from edge_usage").await
    }
}

#[tokio::test]
async fn a_batch_counts_once_however_often_it_arrives() {
    let scene = Scene::set().await;
    let batch = scene.batch(vec![scene.tally(Decision::Allowed, 5), scene.tally(Decision::Denied, 2)]);
    for _ in 0..3 {
        assert_eq!(scene.send("osaka", &batch).await.expect(204).body, "");
    }
    assert_eq!((scene.counted(Decision::Allowed).await, scene.counted(Decision::Denied).await), (5, 2));
    // The same tallies in another batch are other calls, and an id is one's own.
    scene.send("osaka", &Batch { id: scene.instance.app.new_id(), ..batch.clone() }).await.expect(204);
    scene.send("tokyo", &batch).await.expect(204);
    assert_eq!((scene.counted(Decision::Allowed).await, scene.counted(Decision::Denied).await), (15, 6));
}

#[tokio::test]
async fn batches_that_arrive_at_once_count_once_each_and_do_not_wait_for_each_other_in_circles() {
    let scene = Scene::set().await;
    let (one, other) = (scene.tally(Decision::Allowed, 1), scene.tally(Decision::Limited, 1));
    let mut batches = vec![];
    for _ in 0..8 {
        batches.extend([scene.batch(vec![one, other]), scene.batch(vec![other, one])]);
    }
    let twice = batches.iter().chain(&batches).map(|batch| scene.send("osaka", batch));
    for answer in join_all(twice).await {
        answer.expect(204);
    }
    assert_eq!((scene.counted(Decision::Allowed).await, scene.counted(Decision::Limited).await), (16, 16));
}

#[tokio::test]
async fn one_kind_of_call_may_be_told_in_several_tallies_and_each_day_is_kept_apart() {
    let scene = Scene::set().await;
    let today = scene.tally(Decision::Allowed, 3);
    let yesterday = Tally { day: today.day - 1, count: 4, ..today };
    scene.send("osaka", &scene.batch(vec![today, yesterday, today])).await.expect(204);
    let of_day = |date: &str| format!("select count from edge_usage where day = '{date}'");
    assert_eq!(scene.instance.number(&of_day("2030-01-15")).await, 6);
    assert_eq!(scene.instance.number(&of_day("2030-01-14")).await, 4);
}

#[tokio::test]
async fn what_concerns_nobody_here_is_left_out_and_the_rest_counts() {
    let scene = Scene::set().await;
    let good = scene.tally(Decision::Allowed, 1);
    let other = scene.instance.tenant().await;
    let strange = [
        Tally { agent_id: Uuid::from_u128(1).into(), ..good },
        Tally { organization_id: Uuid::from_u128(1).into(), ..good },
        Tally { organization_id: other.organization_id.parse().unwrap(), ..good },
        Tally { day: 0, ..good },
        Tally { day: good.day + 2, ..good },
        Tally { day: u32::MAX, ..good },
    ];
    let batch = scene.batch(strange.into_iter().chain([good]).collect());
    scene.send("osaka", &batch).await.expect(204);
    assert_eq!(scene.counted_at_all().await, 1);
    scene.send("osaka", &scene.batch(vec![])).await.expect(204);
}

#[tokio::test]
async fn usage_replay_attack_a_batch_so_old_that_its_id_is_forgotten_is_refused() {
    let scene = Scene::set().await;
    let batch = scene.batch(vec![scene.tally(Decision::Allowed, 1)]);
    scene.send("osaka", &batch).await.expect(204);
    let remembered = async || scene.instance.number("select count(*) from edge_usage_batches").await;
    for _ in 0..37 {
        scene.instance.advance(Duration::days(1));
        housekeeping::run(&scene.instance.app).await.unwrap();
        let answer = scene.send("osaka", &batch).await;
        assert!([204, 410].contains(&answer.status), "{}", answer.body);
        assert!(answer.status == 410 || remembered().await == 1);
    }
    assert_eq!(scene.send("osaka", &batch).await.expect(410).code(), "BATCH_TOO_OLD");
    assert_eq!((remembered().await, scene.counted_at_all().await), (0, 1));
    // Nor can one be made to last.
    let tomorrow = Batch { issued_at: scene.now_ms() + 2 * DAY_MS, ..scene.batch(vec![]) };
    assert_eq!(scene.send("osaka", &tomorrow).await.expect(400).code(), "BATCH_FROM_THE_FUTURE");
}

#[tokio::test]
async fn forged_usage_attack_only_the_edge_itself_can_report_for_it() {
    let scene = Scene::set().await;
    let batch = scene.batch(vec![scene.tally(Decision::Allowed, 1)]);
    let sealed = |edge: &str, key: &str| usage::seal(&batch, edge, key.as_bytes()).unwrap();
    let (osaka, tokyo) = (Edge::usage_key_of("osaka"), Edge::usage_key_of("tokyo"));
    let (good, bad) = (sealed("osaka", &osaka), sealed("osaka", "another key"));
    let spliced = format!("{}.{}", good.rsplit_once('.').unwrap().0, bad.rsplit('.').next().unwrap());
    for forged in
        [sealed("tokyo", &tokyo), sealed("osaka", &tokyo), bad, spliced, "a.b.c".into(), String::new()]
    {
        assert_eq!(
            scene.send_text("osaka", forged.clone()).await.expect(400).code(),
            "INVALID_BATCH",
            "{forged}"
        );
    }
    let api = scene.instance.edge("osaka").api;
    for api in [api.with_token(&tokyo), api.with("x-edge-name", "nowhere"), scene.tenant.api.clone()] {
        api.send("POST", "/edge/v1/usage", "application/jose", good.clone()).await.expect(401);
    }
    assert_eq!(scene.counted_at_all().await, 0);
    scene.send_text("osaka", good).await.expect(204);
}

#[tokio::test]
async fn batches_that_are_too_much_are_refused() {
    let scene = Scene::set().await;
    let tally = scene.tally(Decision::Allowed, 1);
    scene.send("osaka", &scene.batch(vec![tally; MAX_TALLIES])).await.expect(204);
    assert_eq!(scene.counted_at_all().await, 256);
    scene.send("osaka", &scene.batch(vec![tally; MAX_TALLIES + 1])).await.expect(400);
    scene.send("osaka", &scene.batch(vec![tally; 2_000])).await.expect(413);
    scene.send("osaka", &scene.batch(vec![Tally { count: u64::MAX, ..tally }])).await.expect(400);
    assert_eq!(scene.counted_at_all().await, 256);
}

#[tokio::test]
async fn an_organization_reads_only_its_own_usage_and_writes_none() {
    let scene = Scene::set().await;
    let other = scene.instance.tenant().await;
    scene.send("osaka", &scene.batch(vec![scene.tally(Decision::Allowed, 1)])).await.expect(204);
    for (tenant, rows) in [(&scene.tenant, 1_i64), (&other, 0)] {
        let mut tx = scene.instance.app.db.tenant(tenant.organization_id.parse().unwrap()).await.unwrap();
        assert_eq!(crate::support::number(&mut tx, "select count(*) from edge_usage").await, rows);
        let refused = crate::support::refusal(&mut tx, "update edge_usage set count = 9").await;
        assert_eq!(refused, "42501");
        assert_eq!(crate::support::refusal(&mut tx, "select * from edge_usage_batches").await, "42501");
    }
}
