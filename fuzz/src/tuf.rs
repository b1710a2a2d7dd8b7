//! TUF metadata, as a repository serves it and as an installation keeps it: a JSON object of file
//! names and files. Whatever it leads to is the true trusted root.

use std::collections::BTreeMap;
use std::convert::Infallible;

use trust::{RefreshError, RefreshedRoot, TufFiles, TufRoot};

use crate::Verdict;
use crate::fixture::{ROOT, SIGNED_AT, SIGSTORE};

pub(crate) fn repository(input: &[u8]) -> Verdict {
    let Ok(kept) = serde_json::from_slice::<TufFiles>(input) else {
        return Verdict::refused("format");
    };
    if let Ok(Some(kept)) = SIGSTORE.load(&kept) {
        is_true(&kept);
    }
    match SIGSTORE.refresh(None, *SIGNED_AT, served(input)) {
        Ok(refreshed) => {
            is_true(&refreshed);
            let kept = SIGSTORE.load(refreshed.files());
            is_true(&kept.expect("what was believed").expect("what was new"));
            Verdict::Accepted
        }
        Err(unbelieved) => unbelieved.into(),
    }
}

/// The TUF root that a program carries, followed to the end of the true repository.
pub(crate) fn root(input: &[u8]) -> Verdict {
    let root = match TufRoot::parse(input) {
        Ok(root) => root,
        Err(refusal) => return Verdict::Refused(refusal.check),
    };
    let repository = include_bytes!("../corpus/tuf/rotated");
    match RefreshedRoot::fetch(root, *SIGNED_AT, served(repository)) {
        Ok(refreshed) => {
            is_true(&refreshed);
            Verdict::Accepted
        }
        Err(unbelieved) => unbelieved.into(),
    }
}

fn served(files: &[u8]) -> impl FnMut(&str, usize) -> Result<Option<Vec<u8>>, Infallible> {
    let mut files: BTreeMap<String, String> = serde_json::from_slice(files).expect("files");
    move |name, _| Ok(files.remove(name).map(String::into_bytes))
}

fn is_true(refreshed: &RefreshedRoot) {
    assert_eq!(refreshed.keys().sha256(), ROOT.sha256());
    assert_eq!(refreshed.json(), SIGSTORE.trusted_root);
}

impl From<RefreshError<Infallible>> for Verdict {
    fn from(error: RefreshError<Infallible>) -> Self {
        match error {
            RefreshError::Refused(refusal) => Self::Refused(refusal.check),
            RefreshError::Absent { .. } => Self::refused("a file that is absent"),
            RefreshError::Fetch(never) => match never {},
        }
    }
}
