//! Strokes followed one after another through a signal that arrives in pieces.
//!
//! Readings go through the inverse filter, touches are found, and each stroke is looked at as soon as its period has
//! been seen; then its samples are dropped. Memory is a few strokes and what is kept of each ([`Shape`]).
//! The background is followed through the quiet part before each touch.

use crate::measure::dynamic::{
    background::Background,
    grid::Track,
    inverse::Inverse,
    segment::OnsetSearch,
    stroke::{AFTER_PERIODS, BEFORE_PERIODS, LATE_PERIODS, Lens, Passage, Shape, Unloading},
};

/// Periods before a touch in which its rise, smeared by the filter, may already show.
const QUIET_BEFORE_PERIODS: f64 = 0.05;

/// Follows strokes; times count from the first sample of the capture.
#[derive(Debug)]
pub struct Follower<'a> {
    inverse: &'a Inverse,
    lens: Lens,
    search: OnsetSearch,
    touch_n: f64,
    background: Background,
    /// Readings not yet dropped; the first is sample `first`.
    readings: Vec<f64>,
    /// Force for the same samples, shorter by what the filter still waits for.
    force_n: Vec<f64>,
    stage_mm: Vec<f64>,
    bad: Vec<bool>,
    first: usize,
    start: usize,
    touches: Vec<usize>,
    shifted: Vec<f64>,
    window: Vec<f64>,
    /// True where the first sample already shows contact.
    pub begins_in_contact: bool,
    /// True where something touches at the last sample.
    pub ends_in_contact: bool,
    /// Elastic unloading of the strokes that passed through.
    pub unloading: Unloading,
    /// Strokes that touched, in order.
    pub shapes: Vec<Shape>,
    /// Stretches of damaged samples, first and last.
    pub damage: Vec<(usize, usize)>,
    /// Samples pushed.
    pub samples: usize,
    /// Means of the quiet part before strokes, each as long as the late force is taken: count, sum, sum of squares.
    quiet: [f64; 3],
    /// Sum of the strokes, touch upon touch, and how many.
    mean: Vec<f64>,
    summed: usize,
}

impl<'a> Follower<'a> {
    /// Touches are crossings of `touch_n` above the background. `first` is the sample of the capture that is pushed
    /// first.
    pub fn new(inverse: &'a Inverse, lens: Lens, touch_n: f64, background: Background, first: usize) -> Self {
        Self {
            inverse,
            lens,
            search: OnsetSearch::new(touch_n, lens.period_samples),
            touch_n,
            background,
            readings: Vec::new(),
            force_n: Vec::new(),
            stage_mm: Vec::new(),
            bad: Vec::new(),
            first,
            start: first,
            touches: Vec::new(),
            shifted: Vec::new(),
            window: Vec::new(),
            begins_in_contact: false,
            ends_in_contact: false,
            unloading: Unloading::default(),
            shapes: Vec::new(),
            damage: Vec::new(),
            samples: 0,
            quiet: [0.0; 3],
            mean: Vec::new(),
            summed: 0,
        }
    }

    /// The mean stroke and its unloading: what is too faint for one stroke shows in it. `None` before there is one.
    pub fn mean_shape(&self) -> Option<(Shape, Unloading)> {
        let count = self.summed as f64;
        let force_n: Vec<f64> = self.mean.iter().map(|sum| sum / count).collect();
        let lens = Lens { noise_n: self.lens.noise_n / count.sqrt(), ..self.lens };
        let touch = (BEFORE_PERIODS * self.lens.period_samples) as usize;
        let shape = lens.look(&force_n, touch, *self.stage_mm.last()?)?;
        let mut unloading = Unloading::default();
        if let Some(passage) = shape.passage {
            lens.unload(&force_n, passage.top_samples, &mut unloading);
        }
        Some((shape, unloading))
    }

    /// SD of the late force from noise alone, N: that of means as long, taken where nothing touches. `None` where fewer
    /// than twenty strokes had a quiet part.
    pub fn late_noise_n(&self) -> Option<f64> {
        let [count, sum, squares] = self.quiet;
        (count >= 20.0).then(|| ((squares - sum * sum / count) / (count - 1.0)).max(0.0).sqrt())
    }

    /// Background as it stands.
    pub fn background(&self) -> &Background {
        &self.background
    }

