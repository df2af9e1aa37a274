//! Questions to ask before data is lost.

use std::collections::BTreeMap;

use crate::labels;
use crate::state::desired::Desired;
use crate::state::observed::Observed;

/// Something that is done only if somebody wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The volume that would be made anew.
    pub volume: String,
}

impl Question {
    /// The question for people.
    #[must_use]
    pub fn text(&self) -> String {
        format!(
            "Volume {:?} exists but doesn't match configuration in compose file. Recreate (data will be lost)?",
            self.volume
        )
    }
}

/// What must be asked before `observed` can become `desired` in all.
#[must_use]
pub fn questions(desired: &Desired, observed: &Observed) -> Vec<Question> {
    let volumes = desired.volumes.iter().filter(|volume| {
        let found = observed.volume(&volume.name);
        !volume.external
            && found.is_some_and(|found| {
                found.labels.get(labels::PROJECT) == Some(&desired.project)
                    && is_changed(&found.labels, &volume.hash)
            })
    });
    volumes.map(|volume| Question { volume: volume.name.clone() }).collect()
}

/// Whether a network or volume was made from other settings. What has no hash is as good as any.
pub(super) fn is_changed(labels: &BTreeMap<String, String>, hash: &str) -> bool {
    labels.get(labels::CONFIG_HASH).is_some_and(|found| found != hash)
}
