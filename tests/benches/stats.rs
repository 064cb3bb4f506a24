//! Speed of the statistics: a factor under 20 ms, 1,000 two-sided factors and a verdict on 1,000,000 strokes under a
//! second each. `cargo bench --bench stats`.

use divan::{Bencher, black_box};
use rig::{
    acceptance::{
        dataset::DataSets,
        decision::{Conduct, decide},
        measurements::{Value, read},
        operating,
        synthetic::Process,
    },
    config::{library::Library, plan::Plan},
    prng::Stream,
    stats::tolerance::{Claim, Sides, factor},
};
use std::fmt::Write;

fn main() {
    divan::main();
}

fn claim() -> Claim {
    Claim::new(0.95, 0.95).expect("both are shares")
}

#[divan::bench(args = [Sides::One, Sides::Two])]
fn one_factor(sides: Sides) -> f64 {
    factor(black_box(30.0), black_box(29.0), claim(), sides).expect("the factor exists")
}

#[divan::bench(sample_count = 5)]
fn thousand_two_sided_factors() -> f64 {
    (0..1000)
        .map(|step| 2.0 + 3.0 * f64::from(step))
        .map(|n| factor(black_box(n), n - 1.0, claim(), Sides::Two).expect("the factor exists"))
        .sum()
}

fn standard() -> Plan {
    Library::default().plan("standard").expect("the plan is built in").value
}

fn million(cartridges: usize) -> Vec<Value> {
    let process = Process { phi: 0.3, share_cartridges: 0.3, ..Process::plain(1, cartridges, 1_000_000 / cartridges) };
    process.draw(1.5, 0.03, &mut Stream::named(1, "million"))
}

#[divan::bench(args = [1, 20], sample_count = 3)]
fn verdict_on_a_million_strokes(bencher: Bencher<'_, '_>, cartridges: usize) {
    let (plan, values) = (standard(), million(cartridges));
    bencher.bench(|| decide(&plan, Conduct::default(), &DataSets::of(black_box(&values))));
}

#[divan::bench(sample_count = 3)]
fn a_million_strokes_from_csv_to_verdict(bencher: Bencher<'_, '_>) {
    let plan = standard();
    let mut text = String::from("pen,cartridge,set_depth_mm,stroke,quantity,value_mm,u_mm\n");
    for value in million(20) {
        let Value { pen, cartridge, order, value, .. } = value;
        writeln!(text, "{pen},{cartridge},1.5,{order},protrusion,{value:.5},0.002").expect("text can be written");
    }
    bencher.bench(|| {
        let values = read("m.csv", black_box(&text)).expect("the file is well formed");
        decide(&plan, Conduct::default(), &DataSets::of(values))
    });
}

#[divan::bench]
fn cartridges_from_risks(bencher: Bencher<'_, '_>) {
    let plan = Library::default().plan("design").expect("the plan is built in").value;
    bencher.bench(|| operating::resolved(black_box(&plan)));
}
