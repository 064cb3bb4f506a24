//! What a gauge study found of the bench, as terms of a length's budget.
//!
//! Two terms, for the two ways in which they act. What scatters from press to press is what the random terms of a
//! budget together should amount to: only what they leave unexplained is added, so that nothing counts twice. What
//! differs from one mounting to the next is one number for a whole run: all its values share it, and it is guarded.
//!
//! Source: JCGM 100:2008, 4.2 (evaluation of type A by an earlier study) and 5.1.
//! Deliberately absent: the study itself; see `acceptance::gauge`.

use crate::{capture::Header, uncertainty::Budget};

/// Adds the terms of the gauge study that the header names, mm. Call it last: the excess is over what is there.
pub fn add_terms(header: &Header, budget: &mut Budget) {
    let Some(gauge) = &header.gauge else { return };
    let modelled = budget.u().powi(2) - budget.u_common().powi(2);
    let excess_mm = (gauge.repeatability_u_mm.powi(2) - modelled).max(0.0).sqrt();
    budget.random("repeatability beyond the random terms (gauge study)", excess_mm, Some(gauge.repeatability_dof));
    budget.common(
        "reproducibility between mountings (gauge study)",
        gauge.reproducibility_u_mm,
        Some(gauge.reproducibility_dof),
    );
}

#[cfg(test)]
mod tests {
    use super::add_terms;
    use crate::{
        capture::{GaugeStudy, header},
        uncertainty::Budget,
    };

    #[test]
    fn only_what_is_unexplained_is_added() {
        let text = r#"{"schema": "capture/1", "kind": "press", "data": "a.csv", "sample_rate_hz": 2000,
            "set_depth_mm": 1.5, "needles": 12, "compliance_mm_per_n": 0.0066,
            "force": {"natural_hz": 891.4, "damping": 0.52, "resolution_n": 0.0001}, "stage": {"resolution_mm": 0.001}}"#;
        let mut header = header::parse("a.json", text).unwrap();
        let mut budget = Budget::default();
        budget.random("noise", 0.003, None);
        budget.common("compliance", 0.002, None);
        let before = budget.clone();
        add_terms(&header, &mut budget);
        assert_eq!(budget, before);
        header.gauge = Some(GaugeStudy {
            repeatability_u_mm: 0.005,
            repeatability_dof: 45.0,
            reproducibility_u_mm: 0.001,
            reproducibility_dof: 2.0,
        });
        add_terms(&header, &mut budget);
        assert!((budget.terms[2].u - 0.004).abs() < 1e-12 && !budget.terms[2].common);
        assert!((budget.u_common() - 5e-6_f64.sqrt()).abs() < 1e-12);
        let (mut large, one) = (Budget::default(), header);
        large.random("noise", 0.006, None);
        add_terms(&one, &mut large);
        assert_eq!(large.terms[1].u, 0.0);
    }
}
