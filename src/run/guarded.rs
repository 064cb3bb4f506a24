//! Whatever moves outside a campaign: one job on the bench, then the safe state, whatever the job did.

use crate::bench::{Bench, fault::Fault, safe::SafeState};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Does a job on the bench and makes it safe. A panic of the job is a fault like any other.
pub fn guarded<T>(
    bench: &mut Bench,
    job: impl FnOnce(&mut Bench) -> Result<T, Fault>,
) -> (Result<T, Fault>, SafeState) {
    let result = caught(|| job(bench));
    let safe = bench.make_safe();
    (result, safe)
}

/// Does a job whose panic is a fault like any other: a defect, after which the bench is made safe all the same.
pub fn caught<T>(job: impl FnOnce() -> Result<T, Fault>) -> Result<T, Fault> {
    catch_unwind(AssertUnwindSafe(job)).unwrap_or_else(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        let text = text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned()));
        Err(Fault::Panic(text.unwrap_or_else(|| "no message".to_owned())))
    })
}
