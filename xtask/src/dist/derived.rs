//! The assets that cargo-dist derives from our archives: the Homebrew formula and
//! `dist-manifest.json`. Its global step merges every manifest in its folder, so its own plan is
//! put there with our digests in it. What comes out is believed only when read back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use release_plan::{Asset, AssetKind, AssetName, Plan, Sha256, Target};
use serde_json::Value;

use super::manifest::{Artifact, Manifest};
use super::{Dist, DistError, formula};

const MANIFEST: &str = AssetName::DIST_MANIFEST;
const ARCHIVE: &str = "executable-zip";

/// What cargo-dist made of our archives.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Derived {
    /// `PRODUCT.rb`, for Homebrew.
    pub(crate) formula: Vec<u8>,
    /// `dist-manifest.json`, merged, without what tells of this machine.
    pub(crate) manifest: Vec<u8>,
}

/// Derives from the archives among `assets`, which may be fewer than `dist-workspace.toml` has
/// targets.
///
/// The same plan and archives give the same bytes on any machine.
///
/// # Errors
/// When cargo-dist is missing or fails, or when what it derived is not exactly about these
/// archives at the addresses where `plan` releases them.
pub(crate) fn derive(root: &Path, plan: &Plan, assets: &[Asset]) -> Result<Derived, DistError> {
    let archives = Archives::of(plan, assets);
    let dist = Dist::new(root, &plan.tools.cargo_dist)?;
    // The package may have another version than is rehearsed.
    let mut arguments = vec!["--force-tag"];
    for target in archives.targets() {
        arguments.extend(["--target", target.as_str()]);
    }
    let planned = dist.run("plan", &plan.tag, &arguments)?;
    let folder = dist.skeleton.path().join("target/distrib");
    let failed = |error: std::io::Error| DistError::Refused {
        command: "build",
        words: error.to_string(),
    };
    std::fs::create_dir_all(&folder).map_err(failed)?;
    std::fs::write(
        folder.join("plan-dist-manifest.json"),
        archives.with_digests(&planned)?,
    )
    .map_err(failed)?;
    arguments.push("--artifacts=global");
    let merged = dist.run("build", &plan.tag, &arguments)?;
    let file = archives.formula_name();
    let formula = std::fs::read_to_string(folder.join(&file))
        .map_err(|error| unexpected(&file, "what the installer \"homebrew\" gives", error))?;
    archives.check_formula(&formula)?;
    let manifest = archives.manifest(&merged)?;
    let here = dist.skeleton.path().to_string_lossy().into_owned();
    for (file, text) in [(file.as_str(), &formula), (MANIFEST, &manifest)] {
        if text.contains(&here) {
            return Err(unexpected(file, "no path of this machine", &here));
        }
    }
    Ok(Derived {
        formula: formula.into_bytes(),
        manifest: manifest.into_bytes(),
    })
}

fn unexpected(
    file: &str,
    expected: impl std::fmt::Display,
    found: impl std::fmt::Display,
) -> DistError {
    DistError::Derived {
        file: file.to_owned(),
        expected: expected.to_string(),
        found: found.to_string(),
    }
}

/// Our archives, and where they are released.
struct Archives<'a> {
    plan: &'a Plan,
    base: String,
    archives: BTreeMap<&'a AssetName, (&'a Target, Sha256)>,
}

impl<'a> Archives<'a> {
    fn of(plan: &'a Plan, assets: &'a [Asset]) -> Self {
        let archives = assets
            .iter()
            .filter(|asset| asset.kind == AssetKind::Archive)
            .filter_map(|asset| Some((&asset.name, (asset.target.as_ref()?, asset.sha256))))
            .collect();
        let base = format!("{}/releases/download/{}", plan.repository, plan.tag);
        Self {
            plan,
            base,
            archives,
        }
    }

