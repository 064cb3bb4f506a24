//! The figures of a run: which data are drawn how. Each function takes a part of a record and gives a
//! [`Figure`](crate::report::figure::Figure), or `None` where there is nothing to draw.

pub mod budget;
pub mod distribution;
pub mod operating;
pub mod press;
pub mod scan;
pub mod strokes;
