//! Test plans (TOML): what is measured, and the criteria that decide, each with its rationale.
//!
//! A plan is written and signed before the data. All that could be chosen after a look at them is chosen here: the
//! limits, the statistic, what happens where the values are not normal.
//! Deliberately absent: default limits; a plan without a limit is refused.

use super::{Document, Problem};
use crate::units::within;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A plan file (`plan/1`). `rig accept` needs `name` and the criteria alone.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plan {
    /// Always `plan/1`.
    pub schema: String,
    /// Name, as given to `--plan`.
    pub name: String,
    /// Number of cartridges that a full run measures, each with every set depth. Absent: no number is promised, and a
    /// criterion is judged on what there is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cartridges: Option<u32>,
    /// Risks from which the number of cartridges follows where `cartridges` is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<Risk>,
    /// Number of pens that a full validation measures; absent as for `cartridges`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pens: Option<u32>,
    /// Which of the cartridge's set depths are measured; absent: all.
    #[serde(default)]
    pub set_depths: SetDepths,
    /// Quasi-static presses; absent where none are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub press: Option<PressPlan>,
    /// Runs of the stroking pen; absent where none are made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dynamic: Option<DynamicPlan>,
    /// A study of the bench itself in place of a pen's validation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub msa: Option<GaugePlan>,
    /// Largest share of the captures of a set depth that may be refused before its criteria are inconclusive; 0 unless
    /// named. What could not be measured may well be what would have failed.
    #[serde(default)]
    pub refused_share: f64,
    /// What must hold; at least one.
    #[serde(rename = "criterion")]
    pub criteria: Vec<Criterion>,
}

/// What the number of cartridges is worked out from. The consumer's risk has no key of its own: at each criterion it is
/// 1 less its `confidence`, for a process with a share `1 - coverage` outside.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Risk {
    /// Producer's risk: probability that a good pen fails a two-sided tolerance criterion at one set depth.
    pub producer: f64,
    /// Capability of a good pen: half-width of the limits over three of its total SDs.
    pub capability: f64,
    /// Share of the variance that lies between cartridges (intraclass correlation), from earlier data.
    pub icc: f64,
}

/// Which of the cartridge's set depths a plan measures, where none are named on the command line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SetDepths {
    /// All that the cartridge file names.
    #[default]
    All,
    /// The largest alone.
    Largest,
}

/// Presses of one set depth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PressPlan {
    /// Fresh sites for each set depth.
    pub sites: u32,
    /// Speed of the stage in the press, mm/s.
    pub speed_mm_s: f64,
}

/// Runs of one set depth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DynamicPlan {
    /// Rates that the pen is told, Hz; each is a run of its own.
    pub stroke_rates_hz: Vec<f64>,
    /// Strokes for each set depth and rate, after the stand-off scan.
    pub strokes: u32,
}

/// Presses on a reference that measure the bench: each operator mounts the reference pen and presses at places of his
/// own, several times in each on fresh spots beside one another, since a press destroys its spot.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GaugePlan {
    /// Who mounts and presses, one session each, in this order.
    pub operators: Vec<String>,
    /// Places on the reference for each operator.
    pub sites: u32,
    /// Presses at each place.
    pub repeats: u32,
    /// Speed of the stage in the press, mm/s.
    pub speed_mm_s: f64,
    /// Half-width of the tolerance that the bench is to judge, mm.
    pub tolerance_mm: f64,
}

/// A measured quantity that a criterion judges.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Quantity {
    /// How far the foremost tip stands out of the face, mm.
    Protrusion,
    /// Length of the foremost needle inside the phantom, mm.
    Penetration,
    /// Strokes per second, Hz.
    PunctureRate,
    /// SD of protrusion over the strokes of a cartridge, mm.
    StrokeSd,
    /// Share of strokes that should have reached the phantom and did not.
    Missed,
    /// Change of protrusion from the first to the last stroke of a run, mm.
    Drift,
    /// SD of repeated presses on a reference under one mounting, mm.
    Repeatability,
    /// Six SDs of the bench (repeatability and mountings together) as a share of the width of the tolerance.
    Grr,
}

