//! The section `ssrf-answers` of the catalogue of attacks: servers that lead on, or wear down, whoever asks them. Real TLS, to this
//! machine.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use agentidp_shared::ids::OrganizationId;
use agentidp_tests::TlsServer;
use agentidp_tests::attack::{Outcome, Section};
use axum::Router;
use axum::body::Body;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use futures_util::{StreamExt as _, stream};

use super::attack::Stub;
use super::{MAX_BYTES, NoSlot, Outbound, OutboundError, Payer, Resolver, Slots, SystemResolver};
use crate::infra::clock::from_unix_seconds;
use crate::infra::config::OutboundConfig;

const JSON: (HeaderName, &str) = (header::CONTENT_TYPE, "application/json");

fn door(server: &TlsServer, resolver: Arc<dyn Resolver>) -> Outbound {
    let config = OutboundConfig { allow_loopback: true, ca: Some(server.ca.clone().into_bytes()) };
    Outbound::with_resolver(&config, resolver).unwrap()
}

fn object_of(length: usize) -> String {
    format!("{{\"a\":\"{}\"}}", "x".repeat(length - 8))
}

fn redirect(status: u16, to: &str) -> Response {
    (StatusCode::from_u16(status).unwrap(), [(header::LOCATION, to.to_owned())], [JSON], "{}").into_response()
}

/// What the bad server answers, by path, and what the refusal says.
fn bad_answers() -> Vec<(&'static str, &'static str, Response)> {
    let typed = |kind: &'static str| ([(header::CONTENT_TYPE, kind)], "{}").into_response();
    let status = |status: u16| (StatusCode::from_u16(status).unwrap(), [JSON], "{}").into_response();
    let text = |text: &'static str| ([JSON], text).into_response();
    vec![
        (
            "redirect to metadata",
            "answered with 302",
            redirect(302, "http://169.254.169.254/latest/meta-data/"),
        ),
        ("redirect to this machine", "answered with 301", redirect(301, "https://127.0.0.1/")),
        ("redirect to a good document", "answered with 302", redirect(302, "/good")),
        ("redirect after POST", "answered with 303", redirect(303, "/good")),
        ("temporary redirect", "answered with 307", redirect(307, "/good")),
        ("permanent redirect", "answered with 308", redirect(308, "/good")),
        ("redirect to a file", "answered with 302", redirect(302, "file:///etc/passwd")),
        ("multiple choices", "answered with 300", redirect(300, "/good")),
        ("refresh", "something else", ([(header::REFRESH, "0; url=/good")], "{}").into_response()),
        ("201", "answered with 201", status(201)),
        ("203", "answered with 203", status(203)),
        ("206", "answered with 206", status(206)),
        ("401", "answered with 401", status(401)),
        ("404", "answered with 404", status(404)),
        ("500", "answered with 500", status(500)),
        ("no content", "answered with 204", StatusCode::NO_CONTENT.into_response()),
        ("HTML", "something else", typed("text/html")),
        ("text", "something else", typed("text/plain; charset=utf-8")),
        ("JSON by a name that only ends like it", "something else", typed("text/application/json")),
        ("JSON in a comment", "something else", typed("text/html; application/json")),
        ("JSON lines", "something else", typed("application/jsonl")),
        ("script", "something else", typed("application/javascript")),
        ("octets", "something else", typed("application/octet-stream")),
        ("no type", "something else", Body::from("{}").into_response()),
        (
            "two types",
            "something else",
            ([JSON], axum::response::AppendHeaders([(header::CONTENT_TYPE, "text/html")]), "{}")
                .into_response(),
        ),
        ("packed", "something else", ([JSON, (header::CONTENT_ENCODING, "gzip")], "{}").into_response()),
        (
            "packed, it says, as it is",
            "something else",
            ([JSON, (header::CONTENT_ENCODING, "identity")], "{}").into_response(),
        ),
        ("an array", "something else", text("[]")),
        ("a string", "something else", text("\"{}\"")),
        ("nothing", "something else", text("")),
        ("half an object", "something else", text("{\"keys\":[")),
        ("two objects", "something else", text("{}{}")),
        ("a member twice", "something else", text("{\"issuer\":\"a\",\"issuer\":\"b\"}")),
        ("a member twice within", "something else", text("{\"keys\":[{\"kid\":\"a\",\"kid\":\"b\"}]}")),
        ("a byte order mark", "something else", text("\u{feff}{}")),
        ("a comment", "something else", text("{} // yes")),
        ("too much, as it says", "more than", ([JSON], object_of(MAX_BYTES + 1)).into_response()),
        ("too much, without saying", "more than", {
            let piece = || Ok::<_, std::io::Error>(" ".repeat(16 * 1024));
            ([JSON], Body::from_stream(stream::repeat_with(piece).take(65_536))).into_response()
        }),
    ]
}

