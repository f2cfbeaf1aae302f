//! Bodies: bytes of ours, or a stream of the platform's that is passed on without being looked at.

use std::cell::Cell;
use std::rc::Rc;

use agentidp_edge_core::host::BodyError;
use futures_util::StreamExt as _;
use futures_util::stream::LocalBoxStream;

pub enum Body {
    Bytes(Vec<u8>),
    Stream {
        chunks: LocalBoxStream<'static, Result<Vec<u8>, BodyError>>,
        /// As whoever sends it has said.
        length: Option<u64>,
    },
}

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body")
    }
}

impl Body {
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Bytes(bytes) if bytes.is_empty())
    }

    /// In bytes, if it is known.
    pub fn length(&self) -> Option<u64> {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).ok(),
            Self::Stream { length, .. } => *length,
        }
    }

    /// The same body, which breaks off beyond `limit` bytes.
    pub fn bound(self, limit: u64, exceeded: Rc<Cell<bool>>) -> Result<Self, BodyError> {
        if self.length().is_some_and(|length| length > limit) {
            return Err(BodyError::TooLarge);
        }
        let Self::Stream { chunks, length } = self else { return Ok(self) };
        let mut left = limit;
        let bounded = chunks.map(move |chunk| {
            let chunk = chunk?;
            let rest = u64::try_from(chunk.len()).ok().and_then(|length| left.checked_sub(length));
            left = rest.ok_or_else(|| {
                exceeded.set(true);
                BodyError::TooLarge
            })?;
            Ok(chunk)
        });
        Ok(Self::Stream { chunks: bounded.boxed_local(), length })
    }

    pub async fn read(self, limit: usize) -> Result<Vec<u8>, BodyError> {
        let bytes = match self {
            Self::Bytes(bytes) => bytes,
            Self::Stream { mut chunks, .. } => {
                let mut bytes = Vec::new();
                while let Some(chunk) = chunks.next().await {
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