impl Quantity {
    /// Name in plans, archives and CSV.
    pub fn name(self) -> &'static str {
        match self {
            Self::Protrusion => "protrusion",
            Self::Penetration => "penetration",
            Self::PunctureRate => "puncture_rate",
            Self::StrokeSd => "stroke_sd",
            Self::Missed => "missed",
            Self::Drift => "drift",
            Self::Repeatability => "repeatability",
            Self::Grr => "grr",
        }
    }

    /// Unit of its values and limits; `1` for a share.
    pub fn unit(self) -> &'static str {
        match self {
            Self::PunctureRate => "Hz",
            Self::Missed | Self::Grr => "1",
            _ => "mm",
        }
    }

    /// Whether it is one of the bench and not of a pen.
    pub fn is_of_the_bench(self) -> bool {
        matches!(self, Self::Repeatability | Self::Grr)
    }
}

/// What of the quantity is compared with the limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Statistic {
    /// The interval that covers `coverage` of the population with `confidence`.
    Tolerance,
    /// The confidence interval of the mean, each side at `confidence`.
    Mean,
    /// The upper confidence limit of the SD within cartridges.
    Sd,
    /// The upper confidence limit of a share.
    Share,
}

/// Which measurements a criterion judges; they are different data sets and are never mixed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum DataSource {
    /// Strokes of the running pen.
    Strokes,
    /// Quasi-static presses.
    Presses,
}

/// How the population is described, decided before the data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Population {
    /// Normal.
    #[default]
    Normal,
    /// No assumption: order statistics of one cartridge; with several, `coverage` is the share of cartridges of which
    /// every value lies inside the limits.
    Nonparametric,
    /// Normal after the Box-Cox transformation with the declared `lambda`.
    Boxcox,
}

/// What follows where the values are grossly not normal although the plan takes them as such.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum NotNormal {
    /// The verdict stands, the finding is printed beside it.
    #[default]
    Report,
    /// No verdict.
    Inconclusive,
    /// The non-parametric method decides.
    Nonparametric,
}

/// One acceptance criterion.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Criterion {
    /// Name, unique in the plan.
    pub id: String,
    /// What is judged.
    pub quantity: Quantity,
    /// Which statistic of it.
    pub statistic: Statistic,
    /// Limits at this distance from the set depth (from zero for a drift), mm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_mm: Option<f64>,
    /// Limits at this percentage of the set depth about it (of the set rate, for the puncture rate).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tolerance_percent: Option<f64>,
    /// Lower limit, mm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_mm: Option<f64>,
    /// Upper limit, mm.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_mm: Option<f64>,
    /// Lower limit, Hz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lower_hz: Option<f64>,
    /// Upper limit, Hz.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_hz: Option<f64>,
    /// Upper limit of a share, between 0 and 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub upper_share: Option<f64>,
    /// Judged at this set depth alone, mm; absent: at every set depth that was measured.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub set_depth_mm: Option<f64>,
    /// Strokes or presses; absent: strokes where there are any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<DataSource>,
    /// Share of the population inside the interval; for the tolerance statistic, and only there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub coverage: Option<f64>,
    /// Probability that the interval holds what it claims.
    pub confidence: f64,
    /// The population; absent: normal.
    #[serde(default)]
    pub distribution: Population,
    /// Exponent of the Box-Cox transformation, from earlier data.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lambda: Option<f64>,
    /// What follows from gross non-normality; absent: it is reported.
    #[serde(default)]
    pub if_not_normal: NotNormal,
    /// Why the limit is what it is: design input, standard, clinical reason.
    pub rationale: String,
}

impl Document for Plan {
    const SCHEMA: &'static str = "plan/1";

    fn check(&self) -> Result<(), Problem> {
        if self.name.trim().is_empty() {
            return Err(Problem::at("name", "the name is empty"));
        }
        self.check_sizes()?;
        if self.criteria.is_empty() {
            return Err(Problem::at(
                "criterion",
                "there is no criterion, so nothing could be decided; add [[criterion]]",
            ));
        }
        for (index, criterion) in self.criteria.iter().enumerate() {
            if criterion.quantity.is_of_the_bench() != self.msa.is_some() {
                let message =
                    "repeatability and grr are judged by plans with [msa], and nothing else is; use two plans";
                return Err(Problem::at(format!("criterion[{index}].quantity"), message));
            }
            criterion.check().map_err(|Problem { path, message }| {
                let dot = if path.is_empty() { "" } else { "." };
                Problem::at(format!("criterion[{index}]{dot}{path}"), message)
            })?;
            if self.criteria[..index].iter().any(|earlier| earlier.id == criterion.id) {
                let message = format!("{:?} names two criteria; ids must differ", criterion.id);
                return Err(Problem::at(format!("criterion[{index}].id"), message));
            }
        }
        Ok(())
    }
}

