//! Lookup tables: a function on a uniform grid, linear between its points.
//!
//! The world evaluates its laws hundreds of millions of times a run. Every law is therefore tabulated once.
//! Invariant: a table has at least two points; beyond the last it goes on as a straight line.

/// A function of one variable from zero upwards.
#[derive(Clone, Debug)]
pub struct Table {
    cells_per_unit: f64,
    values: Vec<f64>,
}

impl Table {
    /// Tabulates `law` on 0 to `end` in `cells` steps (one or more).
    pub fn new(end: f64, cells: usize, mut law: impl FnMut(f64) -> f64) -> Self {
        let cells = cells.max(1);
        let step = end / cells as f64;
        Self { cells_per_unit: 1.0 / step, values: (0..=cells).map(|index| law(index as f64 * step)).collect() }
    }

    /// The value at `x`; at zero where `x` is negative.
    #[inline]
    pub fn at(&self, x: f64) -> f64 {
        let (cell, fraction) = self.cell(x);
        let (left, right) = (self.values[cell], self.values[cell + 1]);
        left + (right - left) * fraction
    }

    /// The largest `x` of the grid.
    pub fn end(&self) -> f64 {
        (self.values.len() - 1) as f64 / self.cells_per_unit
    }

    /// The integral of this table from zero, exact at and between the points of `self`.
    pub fn integral(&self) -> Integral {
        let mut sum = 0.0;
        let mut at_points = vec![0.0];
        for pair in self.values.windows(2) {
            sum += 0.5 * (pair[0] + pair[1]) / self.cells_per_unit;
            at_points.push(sum);
        }
        Integral { at_points }
    }

    /// The `x` at which a rising table reaches `value`; infinite where it does not.
    pub fn inverse(&self, value: f64) -> f64 {
        let above = self.values.partition_point(|&point| point < value);
        if above == 0 {
            return 0.0;
        }
        let Some(&right) = self.values.get(above) else { return f64::INFINITY };
        let left = self.values[above - 1];
        ((above - 1) as f64 + (value - left) / (right - left)) / self.cells_per_unit
    }

    #[inline]
    fn cell(&self, x: f64) -> (usize, f64) {
        let scaled = (x * self.cells_per_unit).max(0.0);
        let cell = (scaled as usize).min(self.values.len() - 2);
        (cell, scaled - cell as f64)
    }
}

/// The integral of a [`Table`] from zero.
#[derive(Clone, Debug)]
pub struct Integral {
    at_points: Vec<f64>,
}

impl Integral {
    /// The integral of `table`, whose integral this is, from zero to `x`; zero where `x` is negative.
    #[inline]
    pub fn at(&self, table: &Table, x: f64) -> f64 {
        let (cell, fraction) = table.cell(x);
        let (left, right) = (table.values[cell], table.values[cell + 1]);
        let rest = (left + 0.5 * (right - left) * fraction) * fraction / table.cells_per_unit;
        self.at_points[cell] + rest
    }
}

#[cfg(test)]
mod tests {
    use super::Table;

    #[test]
    fn a_parabola_its_inverse_and_its_integral() {
        let table = Table::new(2.0, 2000, |x| x * x);
        let integral = table.integral();
        for x in [0.0, 0.0123, 0.5, 1.9999] {
            assert!((table.at(x) - x * x).abs() < 1e-6, "{x}");
            assert!((integral.at(&table, x) - x.powi(3) / 3.0).abs() < 1e-6, "{x}");
            assert!((table.inverse(x * x) - x).abs() < 1e-3, "{x}");
        }
        assert_eq!((table.at(-1.0), integral.at(&table, -1.0)), (0.0, 0.0));
        assert_eq!(table.inverse(5.0), f64::INFINITY);
        assert!((table.at(3.0) - 8.0).abs() < 0.01, "goes on as a line");
    }
}
