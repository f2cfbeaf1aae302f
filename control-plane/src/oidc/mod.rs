//! OpenID Connect for agents: the ID token that comes with an access token of the scope `openid`, and the same claims for whoever
//! holds such an access token.
//!
//! There is no user and no browser: the subject is the agent, and it authenticated when it asked for the token.

mod agent_info;
mod claims;
mod id_token;
mod routes;

pub use id_token::{IdTokenError, id_token};
pub use routes::routes;
