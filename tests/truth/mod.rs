//! Truth worlds: the simulated bench run by the real procedure, measured by the real code, against what only the
//! world knows.
//!
//! `world` draws parameters, `recorded` runs the procedure and keeps capture and truth, `fault` damages captures,
//! `disturbance` the force within the contact of a press,
//! `bound` gives the Cramér-Rao bound of the onset, `tally` turns errors into a table. Shared by the benchmark
//! `truth` and the test `truth_short`.

#![allow(dead_code, reason = "the benchmark and the test each use a part")]

pub mod bound;
pub mod disturbance;
pub mod fault;
pub mod recorded;
pub mod survey;
pub mod tally;
pub mod world;
