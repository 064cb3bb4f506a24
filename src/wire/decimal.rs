//! Decimal numbers as gauges and controllers write them: `-18.78`, `+012.3`, `.5`.
//!
//! Stricter than the language's own parser: no exponents, no `inf`, no `nan`, nothing before or behind. A number that
//! is not written plainly is no measured value.

/// Longest number that is taken for one, in characters.
const CHARACTERS_MAX: usize = 24;

/// The number that `text` is, whole, or `None`.
pub fn parse(text: &str) -> Option<f64> {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    let some = !whole.is_empty() || !fraction.is_empty();
    if !some || !plain(whole) || !plain(fraction) || text.len() > CHARACTERS_MAX {
        return None;
    }
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::parse;
    use proptest::prelude::*;

    #[test]
    fn only_what_is_plainly_a_number() {
        let good = [("-18.78", -18.78), ("+012.3", 12.3), (".5", 0.5), ("7.", 7.0), ("0", 0.0)];
        for (text, expected) in good {
            assert_eq!(parse(text), Some(expected), "{text}");
        }
        let bad =
            ["", ".", "-", "+-1", "1e5", "inf", "nan", "1,5", " 1", "1 ", "0x1", "1.2.3", "1234567890123456789012345"];
        for text in bad {
            assert_eq!(parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn agrees_with_the_language_where_both_read(value in -1e6..1e6_f64) {
            prop_assert_eq!(parse(&format!("{value:.4}")), format!("{value:.4}").parse().ok());
        }
    }
}
