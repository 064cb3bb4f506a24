//! Sessions with gauges, balances and printed lines at the boundary where bytes enter and leave: what becomes a force,
//! what becomes a fault, and what must become neither.

#![expect(clippy::unwrap_used, reason = "what cannot be set up is a failed test")]

use proptest::prelude::*;
use rig::{
    config::{
        self,
        gauge::Gauge,
        rig::{Force, Rig},
    },
    device::{
        DeviceFault, ForceDaq, ForceSample, Tie, force_line::Lines, force_mark10::Mark10, force_mt_sics::MtSics,
        gauge::GaugeSession,
    },
    time::RunTime,
};
use std::time::Duration;

const MARK10: &str = include_str!("../rigs/sim-mark10.toml");
const BALANCE: &str = include_str!("../rigs/sim-mt-sics.toml");
const LINE: &str = include_str!("../rigs/sim-line.toml");

fn force(text: &str) -> Force {
    config::parse::<Rig>("rig.toml", text).unwrap().force
}

fn gauge(text: &str) -> Gauge {
    force(text).gauge.unwrap()
}

/// The other end of the line, by hand.
struct Hand {
    session: Box<dyn ForceDaq>,
    now: RunTime,
}

impl Hand {
    fn mark10(extra: &str) -> Self {
        let gauge = gauge(&MARK10.replace("[force.gauge]", &format!("[force.gauge]\n{extra}")));
        Self::with(Box::new(GaugeSession::new(Mark10::new(gauge.unit), gauge)))
    }

    fn balance(extra: &str) -> Self {
        let gauge = gauge(&BALANCE.replace("[force.gauge]", &format!("[force.gauge]\n{extra}")));
        Self::with(Box::new(GaugeSession::new(MtSics::new(gauge.unit, gauge.lenient_id), gauge)))
    }

    fn line() -> Self {
        let gauge = gauge(LINE);
        let lines = Lines::new(gauge.line.clone().unwrap(), gauge.unit, gauge.identity.clone());
        Self::with(Box::new(GaugeSession::new(lines, gauge)))
    }

    fn with(session: Box<dyn ForceDaq>) -> Self {
        Self { session, now: RunTime::ZERO + Duration::from_secs(1) }
    }

    /// Lets time pass; what was sent meanwhile.
    fn wait(&mut self, ms: u64) -> String {
        let mut sent = String::new();
        for _ in 0..=ms {
            while let Some((bytes, _)) = self.session.transmit() {
                sent.push_str(&String::from_utf8(bytes).unwrap());
            }
            self.now = self.now + Duration::from_millis(1);
            self.session.tick(self.now);
        }
        sent
    }

    fn say(&mut self, text: &str) {
        self.session.receive(self.now, text.as_bytes());
    }

    /// Says each answer once something was asked.
    fn answer(&mut self, answers: &[&str]) {
        for answer in answers {
            self.wait(2);
            self.say(answer);
        }
    }

    fn identify(&mut self, answers: &[&str]) -> String {
        self.session.identify(self.now);
        let sent = self.wait(125);
        self.answer(answers);
        sent
    }

    fn samples(&mut self) -> Vec<ForceSample> {
        let mut samples = Vec::new();
        self.session.drain(&mut samples);
        samples
    }

    fn micronewtons(&mut self) -> Vec<i32> {
        self.samples().iter().map(|sample| sample.force_counts).collect()
    }

    fn fault(&mut self) -> String {
        self.session.take_fault().map(|fault| fault.to_string()).unwrap_or_default()
    }
}

/// When each sample was measured.
fn times(hand: &mut Hand) -> Vec<RunTime> {
    let at = |sample: ForceSample| match sample.tie {
        Tie::Separate { at, .. } => Some(at),
        Tie::Latched { .. } => None,
    };
    hand.samples().into_iter().filter_map(at).collect()
}

const MARK10_IDENTITY: [&str; 3] = ["M5-2\r\n", "3456789\r\n", "1.04\r\n"];
const BALANCE_IDENTITY: [&str; 4] =
    ["I4 A \"B021002593\"\r\n", "I1 A \"01\" \"2.30\"\r\n", "I2 A \"XS1203S\"\r\n", "I3 A \"1.10\"\r\n"];

#[test]
fn a_gauge_that_sends_by_itself_is_silenced_before_it_is_asked_who_it_is() {
    let mut hand = Hand::mark10("identity = \"M5-2\"");
    hand.session.identify(hand.now);
    assert_eq!(hand.wait(50), "AOUT00\r\n");
    hand.say("1.234 N\r\n4.2");
    assert_eq!(hand.wait(100), "", "the line is not quiet yet");
    assert_eq!(hand.wait(25), "RM\r\n");
    hand.answer(&["M5-2\r\n", "3456789\r\n", "1.04\r\n"]);
    let identity = hand.session.identity().unwrap();
    assert_eq!((identity.model.as_str(), identity.serial.as_str()), ("Mark-10 M5-2", "3456789"));
    assert_eq!((hand.micronewtons(), hand.fault(), hand.session.damage()), (vec![], String::new(), String::new()));
}

