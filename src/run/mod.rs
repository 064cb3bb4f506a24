//! The executive: drives the procedures, records, ends every path in the safe state, measures, decides.
//!
//! Invariant: whatever happens between the first and the last motion (fault, signal, panic), the bench is made safe
//! once, before anything else is done, and the outcome says whether that was confirmed.
//! Deliberately absent: the terminal and the reports' looks.

pub mod begin;
pub mod campaign;
pub mod conclude;
pub mod facts;
pub mod guarded;
pub mod heading;
pub mod job;
pub mod operator;
pub mod parallel;
pub mod position;
pub mod result;
pub mod resume;
pub mod schedule;
