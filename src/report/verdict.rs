//! Verdicts in words: the same words in every report.

use crate::acceptance::Verdict;

/// The verdict in capitals.
pub fn word(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "ACCEPT",
        Verdict::Reject => "REJECT",
        Verdict::Inconclusive => "INCONCLUSIVE",
        Verdict::Aborted => "ABORTED",
    }
}

/// What the verdict of a run means, in one sentence for a reader who does not know the tool.
pub fn meaning(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "Every criterion of the plan was shown to hold at its stated confidence.",
        Verdict::Reject => {
            "The data are valid and the planned sample was met, but at least one criterion was not shown to hold."
        }
        Verdict::Inconclusive => {
            "There were too few, or invalid, data for a decision: neither acceptance nor rejection may be concluded."
        }
        Verdict::Aborted => {
            "The run ended before the data were complete: nothing may be concluded about the device from it."
        }
    }
}

/// A stable, lower-case name, as in `verdict.json`.
pub fn key(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Accept => "accept",
        Verdict::Reject => "reject",
        Verdict::Inconclusive => "inconclusive",
        Verdict::Aborted => "aborted",
    }
}

/// The sentence that stands wherever a simulated bench produced the data.
pub const SIMULATED: &str = "SIMULATED: a simulated bench produced these data. They say nothing about a real device.";
