//! Which version a run is for, as a pure decision that tells its steps.

use std::path::PathBuf;

use release_plan::{Exit, Version};
use serde::Serialize;

use super::pin::Pin;
use crate::home::{Of, Shunned};

/// What decides.
#[derive(Debug)]
pub(crate) struct Scene {
    /// The variable that names a development build, and what it says where it is set.
    pub(crate) variable: String,
    pub(crate) build: Option<PathBuf>,
    /// Whether this run is about the home itself, which neither build nor project decides.
    pub(crate) about_home: bool,
    pub(crate) pinned: Option<Pinned>,
    pub(crate) current: Version,
}

/// A project that asks for something, and what a home knows of the versions it may have.
#[derive(Debug)]
pub(crate) struct Pinned {
    pub(crate) pin: Pin,
    pub(crate) installed: Vec<Version>,
    /// The versions that were installed for channels.
    pub(crate) selected: Vec<Of<Version>>,
    pub(crate) yanked: Vec<Of<Shunned>>,
    pub(crate) quarantined: Vec<Shunned>,
    /// The lowest version that the current one can be reached from.
    pub(crate) floor: Option<Version>,
}

/// What is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Runs {
    /// A development build, wherever it lies.
    Build(PathBuf),
    /// A version of the home; by a project's word or for everyone.
    Version { version: Version, pinned: bool },
}

/// One step of a decision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Step {
    /// What was looked at.
    pub(crate) what: String,
    /// What was found there.
    pub(crate) found: String,
    /// What that decides.
    pub(crate) so: String,
}

/// Why a run is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum ChoiceError {
    #[error("{file} asks for {version}, which is not installed. Run 'install' there first, or set {variable}=1", file = file.display())]
    NotInstalled {
        file: PathBuf,
        version: Version,
        variable: String,
    },
    #[error("{file} asks for channel {channel}, and no version was installed for it. Run 'install' there first, or set {variable}=1", file = file.display())]
    NoSelection {
        file: PathBuf,
        channel: release_plan::Channel,
        variable: String,
    },
    #[error("{file} asks for {version}, which is refused: {reason}. Ask for another version there", file = file.display())]
    Refused {
        file: PathBuf,
        version: Version,
        reason: String,
    },
    #[error("{file} asks for {least} or later, and {version} would run. Run 'upgrade', or ask for a version there", file = file.display())]
    TooOld {
        file: PathBuf,
        least: Version,
        version: Version,
    },
}

impl ChoiceError {
    pub(crate) fn exit(&self) -> Exit {
        Exit::Held
    }

    /// Whether an installation would mend it.
    pub(crate) fn wants_installation(&self) -> bool {
        matches!(self, Self::NotInstalled { .. } | Self::NoSelection { .. })
    }
}

impl Pinned {
    /// Why a version is not run for a project, which is no asking by name.
    pub(crate) fn refuses(&self, version: &Version) -> Option<String> {
        if let Some(yanked) = self.yanked.iter().find(|of| of.what.version == *version) {
            return Some(format!("it is yanked: {}", yanked.what.reason));
        }
        let mut quarantined = self.quarantined.iter();
        if let Some(shunned) = quarantined.find(|shunned| shunned.version == *version) {
            return Some(format!("it is quarantined: {}", shunned.reason));
        }
        let floor = self.floor.as_ref().filter(|floor| version < *floor)?;
        Some(format!(
            "it is below {floor}, the lowest that the current version can be reached from"
        ))
    }

    fn version(&self, install_variable: &str) -> Result<Option<Version>, ChoiceError> {
        let file = || self.pin.file.clone();
        let asks = &self.pin.asks;
        let version = match (&asks.version, asks.channel) {
            (Some(version), _) => version,
            (None, Some(channel)) => {
                let mut selected = self.selected.iter();
                let selected = selected.find(|of| of.channel == channel);
                match selected {
                    Some(of) => &of.what,
                    None => {
                        return Err(ChoiceError::NoSelection {
                            file: file(),
                            channel,
                            variable: install_variable.to_owned(),
                        });
                    }
                }
            }
            (None, None) => return Ok(None),
        };
        if let Some(reason) = self.refuses(version) {
            return Err(ChoiceError::Refused {
                file: file(),
                version: version.clone(),
                reason,
            });
        }
        if !self.installed.contains(version) {
            return Err(ChoiceError::NotInstalled {
                file: file(),
                version: version.clone(),
                variable: install_variable.to_owned(),
            });
        }
        Ok(Some(version.clone()))
    }
}

impl Scene {
    /// What runs, with each step of the way there. `install_variable` is what would have had a
    /// missing version installed.
    pub(crate) fn choose(
        &self,
        install_variable: &str,
        steps: &mut Vec<Step>,
    ) -> Result<Runs, ChoiceError> {
        let mut step = |what: &str, found: String, so: &str| {
            steps.push(Step {
                what: what.to_owned(),
                found,
                so: so.to_owned(),
            });
        };
        let current = Runs::Version {
            version: self.current.clone(),
            pinned: false,
        };
        if self.about_home {
            step(
                "command",
                "about the home itself".to_owned(),
                "neither build nor project decides",
            );
            step("current", self.current.to_string(), "it runs");
            return Ok(current);
        }
        if let Some(build) = &self.build {
            step(
                &self.variable,
                build.display().to_string(),
                "this development build runs, whatever follows",
            );
            return Ok(Runs::Build(build.clone()));
        }
        step(&self.variable, "not set".to_owned(), "go on");
        let Some(pinned) = &self.pinned else {
            step("project", "no file upward from here".to_owned(), "go on");
            step("current", self.current.to_string(), "it runs");
            return Ok(current);
        };
        let asks = &pinned.pin.asks;
        let found = format!("{} asks for {asks}", pinned.pin.file.display());
        match pinned.version(install_variable) {
            Err(error) => {
                step("project", found, "refused");
                return Err(error);
            }
            Ok(Some(version)) if at_least(&version, pinned) => {
                step("project", found, "that version runs");
                return Ok(Runs::Version {
                    version,
                    pinned: true,
                });
            }
            Ok(Some(version)) => {
                step("project", found, "refused");
                return Err(too_old(&version, pinned));
            }
            Ok(None) => {}
        }
        if !at_least(&self.current, pinned) {
            step("project", found, "the current version is too old");
            step("current", self.current.to_string(), "refused");
            return Err(too_old(&self.current, pinned));
        }
        step("project", found, "the current version will do");
        step("current", self.current.to_string(), "it runs");
        Ok(current)
    }
}

