//! What bootstrap says: one line for each thing looked at, and what it comes to.

use crate::terminal;

/// How a thing was found, and what was done about it.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finding {
    /// As it should be.
    Fine,
    /// Not there.
    Missing,
    /// There, but not as it should be.
    Different,
}

/// Prints findings and counts them.
pub(crate) struct Report {
    /// Whether what is wrong is also put right.
    apply: bool,
    quiet: bool,
    made: usize,
    changed: usize,
}

impl Report {
    /// Of a look that changes nothing; it prints unless it is `quiet`.
    pub(crate) fn look(quiet: bool) -> Self {
        Self { apply: false, quiet, made: 0, changed: 0 }
    }

    /// Of putting things right.
    pub(crate) fn work() -> Self {
        Self { apply: true, quiet: false, made: 0, changed: 0 }
    }

    /// Whether what is wrong is to be put right now.
    pub(crate) fn applies(&self) -> bool {
        self.apply
    }

    /// Tells of one thing: what kind it is, and which.
    pub(crate) fn tell(&mut self, finding: Finding, kind: &str, which: &str) {
        let word = match (finding, self.apply) {
            (Finding::Fine, _) => "ok",
            (Finding::Missing, true) => "made",
            (Finding::Missing, false) => "would make",
            (Finding::Different, true) => "changed",
            (Finding::Different, false) => "would change",
        };
        match finding {
            Finding::Fine => {}
            Finding::Missing => self.made += 1,
            Finding::Different => self.changed += 1,
        }
        if self.quiet {
            return;
        }
        let word = format!("{word:<12}");
        let word = if finding == Finding::Fine { word } else { terminal::green(&word) };
        terminal::say(&format!("{word}  {kind:<8}  {which}"));
    }

    /// What it all comes to.
    pub(crate) fn conclusion(&self) -> String {
        let Self { apply, made, changed, .. } = *self;
        if made + changed == 0 {
            return "Everything is as it should be; nothing was changed.".to_owned();
        }
        if apply {
            format!("Done: {made} made, {changed} changed.")
        } else {
            format!(
                "{made} would be made, {changed} changed. Nothing was done; run it again without --dry-run to do it."
            )
        }
    }
}
