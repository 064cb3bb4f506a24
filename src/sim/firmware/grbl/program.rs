//! G-code of a simulated GRBL controller: words, modes, and the block that a line asks for.
//!
//! Deliberately absent: arcs, probes, tool lengths, and coordinate systems other than G54 (G10 L2, L20) with a G92
//! offset. A stage has no use for them; they are refused with error 20.

/// Millimetres an inch.
const INCH_MM: f64 = 25.4;

/// A straight motion, in machine coordinates.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Block {
    pub(crate) target_mm: [f64; 3],
    /// Along the path; infinite for a rapid.
    pub(crate) feed_mm_min: f64,
    pub(crate) jog: bool,
}

/// What a line asks for.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Action {
    Nothing,
    Move(Block),
    /// Seconds, after all motion.
    Dwell(f64),
    /// An offset was stored.
    Store,
    /// The end of the program.
    End,
}

/// Number of the refusal on the wire.
pub(crate) type Refusal = u16;

/// Modes that last from line to line.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Modes {
    motion: u8,
    plane: u8,
    inches: bool,
    relative: bool,
    feed_mm_min: f64,
    /// Stored offset of G54.
    pub(crate) stored_mm: [f64; 3],
    /// Offset of G92 on top of it.
    pub(crate) shift_mm: [f64; 3],
    /// Where the last motion that was taken ends, in machine coordinates.
    pub(crate) planned_mm: [f64; 3],
}

impl Default for Modes {
    fn default() -> Self {
        let none_mm = [0.0; 3];
        Self {
            motion: 0,
            plane: 17,
            inches: false,
            relative: false,
            feed_mm_min: 0.0,
            stored_mm: none_mm,
            shift_mm: none_mm,
            planned_mm: none_mm,
        }
    }
}

/// One line, word by word.
#[derive(Clone, Debug, Default)]
struct Words {
    g: Vec<f64>,
    axes: [Option<f64>; 3],
    feed: Option<f64>,
    /// P: seconds of a dwell, or the number of a coordinate system.
    parameter: Option<f64>,
    /// L: what G10 does.
    list: Option<f64>,
    ends: bool,
}

/// Splits a line into words. It is upper case and without spaces.
fn words(line: &str) -> Result<Words, Refusal> {
    let mut words = Words::default();
    let mut rest = line;
    while let Some(letter) = rest.chars().next() {
        if !letter.is_ascii_uppercase() {
            return Err(1);
        }
        let number = &rest[1..];
        let end = number.find(|c: char| !c.is_ascii_digit() && !"+-.".contains(c)).unwrap_or(number.len());
        let value: f64 = number[..end].parse().map_err(|_| 2_u16)?;
        rest = &number[end..];
        match letter {
            'G' => words.g.push(value),
            'X' => words.axes[0] = Some(value),
            'Y' => words.axes[1] = Some(value),
            'Z' => words.axes[2] = Some(value),
            'F' if value < 0.0 => return Err(4),
            'F' => words.feed = Some(value),
            'P' => words.parameter = Some(value),
            'L' => words.list = Some(value),
            'M' if value == 2.0 || value == 30.0 => words.ends = true,
            // Spindle, coolant, tool and line numbers change nothing on a stage.
            'M' | 'S' | 'T' | 'N' => {}
            _ => return Err(20),
        }
    }
    Ok(words)
}

impl Modes {
    /// The modes of a controller that has just started; what is stored stays.
    pub(crate) fn restart(&mut self) {
        *self = Self { stored_mm: self.stored_mm, ..Self::default() };
    }

    /// Work offset: machine position less work position.
    pub(crate) fn offset_mm(&self) -> [f64; 3] {
        std::array::from_fn(|index| self.stored_mm[index] + self.shift_mm[index])
    }

    /// The modes as `$G` tells them.
    pub(crate) fn text(&self) -> String {
        let (units, distance) = (if self.inches { 20 } else { 21 }, if self.relative { 91 } else { 90 });
        let Self { motion, plane, feed_mm_min, .. } = self;
        format!("[GC:G{motion} G54 G{plane} G{units} G{distance} G94 M5 M9 T0 F{feed_mm_min:.0} S0]")
    }

    /// What a line of G-code asks for; its modes last.
    pub(crate) fn line(&mut self, line: &str) -> Result<Action, Refusal> {
        let words = words(line)?;
        let (mut machine, mut dwell, mut store, mut shift) = (false, false, false, false);
        let mut modes = self.clone();
        for &code in &words.g {
            match (code * 10.0).round() as i64 {
                0 => modes.motion = 0,
                10 => modes.motion = 1,
                40 => dwell = true,
                100 => store = true,
                170 => modes.plane = 17,
                180 => modes.plane = 18,
                190 => modes.plane = 19,
                800 => modes.motion = 80,
                200 => modes.inches = true,
                210 => modes.inches = false,
                530 => machine = true,
                900 => modes.relative = false,
                910 => modes.relative = true,
                920 => shift = true,
                921 => modes.shift_mm = [0.0; 3],
                490 | 540 | 610 | 911 | 940 | 400 => {}
                _ => return Err(20),
            }
        }
        let scale = if modes.inches { INCH_MM } else { 1.0 };
        modes.feed_mm_min = words.feed.map_or(modes.feed_mm_min, |feed| feed * scale);
        let action = if dwell {
            Action::Dwell(words.parameter.ok_or(28_u16)?.max(0.0))
        } else if store {
            modes.store(&words, scale)?;
            Action::Store
        } else if shift {
            for (index, value) in words.axes.iter().enumerate() {
                if let Some(value) = value {
                    modes.shift_mm[index] = modes.planned_mm[index] - modes.stored_mm[index] - value * scale;
                }
            }
            Action::Nothing
        } else if words.ends {
            (modes.motion, modes.plane, modes.relative) = (1, 17, false);
            Action::End
        } else if words.axes == [None; 3] {
            Action::Nothing
        } else if modes.motion == 80 {
            return Err(31);
        } else if modes.motion == 1 && modes.feed_mm_min == 0.0 {
            return Err(22);
        } else {
            let feed_mm_min = if modes.motion == 1 { modes.feed_mm_min } else { f64::INFINITY };
            let target_mm = modes.target_mm(&words, machine);
            Action::Move(Block { target_mm, feed_mm_min, jog: false })
        };
        *self = modes;
        Ok(action)
    }

