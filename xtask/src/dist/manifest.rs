//! What of cargo-dist's manifest is about the release, and goes out. Source of the format: `dist
//! manifest-schema`.

use std::collections::BTreeMap;

use release_plan::{Tag, Version};
use serde::{Deserialize, Serialize};

/// What goes out of cargo-dist's manifest. The rest stays here: `systems`, `path` and
/// `upload_files` tell of this machine, `ci` of workflows that are not used, and `env`,
/// `install_hint` and the announcement's body of installers that are not shipped.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    pub(super) dist_version: Version,
    pub(super) announcement_tag: Tag,
    pub(super) announcement_is_prerelease: bool,
    pub(super) announcement_title: String,
    pub(super) releases: Vec<Release>,
    pub(super) artifacts: BTreeMap<String, Artifact>,
    /// Empty; older readers want them to be there.
    #[serde(skip_deserializing)]
    linkage: [(); 0],
    #[serde(skip_deserializing)]
    upload_files: [(); 0],
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Release {
    pub(super) app_name: String,
    pub(super) app_version: Version,
    pub(super) display_name: String,
    pub(super) display: bool,
    pub(super) artifacts: Vec<String>,
    pub(super) hosting: Hosting,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hosting {
    pub(super) order: Vec<String>,
    pub(super) github: Github,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Github {
    pub(super) artifact_base_url: String,
    pub(super) artifact_download_path: String,
    pub(super) owner: String,
    pub(super) repo: String,
}

#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Artifact {
    pub(super) name: String,
    pub(super) kind: String,
    pub(super) target_triples: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) assets: Vec<Member>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) description: Option<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub(super) checksums: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Member {
    pub(super) name: String,
    pub(super) path: String,
    pub(super) kind: String,
}
