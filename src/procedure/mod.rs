//! Sequences over the three devices: checks, homing, presses, stand-off scans and runs (metrology).
//!
//! Straight-line code over [`crate::bench::Bench`]. A byte, a register or a retry in here would be in the wrong room.

pub mod calibrate;
pub mod checks;
pub mod dynamic;
pub mod pace;
pub mod press;
pub mod sample_rate;
pub mod site;
