//! A question that is put again and again while its answer changes: when it is due, and when it is overdue.

use crate::time::RunTime;
use std::time::Duration;

/// Time allowed for an answer.
pub const ANSWER_WAIT: Duration = Duration::from_millis(250);
const ATTEMPTS_MAX: u32 = 3;

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Due {
    /// Nothing.
    Nothing,
    /// The question is to be put.
    Ask,
    /// It was put this often without an answer, and is given up.
    Silent {
        /// Attempts made.
        attempts: u32,
    },
}

/// When to ask.
#[derive(Clone, Copy, Debug, Default)]
pub struct Poll {
    /// When the question was first put that is not answered yet, and when it is overdue.
    asked: Option<(RunTime, RunTime)>,
    attempts: u32,
    due: Option<RunTime>,
}

impl Poll {
    /// Asks at this time, unless an answer is awaited.
    pub fn schedule(&mut self, at: RunTime) {
        self.due = Some(at);
    }

    /// The question was put.
    pub fn asked(&mut self, now: RunTime) {
        let first = self.asked.map_or(now, |(first, _)| first);
        *self = Self { asked: Some((first, now + ANSWER_WAIT)), attempts: self.attempts + 1, due: None };
    }

    /// An answer came: when its question was put first, so that it is not older than that.
    pub fn answered(&mut self, at: RunTime) -> RunTime {
        self.attempts = 0;
        self.asked.take().map_or(at, |(first, _)| first)
    }

    /// Something came that may have been the answer and was damaged: asks again at once, as often as after silence.
    pub fn damaged(&mut self, now: RunTime) {
        if let Some((_, overdue)) = self.asked.as_mut().filter(|_| self.attempts < ATTEMPTS_MAX) {
            *overdue = now;
        }
    }

    /// What is to be done at `now`.
    pub fn tick(&mut self, now: RunTime) -> Due {
        let attempts = self.attempts;
        match self.asked {
            Some((_, overdue)) if overdue <= now && attempts < ATTEMPTS_MAX => Due::Ask,
            Some((_, overdue)) if overdue <= now => {
                *self = Self::default();
                Due::Silent { attempts }
            }
            None if self.due.is_some_and(|due| due <= now) => Due::Ask,
            _ => Due::Nothing,
        }
    }

    /// When [`Poll::tick`] is next due.
    pub fn next_tick(&self) -> Option<RunTime> {
        self.asked.map_or(self.due, |(_, overdue)| Some(overdue))
    }
}
