//! What is well with an installation, and what is not: a row for each thing that can be wrong, with
//! what it means and what mends it. Reads only.

mod agents;
mod home;
mod surroundings;

use release_plan::Version;
use serde::Serialize;

use crate::app::App;
use crate::home::Home;

/// Something that was looked at.
#[derive(Debug, Serialize)]
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) status: Status,
    /// Whether the program cannot be relied on until it is mended.
    pub(crate) hard: bool,
    pub(crate) found: String,
    /// What that means for whoever uses the program; none where all is well.
    pub(crate) means: Option<&'static str>,
    /// The command that mends it.
    pub(crate) mend: Option<String>,
    /// What `--fix` does about it.
    #[serde(skip)]
    pub(crate) fix: Option<Fix>,
}

/// What came of looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Status {
    Good,
    Bad,
    NotChecked,
}

/// A mend that can lose nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fix {
    /// Let this version, which is past its trial, become the launcher.
    Settle(Version),
    /// Take everybody's right to write here.
    #[cfg(unix)]
    OwnersAlone(std::path::PathBuf),
    /// Remove what killed runs left.
    Leftovers,
}

impl Row {
    fn good(name: &'static str, found: impl Into<String>) -> Self {
        Self {
            name,
            status: Status::Good,
            hard: false,
            found: found.into(),
            means: None,
            mend: None,
            fix: None,
        }
    }

    fn not_checked(name: &'static str, why: impl Into<String>) -> Self {
        Self {
            status: Status::NotChecked,
            ..Self::good(name, why)
        }
    }

    /// What should be seen to, some time.
    fn soft(
        name: &'static str,
        found: impl Into<String>,
        means: &'static str,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            status: Status::Bad,
            means: Some(means),
            mend: Some(mend.into()),
            ..Self::good(name, found)
        }
    }

    /// What must be seen to.
    fn hard(
        name: &'static str,
        found: impl Into<String>,
        means: &'static str,
        mend: impl Into<String>,
    ) -> Self {
        Self {
            hard: true,
            ..Self::soft(name, found, means, mend)
        }
    }

    fn fixed_by(mut self, fix: Fix) -> Self {
        self.fix = Some(fix);
        self
    }
}

/// Looks at everything.
pub(crate) fn examine(app: &App, home: &Home) -> Vec<Row> {
    let mut rows = home::rows(app, home);
    rows.extend(surroundings::rows(app, home));
    rows.extend(agents::rows());
    rows
}