#[tokio::test]
async fn no_answer_leads_on_or_wears_down() {
    let names: Vec<_> = bad_answers().into_iter().map(|(name, expected, _)| (name, expected)).collect();
    let bad = |axum::extract::Path(index): axum::extract::Path<usize>| async move {
        bad_answers().swap_remove(index).2
    };
    let router = Router::new()
        .route("/bad/{index}", get(bad))
        .route("/good", get(|| async { ([JSON], object_of(MAX_BYTES)) }))
        .route(
            "/jwks",
            get(|| async { ([(header::CONTENT_TYPE, "application/jwk-set+json; charset=utf-8")], "{}") }),
        )
        .route(
            "/slow",
            get(|| async {
                let piece = |turn: u8| async move {
                    tokio::time::sleep(Duration::from_millis(400)).await;
                    Some((Ok::<_, std::io::Error>(" "), turn))
                };
                ([JSON], Body::from_stream(stream::unfold(0_u8, piece)))
            }),
        )
        .route("/never", get(std::future::pending::<()>));
    let server = TlsServer::start(router.clone()).await;
    let known = door(&server, Arc::new(SystemResolver));
    let ask = async |door: &Outbound, url: String| {
        Outcome::of_result(&door.get_json(&url).await.map(|object| format!("{} members", object.len())))
    };
    let mut section = Section::new("ssrf-answers");
    let good = ask(&known, format!("{}/good", server.url())).await;
    for (index, (name, expected)) in names.into_iter().enumerate() {
        section.row(name, expected, ask(&known, format!("{}/bad/{index}", server.url())).await, good.clone());
    }
    let jwks = ask(&known, format!("{}/jwks", server.url())).await;
    for (name, path) in [("an answer in drops", "/slow"), ("no answer", "/never")] {
        section.row(name, "in time", ask(&known, format!("{}{path}", server.url())).await, jwks.clone());
    }
    let stranger = TlsServer::start_strange(router.clone()).await;
    section.row(
        "a certificate of nobody we know",
        "over TLS",
        ask(&known, format!("{}/good", stranger.url())).await,
        jwks.clone(),
    );
    let misnamed = TlsServer::start_as(&["issuer.example.com"], router).await;
    let misled = door(&misnamed, Arc::new(SystemResolver));
    section.row(
        "a certificate for another name",
        "over TLS",
        ask(&misled, format!("{}/good", misnamed.url())).await,
        jwks.clone(),
    );
    let plain = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = plain.local_addr().unwrap().port();
    tokio::spawn(async move {
        axum::serve(plain, Router::new().route("/good", get(|| async { ([JSON], "{}") }))).await
    });
    section.row(
        "no TLS at all",
        "over TLS",
        ask(&known, format!("https://localhost:{port}/good")).await,
        jwks.clone(),
    );
    section.row("http", "https", ask(&known, format!("http://localhost:{port}/good")).await, jwks.clone());

    // Names, through the client's own look-up: what is judged is what is connected to, and nothing is looked up twice.
    let url = format!("https://issuer.tests.example:{}/jwks", server.address.port());
    for inside in ["10.0.0.1", "169.254.169.254", "192.168.0.1", "fd00:ec2::254"] {
        let rebinding = Stub::new(vec![vec!["127.0.0.1".parse().unwrap()], vec![inside.parse().unwrap()]]);
        let rebound = door(&server, rebinding.clone());
        let first = ask(&rebound, url.clone()).await;
        assert_eq!(rebinding.asked.load(Ordering::SeqCst), 1, "one look-up for one fetch");
        let second = ask(&rebound, url.clone()).await;
        section.row(format!("rebinding to {inside} between two fetches"), "leads to", second, first);
    }
    section.finish(45);
}

#[tokio::test]
async fn used_up_sockets_attack_only_so_many_fetches_run_at_once() {
    let server = TlsServer::start(Router::new().route("/never", get(std::future::pending::<()>))).await;
    let known = door(&server, Arc::new(SystemResolver));
    let url = format!("{}/never", server.url());
    let (slots, now) = (Slots::default(), from_unix_seconds(0));
    let organization = OrganizationId::new(uuid::Uuid::from_u128(1));
    let payer = Payer { organization, in_flight: 2, per_minute: 100 };
    let asking: Vec<_> = (0..14).map(|_| slots.run(payer, "localhost", now, known.get_json(&url))).collect();
    let answers = futures_util::future::join_all(asking).await;
    let is_refused =
        |answer: &&Result<_, _>| matches!(answer, Err(OutboundError::NoSlot(NoSlot::InFlight(2))));
    let refused = answers.iter().filter(is_refused).count();
    let late = answers.iter().filter(|answer| matches!(answer, Err(OutboundError::Timeout))).count();
    assert_eq!((refused, late), (12, 2));
}
