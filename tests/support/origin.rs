//! An API that somebody protects with the gateway: it answers, and remembers what reached it.

use std::convert::Infallible;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::http::{HeaderMap, Request, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{any, get};
use futures_util::{StreamExt, stream};
use sha2::{Digest, Sha256};
use tokio::net::TcpListener;
use tokio::sync::watch;

/// What `/large` sends, in bytes.
pub const LARGE: usize = 24 * 1024 * 1024;

/// A request as it arrived.
#[derive(Debug, Clone)]
pub struct Heard {
    pub method: String,
    pub target: String,
    pub headers: HeaderMap,
}

#[derive(Debug)]
struct Shared {
    heard: Mutex<Vec<Heard>>,
    /// How many bytes of bodies have arrived.
    received: watch::Sender<usize>,
    /// How many bodies have arrived whole.
    whole: AtomicUsize,
    /// How many events `/events` may have sent.
    released: watch::Sender<usize>,
}

/// Listens on a port of its own until the test ends.
#[derive(Debug)]
pub struct Origin {
    url: String,
    shared: Arc<Shared>,
}

impl Origin {
    pub async fn start() -> Self {
        let shared = Arc::new(Shared {
            heard: Mutex::default(),
            received: watch::Sender::new(0),
            whole: AtomicUsize::new(0),
            released: watch::Sender::new(1),
        });
        let routes = Router::new()
            .route("/digest", any(digest))
            .route("/large", get(|| async { pieces(LARGE) }))
            .route("/events", get(events))
            .route("/never", any(std::future::pending::<()>))
            .route("/gzip", get(gzip))
            .route("/socket", get(socket))
            .fallback(|| async { "here" })
            .layer(axum::middleware::from_fn_with_state(Arc::clone(&shared), hear))
            .with_state(Arc::clone(&shared));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(async move { axum::serve(listener, routes).await });
        Self { url, shared }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Everything that was asked so far.
    pub fn heard(&self) -> Vec<Heard> {
        self.shared.heard.lock().unwrap().clone()
    }

    /// Waits until so many bytes of bodies have arrived.
    pub async fn received(&self, bytes: usize) {
        self.shared.received.subscribe().wait_for(|received| *received >= bytes).await.unwrap();
    }

    /// How many bodies have arrived whole.
    pub fn whole(&self) -> usize {
        self.shared.whole.load(Ordering::SeqCst)
    }

    /// Lets `/events` go on to so many events.
    pub fn release(&self, events: usize) {
        self.shared.released.send_replace(events);
    }
}

async fn hear(
    State(shared): State<Arc<Shared>>,
    request: Request<Body>,
    next: axum::middleware::Next,
) -> Response {
    shared.heard.lock().unwrap().push(Heard {
        method: request.method().to_string(),
        target: request.uri().to_string(),
        headers: request.headers().clone(),
    });
    next.run(request).await
}

/// SHA-256 of a body, and how long it was.
async fn digest(State(shared): State<Arc<Shared>>, body: Body) -> Response {
    let (mut digest, mut length) = (Sha256::new(), 0);
    let mut chunks = body.into_data_stream();
    while let Some(chunk) = chunks.next().await {
        let Ok(chunk) = chunk else { return StatusCode::BAD_REQUEST.into_response() };
        digest.update(&chunk);
        length += chunk.len();
        shared.received.send_modify(|received| *received += chunk.len());
    }
    shared.whole.fetch_add(1, Ordering::SeqCst);
    format!("{length} {}", crate::hex(&digest.finalize())).into_response()
}

/// A body of so many bytes that repeats nothing for long.
pub fn bytes(length: usize) -> Vec<u8> {
    let byte = |n: usize| u8::try_from((n.wrapping_mul(2_654_435_761) >> 11) & 0xff).unwrap();
    (0..length).map(byte).collect()
}

/// Sent in pieces, without saying how many.
fn pieces(length: usize) -> Body {
    let pieces: Vec<Result<Bytes, Infallible>> =
        bytes(length).chunks(65_536).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
    Body::from_stream(stream::iter(pieces))
}

/// Server-sent events, one for each that was released.
async fn events(State(shared): State<Arc<Shared>>) -> Response {
    let events = stream::unfold((0, shared.released.subscribe()), |(sent, mut released)| async move {
        released.wait_for(|released| *released > sent).await.ok()?;
        Some((Ok::<_, Infallible>(format!("data: {sent}\n\n")), (sent + 1, released)))
    });
    ([(header::CONTENT_TYPE, "text/event-stream")], Body::from_stream(events)).into_response()
}

/// "compressed", as RFC 1952 has it.
pub const GZIP: [u8; 30] = [
    31, 139, 8, 0, 0, 0, 0, 0, 0, 3, 75, 206, 207, 45, 40, 74, 45, 46, 78, 77, 1, 0, 30, 75, 86, 151, 10, 0,
    0, 0,
];

async fn gzip() -> Response {
    ([(header::CONTENT_ENCODING, "gzip")], GZIP.to_vec()).into_response()
}

/// Says everything back.
async fn socket(upgrade: WebSocketUpgrade) -> Response {
    upgrade.protocols(["echo"]).on_upgrade(|mut socket| async move {
        while let Some(Ok(message)) = socket.recv().await {
            if socket.send(message).await.is_err() {
                break;
            }
        }
    })
}

/// A port at which connections are closed without a word; counts them.
#[derive(Debug)]
pub struct Closed {
    url: String,
    connections: watch::Receiver<usize>,
}

impl Closed {
    /// Closes the first `refused` connections, and answers the others with 200.
    pub async fn start(refused: usize) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (count, connections) = watch::channel(0);
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                count.send_modify(|count| *count += 1);
                if *count.borrow() > refused {
                    let mut head = [0; 4_096];
                    let _ = tokio::io::AsyncReadExt::read(&mut stream, &mut head).await;
                    let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nhere";
                    let _ = tokio::io::AsyncWriteExt::write_all(&mut stream, answer).await;
                }
            }
        });
        Self { url, connections }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    pub fn connections(&self) -> usize {
        *self.connections.borrow()
    }
}
