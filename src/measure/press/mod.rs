//! Press captures: face, tip, protrusion and penetration of needles that are held (quasi-static).
//!
//! 1. `screen` leaves out rows that cannot be believed, or refuses.
//! 2. [`background`] takes out offset, drift and hum, from the rows without contact.
//! 3. [`contact`] corrects the surface position for compliance (z - C F) and lag of the cell (speed times group delay
//!    2 zeta / omega), finds contact roughly, and bins.
//!    [`steady`] leaves out or refuses where something other than contact acted on the cell.
//! 4. [`tips`] picks the rows and [`onset`] finds where contact begins: the face from the touch, the foremost tip from
//!    press and withdrawal, less what the phantom relaxed ([`relaxation`]).
//! 5. [`unloading`] gives the dimple at the hold, and with it the penetration.
//!
//! Penetration = protrusion - gap - dimple. Written out, the face and the compliance cancel: it is the surface position
//! at which the unloading line crosses zero force, less the position of the tip.
//!
//! Deliberately absent: acceptance, and any force law that must hold.

pub mod background;
pub mod contact;
pub mod fit;
pub mod heights;
pub mod onset;
pub mod relaxation;
pub mod result;
pub mod steady;
pub mod tips;
pub mod traces;
pub mod unloading;

use crate::{
    capture::{Header, memory::Recording},
    measure::{Anomaly, Measurement, Outcome, Press, Refusal, screen},
};

/// Measures a press capture: the measurands with their budgets, or why there are none, and every fault that was found.
pub fn measure(header: &Header, recording: &Recording) -> Measurement {
    let mut anomalies = Vec::new();
    let outcome = press(header, recording, &mut anomalies).map(Outcome::Press);
    Measurement { outcome, anomalies }
}

fn press(header: &Header, recording: &Recording, anomalies: &mut Vec<Anomaly>) -> Result<Press, Refusal> {
    let mut screened = screen::press(header, recording, anomalies)?;
    let traces = traces::Traces::of(header, recording, &mut screened, anomalies)?;
    result::Evidence::of(header, &screened.recording, &traces)?.press(header, &screened, anomalies)
}
