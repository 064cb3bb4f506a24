//! Scripts of operator steps (TOML): who confirms what, for runs without a terminal.

use super::{Document, Problem};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A script of operator steps (`steps/1`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Steps {
    /// Always `steps/1`.
    pub schema: String,
    /// The steps. Each confirms one step of its id; without a number in the id (`mass`), any step of that kind.
    #[serde(default)]
    pub step: Vec<Step>,
}

/// One confirmation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Which step: `cartridge-1`, `phantom-1`, `mass-3`, `tap`, or the kind alone.
    pub id: String,
    /// Who confirms it.
    pub by: String,
    /// What is scanned or typed, where the step asks for something: a cartridge's identity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub answer: Option<String>,
}

impl Document for Steps {
    const SCHEMA: &'static str = "steps/1";

    fn check(&self) -> Result<(), Problem> {
        for (index, step) in self.step.iter().enumerate() {
            for (key, text) in [("id", &step.id), ("by", &step.by)] {
                if text.trim().is_empty() {
                    return Err(Problem::at(format!("step[{index}].{key}"), format!("{key} is empty")));
                }
            }
            let twin = self.step[..index].iter().any(|other| other.id == step.id);
            if twin {
                return Err(Problem::at(format!("step[{index}].id"), format!("{:?} stands here twice", step.id)));
            }
        }
        Ok(())
    }
}

impl Steps {
    /// The confirmation of a step: that of its id, else that of its kind (the id without its number).
    pub fn of(&self, id: &str) -> Option<&Step> {
        let kind = id.trim_end_matches(|character: char| character.is_ascii_digit()).trim_end_matches('-');
        let named = |wanted: &str| self.step.iter().find(|step| step.id == wanted);
        named(id).or_else(|| named(kind))
    }
}

#[cfg(test)]
mod tests {
    use super::Steps;
    use crate::config::parse;

    const TEXT: &str =
        "schema = \"steps/1\"\n[[step]]\nid = \"mass\"\nby = \"A\"\n[[step]]\nid = \"mass-2\"\nby = \"B\"\n";

    #[test]
    fn the_id_counts_before_its_kind() {
        let steps: Steps = parse("s.toml", TEXT).unwrap();
        let by = |id: &str| steps.of(id).map(|step| step.by.as_str());
        assert_eq!((by("mass-1"), by("mass-2"), by("mass"), by("tap")), (Some("A"), Some("B"), Some("A"), None));
    }

    #[test]
    fn twins_and_nameless_steps_are_refused() {
        let refused = |text: &str| parse::<Steps>("s.toml", text).unwrap_err().message;
        assert!(refused(&TEXT.replace("mass-2", "mass")).contains("twice"));
        assert!(refused(&TEXT.replace("\"B\"", "\" \"")).contains("by is empty"));
    }
}
