//! The control plane on PostgreSQL, used as a library and with a clock that only the test moves: what passed-in time, two
//! processes on one database, or a look below the API can show. What HTTP alone can show is tested from outside, on the
//! real binary.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    reason = "tests fail by panicking"
)]

mod support;

mod audit_archive;
mod audit_bundle;
mod audit_carry;
mod audit_log;
mod audit_proofs;
mod audit_seals;
mod authority;
mod bootstrap;
mod cards;
mod compliance;
mod credentials;
mod dead_letters;
mod delegation;
mod did;
mod edge_acknowledgement;
mod edge_feed;
mod edge_feed_pages;
mod edge_push;
mod edge_state;
mod edge_usage;
mod expiring;
mod housekeeping;
mod idempotency;
mod issuing;
mod jobs;
mod key_revocation;
mod key_rotation;
mod keystore;
mod keystore_keys;
mod keystore_places;
mod lists;
mod openid;
mod organization_changes;
mod organization_issuers;
mod organizations;
mod pending_rows;
mod pool;
mod private_key_jwt;
mod private_key_jwt_attacks;
mod privileges;
mod resources;
mod revocations;
mod schema_rules;
mod shares;
mod status_lists;
mod table_matrix;
mod tenancy;
mod throttle;
mod tokens;
mod trust_policies;
mod upgrading;
mod versions;
mod workload_keys;
