//! Bodies: bytes of ours, or a stream of the platform's that is passed on without being looked at.

use agentidp_edge_core::host::BodyError;
use futures_util::StreamExt as _;
use futures_util::stream::LocalBoxStream;

pub enum Body {
    Bytes(Vec<u8>),
    Stream(LocalBoxStream<'static, Result<Vec<u8>, BodyError>>),
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body")
    }
}

impl Body {
    pub async fn read(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::Stream(mut stream) => {
                let mut bytes = Vec::new();
                while let Some(chunk) = stream.next().await {
                    bytes.extend(chunk?);
                    if bytes.len() > limit {
                        break;
                    }
                }
                bytes
            }
        };
        if bytes.len() > limit { Err(BodyError::TooLarge) } else { Ok(bytes) }
    }
}
