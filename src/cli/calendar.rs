//! Where the wall clock of the journal comes from.

use super::exit::Failure;
use crate::{
    record::calendar::{Calendar, VirtualCalendar},
    run::job::Job,
    time::RunTime,
};
use jiff::{SignedDuration, Timestamp};

/// The host's clock.
struct HostCalendar;

impl Calendar for HostCalendar {
    fn at(&self, _: RunTime) -> Timestamp {
        Timestamp::now()
    }
}

/// The time given by the variable SOURCE_DATE_EPOCH, if it is set: so a simulated run repeats to the byte.
fn given() -> Result<Option<Timestamp>, Failure> {
    let Ok(text) = std::env::var("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds: i64 = text
        .trim()
        .parse()
        .map_err(|_| Failure::usage(format!("the variable SOURCE_DATE_EPOCH is {text:?}, not a number of seconds")))?;
    Timestamp::from_second(seconds).map(Some).map_err(Failure::usage)
}

/// The present: SOURCE_DATE_EPOCH where it is set, else the host's clock; in whole seconds, RFC 3339.
///
/// # Errors
///
/// [`Failure`] where the variable is no number of seconds.
pub fn now() -> Result<String, Failure> {
    let now = given()?.unwrap_or_else(Timestamp::now);
    Ok(Timestamp::from_second(now.as_second()).map_err(Failure::usage)?.to_string())
}

/// The calendar of a session that begins at this run time: virtual days for a bench in virtual time and where
/// SOURCE_DATE_EPOCH is set, else the host's clock.
///
/// # Errors
///
/// As for [`now`].
pub fn of(job: &Job, begins: RunTime) -> Result<Box<dyn Calendar>, Failure> {
    let given = given()?;
    if given.is_none() && !job.seeded() {
        return Ok(Box::new(HostCalendar));
    }
    let nanos = i64::try_from(begins.as_nanos()).unwrap_or(i64::MAX);
    let now = given.unwrap_or_else(Timestamp::now);
    let start = now.checked_sub(SignedDuration::from_nanos(nanos)).map_err(Failure::usage)?;
    Ok(Box::new(VirtualCalendar { start }))
}