#[test]
fn another_device_is_refused() {
    let mut hand = Hand::mark10("identity = \"M7-5\"");
    hand.identify(&MARK10_IDENTITY);
    assert!(hand.fault().contains("Mark-10 M5-2, serial 3456789; wanted is \"M7-5\""));
}

#[test]
fn a_reading_asked_for_was_measured_between_question_and_answer() {
    let mut hand = Hand::mark10("output = \"poll\"");
    hand.identify(&MARK10_IDENTITY);
    hand.session.start(hand.now, 50.0);
    assert_eq!(hand.wait(9), "?C\r\n");
    let answered = hand.now;
    hand.say("-0.018 N\r\n");
    let samples = hand.samples();
    let [ForceSample { force_counts: -18_000, tie: Tie::Separate { at, u } }] = samples[..] else {
        panic!("{samples:?}");
    };
    // Asked 9 ms before; the rig file's delay of 5 ms is taken out of the middle.
    let age_s = answered.since(at).as_secs_f64();
    assert!((0.009..0.0105).contains(&age_s), "{age_s}");
    assert!((2.3e-3..2.9e-3).contains(&u.as_secs_f64()), "{u:?}");
}

#[test]
fn a_late_answer_is_never_that_to_the_next_question() {
    let mut hand = Hand::mark10("output = \"poll\"");
    hand.identify(&MARK10_IDENTITY);
    hand.session.start(hand.now, 50.0);
    assert_eq!(hand.wait(5), "?C\r\n");
    assert_eq!(hand.wait(150), "AOUT00\r\n", "silent for 150 ms: the line is drained");
    hand.say("7.777 N\r\n");
    assert_eq!(hand.wait(115), "");
    assert_eq!(hand.wait(10), "RM\r\n", "then a question that no reading answers");
    hand.say("8.888 N\r\nM5-2\r\n");
    assert_eq!(hand.wait(2), "?C\r\n");
    hand.say("1.000 N\r\n");
    assert_eq!(hand.micronewtons(), [1_000_000]);
    assert_eq!(hand.fault(), "");
    assert!(hand.session.damage().contains("2 answered nothing pending"), "{}", hand.session.damage());
}

#[test]
fn a_silent_gauge_is_named_with_what_it_was_asked() {
    let mut hand = Hand::mark10("");
    hand.identify(&[]);
    hand.say("M5");
    hand.wait(2000);
    let fault = hand.fault();
    assert!(fault.contains("did not answer RM within 150 ms in 3 attempts (2 bytes came in all)"), "{fault}");
}

#[test]
fn no_number_comes_of_a_unit_that_was_not_agreed_of_a_refusal_or_of_half_a_line() {
    for (said, expected) in [
        ("1.234 lbF\r\n", "it shows lbF, the rig file says N"),
        ("1.234\r\n", "has no unit"),
        ("*10\r\n", "refused AOUT100: gauge refused the command: *10 illegal command"),
        ("1.234 N", ""),
    ] {
        let mut hand = Hand::mark10("");
        hand.identify(&MARK10_IDENTITY);
        hand.session.start(hand.now, 100.0);
        assert_eq!(hand.wait(2), "AOUT100\r\n");
        hand.say(said);
        let fault = hand.fault();
        assert!(fault.contains(expected) && fault.is_empty() == expected.is_empty(), "{said:?}: {fault}");
        assert_eq!(hand.micronewtons(), Vec::<i32>::new(), "{said:?}");
    }
}

#[test]
fn a_balance_is_believed_by_the_id_of_its_answers() {
    for (extra, id, expected) in [("", "S", 1), ("", "SI", 0), ("lenient_id = true", "SI", 1)] {
        let mut hand = Hand::balance(&format!("output = \"poll\"\n{extra}"));
        hand.identify(&BALANCE_IDENTITY);
        assert_eq!(hand.session.identity().unwrap().model, "XS1203S (MT-SICS 01 2.30)");
        hand.session.start(hand.now, 25.0);
        assert_eq!(hand.wait(2), "SI\r\n");
        hand.say(&format!("{id} D     100.00 g\r\n"));
        // 0.1 kg by standard gravity.
        assert_eq!(hand.micronewtons(), vec![980_665; expected], "{id} {extra}");
        assert_eq!(hand.fault().contains("set force.gauge.lenient_id = true"), expected == 0, "{id} {extra}");
    }
}

