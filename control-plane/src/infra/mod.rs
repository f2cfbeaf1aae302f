//! What every feature stands on: configuration, database, time, randomness, keystore, HTTP manners, logs and metrics.

pub mod clock;
pub mod config;
pub mod db;
pub mod gather;
pub mod http;
pub mod jobs;
pub mod keystore;
pub mod line;
pub mod lists;
pub mod metrics;
pub mod outbound;
pub mod rng;
pub mod telemetry;
pub mod turns;
