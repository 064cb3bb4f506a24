//! Structures of data for the proof of risk, drawn from a factorial plan (statistics.md, section 7).
//!
//! Deliberately absent: shapes other than normal, for which nothing is claimed; see [`super::risk`].

use super::synthetic::Process;
use crate::prng::Stream;

const PENS: [usize; 4] = [1, 3, 5, 10];
const CARTRIDGES: [usize; 5] = [3, 5, 10, 20, 30];
const STROKES: [usize; 2] = [20, 200];
/// Shares of the variance between pens (where there are several) and between cartridges.
const SHARES: [(f64, f64); 5] = [(0.0, 0.0), (0.0, 0.5), (0.0, 0.95), (0.4, 0.3), (0.7, 0.25)];
const PHIS: [f64; 4] = [0.0, 0.5, 0.9, 0.97];
const ABOVE: [f64; 3] = [0.5, 0.8, 0.999_999];
const U_RATIOS: [f64; 3] = [0.0, 0.3, 1.0];

/// `count` different structures of the factorial plan (statistics.md, section 7), drawn by `seed`: normal strokes of every
/// number of pens, cartridges and strokes, division of the variance, memory, position, uncertainty and balance.
pub fn factorial(count: usize, seed: u64) -> Vec<Process> {
    let mut stream = Stream::named(seed, "factorial");
    let mut found: Vec<Process> = Vec::new();
    let sizes =
        PENS.len() * CARTRIDGES.len() * STROKES.len() * SHARES.len() * PHIS.len() * ABOVE.len() * U_RATIOS.len() * 2;
    let mut any = |n: usize| ((stream.uniform() * n as f64) as usize).min(n - 1);
    while found.len() < count.min(sizes / 2) {
        let pens = PENS[any(PENS.len())];
        let (share_pens, share_cartridges) = SHARES[any(SHARES.len())];
        let process = Process {
            share_pens: if pens == 1 { 0.0 } else { share_pens },
            share_cartridges,
            phi: PHIS[any(PHIS.len())],
            above: ABOVE[any(ABOVE.len())],
            u_ratio: U_RATIOS[any(U_RATIOS.len())],
            unbalanced: any(2) == 1,
            ..Process::plain(pens, CARTRIDGES[any(CARTRIDGES.len())], STROKES[any(STROKES.len())])
        };
        if !found.contains(&process) {
            found.push(process);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::factorial;

    #[test]
    fn structures_differ_and_repeat() {
        let found = factorial(300, 1);
        assert_eq!(found.len(), 300);
        assert_eq!(found, factorial(300, 1));
        assert!(found.iter().all(|process| process.pens > 1 || process.share_pens == 0.0));
        assert!((1..found.len()).all(|index| !found[..index].contains(&found[index])));
    }
}
