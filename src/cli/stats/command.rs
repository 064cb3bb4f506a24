//! Options of the calculators, as the contract names them. Values are checked by the statistics, not here.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;

use crate::stats::grr::POOLING_ALPHA_AIAG;

/// A calculator with its options.
#[derive(Clone, Debug, Subcommand)]
pub enum StatsCommand {
    /// Tolerance factor k, or the tolerance limits of a column
    #[command(after_help = "Examples:\n  rig stats tolerance --n 30 --coverage 0.95 --confidence 0.95 --sides 2\n\
            \x20 rig stats tolerance --csv means.csv --column protrusion_mm --coverage 0.95 --confidence 0.95 \
            --sides 2")]
    Tolerance(Tolerance),
    /// Tolerance limits of grouped values: strokes within cartridges within pens
    #[command(
        after_help = "Example: rig stats nested --csv strokes.csv --column protrusion_mm --group pen --group cartridge \
            --coverage 0.95 --confidence 0.95 --sides 2 --serial"
    )]
    Nested(Nested),
    /// Anderson-Darling and Shapiro-Wilk tests of normality
    #[command(after_help = "Example: rig stats normality --csv means.csv --column protrusion_mm")]
    Normality(Sample),
    /// Pp and Ppk with the exact lower bound of Ppk
    #[command(
        after_help = "Example: rig stats capability --csv means.csv --column protrusion_mm --lower 1.4 --upper 1.6 \
            --confidence 0.95"
    )]
    Capability(Capability),
    /// Gauge repeatability and reproducibility
    #[command(after_help = "Example: rig stats grr --csv gauge.csv --part site --operator day --column protrusion_mm \
            --tolerance 0.2 --nested")]
    Grr(Grr),
    /// Equivalence of two means by two one-sided tests
    #[command(after_help = "Example: rig stats equivalence --csv a.csv --column protrusion_mm --csv2 b.csv \
            --column2 protrusion_mm --margin 0.02 --alpha 0.05 --group cartridge")]
    Equivalence(Equivalence),
    /// Smallest sampling plans that keep two risks
    #[command(after_help = "Example: rig stats plan --p1 0.01 --alpha 0.05 --p2 0.05 --beta 0.1")]
    Plan(Plan),
    /// Operating characteristic of a plan by variables (k) or by attributes (c)
    #[command(after_help = "Examples:\n  rig stats oc --n 55 --k 1.95 --points 20\n  rig stats oc --n 132 --c 3")]
    Oc(Oc),
    /// Smallest sample for distribution-free tolerance limits
    #[command(after_help = "Example: rig stats samples --coverage 0.95 --confidence 0.95")]
    Samples(Claim),
    /// Straight line by least squares, and by Deming's method where x has error too
    #[command(
        after_help = "Example: rig stats linearity --csv depths.csv --x set_depth_mm --y protrusion_mm --ratio 1"
    )]
    Linearity(Linearity),
    /// Mann-Kendall test and Theil-Sen slope of values in row order
    #[command(after_help = "Example: rig stats trend --csv blocks.csv --column protrusion_mm")]
    Trend(Trend),
    /// Outliers by the generalised ESD test
    #[command(after_help = "Example: rig stats outliers --csv means.csv --column protrusion_mm --max 5 --alpha 0.05")]
    Outliers(Outliers),
    /// Mean, standard deviation and autocorrelation of values in row order
    #[command(after_help = "Example: rig stats describe --csv strokes.csv --column protrusion_mm")]
    Describe(Sample),
    /// One-way analysis of variance
    #[command(after_help = "Example: rig stats anova --csv strokes.csv --column protrusion_mm --group cartridge")]
    Anova(Anova),
}

/// A column of a CSV file.
#[derive(Clone, Debug, Args)]
pub struct Sample {
    /// CSV file with a header
    #[arg(long, value_name = "FILE")]
    pub csv: PathBuf,
    /// Column of the values
    #[arg(long, value_name = "NAME")]
    pub column: String,
}

/// What a tolerance interval promises.
#[derive(Clone, Debug, Args)]
pub struct Claim {
    /// Share of the population that the interval covers, between 0 and 1
    #[arg(long, value_name = "P", allow_negative_numbers = true)]
    pub coverage: f64,
    /// Probability that it does, between 0 and 1
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    pub confidence: f64,
}

/// Options of `tolerance`.
#[derive(Clone, Debug, Args)]
pub struct Tolerance {
    /// Sample size, for the factor alone
    #[arg(long, value_name = "N", required_unless_present = "csv", conflicts_with_all = ["csv", "method"])]
    pub n: Option<u64>,
    /// CSV file with a header
    #[arg(long, value_name = "FILE", requires = "column")]
    pub csv: Option<PathBuf>,
    /// Column of the values
    #[arg(long, value_name = "NAME", requires = "csv")]
    pub column: Option<String>,
    /// What the limits promise
    #[command(flatten)]
    pub claim: Claim,
    /// 1: each limit is claimed alone; 2: both together
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub sides: u8,
    /// How the limits are found
    #[arg(long, value_enum, default_value_t = Method::Normal)]
    pub method: Method,
}

/// How tolerance limits are found.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Method {
    /// Exact factor for normal values
    Normal,
    /// Order statistics, for values of any distribution
    Nonparametric,
    /// Normal unless the Anderson-Darling test rejects at 0.05 (a look at the data: the confidence is then not exact)
    Auto,
}

/// Options of `nested`.
#[derive(Clone, Debug, Args)]
pub struct Nested {
    /// Values
    #[command(flatten)]
    pub sample: Sample,
    /// Group column, outermost first; once or twice
    #[arg(long, value_name = "NAME", required = true)]
    pub group: Vec<String>,
    /// What the limits promise
    #[command(flatten)]
    pub claim: Claim,
    /// 1: each limit is claimed alone; 2: both together
    #[arg(long, value_parser = clap::value_parser!(u8).range(1..=2))]
    pub sides: u8,
    /// Correct the degrees of freedom for autocorrelation in row order
    #[arg(long)]
    pub serial: bool,
}

