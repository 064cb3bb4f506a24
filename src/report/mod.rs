//! Reports: what a run found, for people and for CI.
//!
//! Every report is a pure function of a [`RunRecord`](crate::record::model::RunRecord): the same record gives the
//! same bytes, live or rebuilt from an archive decades later. [`document`] holds the content of the full report
//! (sections, prose, tables, figures), [`chart`] draws a run's figures, [`figure`] describes a figure and writes it
//! as SVG; [`html`] turns the document into a page, [`pdf`] into sheets of paper. [`text`], [`markdown`] and [`junit`] are the short forms.
//!
//! Invariants: penetration stands beside protrusion wherever one of them is given; what a simulated bench produced
//! says SIMULATED; what is left out of a figure or a table is counted in words.
//! Deliberately absent: files, clocks, terminals, any decision (verdicts are read, never made).

pub mod chart;
pub mod comparison;
pub mod criterion;
pub mod document;
pub mod figure;
pub mod html;
pub mod junit;
pub mod live;
pub mod markdown;
pub mod number;
pub mod pdf;
pub mod result;
pub mod selection;
pub mod text;
pub mod verdict;

#[cfg(test)]
pub mod markup_check;
#[cfg(test)]
pub mod sample;