    /// G10: L2 sets the offset of G54, L20 makes the present position what is given.
    fn store(&mut self, words: &Words, scale: f64) -> Result<(), Refusal> {
        let system = words.parameter.ok_or(28_u16)?;
        if !(0.0..=1.0).contains(&system) {
            return Err(if (0.0..=6.0).contains(&system) { 20 } else { 29 });
        }
        let list = words.list.ok_or(28_u16)?;
        for (index, value) in words.axes.iter().enumerate() {
            let Some(value_mm) = value.map(|value| value * scale) else { continue };
            self.stored_mm[index] = match list {
                2.0 => value_mm,
                20.0 => self.planned_mm[index] - self.shift_mm[index] - value_mm,
                _ => return Err(20),
            };
        }
        Ok(())
    }

    /// The block of a jog (`$J=`); no mode lasts.
    pub(crate) fn jog(&self, line: &str) -> Result<Block, Refusal> {
        let words = words(line)?;
        let (mut modes, mut machine) = (self.clone(), false);
        for &code in &words.g {
            match (code * 10.0).round() as i64 {
                200 => modes.inches = true,
                210 => modes.inches = false,
                530 => machine = true,
                900 => modes.relative = false,
                910 => modes.relative = true,
                _ => return Err(16),
            }
        }
        let scale = if modes.inches { INCH_MM } else { 1.0 };
        let feed_mm_min = words.feed.map(|feed| feed * scale).filter(|feed| *feed > 0.0).ok_or(22_u16)?;
        if words.axes == [None; 3] {
            return Err(16);
        }
        Ok(Block { target_mm: modes.target_mm(&words, machine), feed_mm_min, jog: true })
    }

    fn target_mm(&self, words: &Words, machine: bool) -> [f64; 3] {
        let scale = if self.inches { INCH_MM } else { 1.0 };
        let mut target_mm = self.planned_mm;
        for (index, value) in words.axes.iter().enumerate() {
            if let Some(value_mm) = value.map(|value| value * scale) {
                target_mm[index] = match (machine, self.relative) {
                    (true, _) => value_mm,
                    (false, true) => self.planned_mm[index] + value_mm,
                    (false, false) => value_mm + self.stored_mm[index] + self.shift_mm[index],
                };
            }
        }
        target_mm
    }
}

#[cfg(test)]
mod tests {
    use super::{Action, Block, Modes};

    fn target(action: Result<Action, u16>) -> ([f64; 3], f64) {
        let Ok(Action::Move(Block { target_mm, feed_mm_min, .. })) = action else { panic!("{action:?} is no move") };
        (target_mm, feed_mm_min)
    }

    #[test]
    fn modes_last_and_jogs_leave_them_alone() {
        let mut modes = Modes::default();
        assert_eq!(target(modes.line("G90G1X2F120")), ([2.0, 0.0, 0.0], 120.0));
        modes.planned_mm = [2.0, 0.0, 0.0];
        assert_eq!(target(modes.line("G91Y1")), ([2.0, 1.0, 0.0], 120.0));
        let jog = modes.jog("G90G20G53Z-1F10").expect("a jog");
        assert_eq!((jog.target_mm, jog.feed_mm_min), ([2.0, 0.0, -25.4], 254.0));
        assert_eq!(modes.text(), "[GC:G1 G54 G17 G21 G91 G94 M5 M9 T0 F120 S0]");
        assert_eq!(modes.line("G92X0"), Ok(Action::Nothing));
        assert_eq!(target(modes.line("G90X1")).0, [3.0, 0.0, 0.0], "in work coordinates");
        assert_eq!(target(modes.line("G53X1")).0, [1.0, 0.0, 0.0], "in machine coordinates");
    }

    #[test]
    fn what_cannot_be_is_refused_by_number() {
        let rows = [
            ("G80X1", 31),
            ("G10L3P1X0", 20),
            ("G10L2X0", 28),
            ("G10L2P3X0", 20),
            ("X", 2),
            ("1X", 1),
            ("G1X1", 22),
            ("G2X1", 20),
            ("G4", 28),
            ("GX", 2),
            ("Q1", 20),
            ("G1X1F-1", 4),
        ];
        for (line, code) in rows {
            assert_eq!(Modes::default().line(line), Err(code), "{line}");
        }
        for (line, code) in [("X1", 22), ("F10", 16), ("G1X1F10", 16), ("X1F0", 22)] {
            assert_eq!(Modes::default().jog(line), Err(code), "{line}");
        }
    }
}
