//! Stress relaxation: quasi-linear viscoelasticity with Prony terms (Fung), one exact recursion a term and step.
//!
//! `F(t) = Fe(t) - Σ m_i(t)`, `m_i' = (share_i · Fe - m_i) / tau_i`: a step of deformation gives
//! `F / Fe = 1 - Σ share_i (1 - exp(-t / tau_i))`.

use crate::config::world::Prony;

/// What the tissue has relaxed by, since it was touched.
#[derive(Clone, Debug)]
pub struct Relaxation {
    terms: Vec<Term>,
    step_s: f64,
}

#[derive(Clone, Debug)]
struct Term {
    share: f64,
    tau_s: f64,
    /// `1 - exp(-step / tau)`.
    approach: f64,
    relaxed_n: f64,
}

impl Relaxation {
    /// Tissue at rest.
    pub fn new(terms: &[Prony]) -> Self {
        let terms = terms.iter().map(|&Prony { share, tau_s }| Term { share, tau_s, approach: 0.0, relaxed_n: 0.0 });
        Self { terms: terms.collect(), step_s: 0.0 }
    }

    /// Forgets all deformation.
    pub fn rest(&mut self) {
        self.terms.iter_mut().for_each(|term| term.relaxed_n = 0.0);
    }

    /// Force, N, that has relaxed after a further step of `step_s` under a mean elastic force of `elastic_n`.
    #[inline]
    pub fn step(&mut self, step_s: f64, elastic_n: f64) -> f64 {
        if step_s != self.step_s {
            self.step_s = step_s;
            self.terms.iter_mut().for_each(|term| term.approach = -libm::expm1(-step_s / term.tau_s));
        }
        let mut relaxed_n = 0.0;
        for term in &mut self.terms {
            term.relaxed_n += (term.share * elastic_n - term.relaxed_n) * term.approach;
            relaxed_n += term.relaxed_n;
        }
        relaxed_n
    }
}

#[cfg(test)]
mod tests {
    use super::Relaxation;
    use crate::config::world::Prony;

    /// Soft tissue of domain.md: g1 .25, tau1 0.40 s; g2 .31, tau2 4.3 s; F(10 s)/F0 = 0.46 by its 24 fits, which
    /// leave a mean of a third term's share out; the two terms alone give 0.44 / 0.47 within a few per cent.
    #[test]
    fn soft_tissue_holds_under_half_its_force_after_ten_seconds() {
        let mut relaxation = Relaxation::new(&[Prony { share: 0.25, tau_s: 0.4 }, Prony { share: 0.31, tau_s: 4.3 }]);
        let mut relaxed_n = 0.0;
        for _ in 0..10_000 {
            relaxed_n = relaxation.step(0.001, 2.0);
        }
        let exact = 1.0 - 0.25 * (1.0 - (-25.0_f64).exp()) - 0.31 * (1.0 - (-10.0_f64 / 4.3).exp());
        assert!((1.0 - relaxed_n / 2.0 - exact).abs() < 1e-9);
        assert!((exact - 0.46).abs() < 0.02, "{exact}");
        relaxation.rest();
        assert_eq!(relaxation.step(0.001, 0.0), 0.0);
    }
}