impl Plan {
    fn check_sizes(&self) -> Result<(), Problem> {
        let counts = [("cartridges", self.cartridges, 10_000), ("pens", self.pens, 1000)];
        for (path, given, max) in counts {
            in_range(path, "", given.map(f64::from), 1.0, f64::from(max))?;
        }
        if let Some(risk) = &self.risk {
            in_range("risk.producer", "", Some(risk.producer), 0.000_1, 0.5)?;
            in_range("risk.capability", "", Some(risk.capability), 0.5, 10.0)?;
            in_range("risk.icc", "", Some(risk.icc), 0.0, 0.99)?;
        }
        in_range("refused_share", "", Some(self.refused_share), 0.0, 0.5)?;
        if let Some(msa) = &self.msa {
            self.check_gauge(msa)?;
        }
        if let Some(press) = &self.press {
            in_range("press.sites", "", Some(f64::from(press.sites)), 1.0, 10_000.0)?;
            in_range("press.speed_mm_s", "mm/s", Some(press.speed_mm_s), 0.01, 5.0)?;
        }
        if let Some(dynamic) = &self.dynamic {
            in_range("dynamic.strokes", "", Some(f64::from(dynamic.strokes)), 1.0, 10_000_000.0)?;
            if dynamic.stroke_rates_hz.is_empty() {
                return Err(Problem::at("dynamic.stroke_rates_hz", "the list is empty; name at least one rate, in Hz"));
            }
            for (index, &rate_hz) in dynamic.stroke_rates_hz.iter().enumerate() {
                in_range(&format!("dynamic.stroke_rates_hz[{index}]"), "Hz", Some(rate_hz), 1.0, 500.0)?;
            }
        }
        Ok(())
    }
}

impl Plan {
    fn check_gauge(&self, msa: &GaugePlan) -> Result<(), Problem> {
        let others = [
            ("press", self.press.is_some()),
            ("dynamic", self.dynamic.is_some()),
            ("cartridges", self.cartridges.is_some()),
            ("pens", self.pens.is_some()),
            ("risk", self.risk.is_some()),
        ];
        if let Some((key, _)) = others.iter().find(|(_, given)| *given) {
            return Err(Problem::at(
                *key,
                "a plan with [msa] presses one reference alone; take it out, or use two plans",
            ));
        }
        in_range("msa.sites", "", Some(f64::from(msa.sites)), 2.0, 1000.0)?;
        in_range("msa.repeats", "", Some(f64::from(msa.repeats)), 2.0, 1000.0)?;
        in_range("msa.speed_mm_s", "mm/s", Some(msa.speed_mm_s), 0.01, 5.0)?;
        in_range("msa.tolerance_mm", "mm", Some(msa.tolerance_mm), 1e-6, 10.0)?;
        if msa.operators.is_empty() || msa.operators.len() > 100 {
            return Err(Problem::at("msa.operators", "name 1 to 100 operators; days are runs of their own"));
        }
        for (index, name) in msa.operators.iter().enumerate() {
            if name.trim().is_empty() || msa.operators[..index].contains(name) {
                let message = format!("{name:?} does not tell an operator from the others; give each a name");
                return Err(Problem::at(format!("msa.operators[{index}]"), message));
            }
        }
        Ok(())
    }

    /// Speed of the stage in a press, mm/s.
    pub fn press_speed_mm_s(&self) -> f64 {
        let reference = self.msa.as_ref().map(|msa| msa.speed_mm_s);
        self.press.as_ref().map(|press| press.speed_mm_s).or(reference).unwrap_or(1.0)
    }
}

impl Criterion {
    fn check(&self) -> Result<(), Problem> {
        for (path, text) in [("id", &self.id), ("rationale", &self.rationale)] {
            if text.trim().is_empty() {
                return Err(Problem::at(path, format!("{path} is empty; say what the limit rests on and name it")));
            }
        }
        in_range("set_depth_mm", "mm", self.set_depth_mm, 0.01, 10.0)?;
        in_range("confidence", "", Some(self.confidence), 0.5, 0.999_999)?;
        in_range("coverage", "", self.coverage, 0.5, 0.999_999)?;
        in_range("lambda", "", self.lambda, -5.0, 5.0)?;
        self.check_statistic()?;
        self.check_distribution()?;
        self.check_limits()
    }

