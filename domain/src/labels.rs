//! Labels: string to string, on templates, clusters and node groups.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A set of labels, ordered by key so that stored and shown forms are stable.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(pub BTreeMap<String, String>);

impl Labels {
    /// The value of `key`, if present.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&str> {
        self.0.get(key).map(String::as_str)
    }

    /// `true` when there is no label at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// These labels with `over` laid on top (`merge_labels`).
    #[must_use]
    pub fn overlaid(&self, over: &Self) -> Self {
        let mut merged = self.0.clone();
        merged.extend(over.0.iter().map(|(k, v)| (k.clone(), v.clone())));
        Self(merged)
    }

    /// Keys of `self` that `parent` lacks, with the value here (`labels_added`).
    #[must_use]
    pub fn added_to(&self, parent: &Self) -> Self {
        self.0.iter().filter(|(k, _)| !parent.0.contains_key(*k)).map(|(k, v)| (k.clone(), v.clone())).collect()
    }

    /// Keys whose value differs from `parent`'s, with the *parent's* value (`labels_overridden`).
    #[must_use]
    pub fn overridden_from(&self, parent: &Self) -> Self {
        parent
            .0
            .iter()
            .filter(|(k, v)| self.0.get(*k).is_some_and(|own| own != *v))
            .map(|(k, v)| (k.clone(), v.clone()))
            .collect()
    }

    /// Keys of `parent` that are missing here, with the parent's value (`labels_skipped`).
    #[must_use]
    pub fn skipped_from(&self, parent: &Self) -> Self {
        parent.added_to(self)
    }
}

impl FromIterator<(String, String)> for Labels {
    fn from_iter<I: IntoIterator<Item = (String, String)>>(iter: I) -> Self {
        Self(iter.into_iter().collect())
    }
}

impl<const N: usize> From<[(&str, &str); N]> for Labels {
    fn from(pairs: [(&str, &str); N]) -> Self {
        pairs.into_iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_three_differences_follow_the_reference_sample() {
        let template = Labels::from([("kube_tag", "v1.29.0"), ("flannel_backend", "vxlan")]);
        let cluster = Labels::from([("kube_tag", "v1.30.1"), ("auto_healing_enabled", "true")]);
        assert_eq!(cluster.overridden_from(&template), Labels::from([("kube_tag", "v1.29.0")]));
        assert_eq!(cluster.added_to(&template), Labels::from([("auto_healing_enabled", "true")]));
        assert_eq!(cluster.skipped_from(&template), Labels::from([("flannel_backend", "vxlan")]));
        assert_eq!(template.overlaid(&cluster).0.len(), 3);
    }
}
