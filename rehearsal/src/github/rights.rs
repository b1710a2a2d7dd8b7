//! What a token may do, and what each route asks. Whatever a public repository shows to everybody
//! asks for nothing. Source: GitHub REST, "Permissions required for GitHub Apps".

use std::collections::BTreeMap;
use std::fmt;

use axum::http::{HeaderValue, Method};

/// What a right is about, as `permissions:` of a workflow and of a GitHub App name it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Permission {
    /// Workflows and their runs.
    Actions,
    /// The repository's settings: rulesets, environments, immutable releases. No workflow's token
    /// holds it.
    Administration,
    /// Releases with their drafts, refs and objects.
    Contents,
    /// The site of GitHub Pages.
    Pages,
}

/// How far a right goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Access {
    /// To see.
    Read,
    /// To see and to change.
    Write,
}

/// One right.
pub type Right = (Permission, Access);

/// All that a token holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Rights(BTreeMap<Permission, Access>);

impl Rights {
    pub(super) fn allow(&self, (permission, access): Right) -> bool {
        let held = self.0.get(&permission);
        held.is_some_and(|held| *held >= access)
    }
}

impl FromIterator<Right> for Rights {
    fn from_iter<T: IntoIterator<Item = Right>>(rights: T) -> Self {
        Self(rights.into_iter().collect())
    }
}

/// The beginnings of paths below `/repos/OWNER/NAME`, and the rights to read there and to write. The
/// first that fits is meant.
const ROUTES: [(&str, Option<Permission>, Permission); 9] = [
    ("/releases", None, Permission::Contents),
    ("/git", None, Permission::Contents),
    ("/contents", None, Permission::Contents),
    ("/actions/workflows", None, Permission::Actions),
    (
        "/actions/permissions",
        Some(Permission::Administration),
        Permission::Administration,
    ),
    ("/pages", Some(Permission::Pages), Permission::Pages),
    ("/environments", None, Permission::Administration),
    ("/rulesets", None, Permission::Administration),
    (
        "/immutable-releases",
        Some(Permission::Administration),
        Permission::Administration,
    ),
];

/// What `method` asks at `path`, which stands below `/repos/OWNER/NAME`.
pub(super) fn asked(method: &Method, path: &str) -> Option<Right> {
    let mut routes = ROUTES.into_iter();
    let route = routes.find(|(beginning, ..)| path.starts_with(beginning));
    let (_, read, write) = route.unwrap_or(("", None, Permission::Administration));
    if matches!(*method, Method::GET | Method::HEAD) {
        read.map(|permission| (permission, Access::Read))
    } else {
        Some((write, Access::Write))
    }
}

/// As the header `x-accepted-github-permissions` names it.
pub(super) fn header((permission, access): Right) -> HeaderValue {
    let access = match access {
        Access::Read => "read",
        Access::Write => "write",
    };
    let value = HeaderValue::try_from(format!("{permission}={access}"));
    value.expect("names are ASCII")
}

impl fmt::Display for Permission {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Actions => "actions",
            Self::Administration => "administration",
            Self::Contents => "contents",
            Self::Pages => "pages",
        })
    }
}
