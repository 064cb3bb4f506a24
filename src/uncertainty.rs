//! Uncertainty of measurement: terms, budgets, and values that carry them.
//!
//! Follows JCGM 100:2008 (GUM): terms are standard uncertainties already multiplied by their sensitivity, so each
//! stands in the unit of the measurand; they combine as the root of the sum of squares (independent terms, clause
//! 5.1.2), and the effective degrees of freedom follow Welch-Satterthwaite (equation G.2b).
//!
//! Invariant: a [`Term`] marked `common` is shared by every value of a data set (calibration, alignment); only
//! common terms enter a guard band, since the others already show in the scatter (JCGM 106).

use serde::{Deserialize, Serialize};

/// One contribution to a standard uncertainty.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Term {
    /// Where it comes from, in words that a reviewer understands.
    pub source: String,
    /// Standard uncertainty contributed, in the unit of the measurand (sensitivity applied).
    pub u: f64,
    /// Degrees of freedom; `None` for a term taken as exactly known (infinitely many).
    pub dof: Option<f64>,
    /// Shared by all values of the data set, so that averaging does not shrink it.
    pub common: bool,
}

/// The terms of one value.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Budget {
    /// The contributions, in the order in which they arise.
    pub terms: Vec<Term>,
}

impl Budget {
    /// Adds a term that scatters from value to value.
    pub fn random(&mut self, source: &str, u: f64, dof: Option<f64>) {
        self.terms.push(Term { source: source.to_owned(), u, dof, common: false });
    }

    /// Adds a term that all values of the data set share.
    pub fn common(&mut self, source: &str, u: f64, dof: Option<f64>) {
        self.terms.push(Term { source: source.to_owned(), u, dof, common: true });
    }

    /// Combined standard uncertainty, in the unit of the measurand.
    pub fn u(&self) -> f64 {
        self.terms.iter().map(|term| term.u * term.u).sum::<f64>().sqrt()
    }

    /// Standard uncertainty of the common terms alone.
    pub fn u_common(&self) -> f64 {
        self.terms.iter().filter(|term| term.common).map(|term| term.u * term.u).sum::<f64>().sqrt()
    }

    /// Effective degrees of freedom (Welch-Satterthwaite); `None` where every term is exactly known.
    pub fn dof(&self) -> Option<f64> {
        let spread: f64 = self.terms.iter().filter_map(|term| term.dof.map(|dof| term.u.powi(4) / dof.max(1.0))).sum();
        (spread > 0.0).then(|| self.u().powi(4) / spread)
    }
}

/// A measured value with its uncertainty budget.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Best estimate, in the unit of the measurand.
    pub value: f64,
    /// The terms of its uncertainty.
    pub budget: Budget,
}

impl Measured {
    /// A value with its budget.
    pub fn new(value: f64, budget: Budget) -> Self {
        Self { value, budget }
    }

    /// Combined standard uncertainty, in the unit of the measurand.
    pub fn u(&self) -> f64 {
        self.budget.u()
    }
}

#[cfg(test)]
mod tests {
    use super::Budget;

    /// GUM H.1.6: end-gauge calibration, u = 32 nm with 16 effective degrees of freedom.
    #[test]
    fn end_gauge_example_of_the_gum() {
        let mut budget = Budget::default();
        budget.common("standard", 25.0, Some(18.0));
        budget.random("difference", 9.7, Some(25.6));
        budget.common("expansion", 2.9, Some(50.0));
        budget.common("temperature", 16.6, Some(2.0));
        assert_eq!(budget.u().round(), 32.0);
        assert_eq!(budget.dof().map(f64::floor), Some(16.0));
    }
}
