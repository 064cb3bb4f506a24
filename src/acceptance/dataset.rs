//! Values sorted into data sets: one quantity, source, set depth and set rate; in it pens, and in them cartridges in
//! the order of measurement.
//!
//! Deliberately absent: any choice among values.

use super::measurements::Value;
use crate::config::plan::{DataSource, Quantity};
use std::collections::BTreeMap;

/// The values of one cartridge under one setting, in the order of measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit<'a> {
    /// The cartridge.
    pub cartridge: &'a str,
    /// Its values.
    pub values: Vec<f64>,
}

/// The values of one quantity under one setting.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet<'a> {
    /// What was measured.
    pub quantity: Quantity,
    /// Strokes or presses.
    pub source: DataSource,
    /// What the pen was told, mm.
    pub set_depth_mm: f64,
    /// Rate that the pen was told, Hz; `None` where there is none.
    pub set_rate_hz: Option<f64>,
    /// Pens with their cartridges, in the order of their first value.
    pub pens: Vec<(&'a str, Vec<Unit<'a>>)>,
    /// Largest shared standard uncertainty among the values.
    pub u: f64,
    /// Smallest shared standard uncertainty among the values.
    pub u_min: f64,
}

impl DataSet<'_> {
    /// Every cartridge.
    pub fn units(&self) -> impl Iterator<Item = &Unit<'_>> {
        self.pens.iter().flat_map(|(_, units)| units)
    }

    /// Number of values.
    pub fn n(&self) -> usize {
        self.units().map(|unit| unit.values.len()).sum()
    }

    /// The same data with every value mapped.
    ///
    /// # Errors
    ///
    /// The first error of `map`.
    pub fn mapped<E>(&self, map: impl Fn(f64) -> Result<f64, E>) -> Result<Self, E> {
        let mut mapped = self.clone();
        for (_, units) in &mut mapped.pens {
            for unit in units {
                for value in &mut unit.values {
                    *value = map(*value)?;
                }
            }
        }
        Ok(mapped)
    }
}

/// Order of data sets: quantity, source, then bit patterns of the set depth and rate, which for positive numbers
/// order as the numbers do.
type Key = (Quantity, DataSource, u64, Option<u64>);

/// All data sets of a measurement.
#[derive(Debug)]
pub struct DataSets<'a> {
    sets: BTreeMap<Key, DataSet<'a>>,
}

impl<'a> DataSets<'a> {
    /// Sorts `values`; within a cartridge by their `order`, which need not be the order of the slice.
    pub fn of(values: &'a [Value]) -> Self {
        let mut sets: BTreeMap<Key, Vec<&Value>> = BTreeMap::new();
        for run in values.chunk_by(|a, b| key(a) == key(b)) {
            sets.entry(key(&run[0])).or_default().extend(run);
        }
        Self { sets: sets.into_iter().map(|(key, values)| (key, gather(&values))).collect() }
    }

    /// Data sets of a quantity and source, at one set depth or at all, ascending.
    pub fn find(
        &self,
        quantity: Quantity,
        source: DataSource,
        set_depth_mm: Option<f64>,
    ) -> impl Iterator<Item = &DataSet<'a>> {
        let wanted = move |set: &&DataSet<'a>| set_depth_mm.is_none_or(|depth| (depth - set.set_depth_mm).abs() < 1e-9);
        self.sets.values().filter(move |set| set.quantity == quantity && set.source == source).filter(wanted)
    }
}

fn key(value: &Value) -> Key {
    let depth = (value.set_depth_mm + 0.0).to_bits();
    (value.quantity, value.source, depth, value.set_rate_hz.map(f64::to_bits))
}

/// Values with their order, by name.
type Named<'a, T> = Vec<(&'a str, T)>;

/// One data set from its values, of which there is at least one.
fn gather<'a>(values: &[&'a Value]) -> DataSet<'a> {
    let mut pens: Named<'a, Named<'a, Vec<(u64, f64)>>> = Vec::new();
    for run in values.chunk_by(|a, b| a.pen == b.pen && a.cartridge == b.cartridge) {
        let (pen, cartridge) = (&*run[0].pen, &*run[0].cartridge);
        let at = pens.iter().position(|(name, _)| *name == pen).unwrap_or_else(|| {
            pens.push((pen, Vec::new()));
            pens.len() - 1
        });
        let units = &mut pens[at].1;
        let at = units.iter().position(|(name, _)| *name == cartridge).unwrap_or_else(|| {
            units.push((cartridge, Vec::new()));
            units.len() - 1
        });
        units[at].1.extend(run.iter().map(|value| (value.order, value.value)));
    }
    let ordered = |(cartridge, mut rows): (&'a str, Vec<(u64, f64)>)| {
        rows.sort_by_key(|(order, _)| *order);
        Unit { cartridge, values: rows.into_iter().map(|(_, value)| value).collect() }
    };
    let first = values[0];
    DataSet {
        quantity: first.quantity,
        source: first.source,
        set_depth_mm: first.set_depth_mm,
        set_rate_hz: first.set_rate_hz,
        pens: pens.into_iter().map(|(pen, units)| (pen, units.into_iter().map(ordered).collect())).collect(),
        u: values.iter().map(|value| value.u).fold(0.0, f64::max),
        u_min: values.iter().map(|value| value.u).fold(f64::INFINITY, f64::min),
    }
}

#[cfg(test)]
mod tests {
    use super::{DataSets, Value};
    use crate::config::plan::{DataSource, Quantity};

    fn value(pen: &str, cartridge: &str, set_depth_mm: f64, order: u64, value: f64) -> Value {
        Value {
            pen: pen.into(),
            cartridge: cartridge.into(),
            set_depth_mm,
            set_rate_hz: None,
            source: DataSource::Strokes,
            order,
            quantity: Quantity::Protrusion,
            value,
            u: 0.001 * value,
        }
    }

    #[test]
    fn values_in_any_order_find_their_cartridge() {
        let values = [
            value("p", "b", 1.0, 1, 4.0),
            value("p", "a", 0.5, 0, 1.0),
            value("p", "b", 1.0, 0, 3.0),
            value("q", "a", 1.0, 0, 9.0),
        ];
        let sets = DataSets::of(&values);
        let found: Vec<_> = sets.find(Quantity::Protrusion, DataSource::Strokes, None).collect();
        assert_eq!(found.iter().map(|set| set.set_depth_mm).collect::<Vec<_>>(), [0.5, 1.0]);
        assert_eq!(found[1].pens[0].1[0].values, [3.0, 4.0]);
        assert_eq!((found[1].pens[1].0, found[1].u, found[1].u_min), ("q", 0.001 * 9.0, 0.001 * 3.0));
        assert_eq!(sets.find(Quantity::Protrusion, DataSource::Strokes, Some(0.5)).count(), 1);
        assert_eq!(sets.find(Quantity::Protrusion, DataSource::Presses, None).count(), 0);
    }
}