#[test]
fn what_a_balance_cannot_say_is_no_weight() {
    for (said, expected) in [
        ("S +\r\n", ""),
        ("S I\r\n", "refused SIR: balance cannot do it now"),
        ("ES\r\n", "refused SIR: balance does not know the command"),
        ("S S     100.00 kg\r\n", "it shows kg, the rig file says g"),
        ("S S     100.00 oz\r\n", "unit \"oz\""),
    ] {
        let mut hand = Hand::balance("");
        hand.identify(&BALANCE_IDENTITY);
        hand.session.start(hand.now, 25.0);
        assert_eq!(hand.wait(2), "SIR\r\n");
        hand.say(said);
        let fault = hand.fault();
        assert!(fault.contains(expected) && fault.is_empty() == expected.is_empty(), "{said:?}: {fault}");
        assert_eq!((hand.micronewtons(), hand.session.overloaded()), (vec![], said == "S +\r\n"));
    }
}

#[test]
fn printed_lines_begin_with_a_whole_one_and_torn_ones_are_counted() {
    let mut hand = Hand::line();
    hand.session.identify(hand.now);
    assert_eq!(hand.wait(1), "?\n");
    hand.say("345\r\n10\t7\r\nSIM-LINE 1.0\r\n");
    assert_eq!(hand.session.identity().unwrap().model, "SIM-LINE 1.0");
    hand.session.start(hand.now, 80.0);
    hand.wait(1);
    hand.say("1000\t5000\r\n10");
    hand.wait(12);
    hand.say("12\t5001\r\n5002\r\n1037\t5003\r\n");
    assert_eq!(hand.micronewtons(), [500_000, 500_100, 500_300]);
    assert!(hand.session.damage().starts_with("1 lines not understood"), "{}", hand.session.damage());
    assert_eq!(hand.session.lost(), 1, "by the board's own clock");
    hand.say("1030\t5004\r\n");
    assert!(hand.fault().contains("clock stood still or went back"));
}

#[test]
fn noise_of_another_baud_rate_is_called_so() {
    let mut hand = Hand::mark10("");
    hand.identify(&MARK10_IDENTITY);
    hand.session.start(hand.now, 100.0);
    hand.wait(1);
    hand.say(&"~x\u{7f}\r\n".repeat(12));
    let fault = hand.fault();
    assert!(
        fault.contains("12 lines in a row cannot be understood") && fault.contains("check the baud rate"),
        "{fault}"
    );
}

#[test]
fn one_device_is_not_taken_for_another_by_its_fault() {
    let mut hand = Hand::mark10("identity = \"M7\"");
    hand.identify(&MARK10_IDENTITY);
    assert!(matches!(hand.session.take_fault(), Some(DeviceFault::WrongDevice { .. })));
}

proptest! {
    #[test]
    fn chunks_change_no_force(forces in prop::collection::vec(-99_999..99_999_i32, 1..20), size in 1_usize..9) {
        let text: String = forces.iter().map(|force| format!("{:.3} N\r\n", f64::from(*force) * 1e-3)).collect();
        let mut hand = Hand::mark10("");
        hand.identify(&MARK10_IDENTITY);
        hand.session.start(hand.now, 100.0);
        for chunk in text.as_bytes().chunks(size) {
            hand.wait(1);
            hand.session.receive(hand.now, chunk);
        }
        let expected: Vec<i32> = forces.iter().map(|force| force * 1000).collect();
        prop_assert_eq!(hand.micronewtons(), expected);
    }

    #[test]
    fn any_bytes_at_any_time(
        chunks in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..40), 0..200_u64), 0..20),
        lines in prop::collection::vec("(S [SD+I-] ?[0-9.]{0,6} ?[kg]{0,2}|-?[0-9.]{0,7} ?[Nlb]{0,3}|I4 A)?\r\n", 0..20),
    ) {
        for mut hand in [Hand::mark10(""), Hand::mark10("output = \"poll\""), Hand::balance(""), Hand::line()] {
            hand.session.identify(hand.now);
            for (bytes, ms) in &chunks {
                hand.session.receive(hand.now, bytes);
                hand.wait(*ms);
            }
            hand.session.start(hand.now, 50.0);
            for line in &lines {
                hand.say(line);
                hand.wait(3);
            }
            hand.session.end(hand.now);
            hand.wait(10);
            prop_assert!(times(&mut hand).is_sorted());
        }
    }

    #[test]
    fn times_go_forward_whatever_the_pace(steps_ms in prop::collection::vec(1..60_u64, 60)) {
        let mut gauge = Hand::mark10("");
        gauge.identify(&MARK10_IDENTITY);
        let mut balance = Hand::balance("");
        balance.identify(&BALANCE_IDENTITY);
        for (mut hand, reading) in [(gauge, "0.250 N\r\n"), (balance, "S D      25.00 g\r\n")] {
            hand.session.start(hand.now, 50.0);
            // Some of a pace that is none, and then many at once: what was held back.
            for ms in steps_ms.iter().copied().chain([0; 40]) {
                hand.wait(ms);
                hand.say(reading);
            }
            let times = times(&mut hand);
            prop_assert_eq!(times.len(), 100);
            prop_assert!(times.is_sorted(), "{:?}", times);
        }
    }
}
