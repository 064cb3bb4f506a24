//! `rig`: hardware-in-the-loop validation of micro-needling pens.
//!
//! The modules stand in reading order: each may use those above it (tests/layering.rs). The map, the way of a sample
//! from the wire to the report, and the invariants are in ARCHITECTURE.md.

pub mod version;
pub mod units;
pub mod checksum;
pub mod prng;
pub mod time;
pub mod uncertainty;
pub mod stats;
pub mod capture;
pub mod wire;
pub mod config;
pub mod measure;
pub mod acceptance;
pub mod link;
pub mod device;
pub mod sim;
pub mod bench;
pub mod record;
pub mod procedure;
pub mod run;
pub mod report;
pub mod cli;
