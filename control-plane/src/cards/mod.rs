//! Cards: what agents are, for others to read and to check. The A2A card, the AGNTCY card, the OASF record and the badge of an agent,
//! and the A2A card of this instance.
//!
//! Anyone may read those of an agent that is public and active; of any other only its own organization, with a token that may
//! read agents. Whoever may not is answered as if there were no such agent.

mod agent;
mod badge;
mod instance;
mod model;
mod routes;
mod sign;
mod store;

pub use routes::routes;