/// Options of `capability`.
#[derive(Clone, Debug, Args)]
pub struct Capability {
    /// Values
    #[command(flatten)]
    pub sample: Sample,
    /// Lower limit
    #[arg(long, value_name = "L", allow_negative_numbers = true)]
    pub lower: f64,
    /// Upper limit
    #[arg(long, value_name = "U", allow_negative_numbers = true)]
    pub upper: f64,
    /// Confidence of the bounds, between 0 and 1
    #[arg(long, value_name = "C", allow_negative_numbers = true)]
    pub confidence: f64,
}

/// Options of `grr`.
#[derive(Clone, Debug, Args)]
pub struct Grr {
    /// Values
    #[command(flatten)]
    pub sample: Sample,
    /// Column of the part (or site)
    #[arg(long, value_name = "NAME")]
    pub part: String,
    /// Column of the operator (or day, or rig)
    #[arg(long, value_name = "NAME")]
    pub operator: String,
    /// Width of the tolerance
    #[arg(long, value_name = "T", allow_negative_numbers = true)]
    pub tolerance: Option<f64>,
    /// Each part was measured by one operator only
    #[arg(long)]
    pub nested: bool,
    /// Pool the interaction with repeatability where its p is above this (AIAG 0.25, others 0.05)
    #[arg(long, value_name = "ALPHA", default_value_t = POOLING_ALPHA_AIAG, allow_negative_numbers = true)]
    pub pooling: f64,
    /// Confidence of the interval of the gauge's share
    #[arg(long, value_name = "C", default_value_t = 0.95, allow_negative_numbers = true)]
    pub confidence: f64,
}

/// Options of `equivalence`.
#[derive(Clone, Debug, Args)]
pub struct Equivalence {
    /// First sample
    #[command(flatten)]
    pub sample: Sample,
    /// CSV file of the second sample
    #[arg(long, value_name = "FILE")]
    pub csv2: PathBuf,
    /// Column of the second sample
    #[arg(long, value_name = "NAME")]
    pub column2: String,
    /// Largest difference that does not matter
    #[arg(long, value_name = "M", allow_negative_numbers = true)]
    pub margin: f64,
    /// Risk of calling different means equivalent
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    pub alpha: f64,
    /// Compare the means of these groups (cartridges) instead of single values; in both files
    #[arg(long, value_name = "NAME")]
    pub group: Option<String>,
}

/// Options of `plan`.
#[derive(Clone, Debug, Args)]
pub struct Plan {
    /// Share nonconforming that should be accepted
    #[arg(long, value_name = "P1", allow_negative_numbers = true)]
    pub p1: f64,
    /// Risk of rejecting it
    #[arg(long, value_name = "A", allow_negative_numbers = true)]
    pub alpha: f64,
    /// Share nonconforming that should be rejected
    #[arg(long, value_name = "P2", allow_negative_numbers = true)]
    pub p2: f64,
    /// Risk of accepting it
    #[arg(long, value_name = "B", allow_negative_numbers = true)]
    pub beta: f64,
}

/// Options of `oc`.
#[derive(Clone, Debug, Args)]
pub struct Oc {
    /// Sample size
    #[arg(long, value_name = "N")]
    pub n: u64,
    /// Acceptance constant: accept where (limit - mean) / s is at least k
    #[arg(long, value_name = "K", required_unless_present = "c", conflicts_with = "c", allow_negative_numbers = true)]
    pub k: Option<f64>,
    /// Acceptance number: accept where at most c are nonconforming
    #[arg(long, value_name = "C")]
    pub c: Option<u64>,
    /// Number of points, from a share of 0.0001 to 0.5 in equal ratios
    #[arg(long, value_name = "M", default_value_t = 25, value_parser = clap::value_parser!(u32).range(2..=10_000))]
    pub points: u32,
}

/// Options of `linearity`.
#[derive(Clone, Debug, Args)]
pub struct Linearity {
    /// CSV file with a header
    #[arg(long, value_name = "FILE")]
    pub csv: PathBuf,
    /// Column of the reference (set depth)
    #[arg(long, value_name = "X")]
    pub x: String,
    /// Column of the measured values
    #[arg(long, value_name = "Y")]
    pub y: String,
    /// Variance of the error of y over that of x, for Deming's method
    #[arg(long, value_name = "R", default_value_t = 1.0, allow_negative_numbers = true)]
    pub ratio: f64,
}

/// Options of `trend`.
#[derive(Clone, Debug, Args)]
pub struct Trend {
    /// Values in row order
    #[command(flatten)]
    pub sample: Sample,
    /// Confidence of the interval of the slope
    #[arg(long, value_name = "C", default_value_t = 0.95, allow_negative_numbers = true)]
    pub confidence: f64,
}

/// Options of `outliers`.
#[derive(Clone, Debug, Args)]
pub struct Outliers {
    /// Values
    #[command(flatten)]
    pub sample: Sample,
    /// Largest number of outliers to look for
    #[arg(long, value_name = "K")]
    pub max: usize,
    /// Risk of flagging one where there is none
    #[arg(long, value_name = "A", default_value_t = 0.05, allow_negative_numbers = true)]
    pub alpha: f64,
}

/// Options of `anova`.
#[derive(Clone, Debug, Args)]
pub struct Anova {
    /// Values
    #[command(flatten)]
    pub sample: Sample,
    /// Group column
    #[arg(long, value_name = "NAME")]
    pub group: String,
}
