//! A wire between edge and control plane that can be listened to, cut, or left hanging.

use std::sync::{Arc, Mutex};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// Everything goes through.
    Whole,
    /// Connections are closed at once.
    Cut,
    /// Requests are taken and never answered.
    Hanging,
    /// Requests arrive, and their answers are lost.
    OneWay,
    /// Every request except the feed's is answered with these bytes.
    Answering(&'static str),
}

/// Listens on a port of its own in front of another.
#[derive(Debug)]
pub struct Relay {
    url: String,
    wire: watch::Sender<Wire>,
    heard: Arc<Mutex<String>>,
}

impl Relay {
    pub async fn to(target: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (wire, watched) = watch::channel(Wire::Whole);
        let heard = Arc::new(Mutex::new(String::new()));
        let (target, record) = (target.trim_start_matches("http://").to_owned(), Arc::clone(&heard));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(carry(stream, target.clone(), watched.clone(), Arc::clone(&record)));
            }
        });
        Self { url, wire, heard }
    }

    pub fn url(&self) -> &str {
        &self.url
    }

    /// Connections of before do not survive the change.
    pub fn set(&self, wire: Wire) {
        self.wire.send_replace(wire);
    }

    /// Everything that was asked so far, heads and bodies as they came.
    pub fn heard(&self) -> String {
        self.heard.lock().unwrap().clone()
    }
}

async fn carry(
    mut client: TcpStream,
    target: String,
    mut wire: watch::Receiver<Wire>,
    heard: Arc<Mutex<String>>,
) {
    let mode = *wire.borrow_and_update();
    match mode {
        Wire::Cut => {}
        Wire::Hanging => {
            let _ = wire.changed().await;
        }
        Wire::Whole | Wire::OneWay => {
            let Ok(server) = TcpStream::connect(&target).await else { return };
            pass(client, server, wire, heard, &[]).await;
        }
        Wire::Answering(answer) => {
            let mut buffer = vec![0; 65_536];
            let Ok(count) = client.read(&mut buffer).await else { return };
            let text = String::from_utf8_lossy(&buffer[..count]).into_owned();
            if text.lines().next().is_some_and(|line| line.contains(" /edge/v1/")) {
                let Ok(server) = TcpStream::connect(&target).await else { return };
                pass(client, server, wire, heard, &buffer[..count]).await;
            } else {
                heard.lock().unwrap().push_str(&text);
                let _ = client.write_all(answer.as_bytes()).await;
                let _ = client.shutdown().await;
            }
        }
    }
}

async fn pass(
    mut client: TcpStream,
    mut server: TcpStream,
    mut wire: watch::Receiver<Wire>,
    heard: Arc<Mutex<String>>,
    first: &[u8],
) {
    let (mut from_client, mut from_server) = (vec![0; 65_536], vec![0; 65_536]);
    if server.write_all(first).await.is_err() {
        return;
    }
    let mode = *wire.borrow();
    loop {
        tokio::select! {
            count = client.read(&mut from_client) => {
                let Ok(count @ 1..) = count else { return };
                heard.lock().unwrap().push_str(&String::from_utf8_lossy(&from_client[..count]));
                if server.write_all(&from_client[..count]).await.is_err() { return }
            }
            count = server.read(&mut from_server) => {
                let Ok(count @ 1..) = count else { return };
                if mode == Wire::OneWay { continue }
                if client.write_all(&from_server[..count]).await.is_err() { return }
            }
            _ = wire.changed() => return,
        }
    }
}