    fn check_statistic(&self) -> Result<(), Problem> {
        let allowed: &[Statistic] = match self.quantity {
            Quantity::Protrusion | Quantity::Penetration => &[Statistic::Tolerance, Statistic::Mean, Statistic::Sd],
            Quantity::PunctureRate => &[Statistic::Tolerance, Statistic::Mean],
            Quantity::StrokeSd | Quantity::Repeatability => &[Statistic::Sd],
            Quantity::Missed | Quantity::Grr => &[Statistic::Share],
            Quantity::Drift => &[Statistic::Mean],
        };
        if !allowed.contains(&self.statistic) {
            let names: Vec<String> = allowed.iter().map(|statistic| format!("{statistic:?}").to_lowercase()).collect();
            let message = format!("not a statistic of {}; allowed: {}", self.quantity.name(), names.join(", "));
            return Err(Problem::at("statistic", message));
        }
        match (self.statistic, self.coverage) {
            (Statistic::Tolerance, None) => Err(Problem::at(
                "coverage",
                "a tolerance interval needs the share of the population that it covers, such as 0.95",
            )),
            (Statistic::Tolerance, Some(_)) | (_, None) => Ok(()),
            (_, Some(_)) => Err(Problem::at(
                "coverage",
                "only the tolerance statistic has a coverage; remove it or set statistic = \"tolerance\"",
            )),
        }
    }

    fn check_distribution(&self) -> Result<(), Problem> {
        if self.distribution != Population::Normal && self.statistic != Statistic::Tolerance {
            return Err(Problem::at("distribution", "only the tolerance statistic is computed for other populations"));
        }
        if self.distribution != Population::Normal && self.if_not_normal != NotNormal::Report {
            return Err(Problem::at("if_not_normal", "it speaks of distribution = \"normal\"; remove one of the two"));
        }
        match (self.distribution == Population::Boxcox, self.lambda) {
            (true, None) => {
                Err(Problem::at("lambda", "distribution = \"boxcox\" needs its lambda, found from earlier data"))
            }
            (false, Some(_)) => {
                Err(Problem::at("lambda", "lambda belongs to distribution = \"boxcox\"; remove one of the two"))
            }
            _ => Ok(()),
        }
    }

    fn check_limits(&self) -> Result<(), Problem> {
        in_range("tolerance_mm", "mm", self.tolerance_mm, 1e-6, 10.0)?;
        in_range("tolerance_percent", "%", self.tolerance_percent, 1e-3, 1000.0)?;
        in_range("lower_mm", "mm", self.lower_mm, -10.0, 20.0)?;
        in_range("upper_mm", "mm", self.upper_mm, -10.0, 20.0)?;
        in_range("lower_hz", "Hz", self.lower_hz, 0.0, 1000.0)?;
        in_range("upper_hz", "Hz", self.upper_hz, 0.0, 1000.0)?;
        in_range("upper_share", "", self.upper_share, 1e-9, 1.0)?;
        let allowed: &[&str] = match self.quantity {
            Quantity::Protrusion | Quantity::Penetration if self.statistic != Statistic::Sd => {
                &["tolerance_mm", "tolerance_percent", "lower_mm", "upper_mm"]
            }
            Quantity::Drift => &["tolerance_mm", "lower_mm", "upper_mm"],
            Quantity::PunctureRate => &["tolerance_percent", "lower_hz", "upper_hz"],
            Quantity::Missed | Quantity::Grr => &["upper_share"],
            _ => &["upper_mm"],
        };
        let given = self.limits_given();
        if let Some(stray) = given.iter().find(|key| !allowed.contains(key)) {
            let message = format!("not a limit for {} here; allowed: {}", self.quantity.name(), allowed.join(", "));
            return Err(Problem::at(*stray, message));
        }
        if given.is_empty() {
            return Err(Problem::at("", format!("there is no limit; give one of {}", allowed.join(", "))));
        }
        let about_nominal = given.iter().filter(|key| key.starts_with("tolerance")).count();
        if about_nominal > 0 && given.len() > 1 {
            return Err(Problem::at(
                given[0],
                format!("{} contradict each other; keep one form of the limit", given.join(", ")),
            ));
        }
        for (key, lower, upper) in
            [("lower_mm", self.lower_mm, self.upper_mm), ("lower_hz", self.lower_hz, self.upper_hz)]
        {
            if let (Some(lower), Some(upper)) = (lower, upper)
                && lower >= upper
            {
                return Err(Problem::at(key, format!("the lower limit {lower} is not below the upper limit {upper}")));
            }
        }
        Ok(())
    }

