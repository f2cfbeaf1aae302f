//! Names to addresses, judged where the connection is made: a connection goes to an address that was judged, and is not looked
//! up again in between (DNS rebinding).

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use reqwest::dns::{Addrs, Name, Resolve, Resolving};

use super::{Forbidden, OutboundError, address};

/// Longest wait for the addresses of a name.
const TIMEOUT: Duration = Duration::from_secs(3);
/// More addresses than this no name needs.
const MAX_ADDRESSES: usize = 32;

pub type Addresses = Pin<Box<dyn Future<Output = io::Result<Vec<IpAddr>>> + Send>>;

/// What knows the addresses of names.
pub trait Resolver: std::fmt::Debug + Send + Sync {
    fn resolve(&self, name: &str) -> Addresses;
}

/// The machine's own.
#[derive(Debug)]
pub struct SystemResolver;

impl Resolver for SystemResolver {
    fn resolve(&self, name: &str) -> Addresses {
        // A dot at the end: no search domain is to make another name of it.
        let name = if name == "localhost" { name.to_owned() } else { format!("{name}.") };
        Box::pin(async move {
            let found = tokio::net::lookup_host((name, 443)).await?;
            Ok(found.map(|address| address.ip()).collect())
        })
    }
}

/// Gives only addresses that may be connected to. One that may not refuses the name whole: who answers with both wants to see
/// which is tried.
#[derive(Debug, Clone)]
pub(super) struct JudgingResolver {
    pub inner: Arc<dyn Resolver>,
    pub allow_loopback: bool,
}

impl JudgingResolver {
    pub async fn judged(&self, name: &str) -> Result<Vec<IpAddr>, OutboundError> {
        let found = tokio::time::timeout(TIMEOUT, self.inner.resolve(name)).await;
        let mut addresses =
            found.map_err(|_| OutboundError::Timeout)?.map_err(|_| OutboundError::Unresolved)?;
        if addresses.is_empty() {
            return Err(OutboundError::Unresolved);
        }
        for address in &addresses {
            address::judge(*address, self.allow_loopback)?;
        }
        addresses.truncate(MAX_ADDRESSES);
        Ok(addresses)
    }
}

impl Resolve for JudgingResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let this = self.clone();
        Box::pin(async move {
            let addresses = this.judged(name.as_str()).await?;
            let addresses: Addrs = Box::new(addresses.into_iter().map(|address| SocketAddr::new(address, 0)));
            Ok(addresses)
        })
    }
}

/// What refused an address, if that is at the bottom of an error of the HTTP client.
pub(super) fn forbidden_in(error: &(dyn std::error::Error + 'static)) -> Option<Forbidden> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(OutboundError::Forbidden(forbidden)) = error.downcast_ref() {
            return Some(*forbidden);
        }
        cause = error.source();
    }
    None
}
