//! What is not known of the cell's frequency response, as terms of the protrusion from first touches.
//!
//! The first touches are taken once more through a response that is off by one standard uncertainty, in natural
//! frequency and in damping; what the protrusion moves by is the term (JCGM 100, 5.1.3, by finite difference).
//! Where the calibration states no uncertainty, that of a plucked cell is assumed, which [`assumed`] says.
//!
//! Deliberately absent: the response itself, which is taken out by [`crate::measure::dynamic::inverse`].

use crate::{
    capture::{ForceChannel, Header},
    measure::{
        Anomaly,
        dynamic::{
            background::Background,
            elastic::{self, Contact, Pulse, Setting},
            inverse::Inverse,
        },
    },
};

/// Relative standard uncertainties of natural frequency and damping where the calibration states none: what a plucked
/// cell scatters by (derived).
const NATURAL_RELATIVE: f64 = 0.02;
const DAMPING_RELATIVE: f64 = 0.05;
/// Relative standard uncertainty of the compliance where the calibration states none.
pub const COMPLIANCE_RELATIVE: f64 = 0.03;

/// First touches and how they were read.
#[derive(Debug)]
pub struct Touches<'a> {
    /// The pulses that were cut out.
    pub pulses: &'a [Pulse],
    /// Readings of the scan, N.
    pub readings_n: &'a [f64],
    /// Background of the scan before the first touch.
    pub background: &'a Background,
    /// Sample rate and stroke rate, Hz.
    pub rates_hz: (f64, f64),
}

impl Touches<'_> {
    /// Standard uncertainties of `contact`'s protrusion from natural frequency and damping, mm.
    pub fn response_u_mm(&self, channel: &ForceChannel, contact: &Contact, setting: &Setting) -> (f64, f64) {
        let natural_u = channel.natural_u_hz.unwrap_or(NATURAL_RELATIVE * channel.natural_hz);
        let damping_u = channel.damping_u.unwrap_or(DAMPING_RELATIVE * channel.damping);
        let as_read = elastic::refit(self.pulses, setting, contact);
        let moved = |natural_hz: f64, damping: f64| {
            let channel = ForceChannel { natural_hz, damping, ..channel.clone() };
            let inverse = Inverse::new(Some(&channel), self.rates_hz.0, self.rates_hz.1);
            let pulses: Vec<Pulse> = self.pulses.iter().filter_map(|pulse| self.again(pulse, &inverse)).collect();
            let otherwise = elastic::refit(&pulses, setting, contact);
            // Where either fails, nothing is known of the protrusion.
            as_read.zip(otherwise).map_or(contact.protrusion_mm, |(a, b)| b - a)
        };
        let natural = moved(channel.natural_hz + natural_u, channel.damping);
        let damping = moved(channel.natural_hz, channel.damping + damping_u);
        (natural.abs(), damping.abs())
    }

    /// A pulse through another inverse.
    fn again(&self, pulse: &Pulse, inverse: &Inverse) -> Option<Pulse> {
        let from = pulse.sample.checked_sub(inverse.reach())?;
        let readings = self.readings_n.get(from..pulse.sample + pulse.force_n.len() + inverse.reach())?;
        let mut force_n = Vec::with_capacity(pulse.force_n.len());
        inverse.apply(readings, &mut force_n);
        self.background.subtract(pulse.sample as f64, &mut force_n);
        Some(Pulse { force_n, ..pulse.clone() })
    }
}

/// What the header leaves open and what was assumed in its place.
pub fn assumed(header: &Header) -> Option<Anomaly> {
    let mut open = Vec::new();
    let percent = |what: &str, relative: f64| format!("{what} {:.0} %", 100.0 * relative);
    match &header.force {
        None => open.push("force (a cell that follows at once)".to_owned()),
        Some(force) => {
            let pairs = [
                (force.natural_u_hz, "force.natural_u_hz", NATURAL_RELATIVE),
                (force.damping_u, "force.damping_u", DAMPING_RELATIVE),
            ];
            open.extend(pairs.iter().filter(|pair| pair.0.is_none()).map(|pair| percent(pair.1, pair.2)));
        }
    }
    if header.compliance_u_mm_per_n.is_none() {
        open.push(percent("compliance_u_mm_per_n", COMPLIANCE_RELATIVE));
    }
    match &header.stage {
        None => open.push("stage (a perfect encoder)".to_owned()),
        Some(stage) if stage.scale_u_mm.is_none() => open.push("stage.scale_u_mm 0".to_owned()),
        Some(_) => {}
    }
    let open_keys = [(header.needles.is_none(), "needles 1"), (header.stroke_rate_hz.is_none(), "stroke_rate_hz 100")];
    open.extend(open_keys.iter().filter(|key| key.0).map(|key| key.1.to_owned()));
    (!open.is_empty()).then(|| Anomaly {
        code: "assumed".to_owned(),
        count: open.len() as u64,
        message: format!("the header does not state what was therefore assumed: {}", open.join(", ")),
    })
}

#[cfg(test)]
mod tests {
    use super::assumed;
    use crate::capture::header::parse;

    #[test]
    fn what_the_header_leaves_open_is_named() {
        let text = r#"{"schema": "capture/1", "kind": "dynamic", "data": "a.csv", "sample_rate_hz": 6000,
            "set_depth_mm": 1.5, "needles": 12, "compliance_mm_per_n": 0.01, "compliance_u_mm_per_n": 0.0003,
            "force": {"natural_hz": 500, "damping": 0.4, "resolution_n": 0.0001, "natural_u_hz": 5, "damping_u": 0.01},
            "stage": {"resolution_mm": 0.0001, "scale_u_mm": 0.0001}, "stroke_rate_hz": 110}"#;
        let mut header = parse("a.json", text).expect("a header");
        assert_eq!(assumed(&header), None);
        header.compliance_u_mm_per_n = None;
        header.force.as_mut().expect("a channel").damping_u = None;
        let anomaly = assumed(&header).expect("two are open");
        assert_eq!((anomaly.code.as_str(), anomaly.count), ("assumed", 2));
        assert!(anomaly.message.contains("damping_u 5 %") && anomaly.message.contains("compliance_u_mm_per_n 3 %"));
        header.force = None;
        assert!(assumed(&header).expect("open").message.contains("force (a cell that follows at once)"));
    }
}
