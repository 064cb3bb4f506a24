//! The simulated bench: one physical world behind the bytes of three devices, in virtual time.
//!
//! A product feature, not test code: `rig validate` and `rig sim` run on it. Drivers, procedures and reports cannot
//! tell it from real devices, since nothing but bytes and times leaves it.
//!
//! Invariant: what happens depends on the parameters, the seed and the times of the commands alone, never on how
//! time is cut into pieces.
//! Deliberately absent: the host's clock and threads (but for [`terminal`], which serves in real time), and any
//! knowledge of how its signals will be measured.

pub mod bench;
pub mod fault;
pub mod firmware;
pub mod link;
pub mod terminal;
pub mod world;
