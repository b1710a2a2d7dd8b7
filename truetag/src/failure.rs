//! Everything a command can fail with, and the one exit code of each.

use std::io;
use std::path::PathBuf;

use release_plan::{Exit, TagError, Version};
use trust::Refusal;

use crate::app::BuildError;
use crate::commands::KeyFileError;
use crate::decide::Stay;
use crate::fetch::FetchError;
use crate::files::{FileError, exit_of};
use crate::home::HomeError;
use crate::install::InstallError;
use crate::launch::LaunchError;
use crate::owner::Owner;
use crate::path::RecordError;
use crate::receipt::ReceiptError;
use crate::refresh::RefreshFailure;
use crate::root::RootFileError;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error(transparent)]
    Home(Box<HomeError>),
    #[error(transparent)]
    Root(#[from] RootFileError),
    #[error(transparent)]
    Refresh(Box<RefreshFailure>),
    #[error("--tuf-root: {0}")]
    TufRootFile(FileError),
    #[error("--tuf-root {path}: {refusal}", path = path.display())]
    TufRoot {
        path: PathBuf,
        refusal: Box<Refusal>,
    },
    #[error("--version: {0}")]
    Version(TagError),
    #[error(transparent)]
    Fetch(#[from] FetchError),
    #[error(transparent)]
    Stay(Box<Stay>),
    #[error("nothing was installed for the project: {0}")]
    NotForProject(Box<Stay>),
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error(transparent)]
    Receipt(#[from] ReceiptError),
    #[error(transparent)]
    PathRecord(#[from] RecordError),
    #[error("nobody is there to be asked: say --yes to remove it all the same")]
    Unasked,
    #[error("nothing was removed")]
    Declined,
    #[error(
        "what is named above could not be taken off PATH. Make it writable, or take it out by hand, and run this again: it ends what it began"
    )]
    PathRemains(Exit),
    #[error(transparent)]
    Refused(#[from] Refusal),
    #[error("--bundle names the bundle of one file, and {files} files were named")]
    OneBundle { files: usize },
    #[error("a digest has no bundle beside it: name its bundle with --bundle")]
    NoBundle,
    #[error(transparent)]
    Key(#[from] KeyFileError),
    #[error("{refused} of {all} files refused{also}", also = if *unread == 0 { String::new() } else { format!(", {unread} could not be read") })]
    FilesRefused {
        refused: usize,
        unread: usize,
        all: usize,
    },
    #[error("{unread} of {all} files could not be read")]
    FilesUnread { unread: usize, all: usize },
    #[error(
        "there is no version to go back to: {installed} is the only one that was current here. An older one can be installed into another home with its install script"
    )]
    NoPrevious { installed: Version },
    #[error(
        "{version}, which was current before, is yanked: {reason}. Upgrade to a newer version; 'upgrade --version {version} --allow-downgrade' takes it all the same"
    )]
    PreviousYanked { version: Version, reason: String },
    #[error("{path} is not the program that was installed: its digest is not that of its receipt. It cannot be gone back to: upgrade to a newer version, or install that one into another home with its install script", path = .0.display())]
    Altered(PathBuf),
    #[error(
        "nothing to install: name a version, or have {file} ask for a version or a channel, here or in a folder above"
    )]
    NothingPinned { file: String },
    #[error("expected a version up to {own}, which this program is, found {since}")]
    NothingSince { since: Version, own: Version },
    #[error(
        "{executable} belongs to {manager}: upgrade it with '{upgrade}'. An installation of its own is what the install script makes", executable = executable.display(), manager = owner.manager, upgrade = owner.upgrade
    )]
    Managed { executable: PathBuf, owner: Owner },
    #[error("{bad} of what was looked at must be mended")]
    Unwell { bad: usize },
    #[error(transparent)]
    Launch(Box<LaunchError>),
    #[error("{what}: expected {expected}, found {found}")]
    Probe {
        what: &'static str,
        expected: String,
        found: String,
    },
    #[error(transparent)]
    Playbook(#[from] playbook::PlaybookError),
    #[error("signals cannot be handled: {0}")]
    Signals(#[from] ctrlc::Error),
    #[error(transparent)]
    File(#[from] FileError),
    #[error("cannot write to stdout: {0}")]
    Output(#[from] io::Error),
}

impl From<Stay> for Failure {
    fn from(stay: Stay) -> Self {
        Self::Stay(Box::new(stay))
    }
}

impl From<HomeError> for Failure {
    fn from(error: HomeError) -> Self {
        Self::Home(Box::new(error))
    }
}

impl From<LaunchError> for Failure {
    fn from(error: LaunchError) -> Self {
        Self::Launch(Box::new(error))
    }
}

impl From<RefreshFailure> for Failure {
    fn from(failure: RefreshFailure) -> Self {
        Self::Refresh(Box::new(failure))
    }
}

impl Failure {
    /// The exit code, which scripts rely on.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Build(error) => error.exit(),
            Self::Home(error) => error.exit(),
            Self::Root(error) => error.exit(),
            Self::Refresh(error) => error.exit(),
            Self::Fetch(error) => error.exit(),
            Self::Stay(stay) => stay.exit(),
            // What is well for an upgrade leaves a project without its version.
            Self::NotForProject(stay) if stay.is_no_failure() => Exit::Held,
            Self::NotForProject(stay) => stay.exit(),
            Self::Install(error) => error.exit(),
            Self::Receipt(error) => error.exit(),
            Self::PathRecord(error) => error.exit(),
            Self::File(error) => error.exit(),
            Self::Refused(_)
            | Self::FilesRefused { .. }
            | Self::PreviousYanked { .. }
            | Self::Altered(_) => Exit::Refused,
            Self::TufRootFile(_)
            | Self::TufRoot { .. }
            | Self::Version(_)
            | Self::Key(_)
            | Self::FilesUnread { .. }
            | Self::NoPrevious { .. }
            | Self::NothingPinned { .. }
            | Self::NothingSince { .. } => Exit::Input,
            Self::Launch(error) => error.exit(),
            Self::OneBundle { .. } | Self::NoBundle | Self::Unasked => Exit::Usage,
            Self::Declined => Exit::Interrupted,
            Self::PathRemains(exit) => *exit,
            Self::Probe { .. } | Self::Unwell { .. } => Exit::Gate,
            Self::Managed { .. } => Exit::Managed,
            Self::Playbook(error) => exit_of(error.kind()),
            Self::Signals(_) | Self::Output(_) => Exit::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_command_itself_refuses_has_the_documented_exit_code() {
        let version = || Version::new(1, 0, 0);
        let tag = release_plan::Tag::of(&"1.0.0+build".parse().unwrap());
        for (failure, exit) in [
            (Failure::OneBundle { files: 2 }, Exit::Usage),
            (Failure::Version(tag.unwrap_err()), Exit::Input),
            (Failure::NoBundle, Exit::Usage),
            (
                Failure::FilesRefused {
                    refused: 1,
                    unread: 1,
                    all: 3,
                },
                Exit::Refused,
            ),
            (Failure::FilesUnread { unread: 1, all: 2 }, Exit::Input),
            (
                Failure::NoPrevious {
                    installed: version(),
                },
                Exit::Input,
            ),
            (Failure::Altered(PathBuf::from("x")), Exit::Refused),
            (Failure::Unwell { bad: 1 }, Exit::Gate),
            (Failure::Output(io::ErrorKind::Other.into()), Exit::Failed),
            (Stay::AlreadyThere { version: version() }.into(), Exit::Done),
        ] {
            assert_eq!(failure.exit(), exit, "{failure}");
        }
    }
}