    /// The next readings.
    pub fn push(&mut self, track: &Track) {
        for (k, _) in track.bad.iter().enumerate().filter(|(_, bad)| **bad) {
            let sample = self.start + self.samples + k;
            match self.damage.last_mut() {
                Some((_, last)) if *last + 1 == sample => *last = sample,
                _ => self.damage.push((sample, sample)),
            }
        }
        self.samples += track.force_n.len();
        self.readings.extend_from_slice(&track.force_n);
        self.stage_mm.extend_from_slice(&track.stage_mm);
        self.bad.extend_from_slice(&track.bad);
        if self.samples == track.force_n.len() {
            self.begins_in_contact = self.touches_at(0);
        }
        let reach = self.inverse.reach();
        let mut known = self.force_n.len();
        if known == 0 {
            if self.readings.len() <= 2 * reach {
                return;
            }
            // Before the filter reaches full length the signal is its own mirror image: a reading by itself has more
            // noise than a touch is told from.
            let before = self.readings[1..=reach].iter().rev();
            let mirrored: Vec<f64> = before.chain(&self.readings[..2 * reach]).copied().collect();
            self.inverse.apply(&mirrored, &mut self.force_n);
            known = reach;
        }
        self.inverse.apply(&self.readings[known - reach..], &mut self.force_n);
        let seen = if known == reach { 0 } else { known };
        self.shifted.clear();
        self.shifted.extend_from_slice(&self.force_n[seen..]);
        self.background.subtract((self.first + seen) as f64, &mut self.shifted);
        self.search.find(self.first + seen, &self.shifted, &mut self.touches);
        self.look(false);
        self.drop_seen();
    }

    /// The end of the signal: strokes that are cut off are looked at as far as they go.
    pub fn finish(&mut self) {
        self.ends_in_contact = self.readings.len().checked_sub(1).is_some_and(|last| self.touches_at(last));
        self.look(true);
    }

    /// Whether the cell reads a force at one of the readings that are held.
    fn touches_at(&self, reading: usize) -> bool {
        let free = self.background.at((self.first + reading) as f64);
        self.readings.get(reading).is_some_and(|force_n| (force_n - free).abs() > self.touch_n)
    }

    fn look(&mut self, ended: bool) {
        let period = self.lens.period_samples;
        let (before, after) = ((BEFORE_PERIODS * period) as usize, (AFTER_PERIODS * period) as usize + 2);
        let mut done = 0;
        for touch in &self.touches {
            let at = touch - self.first;
            if at + after > self.force_n.len() && !ended {
                break;
            }
            done += 1;
            let from = at.saturating_sub(before);
            let to = (at + after).min(self.force_n.len());
            let quiet = &self.force_n[from..at.saturating_sub((QUIET_BEFORE_PERIODS * period) as usize).max(from)];
            if quiet.len() >= 4 && from > 0 {
                self.background.follow((self.first + from) as f64, quiet);
            }
            self.window.clear();
            self.window.extend_from_slice(&self.force_n[from..to]);
            self.background.subtract((self.first + from) as f64, &mut self.window);
            let late = ((LATE_PERIODS.0 - LATE_PERIODS.1) * period).round() as usize;
            let until = at.saturating_sub((QUIET_BEFORE_PERIODS * period) as usize).saturating_sub(from);
            if let Some(quiet) = until.checked_sub(late.max(1)).and_then(|start| self.window.get(start..until)) {
                let mean = quiet.iter().sum::<f64>() / quiet.len() as f64;
                self.quiet = [self.quiet[0] + 1.0, self.quiet[1] + mean, self.quiet[2] + mean * mean];
            }
            if let Some(mut shape) = self.lens.look(&self.window, at - from, self.stage_mm[at]) {
                let shift = (self.first + from) as f64;
                let deepest = shape.passage.map_or(shape.peak_samples, |passage| passage.top_samples);
                shape.stage_mm = self.stage_mm[(from + deepest as usize).min(self.stage_mm.len() - 1)];
                let reach = self.inverse.reach();
                let marked = &self.bad[from.saturating_sub(reach)..(to + reach).min(self.bad.len())];
                shape.damaged = marked.iter().any(|bad| *bad);
                if !shape.damaged {
                    if let Some(passage) = shape.passage.filter(|passage| passage.exit.is_some()) {
                        self.lens.unload(&self.window, passage.top_samples, &mut self.unloading);
                    }
                    if at - from == before && self.window.len() == before + after {
                        self.mean.resize(before + after, 0.0);
                        self.mean.iter_mut().zip(&self.window).for_each(|(sum, force)| *sum += force);
                        self.summed += 1;
                    }
                }
                shape.touch_samples += shift;
                shape.onset_samples += shift;
                shape.peak_samples += shift;
                shape.passage = shape.passage.map(|p| Passage { top_samples: p.top_samples + shift, ..p });
                self.shapes.push(shape);
            }
        }
        self.touches.drain(..done);
    }

    fn drop_seen(&mut self) {
        let margin = (2.0 * BEFORE_PERIODS * self.lens.period_samples) as usize + 2 * self.inverse.reach();
        let next = self.touches.first().map_or(self.force_n.len(), |touch| touch - self.first);
        let seen = next.saturating_sub(margin);
        // In large pieces, so that the shift costs nothing.
        if seen > 4096 {
            self.first += seen;
            self.readings.drain(..seen);
            self.force_n.drain(..seen);
            self.stage_mm.drain(..seen);
            self.bad.drain(..seen);
        }
    }
}