fn at_least(version: &Version, pinned: &Pinned) -> bool {
    let least = pinned.pin.asks.min_version.as_ref();
    least.is_none_or(|least| version >= least)
}

fn too_old(version: &Version, pinned: &Pinned) -> ChoiceError {
    let Pin { file, asks } = &pinned.pin;
    ChoiceError::TooOld {
        file: file.clone(),
        least: asks.min_version.clone().unwrap_or_else(|| version.clone()),
        version: version.clone(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::pin::Asks;
    use super::*;
    use release_plan::Channel;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    fn scene(asks: Option<Asks>) -> Scene {
        let pinned = asks.map(|asks| Pinned {
            pin: Pin {
                file: PathBuf::from("/p/.rocket.toml"),
                asks,
            },
            installed: ["0.9.0", "1.0.0", "1.1.0", "1.2.0", "2.0.0-beta.1"]
                .map(version)
                .to_vec(),
            selected: vec![Of {
                channel: Channel::Beta,
                what: version("2.0.0-beta.1"),
            }],
            yanked: vec![Of {
                channel: Channel::Stable,
                what: Shunned::new(version("1.0.0"), "it eats files"),
            }],
            quarantined: vec![Shunned::new(version("1.2.0"), "it crashed")],
            floor: Some(version("1.0.0")),
        });
        Scene {
            variable: "ROCKET_BIN".to_owned(),
            build: None,
            about_home: false,
            pinned,
            current: version("1.1.0"),
        }
    }

    fn chosen(scene: &Scene) -> Result<Runs, ChoiceError> {
        let mut steps = Vec::new();
        let runs = scene.choose("ROCKET_INSTALL", &mut steps);
        assert!(!steps.is_empty());
        runs
    }

    fn asks(version: Option<&str>, least: Option<&str>, channel: Option<Channel>) -> Asks {
        Asks {
            version: version.map(|text| text.parse().unwrap()),
            min_version: least.map(|text| text.parse().unwrap()),
            channel,
        }
    }

    fn runs(text: &str, pinned: bool) -> Result<Runs, ChoiceError> {
        Ok(Runs::Version {
            version: version(text),
            pinned,
        })
    }

    #[test]
    fn a_development_build_comes_before_a_project_and_a_project_before_what_is_current() {
        assert_eq!(chosen(&scene(None)), runs("1.1.0", false));
        let pinned = Some(asks(Some("1.1.0"), None, None));
        assert_eq!(chosen(&scene(pinned.clone())), runs("1.1.0", true));
        let beta = Some(asks(None, None, Some(Channel::Beta)));
        assert_eq!(chosen(&scene(beta)), runs("2.0.0-beta.1", true));
        let mut with_build = scene(pinned);
        with_build.build = Some(PathBuf::from("/dev/rocket"));
        assert_eq!(
            chosen(&with_build),
            Ok(Runs::Build(PathBuf::from("/dev/rocket")))
        );
    }

    #[test]
    fn a_project_gets_no_version_that_is_yanked_quarantined_below_the_floor_or_missing() {
        for (asked, words) in [
            ("1.0.0", "yanked: it eats files"),
            ("1.2.0", "quarantined: it crashed"),
            ("0.9.0", "below 1.0.0"),
            ("1.3.0", "not installed"),
        ] {
            let error = chosen(&scene(Some(asks(Some(asked), None, None)))).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
            assert!(error.to_string().contains("/p/.rocket.toml"), "{error}");
            assert_eq!(error.exit(), Exit::Held);
            assert_eq!(error.wants_installation(), asked == "1.3.0");
        }
        let alpha = scene(Some(asks(None, None, Some(Channel::Alpha))));
        assert!(chosen(&alpha).unwrap_err().wants_installation());
    }

    #[test]
    fn a_version_lower_than_a_project_needs_is_refused_and_one_that_is_not_runs() {
        for (least, good) in [("1.1.0", true), ("1.1.1", false)] {
            for channel in [None, Some(Channel::Beta)] {
                let chosen = chosen(&scene(Some(asks(None, Some(least), channel))));
                assert_eq!(chosen.is_ok(), good || channel.is_some(), "{least}");
            }
        }
        let error = chosen(&scene(Some(asks(None, Some("3.0.0"), None)))).unwrap_err();
        let words = "asks for 3.0.0 or later, and 1.1.0 would run";
        assert!(error.to_string().contains(words), "{error}");
    }

    #[test]
    fn what_is_about_the_home_itself_is_neither_a_builds_nor_a_projects_business() {
        let mut scene = scene(Some(asks(Some("1.3.0"), None, None)));
        scene.build = Some(PathBuf::from("/dev/rocket"));
        scene.about_home = true;
        assert_eq!(chosen(&scene), runs("1.1.0", false));
    }
}
