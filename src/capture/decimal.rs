//! Decimal text to the nearest `f64`, fast for the numbers that instruments write.
//!
//! A number of at most 19 digits without an exponent whose digits form an integer below 2^53, with at most 22 of
//! them behind the point, is one exact integer divided by one exact power of ten, so a single IEEE division rounds
//! it correctly (Clinger, "How to read floating point numbers accurately", PLDI 1990). Everything else, numbers of full
//! length and those with an exponent, goes to `str::parse`, which is correct and a few times slower.
//!
//! Deliberately absent: locale (`,` as decimal sign), infinities, hexadecimal.

/// Powers of ten that an `f64` holds exactly.
const POWERS: [f64; 23] = [
    1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18, 1e19, 1e20,
    1e21, 1e22,
];

/// Most digits whose value cannot leave a `u64`.
const DIGITS_MAX: usize = 19;

/// The finite number at the start of `text` and how many bytes it takes; `None` where there is none.
///
/// The byte behind the number is the caller's to check.
#[inline]
pub fn prefix(text: &[u8]) -> Option<(f64, usize)> {
    let (&first, _) = text.split_first()?;
    let start = usize::from(first == b'-');
    let (whole, mut at) = digits(text, start, 0);
    let mut count = at - start;
    let mut mantissa = whole;
    let mut fraction = 0;
    if text.get(at) == Some(&b'.') {
        let (all, end) = digits(text, at + 1, whole);
        fraction = end - at - 1;
        (mantissa, at) = (all, end);
        count += fraction;
    }
    let exponent = matches!(text.get(at), Some(b'e' | b'E'));
    if count == 0 || count > DIGITS_MAX || mantissa >= 1 << 53 || exponent {
        return long(text, at);
    }
    let value = mantissa as f64 / POWERS[fraction];
    Some((if start == 1 { -value } else { value }, at))
}

/// As [`prefix`], for numbers of any length and with an exponent; the digits up to `at` are known to be some.
fn long(text: &[u8], at: usize) -> Option<(f64, usize)> {
    let of_number = |byte: &u8| byte.is_ascii_digit() || b"+-.eE".contains(byte);
    let end = at + text[at..].iter().position(|byte| !of_number(byte)).unwrap_or(text.len() - at);
    let value: f64 = std::str::from_utf8(&text[..end]).ok()?.parse().ok()?;
    value.is_finite().then_some((value, end))
}

/// Appends the digits from `at` on to `mantissa`; returns it and the place of the first byte that is no digit.
#[inline]
fn digits(text: &[u8], mut at: usize, mut mantissa: u64) -> (u64, usize) {
    while let Some(digit) = text.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        // Wraps beyond 19 digits only, which the caller sees from the count.
        mantissa = mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        at += 1;
    }
    (mantissa, at)
}

/// The whole of `text` as a finite number; `None` where it is none. Surrounding spaces are no part of a number.
pub fn parse(text: &[u8]) -> Option<f64> {
    let text = text.trim_ascii();
    prefix(text).filter(|(_, end)| *end == text.len()).map(|(value, _)| value)
}

#[cfg(test)]
mod tests {
    use super::{parse, prefix};
    use proptest::prelude::*;

    #[test]
    fn numbers_and_what_is_none() {
        for (text, value) in [
            ("0", 0.0),
            ("-0.0", -0.0),
            ("+1.5", 1.5),
            (" 12.25 ", 12.25),
            (".5", 0.5),
            ("5.", 5.0),
            ("1e-3", 0.001),
            ("9007199254740993", 9_007_199_254_740_992.0),
            ("0.1", 0.1),
            ("123456789012345678901234567890", 1.234_567_890_123_456_8e29),
            ("0.00000000000000000000000000001", 1e-29),
        ] {
            assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(f64::to_bits(value)), "{text}");
        }
        for text in ["", "-", ".", "+", "1,5", "inf", "nan", "0x10", "1e999", "1.2.3", "1 2", "--1", "\u{661}"] {
            assert_eq!(parse(text.as_bytes()), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn every_finite_value_reads_back(bits in any::<u64>()) {
            let value = f64::from_bits(bits);
            prop_assume!(value.is_finite());
            prop_assert_eq!(parse(value.to_string().as_bytes()).map(f64::to_bits), Some(bits));
            prop_assert_eq!(parse(format!("{value:e}").as_bytes()).map(f64::to_bits), Some(bits));
        }

        #[test]
        fn instrument_numbers_are_read_as_the_standard_library_reads_them(
            whole in 0_u64..1_000_000_000_000, fraction in "[0-9]{0,24}", minus in any::<bool>()
        ) {
            let text = format!("{}{whole}.{fraction}", if minus { "-" } else { "" });
            let expected: f64 = text.parse().expect("a number");
            prop_assert_eq!(parse(text.as_bytes()).map(f64::to_bits), Some(expected.to_bits()));
        }

        /// What follows a number in a row changes nothing, and is not taken.
        #[test]
        fn a_number_ends_where_its_bytes_end(value in any::<f64>(), long in any::<bool>(), rest in "(,[-+.e0-9]{0,8}|\r|\n)?") {
            prop_assume!(value.is_finite());
            let text = if long { format!("{value:?}") } else { format!("{value:e}") };
            let read = prefix(format!("{text}{rest}").as_bytes());
            prop_assert_eq!(read.map(|(value, end)| (value.to_bits(), end)), Some((value.to_bits(), text.len())));
        }

        #[test]
        fn any_bytes_never_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            if let Some((_, end)) = prefix(&bytes) {
                prop_assert!(end <= bytes.len());
            }
            let _ = parse(&bytes);
        }
    }
}
