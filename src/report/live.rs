//! A run while it goes on, as a screen of text: force, stage, gap, strokes, time left, verdict so far.
//!
//! A function of what was read so far. What is not measured yet (gap and strokes of the capture under way) says
//! "about"; what the verdict so far rests on is measured by the same code as the report.

use crate::{
    acceptance::{Row, Verdict},
    capture::{Block, Phase},
    report::criterion::{self, CriterionText},
};
use std::{collections::VecDeque, fmt::Write as _};

/// Points of the trace, and the time that they span, s.
const TRACE_POINTS: usize = 120;
const TRACE_S: f64 = 6.0;
/// Rows of the trace.
const TRACE_ROWS: usize = 4;
/// Lines of the journal that are shown.
const LINES: usize = 4;
/// A stroke is told by a rise through this share of the recent peak, and one below half of that again.
const STROKE_SHARE: f64 = 0.5;

/// What is known of a run under way.
#[derive(Clone, Debug, Default)]
pub struct Live {
    /// Run id.
    pub run: String,
    /// Whether the bench is simulated.
    pub simulated: bool,
    /// Captures that were recorded, and all that are planned.
    pub done: usize,
    /// Captures that are planned.
    pub planned: usize,
    /// Expected bench time left, s.
    pub left_s: f64,
    /// Run time of the newest event or sample, s.
    pub t_s: f64,
    /// Compliance of the load path, mm/N, for the gap.
    pub compliance_mm_per_n: f64,
    /// Criteria judged on what is measured so far.
    pub criteria: Vec<Row>,
    /// How the run ended, in words; `None` while it goes on.
    pub ended: Option<String>,
    lines: VecDeque<String>,
    signal: Signal,
}

/// The capture under way.
#[derive(Clone, Debug, Default)]
struct Signal {
    name: String,
    phase: Option<Phase>,
    t_s: f64,
    force_n: f64,
    stage_mm: f64,
    /// Where the face touched, as far as the touch went, mm.
    face_mm: Option<f64>,
    /// Least and largest force, N, of each step of time.
    trace: VecDeque<(i64, f64, f64)>,
    peak_n: f64,
    above: bool,
    strokes: u64,
}

impl Live {
    /// Takes a line of the journal.
    pub fn line(&mut self, t_s: f64, text: &str) {
        self.t_s = self.t_s.max(t_s);
        self.lines.push_back(format!("{:>8}  {text}", clock(t_s)));
        while self.lines.len() > LINES {
            self.lines.pop_front();
        }
    }

    /// Begins another capture.
    pub fn turn_to(&mut self, capture: &str) {
        let face_mm = self.signal.face_mm;
        self.signal = Signal { name: capture.to_owned(), face_mm, ..Signal::default() };
    }

    /// Takes samples of the capture under way.
    pub fn samples(&mut self, block: &Block) {
        let signal = &mut self.signal;
        signal.phase = Some(block.phase);
        for ((t_s, force_n), stage_mm) in block.t_s.iter().zip(&block.force_n).zip(&block.stage_mm) {
            if force_n.is_nan() || stage_mm.is_nan() {
                continue;
            }
            (signal.t_s, signal.force_n, signal.stage_mm) = (*t_s, *force_n, *stage_mm);
            if block.phase == Phase::Touch {
                signal.face_mm = Some(stage_mm - self.compliance_mm_per_n * force_n);
            }
            signal.trace(*t_s, *force_n);
            if block.phase == Phase::Run {
                signal.stroke(*force_n);
            }
        }
    }

    /// The screen, `width` columns wide.
    pub fn frame(&self, width: usize, styled: bool) -> String {
        let mut text = String::new();
        let bold = |text: &str| if styled { format!("\u{1b}[1m{text}\u{1b}[0m") } else { text.to_owned() };
        let simulated = if self.simulated { "  SIMULATED" } else { "" };
        let _ = writeln!(text, "{}{simulated}", bold(&self.run));
        let share = if self.planned == 0 { 0.0 } else { self.done as f64 / self.planned as f64 };
        let filled = (24.0 * share).round() as usize;
        let left = if self.ended.is_some() { String::new() } else { format!(", about {} left", clock(self.left_s)) };
        let bar = format!("{}{}", "█".repeat(filled.min(24)), "░".repeat(24 - filled.min(24)));
        let _ =
            writeln!(text, "{bar}  {} of {} captures, {} on the bench{left}", self.done, self.planned, clock(self.t_s));
        self.signal.write(&mut text, self.compliance_mm_per_n, width);
        for row in &self.criteria {
            let colour = match row.verdict {
                Verdict::Accept => "32",
                Verdict::Reject => "31",
                Verdict::Inconclusive | Verdict::Aborted => "33",
            };
            let verdict = format!("{:?}", row.verdict).to_lowercase();
            let verdict =
                if styled { format!("\u{1b}[{colour}m{verdict:<12}\u{1b}[0m") } else { format!("{verdict:<12}") };
            let _ = writeln!(text, "{verdict} {}: {}", criterion::name(row), CriterionText::new(row).sentence());
        }
        for line in &self.lines {
            let _ = writeln!(text, "{}", clipped(line, width));
        }
        if let Some(ended) = &self.ended {
            let _ = writeln!(text, "{}", bold(ended));
        }
        text
    }
}

