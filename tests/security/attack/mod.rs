//! The catalogue of attacks on the real control plane: a file for each section, each attack beside a twin that is let through.
//! `cargo xtask attack` prints them, and the sections that need to look inside a process (`attack` in the control plane).

mod exchange_from_outside;
mod federation;
mod forgeries;
mod scene;
mod standings;
mod trust_policies;
mod trust_policy_cases;
mod workloads;
