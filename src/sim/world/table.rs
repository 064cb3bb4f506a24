//! Lookup tables: a function on a uniform grid, linear between its points.
//!
//! The world evaluates its laws hundreds of millions of times a run. Every law is therefore tabulated once.
//! Invariant: a table has at least two points; beyond the last it goes on as a straight line.

use std::f64::consts::TAU;

/// A function of one variable from zero upwards.
#[derive(Clone, Debug)]
pub struct Table {
    cells_per_unit: f64,
    last: f64,
    cells: Vec<Cell>,
}

/// Value at the left edge, and rise to the right one.
#[derive(Clone, Copy, Debug)]
struct Cell {
    left: f64,
    rise: f64,
}

impl Table {
    /// Tabulates `law` on 0 to `end` in `cells` steps (one or more).
    pub fn new(end: f64, cells: usize, mut law: impl FnMut(f64) -> f64) -> Self {
        let cells = cells.max(1);
        let step = end / cells as f64;
        let values: Vec<f64> = (0..=cells).map(|index| law(index as f64 * step)).collect();
        Self {
            cells_per_unit: 1.0 / step,
            last: (cells - 1) as f64,
            cells: values.windows(2).map(|pair| Cell { left: pair[0], rise: pair[1] - pair[0] }).collect(),
        }
    }

    /// One turn of the sine, over turns from 0 to 1.
    pub fn sine() -> Self {
        Self::new(1.0, 4096, |turn| libm::sin(TAU * turn))
    }

    /// The value at `x`; at zero where `x` is negative.
    #[inline]
    pub fn at(&self, x: f64) -> f64 {
        let (index, fraction) = self.place(x);
        let Cell { left, rise } = self.cells[index];
        left + rise * fraction
    }

    /// The largest `x` of the grid.
    pub fn end(&self) -> f64 {
        (self.last + 1.0) / self.cells_per_unit
    }

    /// The integral of this table from zero, exact at and between the points of `self`.
    pub fn integral(&self) -> Integral {
        let mut sum = 0.0;
        let mut at_points = vec![0.0];
        for cell in &self.cells {
            sum += (cell.left + 0.5 * cell.rise) / self.cells_per_unit;
            at_points.push(sum);
        }
        Integral { at_points }
    }

    /// The `x` at which a rising table reaches `value`; infinite where it does not.
    pub fn inverse(&self, value: f64) -> f64 {
        let above = self.cells.partition_point(|cell| cell.left < value);
        let Some(index) = above.checked_sub(1) else { return 0.0 };
        let Cell { left, rise } = self.cells[index];
        if value > left + rise {
            return f64::INFINITY;
        }
        (index as f64 + (value - left) / rise) / self.cells_per_unit
    }

    #[inline]
    fn place(&self, x: f64) -> (usize, f64) {
        let scaled = (x * self.cells_per_unit).max(0.0);
        // Through i32: the shortest way to an index, and no table has that many cells.
        let index = scaled.min(self.last) as i32;
        (index as usize, scaled - f64::from(index))
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
        let (index, fraction) = table.place(x);
        let Cell { left, rise } = table.cells[index];
        self.at_points[index] + (left + 0.5 * rise * fraction) * fraction / table.cells_per_unit
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
