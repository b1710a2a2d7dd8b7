//! What is to be verified, and its verdict. A file's bytes are read once and never kept; what is
//! read whole has a limit.

use std::ffi::OsString;
use std::fmt;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use indicatif::MultiProgress;
use release_plan::{BUNDLE_SUFFIX, Limits, Sha256, Sha256Error};
use trust::{Artifact, Refusal, Signer, TrustedRoot, VerifiedBlob, verify};

use crate::failure::Failure;
use crate::files::{FileError, at, read_limited};
use crate::output;

/// Bytes of a file that a person may have to wait for.
const BIG: u64 = 256 << 20;

/// What an argument that is a digest begins with.
const DIGEST: &str = "sha256:";

/// A file, or the digest of one that need not be here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::commands) enum Subject {
    File(PathBuf),
    Digest(Sha256),
}

/// A subject and where its bundle lies.
pub(super) struct Task {
    pub(super) subject: Subject,
    bundle: PathBuf,
}

/// Why a subject is not verified.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unverified {
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// Nothing is known of it.
    #[error("{what} not read: {error}")]
    Unread {
        /// Which of the two files.
        what: &'static str,
        error: FileError,
    },
}

impl Subject {
    /// An argument: whatever begins with `sha256:` is a digest, so that nobody who lays down a file
    /// of such a name changes what is verified.
    pub(in crate::commands) fn parse(argument: OsString) -> Result<Self, Sha256Error> {
        match argument.to_str().and_then(|text| text.strip_prefix(DIGEST)) {
            Some(digest) => Ok(Self::Digest(digest.parse()?)),
            None => Ok(Self::File(argument.into())),
        }
    }
}

impl fmt::Display for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => path.display().fmt(f),
            Self::Digest(sha256) => write!(f, "{DIGEST}{sha256}"),
        }
    }
}

/// Each subject with its bundle: the one that was named, or else the one beside the file.
pub(super) fn plan(subjects: &[Subject], bundle: Option<&Path>) -> Result<Vec<Task>, Failure> {
    if bundle.is_some() && subjects.len() > 1 {
        return Err(Failure::OneBundle {
            files: subjects.len(),
        });
    }
    let task = |subject: &Subject| {
        let bundle = match (bundle, subject) {
            (Some(bundle), _) => bundle.to_owned(),
            (None, Subject::File(file)) => {
                let mut name = file.as_os_str().to_owned();
                name.push(BUNDLE_SUFFIX);
                name.into()
            }
            (None, Subject::Digest(_)) => return Err(Failure::NoBundle),
        };
        Ok(Task {
            subject: subject.clone(),
            bundle,
        })
    };
    subjects.iter().map(task).collect()
}

impl Task {
    pub(super) fn run(
        &self,
        signer: &Signer,
        root: &TrustedRoot,
        bars: &MultiProgress,
    ) -> Result<VerifiedBlob, Unverified> {
        let unread = |what| move |error| Unverified::Unread { what, error };
        let bundle = read_limited(&self.bundle, Limits::BUNDLE).map_err(unread("bundle"))?;
        let name = self.subject.to_string();
        let verify = |artifact| verify(&name, artifact, &bundle, signer, root);
        let verified = match &self.subject {
            Subject::Digest(sha256) => verify(Artifact::Digest(*sha256)),
            Subject::File(path) => {
                let at_path = |error: io::Error| unread("file")(at("read", path)(error));
                let mut file = File::open(path).map_err(at_path)?;
                let size = file.metadata().map_err(at_path)?.len();
                if size < BIG {
                    verify(Artifact::Bytes(&mut file))
                } else {
                    let bar = bars.add(output::progress(&name, size));
                    let verified = verify(Artifact::Bytes(&mut bar.wrap_read(file)));
                    bar.finish_and_clear();
                    verified
                }
            }
        };
        verified.map_err(|error| match error {
            trust::Unverified::Refused(refusal) => refusal.into(),
            trust::Unverified::Unread(error) => unread("file")(at("read", Path::new(&name))(error)),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_begins_like_a_digest_is_one_or_is_refused_and_a_path_is_a_file() {
        let sha256 = Sha256::of(b"bytes");
        let parse = |text: &str| Subject::parse(text.into());
        let digest = format!("sha256:{sha256}");
        assert_eq!(parse(&digest), Ok(Subject::Digest(sha256)));
        assert_eq!(Subject::Digest(sha256).to_string(), digest);
        for file in [
            "x",
            "./sha256:x",
            &format!("./{digest}"),
            "SHA256:x",
            "sha256",
        ] {
            assert_eq!(parse(file), Ok(Subject::File(file.into())));
        }
        for bad in [
            "sha256:",
            "sha256:x",
            &digest.to_uppercase().replace("SHA", "sha"),
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_bundle_lies_beside_its_file_unless_it_is_named() {
        let file = Subject::File("dist/x.tar.gz".into());
        let bundle = |subject: &Subject, named: Option<&str>| {
            plan(std::slice::from_ref(subject), named.map(Path::new))
                .map(|tasks| tasks[0].bundle.clone())
        };
        let beside = bundle(&file, None).unwrap();
        assert_eq!(beside, Path::new("dist/x.tar.gz.sigstore.json"));
        assert_eq!(bundle(&file, Some("b")).unwrap(), Path::new("b"));
        let digest = Subject::Digest(Sha256::of(b"bytes"));
        assert!(matches!(bundle(&digest, None), Err(Failure::NoBundle)));
        assert_eq!(bundle(&digest, Some("b")).unwrap(), Path::new("b"));
        let two = [file, digest];
        let planned = plan(&two, Some(Path::new("b")));
        assert!(matches!(planned, Err(Failure::OneBundle { files: 2 })));
    }
}
