//! Numbers as people read them: rounded to their uncertainty, fixed decimals, the same bytes everywhere.
//!
//! Rounding follows JCGM 100:2008, 7.2.6: a standard uncertainty is given with two significant digits, and its value
//! to the same decimal place. A number that is not finite is said to be so, never printed as one.

use crate::stats::distribution::{Distribution, StudentT};

/// What stands where a value was not measured.
pub const ABSENT: &str = "\u{2013}";

/// Most decimals that are ever printed: below a nanometre or a nanonewton in the units of this crate.
const DECIMALS_MAX: usize = 9;

/// `value` with `decimals` digits after the point, a true minus sign, and no negative zero.
pub fn fixed(value: f64, decimals: usize) -> String {
    if !value.is_finite() {
        return "not finite".to_owned();
    }
    let text = format!("{:.*}", decimals.min(DECIMALS_MAX), value.abs());
    let is_zero = text.bytes().all(|byte| matches!(byte, b'0' | b'.'));
    if value < 0.0 && !is_zero { format!("\u{2212}{text}") } else { text }
}

/// Decimals that show a standard uncertainty `u` with two significant digits; 0 to 9.
///
/// Where `u` is zero or not finite there is nothing to round to, and three decimals are used.
pub fn decimals_for(u: f64) -> usize {
    if !u.is_finite() || u <= 0.0 {
        return 3;
    }
    let exponent = u.log10().floor();
    // 0.0996 rounds to 0.10: two digits again, one decimal fewer.
    let carried = (u / 10_f64.powf(exponent - 1.0)).round() >= 100.0;
    let decimals = 1.0 - exponent - f64::from(u8::from(carried));
    decimals.clamp(0.0, DECIMALS_MAX as f64) as usize
}

/// `value` to the decimal place of the two significant digits of `u`.
pub fn rounded(value: f64, u: f64) -> String {
    fixed(value, decimals_for(u))
}

/// `value` with `digits` significant digits, for numbers that have no uncertainty of their own.
pub fn significant(value: f64, digits: u32) -> String {
    if value == 0.0 || !value.is_finite() {
        return fixed(value, 0);
    }
    let decimals = f64::from(digits) - 1.0 - value.abs().log10().floor();
    fixed(value, decimals.clamp(0.0, DECIMALS_MAX as f64) as usize)
}

/// A setting as short as it reads back.
pub fn shortest(value: f64) -> String {
    if value.is_finite() { value.to_string() } else { "not finite".to_owned() }
}

/// A set depth, mm, as short as it reads back.
pub fn set_depth(set_depth_mm: f64) -> String {
    format!("{} mm", shortest(set_depth_mm))
}

/// Whole numbers with thin groups of three, `12 345`.
pub fn count(n: u64) -> String {
    let digits = n.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3 * 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) && digits.len() > 4 {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}

/// A share, 0 to 1, as a percentage with two significant digits.
pub fn percent(share: f64) -> String {
    format!("{} %", significant(share * 100.0, 2))
}

/// Seconds as minutes and seconds, `12 min 05 s`.
pub fn duration(seconds: f64) -> String {
    if !seconds.is_finite() || seconds < 0.0 {
        return "not finite".to_owned();
    }
    if seconds < 60.0 {
        return format!("{seconds:.1} s");
    }
    let whole = seconds.round() as u64;
    format!("{} min {:02} s", whole / 60, whole % 60)
}

/// Coverage factor for a level of confidence of 95 %: the two-sided quantile of Student's t for `dof` effective
/// degrees of freedom, cut to the next lower whole number (JCGM 100:2008, G.6.4); `None` means infinitely many.
pub fn coverage_factor_95(dof: Option<f64>) -> f64 {
    /// Quantile of the normal distribution at 0.975.
    const NORMAL: f64 = 1.959_963_984_540_054;
    let Some(dof) = dof.filter(|dof| dof.is_finite()) else { return NORMAL };
    StudentT::new(dof.floor().max(1.0)).and_then(|student| student.quantile(0.975)).unwrap_or(NORMAL)
}

#[cfg(test)]
mod tests {
    use super::{count, coverage_factor_95, decimals_for, duration, fixed, rounded, significant};

    #[test]
    fn two_significant_digits_of_u() {
        let cases =
            [(0.0021, "1.4970"), (0.021, "1.497"), (0.0996, "1.50"), (0.002, "1.4970"), (3.2, "1.5"), (40.0, "1")];
        for (u, text) in cases {
            assert_eq!(rounded(1.497, u), text, "u = {u}");
        }
        assert_eq!(decimals_for(0.0), 3);
        assert_eq!(decimals_for(f64::NAN), 3);
        assert_eq!(significant(0.012_34, 2), "0.012");
    }

    #[test]
    fn signs_groups_and_what_is_no_number() {
        assert_eq!(fixed(-0.0004, 3), "0.000");
        assert_eq!(fixed(-1.5, 1), "\u{2212}1.5");
        assert_eq!(fixed(f64::NAN, 2), "not finite");
        assert_eq!(count(1_000), "1000");
        assert_eq!(count(1_234_567), "1\u{202f}234\u{202f}567");
        assert_eq!(duration(125.2), "2 min 05 s");
    }

    /// JCGM 100:2008, table G.2 (p = 95 %).
    #[test]
    fn coverage_factors_of_the_gum() {
        for (dof, k) in [(Some(1.0), 12.71), (Some(5.9), 2.57), (Some(16.7), 2.12), (Some(100.0), 1.984), (None, 1.960)]
        {
            assert!((coverage_factor_95(dof) - k).abs() < 0.005, "{dof:?}");
        }
    }
}
