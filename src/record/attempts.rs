//! Attempts at the steps of a run, and what stopped it: read from the journal, in which every one stays.
//!
//! Invariant: each step that was begun is an attempt, the first one too, whole or not; each fault is a stop, and so is an
//! end without one before the run was resumed.

use super::{
    journal::Event,
    model::{Attempt, Stop},
};
use std::collections::BTreeMap;

/// The attempts and stops of a journal, in order.
pub fn of(events: &[Event]) -> (Vec<Attempt>, Vec<Stop>) {
    let mut found = Found::default();
    events.iter().for_each(|event| found.take(event));
    (found.attempts, found.stops)
}

#[derive(Default)]
struct Found {
    attempts: Vec<Attempt>,
    stops: Vec<Stop>,
    /// How often each step was begun.
    begun: BTreeMap<String, usize>,
    /// The step under way, by its place among the attempts.
    under_way: Option<usize>,
    /// Whether a fault ended the session that the journal is in.
    stopped: bool,
}

impl Found {
    fn take(&mut self, event: &Event) {
        let text = |key: &str| event.data[key].as_str().map(str::to_owned);
        match (event.event.as_str(), text("capture")) {
            ("phase", Some(capture)) => {
                let number = self.begun.entry(capture.clone()).and_modify(|number| *number += 1).or_insert(1);
                let number = *number;
                self.under_way = Some(self.attempts.len());
                let ended = "the journal does not say".to_owned();
                self.attempts.push(Attempt { capture, number, began_s: event.t_s, whole: false, ended, kept: None });
            }
            ("captured", Some(capture)) => {
                self.under_way = None;
                if let Some(attempt) = self.last_of(&capture) {
                    attempt.whole = true;
                    attempt.ended = "recorded".to_owned();
                }
            }
            ("attempt", Some(capture)) => {
                if let Some(attempt) = self.last_of(&capture) {
                    attempt.kept = text("kept");
                }
            }
            ("fault", _) => {
                self.stop(event, text("kind").unwrap_or_else(|| "fault".to_owned()), event.text.clone());
            }
            ("safe-state", _) if self.stopped => {
                self.stops.iter_mut().last().into_iter().for_each(|stop| stop.bench = Some(event.text.clone()));
            }
            ("resumed", _) => {
                if !self.stopped {
                    let why = format!("the journal ends without a fault; {}", event.text);
                    self.stop(event, "cut off".to_owned(), why);
                }
                self.stopped = false;
            }
            _ => {}
        }
    }

    fn last_of(&mut self, capture: &str) -> Option<&mut Attempt> {
        self.attempts.iter_mut().rev().find(|attempt| attempt.capture == capture)
    }

    fn stop(&mut self, event: &Event, kind: String, why: String) {
        if let Some(attempt) = self.under_way.take().and_then(|at| self.attempts.get_mut(at)) {
            attempt.ended = why.clone();
        }
        self.stopped = true;
        self.stops.push(Stop { t_s: event.t_s, kind, why, bench: None });
    }
}

#[cfg(test)]
mod tests {
    use super::of;
    use crate::{
        bench::{fault::Fault, guard::Trip},
        record::{journal::Event, model::Stop},
    };
    use serde_json::{Value, json};

    fn event(t_s: f64, event: &str, text: &str, data: Value) -> Event {
        Event { t_s, wall: String::new(), event: event.to_owned(), text: text.to_owned(), data }
    }

    fn step(t_s: f64, kind: &str, capture: &str) -> Event {
        event(t_s, kind, "", json!({"capture": capture}))
    }

    #[test]
    fn every_attempt_of_a_step_is_found_and_what_ended_it() {
        let (attempts, stops) = of(&[
            event(0.0, "phase", "stage homed", Value::Null),
            step(1.0, "phase", "a"),
            step(2.0, "captured", "a"),
            step(3.0, "phase", "b"),
            event(3.5, "fault", "force 9 N", json!({"kind": Fault::Trip(Trip::Overload).kind()})),
            event(4.0, "safe-state", "safe", Value::Null),
            event(4.0, "resumed", "resumed 7 s later", Value::Null),
            event(4.0, "attempt", "", json!({"capture": "b", "kept": "b.attempt-1"})),
            step(5.0, "phase", "b"),
            event(6.0, "resumed", "resumed 8 s later", Value::Null),
            step(7.0, "phase", "b"),
            step(8.0, "captured", "b"),
            event(9.0, "safe-state", "safe", Value::Null),
            event(9.0, "resumed", "resumed 9 s later", Value::Null),
        ]);
        let told = attempts.iter().map(|one| (one.capture.as_str(), one.number, one.began_s, one.whole));
        let wanted = [("a", 1, 1.0, true), ("b", 1, 3.0, false), ("b", 2, 5.0, false), ("b", 3, 7.0, true)];
        assert_eq!(told.collect::<Vec<_>>(), wanted);
        assert_eq!((attempts[1].ended.as_str(), attempts[1].kept.as_deref()), ("force 9 N", Some("b.attempt-1")));
        assert!(attempts[2].ended.contains("8 s later") && attempts[2].kept.is_none(), "{:?}", attempts[2]);
        let told = stops.iter().map(|stop| (stop.t_s, stop.kind.as_str(), stop.bench.as_deref()));
        // What cut the second session off left no word of the bench; the third made it safe, and did not write its end.
        let wanted = [(3.5, Stop::INTERLOCK, Some("safe")), (6.0, "cut off", None), (9.0, "cut off", None)];
        assert_eq!(told.collect::<Vec<_>>(), wanted);
    }
}
