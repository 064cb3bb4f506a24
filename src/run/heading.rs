//! The header of a capture: what the measurement must know of procedure, cartridge and calibration.

use crate::{
    capture::{ForceChannel, GaugeStudy, Header, Kind, Pairing, StageChannel},
    config::calibration::Calibration,
};

/// What a capture is of.
#[derive(Clone, Debug, PartialEq)]
pub struct Subject {
    /// Name of the data file.
    pub data: String,
    /// Sample rate, Hz.
    pub sample_rate_hz: f64,
    /// What the pen was told, mm.
    pub set_depth_mm: f64,
    /// What a running pen was told, Hz; `None` for a press.
    pub stroke_rate_hz: Option<f64>,
    /// Needles of the cartridge.
    pub needles: u32,
    /// Step of a reading, N, of a force device that tells values; `None` for counts.
    pub resolution_n: Option<f64>,
    /// How force values and positions were brought together; `None` where the force device latches both.
    pub pairing: Option<Pairing>,
    /// Whether a simulated bench produces it.
    pub simulated: bool,
}

/// The header of a press, or of a run where there is a stroke rate, on a bench of this calibration.
pub fn header(calibration: &Calibration, subject: Subject) -> Header {
    Header {
        schema: "capture/1".to_owned(),
        kind: if subject.stroke_rate_hz.is_some() { Kind::Dynamic } else { Kind::Press },
        data: subject.data,
        sample_rate_hz: subject.sample_rate_hz,
        set_depth_mm: Some(subject.set_depth_mm),
        needles: Some(subject.needles),
        compliance_mm_per_n: calibration.compliance.mm_per_n,
        compliance_u_mm_per_n: Some(calibration.compliance.u_mm_per_n),
        force: Some(ForceChannel {
            natural_hz: calibration.response.natural_hz,
            damping: calibration.response.damping,
            resolution_n: subject.resolution_n.unwrap_or(calibration.force.n_per_count.abs()),
            range_n: Some(calibration.force.range_n),
            natural_u_hz: Some(calibration.response.natural_u_hz),
            damping_u: Some(calibration.response.damping_u),
            scale_u: Some(calibration.force.scale_u),
        }),
        stage: Some(StageChannel {
            resolution_mm: calibration.encoder.mm_per_count,
            scale_u_mm: Some(calibration.encoder.scale_u_mm),
        }),
        gauge: calibration.repeatability.as_ref().map(|found| GaugeStudy {
            repeatability_u_mm: found.u_mm,
            repeatability_dof: found.df,
            reproducibility_u_mm: found.reproducibility_u_mm,
            reproducibility_dof: found.reproducibility_df,
        }),
        stroke_rate_hz: subject.stroke_rate_hz,
        pairing: subject.pairing,
        simulated: subject.simulated,
    }
}
