//! Simulated gauge, balance and board at their bytes: what they answer, when, and what they refuse.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

use rig::{
    config::{
        self,
        rig::{Force, Rig},
        world::{Cell, WorldParams},
    },
    sim::{
        firmware::{Firmware, line_gauge::LineFirmware, mark10::Mark10Firmware, mt_sics::BalanceFirmware},
        world::{CartridgeTruth, World},
    },
    time::RunTime,
};
use std::time::Duration;

fn force(text: &str) -> Force {
    config::parse::<Rig>("rig.toml", text).unwrap().force
}

/// A cell that carries this load.
fn cell(load_n: f64) -> Cell {
    let (hum_n, drift_n_per_s, wander_n) = (0.0, 0.0, 0.0);
    Cell { noise_n: 0.0, hum_n, drift_n_per_s, wander_n, offset_n: load_n, ..Cell::default() }
}

/// Lines with the millisecond in which each was sent, after these commands at their milliseconds.
fn said(device: &mut dyn Firmware, cell: Cell, commands: &[(u64, &str)], end_ms: u64) -> Vec<(u64, String)> {
    let cartridge = CartridgeTruth { needles: 1, needle_diameter_mm: 0.25, height_sd_mm: 0.0 };
    let mut world = World::new(&WorldParams { cell, ..WorldParams::default() }, &cartridge, 1);
    let mut lines = Vec::new();
    for ms in 0..=end_ms {
        let now = RunTime::ZERO + Duration::from_millis(ms);
        world.advance(now);
        if ms == 0 || device.next_wake().is_some_and(|at| at <= now) {
            device.wake(now, &mut world);
        }
        for (_, command) in commands.iter().filter(|(at, _)| *at == ms) {
            device.receive(now, format!("{command}\r\n").as_bytes(), &mut world);
        }
        let mut out = Vec::new();
        device.transmit(&mut out);
        let text = String::from_utf8(out).unwrap();
        assert!(text.is_empty() || text.ends_with("\r\n"), "{text:?}");
        lines.extend(text.lines().map(|line| (ms, line.to_owned())));
    }
    lines
}

fn texts(lines: &[(u64, String)]) -> Vec<&str> {
    lines.iter().map(|(_, text)| text.as_str()).collect()
}

fn gauge() -> Mark10Firmware {
    let force = force(include_str!("../rigs/sim-mark10.toml"));
    Mark10Firmware::new(&force.gauge.unwrap(), Cell::default().n_per_count)
}

fn balance(rate_hz: f64) -> BalanceFirmware {
    let force = force(include_str!("../rigs/sim-mt-sics.toml"));
    BalanceFirmware::new(&force.gauge.unwrap(), Cell::default().n_per_count, rate_hz, force.baud)
}

#[test]
fn a_gauge_answers_in_its_unit_and_refuses_what_it_does_not_know() {
    let commands =
        [(100, "?C"), (110, "LB"), (120, "?"), (130, "N"), (140, "NUM"), (150, "?C"), (160, "HELLO"), (170, "AOUT300")];
    let lines = said(&mut gauge(), cell(1.2345), &commands, 200);
    assert_eq!(texts(&lines), ["1.234 N", "0.2775 lbF", "1.234", "*10", "*22"]);
    assert_eq!(lines[0].0, 103, "3 ms after its question");
}

#[test]
fn a_gauge_shows_peaks_lists_its_settings_and_is_silent_about_what_it_was_set_to() {
    let commands = [
        (100, "PC"),
        (110, "?"),
        (120, "PT"),
        (130, "?"),
        (140, "NUM"),
        (150, "LB"),
        (160, "LIST"),
        (170, "CUR"),
        (180, "FULL"),
        (190, "N"),
        (200, "?"),
        (210, "FLTC16"),
        (220, "SAVE"),
        (230, "MIT"),
        (240, "?A"),
        (250, "MITX"),
    ];
    let lines = said(&mut gauge(), cell(1.2345), &commands, 300);
    let list = "V1.04;LBF;PT;FLTC8;FLTP1;AOUT00;AOFF5;NUM;MIT;POL;B0";
    assert_eq!(texts(&lines), ["1.234 N", "0.000 N", list, "1.234 N", "*11", "*10"]);
}

#[test]
fn a_gauge_sends_by_itself_until_told_otherwise_and_can_be_zeroed() {
    let commands = [(100, "AOUT100"), (300, "Z"), (400, "AOUT00")];
    let lines = said(&mut gauge(), cell(0.5), &commands, 600);
    assert_eq!(lines.len(), 30, "{lines:?}");
    assert_eq!((lines[0].1.as_str(), lines[29].1.as_str()), ("0.500 N", "0.000 N"));
    assert!(lines.windows(2).all(|pair| pair[1].0 - pair[0].0 == 10), "{lines:?}");
}

