//! A built archive and the record beside it: what `build` leaves and `assemble` takes, on this
//! machine or, by way of CI's artifacts, on another.

use std::fs;
use std::path::{Path, PathBuf};

use release_plan::{Exit, Measured, Plan, PlannedAsset, Sha256, Target, Toolchain, Tools};
use serde::{Deserialize, Serialize};

use crate::programs::headers::Headers;
use crate::{Failure, files};

const SCHEMA: &str = "built-archive/1";

/// What `build` says of an archive that it made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Built {
    schema: String,
    /// Digest of the plan of the whole release, so that an archive serves each plan of a part.
    plan_sha256: Sha256,
    pub(crate) target: Target,
    /// Bytes of the archive.
    size: u64,
    /// Digest of the archive.
    sha256: Sha256,
    pub(crate) toolchain: Toolchain,
    /// What the program needs of the system that runs it.
    pub(crate) needs: String,
    /// All that its headers say.
    headers: serde_json::Value,
    pub(crate) ran: Ran,
}

/// Whether the program was run where it was built.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Ran {
    /// It told the plan's version, commit and target; how it was run.
    Told(String),
    /// It was not run, and why.
    Not(String),
}

impl Built {
    pub(crate) fn new(
        plan: &Plan,
        target: Target,
        archive: Measured,
        toolchain: Toolchain,
        headers: &Headers,
        ran: Ran,
    ) -> Result<Self, Failure> {
        Ok(Self {
            schema: SCHEMA.to_owned(),
            plan_sha256: plan.whole().digest(),
            target,
            size: archive.size(),
            sha256: archive.sha256(),
            toolchain,
            needs: headers.to_string(),
            headers: serde_json::to_value(headers)?,
            ran,
        })
    }

    /// Writes the record beside its archive.
    pub(crate) fn write(&self, archive: &Path) -> Result<(), Failure> {
        let json = serde_json::to_vec_pretty(self)?;
        files::write(&record_of(archive), &json).map(drop)
    }

    /// Removes an archive with its record.
    pub(crate) fn remove(archive: &Path) -> Result<(), Failure> {
        for path in [archive.to_owned(), record_of(archive)] {
            match fs::remove_file(&path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(files::failed("remove", &path, &error));
                }
                _ => {}
            }
        }
        Ok(())
    }

    /// Reads the record beside an archive.
    pub(crate) fn read(archive: &Path) -> Result<Self, Failure> {
        let record = record_of(archive);
        let refused =
            |message: String| Failure::new(Exit::Input, format!("{}: {message}", record.display()));
        if !record.is_file() {
            return Err(refused(
                "expected the record that `build` leaves beside an archive, found none; build again"
                    .to_owned(),
            ));
        }
        let built: Self = serde_json::from_slice(&files::read(&record)?)
            .map_err(|error| refused(error.to_string()))?;
        if built.schema != SCHEMA {
            return Err(refused(format!(
                "expected {SCHEMA}, found {:?}",
                built.schema
            )));
        }
        Ok(built)
    }

    /// Refuses an archive of another plan, target, toolchain or size, before it is read.
    pub(crate) fn check(
        &self,
        plan: &Plan,
        target: &Target,
        archive: &Path,
    ) -> Result<(), Failure> {
        let size = fs::metadata(archive).map_err(|error| files::failed("read", archive, &error))?;
        let size = size.len();
        let plan_sha256 = plan.whole().digest();
        let (expected, found) = if self.plan_sha256 != plan_sha256 {
            let words = |digest: Sha256| format!("built by plan sha256:{digest}");
            (words(plan_sha256), words(self.plan_sha256))
        } else if self.target != *target {
            let words = |target: &Target| format!("for {target}");
            (words(target), words(&self.target))
        } else if !self.is_made_by(&plan.tools) {
            let tools = &plan.tools;
            let words = format!(
                "made by zig {} and cargo-zigbuild {}",
                tools.zig, tools.cargo_zigbuild
            );
            (words, format!("made by {}", self.toolchain))
        } else if self.size != size {
            let words = |size| format!("of {size} bytes");
            (words(self.size), words(size))
        } else {
            return Ok(());
        };
        Err(self.refusal(archive, "an archive", &expected, &found))
    }

    /// Refuses an archive with other bytes than were built.
    pub(crate) fn check_bytes(&self, archive: &Path, found: Measured) -> Result<(), Failure> {
        if (self.size, self.sha256) == (found.size(), found.sha256()) {
            return Ok(());
        }
        let words = |digest: Sha256| format!("with sha256:{digest}");
        let (expected, found) = (words(self.sha256), words(found.sha256()));
        let what = "the archive that its record tells of,";
        Err(self.refusal(archive, what, &expected, &found))
    }

    fn refusal(&self, archive: &Path, what: &str, expected: &str, found: &str) -> Failure {
        let message = format!(
            "{}: expected {what} {expected}, found one {found}; build {} by this plan",
            archive.display(),
            self.target
        );
        Failure::new(Exit::Input, message)
    }

    /// Whether the tools are those of the plan. A target that the builder's own linker serves has
    /// none of them.
    fn is_made_by(&self, tools: &Tools) -> bool {
        match (&self.toolchain.zig, &self.toolchain.cargo_zigbuild) {
            (None, None) => self.target.as_str().ends_with("-linux-gnu"),
            (zig, zigbuild) => {
                zig.as_ref() == Some(&tools.zig) && zigbuild.as_ref() == Some(&tools.cargo_zigbuild)
            }
        }
    }
}

fn record_of(archive: &Path) -> PathBuf {
    let mut name = archive.as_os_str().to_owned();
    name.push(".built.json");
    name.into()
}

/// The archives of a plan that a folder holds, whole or not, sorted by name.
///
/// # Errors
/// On an archive that no plan of this release has: somebody expects it to go out, and it would not.
pub(crate) fn archives_in(plan: &Plan, folder: &Path) -> Result<Vec<PlannedAsset>, Failure> {
    let entries = fs::read_dir(folder).map_err(|error| files::failed("read", folder, &error))?;
    let whole = plan.whole();
    let mut found = Vec::new();
    for entry in entries {
        let name = entry?.file_name().to_string_lossy().into_owned();
        let is_archive = name.ends_with(".tar.gz") || name.ends_with(".zip");
        let planned = whole.archives().find(|asset| asset.name.as_str() == name);
        match planned {
            Some(planned) => found.push(planned.clone()),
            None if is_archive => {
                let message = format!(
                    "{}: expected archives of {} {} alone, found {name}; take it away",
                    folder.display(),
                    plan.product,
                    plan.tag,
                );
                return Err(Failure::new(Exit::Input, message));
            }
            None => {}
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}
