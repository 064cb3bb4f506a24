//! What a benchmark is told on the command line, and where its table goes.

#![allow(dead_code, reason = "no benchmark is told everything")]

use std::{fmt::Debug, str::FromStr};

/// What stands after `name`, where it is given.
pub fn after(name: &str) -> Option<String> {
    std::env::args().skip_while(|argument| argument != name).nth(1)
}

/// The number after `name`, where it is given.
pub fn number<T: FromStr<Err: Debug>>(name: &str) -> Option<T> {
    after(name).map(|text| text.parse().unwrap_or_else(|error| panic!("{name} {text}: {error:?}; give a number")))
}

/// Whether `name` is given.
pub fn is_given(name: &str) -> bool {
    std::env::args().any(|argument| argument == name)
}

/// Prints a line.
#[allow(clippy::print_stdout, reason = "a benchmark prints its table")]
pub fn out(line: &str) {
    println!("{line}");
}
