//! HTTP by hand, for what a well-behaved client would never send.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// The text of an answer: status line, headers, body as it came. Empty if the server hung up without one.
#[derive(Debug, Clone)]
pub struct RawAnswer {
    pub text: String,
}

impl RawAnswer {
    pub fn status(&self) -> Option<u16> {
        self.text.split(' ').nth(1)?.parse().ok()
    }

    pub fn head(&self) -> &str {
        self.text.split("\r\n\r\n").next().unwrap_or_default()
    }
}

/// Sends a request and reads until what came is `whole`, or the server closes the connection.
pub async fn ask(base: &str, request: &[u8], whole: impl Fn(&[u8]) -> bool) -> Vec<u8> {
    let mut stream = TcpStream::connect(base.trim_start_matches("http://")).await.unwrap();
    let mut answer = vec![];
    let exchange = async {
        // A server that has seen enough may answer before it has read everything.
        let _ = stream.write_all(request).await;
        let mut buffer = vec![0; 65_536];
        while let Ok(count @ 1..) = stream.read(&mut buffer).await {
            answer.extend_from_slice(&buffer[..count]);
            if whole(&answer) {
                break;
            }
        }
    };
    let _ = timeout(PATIENCE, exchange).await;
    answer
}

/// Sends pieces one after another and reads until the server closes the connection.
pub async fn send(base: &str, pieces: impl IntoIterator<Item = impl AsRef<[u8]>>) -> RawAnswer {
    let address = base.trim_start_matches("http://");
    let stream = TcpStream::connect(address).await.unwrap();
    let (mut reader, mut writer) = stream.into_split();
    for piece in pieces {
        // A server that has seen enough may hang up.
        if writer.write_all(piece.as_ref()).await.is_err() {
            break;
        }
    }
    let mut answer = vec![];
    let mut buffer = vec![0; 65_536];
    loop {
        match timeout(PATIENCE, reader.read(&mut buffer)).await {
            Ok(Ok(count)) if count > 0 => answer.extend_from_slice(&buffer[..count]),
            Ok(_) => break,
            Err(_) => {
                assert!(!answer.is_empty(), "no answer within {PATIENCE:?}");
                break;
            }
        }
    }
    RawAnswer { text: String::from_utf8_lossy(&answer).into_owned() }
}
