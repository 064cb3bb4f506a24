//! Values sorted into data sets: one quantity, source, set depth and set rate; in it pens, and in them cartridges in
//! the order of measurement.
//!
//! Deliberately absent: any choice among values.

use super::measurements::Value;
use crate::config::plan::{DataSource, Quantity};
use std::{borrow::Borrow, collections::BTreeMap, sync::Arc};

/// The values of one cartridge under one setting, in the order of measurement.
#[derive(Clone, Debug, PartialEq)]
pub struct Unit {
    /// The cartridge.
    pub cartridge: Arc<str>,
    /// Its values.
    pub values: Vec<f64>,
}

/// The values of one quantity under one setting.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    /// What was measured.
    pub quantity: Quantity,
    /// Strokes or presses.
    pub source: DataSource,
    /// What the pen was told, mm.
    pub set_depth_mm: f64,
    /// Rate that the pen was told, Hz; `None` where there is none.
    pub set_rate_hz: Option<f64>,
    /// Pens with their cartridges, in the order of their first value.
    pub pens: Vec<(Arc<str>, Vec<Unit>)>,
    /// Largest shared standard uncertainty among the values.
    pub u: f64,
    /// Smallest shared standard uncertainty among the values.
    pub u_min: f64,
}

impl DataSet {
    /// Every cartridge.
    pub fn units(&self) -> impl Iterator<Item = &Unit> {
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
pub struct DataSets {
    sets: BTreeMap<Key, DataSet>,
}

impl DataSets {
    /// Sorts `values`, which need not be in memory all at once; within a cartridge by their `order`, which need not be the
    /// order in which they come.
    pub fn of<V: Borrow<Value>>(values: impl IntoIterator<Item = V>) -> Self {
        let mut sets: BTreeMap<Key, Gathered> = BTreeMap::new();
        for value in values {
            let value = value.borrow();
            sets.entry(key(value)).or_insert_with(|| Gathered::like(value)).push(value);
        }
        Self { sets: sets.into_iter().map(|(key, gathered)| (key, gathered.ordered())).collect() }
    }

    /// Every data set.
    pub fn all(&self) -> impl Iterator<Item = &DataSet> {
        self.sets.values()
    }

    /// Data sets of a quantity and source, at one set depth or at all, ascending.
    pub fn find(
        &self,
        quantity: Quantity,
        source: DataSource,
        set_depth_mm: Option<f64>,
    ) -> impl Iterator<Item = &DataSet> {
        let wanted = move |set: &&DataSet| set_depth_mm.is_none_or(|depth| (depth - set.set_depth_mm).abs() < 1e-9);
        self.all().filter(move |set| set.quantity == quantity && set.source == source).filter(wanted)
    }
}

fn key(value: &Value) -> Key {
    let depth = (value.set_depth_mm + 0.0).to_bits();
    (value.quantity, value.source, depth, value.set_rate_hz.map(f64::to_bits))
}

/// Things with their names, in the order of their first mention.
type Named<T> = Vec<(Arc<str>, T)>;

/// A data set in the making.
struct Gathered {
    /// The set, as yet without values.
    set: DataSet,
    /// Pens, cartridges, values with their order.
    pens: Named<Named<Vec<(u64, f64)>>>,
    /// Pen and cartridge of the last value, mostly those of the next.
    last: (usize, usize),
}

impl Gathered {
    fn like(value: &Value) -> Self {
        let &Value { quantity, source, set_depth_mm, set_rate_hz, .. } = value;
        let set =
            DataSet { quantity, source, set_depth_mm, set_rate_hz, pens: Vec::new(), u: 0.0, u_min: f64::INFINITY };
        Self { set, pens: Vec::new(), last: (0, 0) }
    }

    fn push(&mut self, value: &Value) {
        let (pen, cartridge) = self.last;
        let (pen, cartridges) = named(&mut self.pens, &value.pen, pen);
        let (cartridge, values) = named(cartridges, &value.cartridge, cartridge);
        values.push((value.order, value.value));
        self.last = (pen, cartridge);
        self.set.u = self.set.u.max(value.u);
        self.set.u_min = self.set.u_min.min(value.u);
    }

    fn ordered(self) -> DataSet {
        let ordered = |(cartridge, mut rows): (Arc<str>, Vec<(u64, f64)>)| {
            rows.sort_by_key(|(order, _)| *order);
            Unit { cartridge, values: rows.into_iter().map(|(_, value)| value).collect() }
        };
        let pens = self.pens.into_iter().map(|(pen, units)| (pen, units.into_iter().map(ordered).collect()));
        DataSet { pens: pens.collect(), ..self.set }
    }
}

/// What goes by a name, with its place, begun where it is not there; `likely` is looked at first.
fn named<'t, T: Default>(things: &'t mut Named<T>, name: &Arc<str>, likely: usize) -> (usize, &'t mut T) {
    let is = |thing: &(Arc<str>, T)| thing.0 == *name;
    let at = match things.get(likely) {
        Some(thing) if is(thing) => likely,
        _ => things.iter().position(is).unwrap_or(things.len()),
    };
    if at == things.len() {
        things.push((Arc::clone(name), T::default()));
    }
    (at, &mut things[at].1)
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
        assert_eq!((&*found[1].pens[1].0, found[1].u, found[1].u_min), ("q", 0.001 * 9.0, 0.001 * 3.0));
        assert_eq!(sets.find(Quantity::Protrusion, DataSource::Strokes, Some(0.5)).count(), 1);
        assert_eq!(sets.find(Quantity::Protrusion, DataSource::Presses, None).count(), 0);
    }
}