    fn targets(&self) -> impl Iterator<Item = &'a Target> {
        self.archives.values().map(|(target, _)| *target)
    }

    fn formula_name(&self) -> String {
        format!("{}.rb", self.plan.product)
    }

    /// Puts our digests into the plan of cargo-dist, as a build of its own would have.
    fn with_digests(&self, json: &[u8]) -> Result<Vec<u8>, DistError> {
        let unreadable = |error: serde_json::Error| DistError::Output(error.to_string());
        let mut planned: Value = serde_json::from_slice(json).map_err(unreadable)?;
        for (name, (_, sha256)) in &self.archives {
            let artifact = planned["artifacts"]
                .get_mut(name.as_str())
                .and_then(Value::as_object_mut)
                .ok_or_else(|| unexpected("the plan of dist", name, "no such archive"))?;
            let checksums = serde_json::json!({ "sha256": sha256 });
            artifact.insert("checksums".to_owned(), checksums);
        }
        serde_json::to_vec(&planned).map_err(unreadable)
    }

    fn check_formula(&self, text: &str) -> Result<(), DistError> {
        let file = self.formula_name();
        let expected = format!("downloads from {}", self.base);
        let (version, downloads) =
            formula::read(text, &self.base).map_err(|found| unexpected(&file, expected, found))?;
        if version != self.plan.version.to_string() {
            return Err(unexpected(&file, &self.plan.version, version));
        }
        let mut covered = BTreeSet::new();
        for download in downloads {
            let formula::Download {
                platforms, name, ..
            } = &download;
            let (target, sha256) = self
                .archives
                .get(name)
                .ok_or_else(|| unexpected(&file, "our archives alone", name))?;
            let own = formula::Platform::of(target);
            if !own.is_some_and(|own| platforms.iter().all(|platform| platform.runs(own))) {
                let found = format!("it for {platforms:?}");
                return Err(unexpected(&file, format!("{name} for {target}"), found));
            }
            for platform in platforms {
                if !covered.insert(*platform) {
                    let expected = format!("one archive for {platform:?}");
                    return Err(unexpected(&file, expected, format!("{name} too")));
                }
            }
            if download.sha256 != *sha256 {
                let expected = format!("{name} with {sha256}");
                return Err(unexpected(&file, expected, download.sha256));
            }
        }
        match self
            .targets()
            .find(|target| formula::Platform::of(target).is_some_and(|at| !covered.contains(&at)))
        {
            Some(target) => Err(unexpected(
                &file,
                format!("an archive for {target}"),
                "none",
            )),
            None => Ok(()),
        }
    }

    /// The merged manifest, reduced to what is about the release, once that is as we made it.
    fn manifest(&self, merged: &[u8]) -> Result<String, DistError> {
        let refused = |expected: &dyn std::fmt::Display, found: &dyn std::fmt::Display| {
            Err(unexpected(MANIFEST, expected, found))
        };
        let mut manifest: Manifest = serde_json::from_slice(merged)
            .map_err(|error| unexpected(MANIFEST, "a manifest of dist", error))?;
        let Plan { tag, version, .. } = self.plan;
        if manifest.announcement_tag != *tag {
            return refused(tag, &manifest.announcement_tag);
        }
        let [release] = manifest.releases.as_slice() else {
            return refused(&"one release", &manifest.releases.len());
        };
        if (&release.app_name, &release.app_version) != (&self.plan.product, version) {
            let found = format!("{} {}", release.app_name, release.app_version);
            return refused(&format!("{} {version}", self.plan.product), &found);
        }
        let github = &release.hosting.github;
        let base = format!(
            "{}{}",
            github.artifact_base_url, github.artifact_download_path
        );
        if base != self.base {
            return refused(&self.base, &base);
        }
        let listed: BTreeSet<&str> = release.artifacts.iter().map(String::as_str).collect();
        let described: BTreeSet<&str> = manifest.artifacts.keys().map(String::as_str).collect();
        let formula = self.formula_name();
        let ours = self.archives.keys().map(|name| name.as_str());
        let expected: BTreeSet<&str> = ours.chain([formula.as_str()]).collect();
        for found in [listed, described] {
            if found != expected {
                let [expected, found] =
                    [expected, found].map(|names| Vec::from_iter(names).join(", "));
                return refused(&expected, &found);
            }
        }
        for (name, (target, sha256)) in &self.archives {
            let found = &manifest.artifacts[name.as_str()];
            let checksums = BTreeMap::from([("sha256".to_owned(), sha256.to_string())]);
            if found.kind != ARCHIVE
                || found.target_triples != [target.as_str()]
                || found.checksums != checksums
            {
                let expected = format!("{name} for {target} with {sha256}");
                let Artifact {
                    kind,
                    target_triples,
                    checksums,
                    ..
                } = found;
                return refused(
                    &expected,
                    &format!("{kind} {target_triples:?} {checksums:?}"),
                );
            }
        }
        // It lists files as the folder happened to give them.
        for artifact in manifest.artifacts.values_mut() {
            artifact.assets.sort();
        }
        let mut text = serde_json::to_string_pretty(&manifest)
            .map_err(|error| unexpected(MANIFEST, "JSON", error))?;
        text.push('\n');
        Ok(text)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use release_plan::Measured;
    use serde_json::json;

    use super::*;
    use crate::project::Project;
    use crate::skeleton::Skeleton;

    fn here() -> &'static Path {
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
    }

    /// A plan of this tree under another version, and archives that were never made.
    fn made_up() -> (Plan, Vec<Asset>) {
        let plan = Project::find(here())
            .unwrap()
            .plan(&"7.8.9-rc.1".parse().unwrap())
            .unwrap();
        let asset = |planned: &release_plan::PlannedAsset| {
            let bytes = planned.name.as_str().as_bytes();
            Asset::new(planned.clone(), Measured::of(bytes))
        };
        let assets = plan.assets.iter().map(asset).collect();
        (plan, assets)
    }

    /// Nothing where cargo-dist is not installed.
    fn derived_here(plan: &Plan, assets: &[Asset]) -> Option<Derived> {
        match derive(here(), plan, assets) {
            Err(DistError::Missing(_)) => {
                rehearsal::verifiers::not_run("dist");
                None
            }
            derived => Some(derived.unwrap()),
        }
    }

    #[test]
    fn dist_in_another_folder_derives_the_same_bytes() {
        let (plan, assets) = made_up();
        let Some(derived) = derived_here(&plan, &assets) else {
            return;
        };
        let elsewhere = Skeleton::of(here()).unwrap();
        assert_eq!(derive(elsewhere.path(), &plan, &assets).unwrap(), derived);
    }

    #[test]
    fn targets_that_were_not_built_are_left_out() {
        let (plan, assets) = made_up();
        let (built, left_out): (Vec<_>, Vec<_>) = assets
            .into_iter()
            .filter(|asset| asset.target.is_some())
            .partition(|asset| asset.name.as_str().contains("-x86_64-apple-"));
        let Some(derived) = derived_here(&plan, &built) else {
            return;
        };
        for text in [&derived.formula, &derived.manifest] {
            let text = str::from_utf8(text).unwrap();
            let named = |asset: &&Asset| text.contains(asset.name.as_str());
            assert_eq!(built.iter().filter(named).count(), 1, "{text}");
            assert_eq!(left_out.iter().filter(named).count(), 0, "{text}");
        }
    }

    #[test]
    fn ruby_loads_the_formula_on_each_platform_and_finds_our_archive() {
        let (plan, assets) = made_up();
        let Some(derived) = derived_here(&plan, &assets) else {
            return;
        };
        let scratch = tempfile::tempdir().unwrap();
        let formula = scratch.path().join("formula.rb");
        fs::write(&formula, derived.formula).unwrap();
        let unpacked = scratch.path().join("unpacked");
        fs::create_dir(&unpacked).unwrap();
        for name in [plan.product.as_str(), "README.md", "LICENSE-MIT"] {
            fs::write(unpacked.join(name), "").unwrap();
        }
        let mut loaded = 0;
        for asset in &assets {
            let target = asset.target.as_ref();
            let Some(formula::Platform { os, cpu }) = target.and_then(formula::Platform::of) else {
                continue;
            };
            let Some(said) = rehearsal::formula::evaluate(&formula, (os, cpu), &unpacked) else {
                return rehearsal::verifiers::not_run("ruby");
            };
            let said = said.unwrap();
            let base = format!("{}/releases/download/{}", plan.repository, plan.tag);
            assert_eq!(said["url"], format!("{base}/{}", asset.name));
            assert_eq!(said["sha256"], json!(asset.sha256));
            assert_eq!(said["version"], json!(plan.version));
            assert_eq!(said["installed"][0], plan.product);
            loaded += 1;
        }
        assert_eq!(loaded, 4);
    }

    /// A manifest and a formula as cargo-dist writes them, of one archive.
    struct Sample {
        plan: Plan,
        assets: Vec<Asset>,
        formula: String,
        manifest: Value,
    }

    fn sample() -> Sample {
        let (mut plan, mut assets) = made_up();
        "ember".clone_into(&mut plan.product);
        assets.truncate(1);
        let target: Target = "aarch64-apple-darwin".parse().unwrap();
        let name = "ember-aarch64-apple-darwin.tar.gz";
        assets[0].kind = AssetKind::Archive;
        assets[0].name = name.parse().unwrap();
        assets[0].target = Some(target.clone());
        let Plan {
            repository,
            tag,
            version,
            ..
        } = &plan;
        let sha256 = assets[0].sha256;
        let base = format!("{repository}/releases/download/{tag}");
        let formula = format!(
            "class Ember < Formula\n  version \"{version}\"\n  if OS.mac?\n    \
             if Hardware::CPU.arm?\n      url \"{base}/{name}\"\n      sha256 \"{sha256}\"\n    \
             end\n  end\nend\n"
        );
        let path = base.strip_prefix("https://github.com").unwrap();
        let manifest = json!({
            "dist_version": "0.34.0",
            "announcement_tag": tag,
            "announcement_is_prerelease": true,
            "announcement_title": "title",
            "releases": [{
                "app_name": "ember",
                "app_version": version,
                "display_name": "ember",
                "display": true,
                "artifacts": ["ember.rb", name],
                "hosting": {"order": ["github"], "github": {
                    "artifact_base_url": "https://github.com",
                    "artifact_download_path": path,
                    "owner": "example",
                    "repo": "ember",
                }},
            }],
            "artifacts": {
                "ember.rb": {
                    "name": "ember.rb", "kind": "installer", "target_triples": [target],
                    "path": "/home/somebody/target/distrib/ember.rb",
                },
                name: {
                    "name": name, "kind": ARCHIVE, "target_triples": [target],
                    "checksums": {"sha256": sha256},
                },
            },
            "systems": {"build": {"id": "build", "build_environment": "glibc 2.36"}},
            "upload_files": ["/home/somebody/target/distrib/ember.rb"],
        });
        Sample {
            plan,
            assets,
            formula,
            manifest,
        }
    }

    #[test]
    fn what_tells_of_the_machine_stays_on_it() {
        let sample = sample();
        let archives = Archives::of(&sample.plan, &sample.assets);
        let merged = sample.manifest.to_string();
        let text = archives.manifest(merged.as_bytes()).unwrap();
        assert!(merged.contains("somebody") && merged.contains("glibc"));
        assert!(
            !text.contains("somebody") && !text.contains("glibc"),
            "{text}"
        );
        assert!(text.contains(&sample.assets[0].sha256.to_string()));
    }

    #[test]
    fn a_manifest_of_another_archive_digest_release_or_place_is_refused() {
        let sample = sample();
        let archives = Archives::of(&sample.plan, &sample.assets);
        let archive = "/artifacts/ember-aarch64-apple-darwin.tar.gz";
        for (pointer, value) in [
            ("/announcement_tag".to_owned(), json!("v0.0.1")),
            ("/releases/0/app_version".to_owned(), json!("0.0.1")),
            ("/releases/0/app_name".to_owned(), json!("flint")),
            (
                "/releases/0/artifacts".to_owned(),
                json!(["ember.rb", "flint.tar.gz"]),
            ),
            (
                "/releases/0/hosting/github/artifact_base_url".to_owned(),
                json!("https://example.com"),
            ),
            ("/artifacts".to_owned(), json!({})),
            (format!("{archive}/checksums"), json!({})),
            (
                format!("{archive}/checksums/sha256"),
                json!(Sha256::of(b"another")),
            ),
            (
                format!("{archive}/target_triples"),
                json!(["x86_64-apple-darwin"]),
            ),
        ] {
            let mut manifest = sample.manifest.clone();
            *manifest.pointer_mut(&pointer).unwrap() = value;
            let result = archives.manifest(manifest.to_string().as_bytes());
            assert!(
                matches!(result, Err(DistError::Derived { .. })),
                "{pointer}: {result:?}"
            );
        }
    }

    #[test]
    fn a_formula_with_another_digest_archive_platform_or_version_is_refused() {
        let sample = sample();
        let archives = Archives::of(&sample.plan, &sample.assets);
        archives.check_formula(&sample.formula).unwrap();
        let sha256 = sample.assets[0].sha256.to_string();
        let (version, other) = (sample.plan.version.to_string(), Sha256::of(b"another"));
        for (from, to) in [
            (sha256.as_str(), other.to_string().as_str()),
            ("ember-aarch64", "ember-x86_64"),
            ("CPU.arm", "CPU.intel"),
            (&format!("version \"{version}\""), "version \"0.0.1\""),
            ("url ", "# url "),
        ] {
            let formula = sample.formula.replace(from, to);
            assert_ne!(formula, sample.formula);
            let result = archives.check_formula(&formula);
            assert!(
                matches!(result, Err(DistError::Derived { .. })),
                "{from}: {result:?}"
            );
        }
    }
}
