//! Whatever moves outside a campaign: one job on the bench, then the safe state, whatever the job did.

use crate::bench::{Bench, fault::Fault, safe::SafeState};
use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
};

/// Does a job on the bench and makes it safe. A panic of the job is a fault like any other.
pub fn guarded<T>(
    bench: &mut Bench,
    job: impl FnOnce(&mut Bench) -> Result<T, Fault>,
) -> (Result<T, Fault>, SafeState) {
    let result = catch_unwind(AssertUnwindSafe(|| job(bench))).unwrap_or_else(|panic| Err(from_panic(panic.as_ref())));
    let safe = bench.make_safe();
    (result, safe)
}

/// The fault that a panic is.
pub fn from_panic(panic: &(dyn Any + Send)) -> Fault {
    let text = panic.downcast_ref::<String>().cloned();
    let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
    Fault::Panic(text.unwrap_or_else(|| "no message".to_owned()))
}
