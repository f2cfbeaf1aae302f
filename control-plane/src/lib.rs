//! The control plane: the only writer. One binary, `agentidp`, over one PostgreSQL database.
//!
//! Arrows run one way: `shared ← infra ← features ← app ← main`. A change, its audit event and its edge-feed entry are one
//! transaction.

pub mod access;
pub mod agents;
pub mod app;
pub mod audit;
pub mod bootstrap;
pub mod cards;
pub mod compliance;
pub mod credentials;
pub mod dead_letters;
pub mod delegation;
pub mod dev;
pub mod did;
pub mod edge_feed;
pub mod federation;
pub mod health;
pub mod housekeeping;
pub mod infra;
pub mod keys;
pub mod migration_check;
pub mod oidc;
pub mod openapi;
pub mod organizations;
pub mod outside_issuers;
pub mod policy;
pub mod resources;
pub mod serve;
pub mod status_lists;
pub mod tenancy;
pub mod tokens;
pub mod trust_policies;
pub mod well_known;
