//! The table: each case a request and what must be answered, asked of both hosts, whose answers are compared.

mod answer;
mod case;
mod cases;
mod scene;

use std::env;
use std::time::Instant;

use agentidp_tests::environment::Host;
use agentidp_tests::raw;
use futures_util::{StreamExt as _, stream};

use crate::differences;
use answer::Answer;
use case::{Case, Request};
use scene::Scene;

/// Cases asked about at once.
const AT_ONCE: usize = 16;

impl Scene {
    async fn ask(&self, host: Host, request: &Request) -> Option<Answer> {
        let (_, edge) = self.edges().into_iter().find(|(at, _)| *at == host).unwrap();
        let base = edge.url();
        let is_whole = |answer: &[u8]| Answer::read(answer, &request.method).is_some();
        Answer::read(&raw::ask(&base, &request.bytes(&base), is_whole).await, &request.method)
    }
}

/// What is wrong with the answers to a case, and whether they differ.
async fn judge(scene: &Scene, case: &Case) -> (Vec<String>, bool) {
    let asked = (scene.ask(Host::Cloudflare, &case.request), scene.ask(Host::Spin, &case.request));
    let (on_cloudflare, on_spin) = futures_util::join!(asked.0, asked.1);
    let (Some(on_cloudflare), Some(on_spin)) = (on_cloudflare, on_spin) else {
        return (vec!["no answer".to_owned()], false);
    };
    let mut faults = Vec::new();
    for (host, answer) in [(Host::Cloudflare, &on_cloudflare), (Host::Spin, &on_spin)] {
        if let Some(fault) = case.fault(host, answer) {
            faults.push(format!("on {host:?}, {fault}: {answer:?}"));
        }
    }
    if let Some(request) = case.request.the_long_way() {
        let answer = scene.ask(Host::Cloudflare, &request).await.map(Answer::comparable);
        if answer.as_ref() != Some(&on_cloudflare.clone().comparable()) {
            faults.push(format!("the long way it is {answer:?}, at once {on_cloudflare:?}"));
        }
    }
    let listed = differences::of_answers().iter().any(|(name, _)| *name == case.name);
    let (mut one, mut other) = (on_cloudflare.comparable(), on_spin.comparable());
    if case.expected.body_varies {
        (one.body, other.body) = (String::new(), String::new());
    }
    let differs = one != other;
    if differs && !listed {
        faults.push(format!("the hosts differ: {one:?} and {other:?}"));
    } else if listed && !differs {
        faults.push("is listed as a difference, and is none".to_owned());
    }
    (faults, differs && !listed)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_case_is_answered_as_it_must_be_and_alike_on_both_hosts() {
    let scene = Scene::set().await;
    let cases = cases::all(&scene);
    let mut names: Vec<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    names.sort_unstable();
    assert!(names.windows(2).all(|pair| pair[0] != pair[1]), "two cases have one name");
    for (name, reason) in differences::of_answers() {
        assert!(names.contains(name) && !reason.is_empty(), "{name} is no case");
    }
    let started = Instant::now();
    let judged: Vec<_> = stream::iter(&cases)
        .map(async |case| (case, judge(&scene, case).await))
        .buffer_unordered(AT_ONCE)
        .collect()
        .await;
    let mut failed = 0;
    for (case, (faults, _)) in judged.iter().filter(|(_, (faults, _))| !faults.is_empty()) {
        failed += 1;
        println!("✗ {} ({} {:.80})", case.name, case.request.method, case.request.target);
        for fault in faults {
            println!("    {fault:.1200}");
        }
    }
    let differences = judged.iter().filter(|(_, (_, differs))| *differs).count();
    let summary = format!("{} cases × 2 hosts, {differences} differences", cases.len());
    println!("{summary}");
    println!("asked in {:?}", started.elapsed());
    assert_eq!(failed, 0, "cases failed");
    // The runner shows nothing of a test that passes.
    if let Some(file) = env::var_os("AGENTIDP_TABLE_SUMMARY") {
        std::fs::write(file, summary).unwrap();
    }
}
