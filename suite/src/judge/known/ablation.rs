//! Known issues with one part taken away or changed, for asking whether that part is needed. In flow the issues; out flow
//! variations of them.

use super::KnownIssues;

/// Known issues, of which one has been changed.
#[derive(Debug, Clone)]
pub struct Variation {
    /// The id of the issue.
    pub issue: String,
    /// What was changed, in words.
    pub what: String,
    /// All issues, with the change.
    pub known: KnownIssues,
}

impl KnownIssues {
    /// Without each issue in turn.
    pub fn without_each_issue(&self) -> Vec<Variation> {
        let ids = self.issues.iter().map(|issue| issue.id.clone());
        ids.map(|id| Variation {
            known: self.without(&id),
            what: "the issue".to_owned(),
            issue: id,
        })
        .collect()
    }

    /// Without each element of `breaks` in turn.
    pub fn without_each_effect(&self) -> Vec<Variation> {
        self.varied(|known, at, found| {
            for (index, effect) in known.issues[at].breaks.iter().enumerate() {
                let mut other = known.clone();
                other.issues[at].breaks.remove(index);
                found.push((format!("element {}, {}", index + 1, effect.clause), other));
            }
        })
    }

    /// Without each element of `differs` in turn.
    pub fn without_each_divergence(&self) -> Vec<Variation> {
        self.varied(|known, at, found| {
            for (index, differs) in known.issues[at].differs.iter().enumerate() {
                let mut other = known.clone();
                other.issues[at].differs.remove(index);
                found.push((
                    format!("element {} of differs, {differs}", index + 1),
                    other,
                ));
            }
        })
    }

    /// Without each aspect, error class and queue of `differs` in turn.
    pub fn without_each_value(&self) -> Vec<Variation> {
        self.varied(|known, at, found| {
            for (index, differs) in known.issues[at].differs.iter().enumerate() {
                for (value, without) in differs.without_each_value() {
                    let mut other = known.clone();
                    other.issues[at].differs[index] = without;
                    found.push((
                        format!("{value} of element {} of differs", index + 1),
                        other,
                    ));
                }
            }
        })
    }

    /// With each number in turn one higher.
    pub fn with_each_number_changed(&self) -> Vec<Variation> {
        self.varied(|known, at, found| {
            for (index, effect) in known.issues[at].breaks.iter().enumerate() {
                if let Some(changed) = effect.with_another_number() {
                    let mut other = known.clone();
                    other.issues[at].breaks[index] = changed;
                    found.push((
                        format!("the number of element {}, {}", index + 1, effect.clause),
                        other,
                    ));
                }
            }
        })
    }

    /// Without each conjunct of a trigger in turn.
    pub fn without_each_conjunct(&self) -> Vec<Variation> {
        self.varied(|known, at, found| {
            for (what, when) in known.issues[at].when.without_each_conjunct() {
                let mut other = known.clone();
                other.issues[at].when = when;
                found.push((what, other));
            }
        })
    }

    fn varied(&self, vary: impl Fn(&Self, usize, &mut Vec<(String, Self)>)) -> Vec<Variation> {
        let mut variations = Vec::new();
        for (at, issue) in self.issues.iter().enumerate() {
            let mut found = Vec::new();
            vary(self, at, &mut found);
            variations.extend(found.into_iter().map(|(what, known)| Variation {
                issue: issue.id.clone(),
                what,
                known,
            }));
        }
        variations
    }

    /// This issue alone, as one that affects every library.
    pub fn alone(&self, id: &str) -> Self {
        let mut issues: Vec<_> = self
            .issues
            .iter()
            .filter(|issue| issue.id == id)
            .cloned()
            .collect();
        for issue in &mut issues {
            issue.affects.clear();
        }
        Self { issues }
    }
}