    /// Keys of the limits that are there.
    fn limits_given(&self) -> Vec<&'static str> {
        [
            ("tolerance_mm", self.tolerance_mm),
            ("tolerance_percent", self.tolerance_percent),
            ("lower_mm", self.lower_mm),
            ("upper_mm", self.upper_mm),
            ("lower_hz", self.lower_hz),
            ("upper_hz", self.upper_hz),
            ("upper_share", self.upper_share),
        ]
        .into_iter()
        .filter_map(|(key, value)| value.map(|_| key))
        .collect()
    }
}

fn in_range(path: &str, unit: &'static str, given: Option<f64>, min: f64, max: f64) -> Result<(), Problem> {
    match given {
        Some(value) => within("value", unit, value, min, max).map(|_| ()).map_err(|error| Problem::at(path, error)),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::{Document, Plan};

    const TOLERANCE: &str = "id = \"a\"\nquantity = \"protrusion\"\nstatistic = \"tolerance\"\ntolerance_mm = 0.1\n\
         coverage = 0.95\nconfidence = 0.95\nrationale = \"r\"\n";

    fn parse(criterion: &str) -> Result<(), String> {
        let text = format!("schema = \"plan/1\"\nname = \"x\"\n[[criterion]]\n{criterion}");
        let plan: Plan = toml::from_str(&text).map_err(|error| error.to_string())?;
        plan.check().map_err(|problem| format!("{}: {}", problem.path, problem.message))
    }

    #[test]
    fn the_contracts_criterion_is_accepted() {
        assert_eq!(parse(TOLERANCE), Ok(()));
    }

    #[test]
    fn contradictions_and_ranges_are_named() {
        for (from, to, problem) in [
            ("coverage = 0.95", "coverage = 1.0", "criterion[0].coverage: value is 1; the allowed range is 0.5 to"),
            ("confidence = 0.95", "confidence = 0.0", "criterion[0].confidence: value is 0; the allowed range"),
            ("confidence = 0.95", "confidence = nan", "criterion[0].confidence: value is NaN"),
            ("coverage = 0.95", "", "criterion[0].coverage: a tolerance interval needs"),
            ("tolerance_mm = 0.1", "", "criterion[0]: there is no limit; give one of tolerance_mm"),
            (
                "tolerance_mm = 0.1",
                "tolerance_mm = 0.1\nlower_mm = 1.0",
                "criterion[0].tolerance_mm: tolerance_mm, lower_mm contradict",
            ),
            (
                "tolerance_mm = 0.1",
                "lower_mm = 2.0\nupper_mm = 1.0",
                "criterion[0].lower_mm: the lower limit 2 is not below",
            ),
            ("tolerance_mm = 0.1", "upper_hz = 120.0", "criterion[0].upper_hz: not a limit for protrusion"),
            ("tolerance_mm = 0.1", "tolerance_mm = -0.1", "criterion[0].tolerance_mm: value is -0.1 mm"),
            ("rationale = \"r\"", "rationale = \" \"", "criterion[0].rationale: rationale is empty"),
            ("rationale = \"r\"", "rationale = \"r\"\nlambda = 0.0", "criterion[0].lambda: lambda belongs to"),
            ("rationale = \"r\"", "rationale = \"r\"\ndistribution = \"boxcox\"", "criterion[0].lambda: distribution"),
            (
                "quantity = \"protrusion\"",
                "quantity = \"missed\"",
                "criterion[0].statistic: not a statistic of missed; allowed: share",
            ),
        ] {
            let message = parse(&TOLERANCE.replace(from, to)).unwrap_err();
            assert!(message.starts_with(problem), "{message}");
        }
        for (from, to, problem) in [
            ("rationale = \"r\"", "", "missing field `rationale`"),
            ("tolerance_mm", "tolerance_um", "unknown field `tolerance_um`"),
            ("\"protrusion\"", "\"depth\"", "unknown variant `depth`"),
        ] {
            let message = parse(&TOLERANCE.replace(from, to)).unwrap_err();
            assert!(message.contains(problem), "{message}");
        }
        assert!(parse(&format!("{TOLERANCE}[[criterion]]\n{TOLERANCE}")).unwrap_err().starts_with("criterion[1].id"));
    }
}