impl Signal {
    fn trace(&mut self, t_s: f64, force_n: f64) {
        let cell = (t_s * TRACE_POINTS as f64 / TRACE_S).floor() as i64;
        match self.trace.back_mut() {
            Some((last, least, largest)) if *last == cell => {
                *least = least.min(force_n);
                *largest = largest.max(force_n);
            }
            _ => self.trace.push_back((cell, force_n, force_n)),
        }
        while self.trace.front().is_some_and(|(first, ..)| *first <= cell - TRACE_POINTS as i64) {
            self.trace.pop_front();
        }
    }

    fn stroke(&mut self, force_n: f64) {
        // The peak fades, so that a run of weaker strokes is still told.
        self.peak_n = (self.peak_n * 0.999_98).max(force_n);
        if !self.above && force_n > STROKE_SHARE * self.peak_n {
            self.above = true;
            self.strokes += 1;
        } else if force_n < 0.5 * STROKE_SHARE * self.peak_n {
            self.above = false;
        }
    }

    fn write(&self, text: &mut String, compliance_mm_per_n: f64, width: usize) {
        let Some(phase) = self.phase else { return };
        let gap = self.face_mm.map_or_else(
            || "unknown".to_owned(),
            |face_mm| format!("about {:.3} mm", face_mm - (self.stage_mm - compliance_mm_per_n * self.force_n)),
        );
        let strokes = if self.strokes > 0 { format!("   strokes about {}", self.strokes) } else { String::new() };
        let _ = writeln!(
            text,
            "{} · {}   force {:.4} N   stage {:.4} mm   gap {gap}{strokes}",
            self.name,
            phase.name(),
            self.force_n,
            self.stage_mm
        );
        for line in self.picture(width.saturating_sub(10).clamp(10, TRACE_POINTS)) {
            let _ = writeln!(text, "{line}");
        }
    }

    /// The trace as rows of blocks, the largest force at the top.
    fn picture(&self, columns: usize) -> Vec<String> {
        const BLOCKS: [char; 9] = [' ', '▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
        let shown = self.trace.iter().rev().take(columns);
        let (least, largest) = shown
            .clone()
            .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (_, a, b)| (low.min(*a), high.max(*b)));
        // No trace yet leaves both infinite, a constant one has no height.
        if largest <= least {
            return Vec::new();
        }
        let mut heights: Vec<f64> =
            shown.map(|(_, _, high)| (high - least) / (largest - least) * TRACE_ROWS as f64).collect();
        heights.reverse();
        (0..TRACE_ROWS)
            .rev()
            .map(|row| {
                let cells = heights.iter().map(|height| {
                    let eighths = ((height - row as f64) * 8.0).round().clamp(0.0, 8.0);
                    BLOCKS[eighths as usize]
                });
                let label = match row {
                    0 => format!("{least:8.3} "),
                    row if row == TRACE_ROWS - 1 => format!("{largest:8.3} "),
                    _ => " ".repeat(9),
                };
                label.chars().chain(cells).collect()
            })
            .collect()
    }
}

fn clock(seconds: f64) -> String {
    let seconds = seconds.max(0.0).round() as u64;
    format!("{}:{:02}", seconds / 60, seconds % 60)
}

fn clipped(line: &str, width: usize) -> String {
    if line.chars().count() <= width {
        return line.to_owned();
    }
    line.chars().take(width.saturating_sub(1)).chain(['…']).collect()
}

#[cfg(test)]
mod tests {
    use super::Live;
    use crate::capture::{Block, Phase};

    fn block(phase: Phase, from: usize, rows: usize, force_n: impl Fn(f64) -> f64) -> Block {
        let mut block = Block::empty();
        block.phase = phase;
        for row in from..from + rows {
            let t_s = row as f64 * 1e-4;
            block.t_s.push(t_s);
            block.force_n.push(force_n(t_s));
            block.stage_mm.push(17.0 + 0.1 * t_s);
        }
        block
    }

    #[test]
    fn a_screen_tells_force_gap_strokes_and_what_is_left() {
        let mut live =
            Live { run: "RUN".to_owned(), planned: 4, done: 1, left_s: 61.0, simulated: true, ..Live::default() };
        live.turn_to("c00-run");
        live.samples(&block(Phase::Touch, 0, 1000, |_| 0.0));
        live.samples(&block(Phase::Run, 1000, 20_000, |t_s| (std::f64::consts::TAU * 110.0 * t_s).sin().max(0.0)));
        live.line(3.0, "captured");
        let screen = live.frame(80, false);
        assert!(screen.contains("SIMULATED") && screen.contains("1 of 4 captures") && screen.contains("1:01 left"));
        assert!(screen.contains("strokes about 220"), "{screen}");
        assert!(screen.contains("gap about -0.2"), "{screen}");
        assert!(screen.contains('█') && screen.lines().all(|line| line.chars().count() <= 140), "{screen}");
        assert!(!screen.contains('\u{1b}') && live.frame(80, true).contains('\u{1b}'));
    }

    #[test]
    fn nothing_read_yet_and_no_numbers_are_no_panic() {
        let mut live = Live::default();
        assert!(live.frame(0, false).contains("0 of 0 captures"));
        live.turn_to("x");
        live.samples(&block(Phase::Run, 0, 100, |_| f64::NAN));
        live.samples(&block(Phase::Run, 0, 100, |_| 0.0));
        live.samples(&Block::empty());
        let _ = live.frame(3, true);
    }
}
