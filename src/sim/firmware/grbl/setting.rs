//! Settings of a simulated GRBL controller: numbers, values as shipped, what they may be.

/// Status mask, reports in inches, soft limits, homing, pull-off, home speed, largest rate and travel: what the simulation acts on.
pub(crate) const STATUS_MASK: u16 = 10;
pub(crate) const INCHES: u16 = 13;
pub(crate) const SOFT_LIMITS: u16 = 20;
pub(crate) const HOMING: u16 = 22;
pub(crate) const SEEK_MM_MIN: u16 = 25;
pub(crate) const PULL_OFF_MM: u16 = 27;

/// Steps a millimetre: a screw of 2 mm pitch, 200 steps a turn, 16 microsteps.
pub(crate) const STEPS_PER_MM: f64 = 1600.0;

/// The settings of a controller.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    values: Vec<(u16, f64)>,
}

impl Settings {
    /// As set up for a stage of this travel (mm), speed (mm/s) and acceleration (mm/s²).
    pub(crate) fn set_up(travel_mm: f64, speed_max_mm_s: f64, acceleration_mm_s2: f64) -> Self {
        // The pull-off goes towards the pen at the seek rate, so that is kept below a bench's approach limit.
        let mut values = vec![(0, 10.0), (1, 25.0), (2, 0.0), (3, 0.0), (4, 0.0), (5, 0.0), (6, 0.0)];
        values.extend([(STATUS_MASK, 1.0), (11, 0.01), (12, 0.002), (INCHES, 0.0), (SOFT_LIMITS, 1.0), (21, 1.0)]);
        values.extend([(HOMING, 1.0), (23, 0.0), (24, 25.0), (SEEK_MM_MIN, 100.0), (26, 250.0), (PULL_OFF_MM, 1.0)]);
        values.extend([(30, 1000.0), (31, 0.0), (32, 0.0)]);
        for (first, value) in
            [(100, STEPS_PER_MM), (110, speed_max_mm_s * 60.0), (120, acceleration_mm_s2), (130, travel_mm)]
        {
            values.extend((first..first + 3).map(|number| (number, value)));
        }
        Self { values }
    }

    /// A value; 0 where there is no such setting.
    pub(crate) fn get(&self, number: u16) -> f64 {
        self.values.iter().find(|(other, _)| *other == number).map_or(0.0, |(_, value)| *value)
    }

    /// A flag.
    pub(crate) fn is_on(&self, number: u16) -> bool {
        self.get(number) != 0.0
    }

    /// Sets a value. Scales of the drives are kept and reported; the world has its own.
    ///
    /// # Errors
    ///
    /// The number of the refusal.
    pub(crate) fn set(&mut self, number: u16, value: f64) -> Result<(), u16> {
        if !value.is_finite() || value < 0.0 {
            return Err(4);
        }
        if number == SOFT_LIMITS && value != 0.0 && !self.is_on(HOMING) {
            return Err(10);
        }
        let slot = self.values.iter_mut().find(|(other, _)| *other == number).ok_or(3_u16)?;
        slot.1 = value;
        if number == HOMING && value == 0.0 {
            self.set(SOFT_LIMITS, 0.0)?;
        }
        Ok(())
    }

    /// All settings as `$$` tells them, one a line.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> + '_ {
        self.values.iter().map(|(number, value)| match number {
            11 | 12 | 24 | 25 | 27 | 100.. => format!("${number}={value:.3}"),
            _ => format!("${number}={value:.0}"),
        })
    }
}
