//! Faults in what the host gives, for tests: `PUT /` on an address of their own sets them, as
//! `{"store": "up" | "down", "clockOffsetMs": 0}`.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio::net::TcpListener;
use wasmtime_wasi::HostWallClock;

/// None, at first.
#[derive(Debug, Default)]
pub struct Faults {
    store_is_down: AtomicBool,
    clock_offset_ms: AtomicI64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct Wanted {
    store: Option<Store>,
    clock_offset_ms: Option<i64>,
}

#[derive(Deserialize, PartialEq, Eq)]
#[serde(rename_all = "camelCase")]
enum Store {
    Up,
    Down,
}

impl Faults {
    pub fn store_is_down(&self) -> bool {
        self.store_is_down.load(Ordering::Relaxed)
    }

    fn set(&self, bytes: &[u8]) -> serde_json::Result<()> {
        let wanted: Wanted = serde_json::from_slice(bytes)?;
        if let Some(store) = wanted.store {
            self.store_is_down.store(store == Store::Down, Ordering::Relaxed);
        }
        if let Some(offset) = wanted.clock_offset_ms {
            self.clock_offset_ms.store(offset, Ordering::Relaxed);
        }
        Ok(())
    }
}

/// The machine's clock, off by as much as is wanted.
pub struct Clock(pub Arc<Faults>);

impl HostWallClock for Clock {
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the machine's clock")]
    fn now(&self) -> Duration {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let offset = self.0.clock_offset_ms.load(Ordering::Relaxed);
        let off_by = Duration::from_millis(offset.unsigned_abs());
        if offset < 0 { now.saturating_sub(off_by) } else { now + off_by }
    }
}

/// Listens, and returns its URL.
pub async fn listen(address: SocketAddr, faults: Arc<Faults>) -> Result<String> {
    let listener = TcpListener::bind(address).await.with_context(|| format!("cannot listen at {address}"))?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let faults = Arc::clone(&faults);
            let service = service_fn(move |request| answer(request, Arc::clone(&faults)));
            let connection =
                hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service);
            tokio::spawn(async move {
                let _ = connection.await;
            });
        }
    });
    Ok(url)
}

async fn answer(
    request: Request<Incoming>,
    faults: Arc<Faults>,
) -> std::result::Result<Response<Empty<Bytes>>, Infallible> {
    let body = request.into_body().collect().await.map(http_body_util::Collected::to_bytes);
    let is_set = body.is_ok_and(|body| faults.set(&body).is_ok());
    let mut response = Response::new(Empty::new());
    *response.status_mut() = if is_set { StatusCode::NO_CONTENT } else { StatusCode::BAD_REQUEST };
    Ok(response)
}