#[test]
fn beyond_its_range_a_device_gives_no_number() {
    let over = Cell { range_n: 5.0, ..cell(6.0) };
    assert_eq!(texts(&said(&mut gauge(), over.clone(), &[(50, "?C")], 80)), ["OVER"]);
    let commands = [(50, "SI"), (90, "S"), (130, "Z"), (150, "ZI"), (170, "TI")];
    let lines = said(&mut balance(25.0), over, &commands, 200);
    assert_eq!(texts(&lines), ["S +", "S +", "Z +", "ZI +", "TI +"]);
}

#[test]
fn a_balance_holds_its_answer_until_the_weight_is_stable() {
    let lines = said(&mut balance(25.0), cell(0.980_665), &[(100, "S"), (1000, "SI")], 1100);
    // Half a second of stability after 100 ms of power; what is asked for at once is answered at once.
    let [(first_ms, first), (second_ms, second)] = &lines[..] else { panic!("{lines:?}") };
    assert_eq!((first.as_str(), second.as_str()), ("S S     100.00 g", "S S     100.00 g"));
    assert!((500..560).contains(first_ms) && *second_ms == 1005, "{lines:?}");
    let restless = Cell { noise_n: 0.05, ..cell(0.98) };
    let lines = said(&mut balance(25.0), restless.clone(), &[(100, "S")], 12_000);
    assert_eq!(texts(&lines), ["S I"], "a weight that never comes to rest");
    assert!((10_100..10_200).contains(&lines[0].0));
    let lines = said(&mut balance(25.0), restless, &[(1000, "SI")], 1100);
    assert!(lines[0].1.starts_with("S D "), "{lines:?}");
}

#[test]
fn a_balance_repeats_as_fast_as_its_line_carries_until_asked_once() {
    let lines = said(&mut balance(100.0), cell(0.5), &[(1000, "SIR"), (2000, "SI")], 3000);
    // 18 bytes at 9600 baud are 18.75 ms.
    assert!((53..=56).contains(&lines.len()), "{} lines", lines.len());
    assert!(lines.last().unwrap().0 <= 2005);
}

/// The weight once it is stable, then what it changes to, until something else is asked.
#[test]
fn a_balance_tells_changes_of_the_weight() {
    let commands = [(10, "SR"), (1000, "TA 0.20 g"), (1500, "TA 50.00 g"), (2000, "SI"), (2500, "TA 20.00 g")];
    let lines = said(&mut balance(25.0), cell(0.980_665), &commands, 3000);
    let weights: Vec<&(u64, String)> = lines.iter().filter(|(_, text)| text.starts_with("S ")).collect();
    let [(_, first), (changed_ms, changed), (2005, _)] = weights[..] else { panic!("{lines:?}") };
    assert_eq!((first.as_str(), changed.as_str()), ("S S     100.00 g", "S S      50.00 g"));
    assert!((1500..1540).contains(changed_ms), "{lines:?}");
}

#[test]
fn a_balance_has_a_display_and_keys() {
    let commands = [(10, "D \"HELLO\""), (20, "DW"), (30, "K 1"), (40, "K 9")];
    assert_eq!(texts(&said(&mut balance(25.0), cell(0.5), &commands, 60)), ["D A", "DW A", "K A", "K L"]);
}

#[test]
fn a_balance_zeroes_tares_and_tells_who_it_is() {
    let commands = [
        (1000, "T"),
        (1050, "SI"),
        (1100, "TAC"),
        (1150, "ZI"),
        (1200, "SI"),
        (1250, "TA 5.00 g"),
        (1300, "TA x g"),
        (1350, "@"),
        (1400, "SI"),
        (1450, "I2"),
        (1500, "XY"),
        (1550, "I0"),
    ];
    let lines = said(&mut balance(25.0), cell(0.980_665), &commands, 1700);
    let texts = texts(&lines);
    assert_eq!(
        texts[..11],
        [
            "T S     100.00 g",
            "S S       0.00 g",
            "TAC A",
            "ZI S",
            "S S       0.00 g",
            "TA A       5.00 g",
            "TA L",
            "I4 A \"B021002593\"",
            "S S     100.00 g",
            "I2 A \"SIM-1203 Simulated 1210.00 g\"",
            "ES"
        ]
    );
    assert!(texts[11].starts_with("I0 B 0 \"I0\"") && texts.last().unwrap().starts_with("I0 A 1 "));
}

#[test]
fn a_board_prints_its_banner_then_columns_at_its_own_pace() {
    let force = force(include_str!("../rigs/sim-line.toml"));
    let gauge = force.gauge.unwrap();
    let mut board = LineFirmware::new(&gauge, gauge.line.as_ref().unwrap(), Cell::default().n_per_count, 80.0);
    let lines = said(&mut board, cell(0.25), &[(700, "?")], 1400);
    assert_eq!(lines[0], (0, "SIM-LINE 1.0 ready".to_owned()));
    assert_eq!(lines[2].1, "413\t2500", "milliseconds and counts of 0.1 mN");
    assert!((79..=83).contains(&(lines.len() - 2)), "{} lines in a second", lines.len());
    assert!(lines.iter().any(|(ms, text)| *ms == 700 && text == "SIM-LINE 1.0"));
}
