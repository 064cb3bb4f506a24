//! Which build this is, as archives, tapes and reports name it.

/// The version of the package, and a digest of its sources (`src/build.rs`): two builds that measure differently are not
/// taken for one another because nobody has raised the version yet.
pub const BUILD: &str = concat!(env!("CARGO_PKG_VERSION"), "+", env!("RIG_BUILD"));
