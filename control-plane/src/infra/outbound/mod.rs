//! The one door for requests to URLs that tenants name: the issuers and key sets of others. Whoever names a URL wants us to ask it
//! from where we stand (server-side request forgery), so it leads to public addresses alone, by https, and to nothing that the
//! answer names. What an operator configures does not pass here.

mod address;
#[cfg(test)]
mod attack;
#[cfg(test)]
mod attack_answers;
mod fetch;
mod resolve;
mod slots;
mod target;

pub use fetch::{NoClient, Outbound};
pub use resolve::{Addresses, Resolver, SystemResolver};
pub use slots::{NoSlot, Payer, Slots};
pub use target::Target;

/// Longest answer, in bytes: a set of 32 RSA keys with their certificates has room.
pub const MAX_BYTES: usize = 256 * 1024;

/// Why a URL, or the address behind it, is not asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Forbidden {
    #[error("must have 1 to 2048 bytes")]
    Length,
    #[error("has characters that belong in no URL")]
    Characters,
    #[error("must begin with https://")]
    Scheme,
    #[error("must have no fragment")]
    Fragment,
    #[error("must have no user information")]
    UserInformation,
    #[error("must have no port: 443 it is")]
    Port,
    #[error("has no host name in lower case")]
    Host,
    #[error("is not written in the one way there is")]
    Spelling,
    #[error("names a host inside of a network")]
    InsideName,
    #[error("leads to an unspecified address")]
    Unspecified,
    #[error("leads to a loopback address")]
    Loopback,
    #[error("leads to a private address")]
    Private,
    #[error("leads to a link-local address")]
    LinkLocal,
    #[error("leads to a shared address of a carrier")]
    SharedAddressSpace,
    #[error("leads to a metadata service")]
    Metadata,
    #[error("leads to a multicast address")]
    Multicast,
    #[error("leads to a broadcast address")]
    Broadcast,
    #[error("leads to an address of documentation")]
    Documentation,
    #[error("leads to an address of benchmarks")]
    Benchmarking,
    #[error("leads to a reserved address")]
    Reserved,
    #[error("leads into a tunnel")]
    Tunnel,
    #[error("leads to an address that its network translates as it likes")]
    LocalTranslation,
}

/// Why there is no answer that can be used. For the operator's log: whoever named the URL is not told what is behind it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OutboundError {
    #[error(transparent)]
    Forbidden(#[from] Forbidden),
    #[error("the name has no address")]
    Unresolved,
    #[error("could not be reached over TLS")]
    Connect,
    #[error("did not answer in time")]
    Timeout,
    #[error("answered with {0}")]
    Status(u16),
    #[error("answered with something else than a JSON object")]
    NotJson,
    #[error("answered with more than {MAX_BYTES} bytes")]
    TooLarge,
    #[error(transparent)]
    NoSlot(#[from] NoSlot),
}
