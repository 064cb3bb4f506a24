//! Cramér-Rao bound of the onset of a press whose law is a power law known up to its parameters.
//!
//! Samples `F_k = b + A Σ_i max(0, z_k - z_0 - h_i)^p + noise`, white of SD σ, along a constant speed v at a sample
//! rate f, so that z_k advances by v/f; tip heights `h_i` known. Unknown are z_0, A, p and b. For Gaussian noise the
//! Fisher matrix is `I = Σ_k g_k g_kᵀ / σ²` with `g_k = ∂F_k/∂(z_0, A, p, b)`, and no unbiased estimate of z_0 has a
//! variance below `(I⁻¹)₁₁` (Kay 1993, Fundamentals of Statistical Signal Processing: Estimation Theory, sections 3.7
//! and 3.9). Rows count from the free way before contact up to the dimple at which a needle of mean toughness enters.
//! Left out, since small: the give of the load path (a few per cent of the bound) and relaxation.

use super::world::Drawn;
use rig::{config::world::Law, procedure::press};

/// Free way before the onset that belongs to the press, mm.
const FREE_WAY_MM: f64 = 0.4;
const PARAMETERS: usize = 4;

/// The smallest SD of an unbiased onset, mm; `None` where the law is no power law, or nothing is entered in the press.
pub fn onset_sd_mm(drawn: &Drawn, behind_mm: &[f64]) -> Option<f64> {
    let phantom = &drawn.world.phantom;
    if phantom.law != Law::Power {
        return None;
    }
    let (power, scale) = (phantom.exponent, phantom.force_at_100um_n * 0.1_f64.powf(-phantom.exponent));
    let entry_mm = (phantom.puncture_force_n / scale).powf(1.0 / power);
    if entry_mm > drawn.set_depth_mm {
        return None;
    }
    let step_mm = drawn.press_speed_mm_s / press::SAMPLE_RATE_HZ;
    let mut fisher = [[0.0; PARAMETERS]; PARAMETERS];
    let rows = ((FREE_WAY_MM + entry_mm) / step_mm) as usize;
    for row in 0..rows {
        let beyond_mm = row as f64 * step_mm - FREE_WAY_MM;
        let mut gradient = [0.0, 0.0, 0.0, 1.0];
        for behind_mm in behind_mm {
            let dimple_mm = beyond_mm - behind_mm;
            if dimple_mm > 0.0 {
                gradient[0] -= scale * power * dimple_mm.powf(power - 1.0);
                gradient[1] += dimple_mm.powf(power);
                gradient[2] += scale * dimple_mm.powf(power) * dimple_mm.ln();
            }
        }
        for i in 0..PARAMETERS {
            for j in 0..PARAMETERS {
                fisher[i][j] += gradient[i] * gradient[j];
            }
        }
    }
    Some(drawn.world.cell.noise_n * first_of_inverse(fisher)?.sqrt())
}

/// First diagonal element of the inverse, by the Schur complement of the rest.
fn first_of_inverse(matrix: [[f64; PARAMETERS]; PARAMETERS]) -> Option<f64> {
    let mut reduced = matrix;
    for pivot in (1..PARAMETERS).rev() {
        let of = reduced[pivot][pivot];
        if of <= 0.0 {
            return None;
        }
        for i in 0..pivot {
            for j in 0..pivot {
                reduced[i][j] -= reduced[i][pivot] * reduced[pivot][j] / of;
            }
        }
    }
    (reduced[0][0] > 0.0).then(|| 1.0 / reduced[0][0])
}
