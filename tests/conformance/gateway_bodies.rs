//! What passes through the gateway while it passes: bodies, events, sockets; and an API that is slow or away.

use std::time::Duration;

use agentidp_tests::hex;
use agentidp_tests::origin::{GZIP, LARGE, bytes};
use futures_util::{SinkExt as _, StreamExt as _};
use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_tungstenite::tungstenite::{self, Message, client::IntoClientRequest as _};

use crate::differences;
use crate::gateway::{AUDIENCE, Gateway, HOST, token_for};

fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

#[tokio::test]
async fn large_bodies_stream_both_ways() {
    let gateway = Gateway::start().await;
    let body = bytes(LARGE);
    // With a length.
    let request = gateway.api.request("PUT", "/digest").header("host", HOST).body(body.clone());
    let answer = gateway.api.send(request).await.expect(200);
    assert_eq!(answer.body, format!("{LARGE} {}", sha256(&body)));
    assert_eq!(gateway.last_heard().headers["content-length"], LARGE.to_string().as_str());
    // In chunks, each sent only when the one before has arrived at the API.
    let before = LARGE;
    let (sender, receiver) = mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let stream =
        futures_util::stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let request =
        gateway.api.request("POST", "/digest").header("host", HOST).body(reqwest::Body::wrap_stream(stream));
    let feed = async {
        for (position, piece) in body.chunks(LARGE / 4).enumerate() {
            sender.send(Ok(piece.to_vec())).await.unwrap();
            gateway.origin.received(before + (position + 1) * (LARGE / 4)).await;
        }
        drop(sender);
    };
    let (answer, ()) = tokio::join!(gateway.api.send(request), feed);
    assert_eq!(answer.expect(200).body, format!("{LARGE} {}", sha256(&body)));
    assert!(!gateway.last_heard().headers.contains_key("content-length"));
    // And back.
    let request = gateway.api.request("GET", "/large").header("host", HOST);
    let answer = request.send().await.unwrap().bytes().await.unwrap();
    assert_eq!((answer.len(), sha256(&answer)), (LARGE, sha256(&body)));
}

#[tokio::test]
async fn events_arrive_one_by_one() {
    let gateway = Gateway::start().await;
    let request = gateway.api.request("GET", "/events").header("host", HOST);
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    let mut chunks = answer.bytes_stream();
    for number in 0..3_usize {
        gateway.origin.release(number + 1);
        let event = tokio::time::timeout(Duration::from_secs(20), chunks.next()).await.expect("an event");
        assert_eq!(event.unwrap().unwrap(), format!("data: {number}\n\n"));
    }
}

#[tokio::test]
async fn an_encoded_body_stays_as_it_is() {
    let gateway = Gateway::start().await;
    let request = gateway.api.request("GET", "/gzip").header("host", HOST).header("accept-encoding", "gzip");
    let answer = request.send().await.unwrap();
    assert_eq!(answer.headers()["content-encoding"], "gzip");
    assert_eq!(answer.bytes().await.unwrap(), GZIP.as_slice());
}

#[tokio::test]
async fn oversize_body_attack_the_limit_holds_with_and_without_a_length() {
    let gateway = Gateway::start().await;
    let api = gateway.below("small").await;
    let send = async |length: usize, in_chunks: bool| {
        let body = bytes(length);
        let body: reqwest::Body = if in_chunks {
            let pieces: Vec<Result<Vec<u8>, std::io::Error>> =
                body.chunks(10_000).map(|piece| Ok(piece.to_vec())).collect();
            reqwest::Body::wrap_stream(futures_util::stream::iter(pieces))
        } else {
            body.into()
        };
        api.send(api.request("POST", "/small/digest").body(body)).await
    };
    for in_chunks in [false, true] {
        let fits = send(100_000, in_chunks).await.expect(200);
        assert!(fits.body.starts_with("100000 "), "{}", fits.body);
        let refused = send(100_001, in_chunks).await.expect(413);
        assert_eq!(refused.code(), "PAYLOAD_TOO_LARGE");
        send(1_000_000, in_chunks).await.expect(413);
    }
    // No part of a body passed for the whole.
    assert_eq!(gateway.origin.whole(), 2);
    // The edge is none the worse for it.
    api.get("/small/things").await.expect(200);
}

#[tokio::test]
async fn slow_origin_attack_the_api_is_given_up_in_time() {
    let gateway = Gateway::start().await;
    let answer = gateway.below("small").await.get("/small/never").await.expect(504);
    assert_eq!(answer.code(), "UPSTREAM_TIMEOUT");
    assert!(!answer.body.contains("127.0.0.1"));
}

#[tokio::test]
async fn an_api_that_cannot_be_reached_is_502_after_the_retries_that_are_safe() {
    let gateway = Gateway::start().await;
    assert_eq!(
        gateway.below("nobody").await.get("/nobody/x").await.expect(502).code(),
        "UPSTREAM_UNREACHABLE"
    );
    let flaky = gateway.below("flaky").await;
    flaky.get("/flaky/x").await.expect(200);
    assert_eq!(gateway.flaky.connections(), 3);
    let mut before = gateway.closed.connections();
    for (method, body, attempts) in [
        ("GET", "", 3),
        ("DELETE", "", 3),
        ("PUT", "", 3),
        ("PUT", "x", 1),
        ("POST", "", 1),
        ("POST", "x", 1),
    ] {
        // A connection of its own for each: one with a body that nobody took is not used again.
        let closed = gateway.below("closed").await;
        let request = closed.request(method, "/closed/x").body(body);
        closed.send(request).await.expect(502);
        let now = gateway.closed.connections();
        assert_eq!(now - before, attempts, "{method} {body:?}");
        before = now;
    }
}

#[tokio::test]
async fn web_sockets_pass_for_those_who_may() {
    let gateway = Gateway::start().await;
    let token = token_for(&gateway.stack, &gateway.agent, AUDIENCE).await;
    let address = gateway.stack.url().replace("http://", "");
    let connect = async |token: Option<&str>| {
        let mut request = format!("ws://{HOST}/socket").into_client_request().unwrap();
        if let Some(token) = token {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
        }
        request.headers_mut().insert("sec-websocket-protocol", "echo".parse().unwrap());
        let stream = tokio::net::TcpStream::connect(&address).await.unwrap();
        tokio_tungstenite::client_async(request, stream).await
    };
    match connect(None).await.unwrap_err() {
        tungstenite::Error::Http(answer) => assert_eq!(answer.status(), 401),
        error => panic!("{error}"),
    }
    if !differences::passes_web_sockets() {
        // The API hears a request without an upgrade, and says so.
        match connect(Some(&token)).await.unwrap_err() {
            tungstenite::Error::Http(answer) => assert_eq!(answer.status(), 400),
            error => panic!("{error}"),
        }
        return;
    }
    let (mut socket, answer) = connect(Some(&token)).await.unwrap();
    assert_eq!(answer.status(), 101);
    assert_eq!(answer.headers()["sec-websocket-protocol"], "echo");
    for message in [Message::text("hello"), Message::binary(bytes(100_000)), Message::text("")] {
        socket.send(message.clone()).await.unwrap();
        let echo = tokio::time::timeout(Duration::from_secs(20), socket.next()).await.expect("an echo");
        assert_eq!(echo.unwrap().unwrap(), message);
    }
    let heard = gateway.last_heard();
    assert_eq!(heard.headers["x-agent-id"], gateway.agent.id.as_str());
    assert!(!heard.headers.contains_key("authorization"));
    socket.close(None).await.unwrap();
}
