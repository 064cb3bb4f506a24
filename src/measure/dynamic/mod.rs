//! Dynamic captures: face, stand-off scan, run of a stroking pen.

pub mod background;
pub mod elastic;
pub mod face;
pub mod follow;
pub mod grid;
pub mod inverse;
pub mod linear;
pub mod map;
pub mod run;
pub mod scan;
pub mod segment;
pub mod stroke;

use crate::{
    capture::{Block, Header, Phase, ReadError, Source},
    measure::{Measurement, Outcome, Refusal},
};

/// Measures a dynamic capture in one pass.
///
/// # Errors
///
/// [`ReadError`] of the source.
pub fn measure(header: &Header, source: &mut dyn Source) -> Result<Measurement, ReadError> {
    let mut gridder = grid::Gridder::new(header.sample_rate_hz);
    let mut touch = grid::Track::default();
    let mut standoff = grid::Track::default();
    let inverse = inverse::Inverse::new(header.force.as_ref(), header.sample_rate_hz, header.stroke_rate_hz.unwrap_or(100.0));
    let mut block = Block { first: 0, phase: Phase::Touch, t_s: vec![], force_n: vec![], stage_mm: vec![] };
    let mut stage: Option<(follow::Follower<'_>, scan::Scan, (f64, f64), f64)> = None;
    let mut piece = grid::Track::default();
    let mut refusal: Option<Refusal> = None;
    while source.next_block(&mut block)? {
        if refusal.is_some() {
            continue;
        }
        let track = match block.phase {
            Phase::Touch => &mut touch,
            Phase::Standoff => &mut standoff,
            _ => {
                piece = grid::Track::default();
                &mut piece
            }
        };
        for k in 0..block.t_s.len() {
            gridder.push(block.first + k as u64, block.t_s[k], block.force_n[k], block.stage_mm[k], track);
        }
        if block.phase != Phase::Run {
            continue;
        }
        if stage.is_none() {
            let face = match face::position(&touch, &inverse, header.compliance_mm_per_n) {
                Ok(face) => face,
                Err(r) => {
                    refusal = Some(r);
                    continue;
                }
            };
            match scan::measure(header, &standoff, &inverse, header.sample_rate_hz, face.0) {
                Ok(scan) => {
                    let touch_n = (8.0 * scan.lens.noise_n).max(0.05 * scan.peak_n);
                    let follower = follow::Follower::new(&inverse, scan.lens, touch_n, scan.background.clone(), standoff.force_n.len());
                    stage = Some((follower, scan, face, block.t_s[0]));
                }
                Err(r) => {
                    refusal = Some(r);
                    continue;
                }
            }
        }
        if let Some((follower, ..)) = &mut stage {
            follower.push(&piece);
        }
    }
    let outcome = match (refusal, stage) {
        (Some(r), _) => Err(r),
        (None, None) => Err(Refusal { code: "missing-phase".into(), message: String::new() }),
        (None, Some((mut follower, scan, face_mm, start_s))) => {
            follower.finish();
            let mut b = crate::uncertainty::Budget::default();
            b.random("fit", face_mm.1, None);
            let face_mm = &crate::uncertainty::Measured::new(face_mm.0, b);
            let run = run::Run {
                header,
                rate_hz: header.sample_rate_hz,
                start_s,
                first: standoff.force_n.len(),
                samples: follower.samples,
                face_mm,
                scan: &scan,
                unloading: &follower.unloading,
                begins_in_contact: follower.begins_in_contact,
                shapes: &follower.shapes,
            };
            run.measure().map(Outcome::Dynamic)
        }
    };
    Ok(Measurement { outcome, anomalies: gridder.faults.anomalies() })
}
