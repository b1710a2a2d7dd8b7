//! What a program must be before it is packed and again before it is signed, and how it is packed.

use std::path::{Path, PathBuf};

use release_plan::{Exit, Plan, PlannedAsset, Sha256, Target};

use crate::programs::archive::{Archive, Member};
use crate::programs::headers::{self, Headers, Limits};
use crate::programs::leaks::{Private, leaks};
use crate::programs::members;
use crate::{Failure, files};

/// Reads the headers of a program for `target` and refuses what no release may hold, the path of
/// the work tree `root` among it.
pub(crate) fn program(
    root: &Path,
    plan: &Plan,
    target: &Target,
    bytes: &[u8],
) -> Result<Headers, Failure> {
    let refused = |problems: Vec<String>| {
        let message = format!("{target}: {}", problems.join("\n  "));
        Failure::new(Exit::Gate, message)
    };
    let headers = headers::examine(bytes).map_err(|error| refused(vec![error.to_string()]))?;
    let limits = Limits {
        size: plan.size_budget,
        committed_at: plan.source.committed_at,
    };
    let problems = headers.problems(target, &limits);
    let mut problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
    let leaks = leaks(bytes, &private(root));
    problems.extend(leaks.iter().map(ToString::to_string));
    if problems.is_empty() {
        return Ok(headers);
    }
    Err(refused(problems))
}

/// Looks into an archive that was built before: it must hold the program and `documents` and
/// nothing else, and the program must be one that [`program`] lets pass.
pub(crate) fn archive(
    tree: &Path,
    plan: &Plan,
    planned: &PlannedAsset,
    documents: &[PathBuf],
    bytes: &[u8],
) -> Result<(), Failure> {
    let Some(target) = &planned.target else {
        return Err(Failure::new(
            Exit::Input,
            format!("{}: is no archive", planned.name),
        ));
    };
    let refused = |message: String| {
        let message = format!("{}: {message}; build {target} again", planned.name);
        Failure::new(Exit::Input, message)
    };
    let held =
        members::members(&planned.name, bytes).map_err(|error| refused(error.to_string()))?;
    let root = target.archive_stem(&plan.product);
    let packing = packing(
        plan,
        target,
        (PathBuf::new(), Sha256::of(b"")),
        documents,
        PathBuf::new(),
    );
    let expected = packing.paths();
    let found: Vec<&str> = held.iter().map(|member| member.path.as_str()).collect();
    if found != expected {
        let words = format!(
            "expected {} in it, found {}",
            expected.join(", "),
            found.join(", ")
        );
        return Err(refused(words));
    }
    for member in &held {
        let name = member
            .path
            .strip_prefix(&format!("{root}/"))
            .unwrap_or(&member.path);
        let document = documents
            .iter()
            .find(|file| file.file_name() == Some(name.as_ref()));
        if let Some(document) = document
            && files::read(document)? != member.contents
        {
            return Err(refused(format!(
                "expected the {name} of this tree in it, found another"
            )));
        }
        if name == target.executable(&plan.product) {
            self::program(tree, plan, target, &member.contents)?;
        }
    }
    Ok(())
}

/// What of this machine must be in no program.
fn private(root: &Path) -> Vec<(&'static str, Private)> {
    let set = |name: &str| std::env::var(name).ok();
    let folders = [
        ("home folder", set("HOME")),
        ("home folder", set("USERPROFILE")),
        ("home of cargo", set("CARGO_HOME")),
        ("home of rustup", set("RUSTUP_HOME")),
        ("work tree", Some(root.display().to_string())),
    ];
    let folders = folders.into_iter().flat_map(|(what, folder)| {
        let folders = folder.into_iter().flat_map(with_entries_at_root);
        folders.map(move |folder| (what, Private::Folder(folder)))
    });
    let names = [
        set("USER").map(|name| ("user name", Private::Name(name))),
        host_name().map(|name| ("host name", Private::Name(name))),
    ];
    folders.chain(names.into_iter().flatten()).collect()
}

/// A folder; and what lies in it, where it is at the root and tells nothing by itself: `/root/.cargo`
/// does, and `/root` is in many a text.
fn with_entries_at_root(folder: String) -> Vec<String> {
    let path = Path::new(&folder);
    let at_root = path.parent().is_some_and(|above| above.parent().is_none());
    let entries = match at_root {
        true => std::fs::read_dir(path).ok(),
        false => None,
    };
    let entries = entries.into_iter().flatten().flatten();
    let entries = entries.map(|entry| entry.path().display().to_string());
    entries.chain([folder.clone()]).collect()
}

#[cfg(unix)]
fn host_name() -> Option<String> {
    let system = rustix::system::uname();
    Some(system.nodename().to_string_lossy().into_owned())
}

#[cfg(not(unix))]
fn host_name() -> Option<String> {
    std::env::var("COMPUTERNAME").ok()
}

/// The archive of a program and the documents that go with it, to be written to `path`.
pub(crate) fn packing(
    plan: &Plan,
    target: &Target,
    program: (PathBuf, Sha256),
    documents: &[PathBuf],
    path: PathBuf,
) -> Archive {
    let name = |file: &Path| {
        let name = file.file_name().unwrap_or_default();
        name.to_string_lossy().into_owned()
    };
    let mut members = vec![Member {
        name: target.executable(&plan.product),
        file: program.0,
        executable: true,
        sha256: Some(program.1),
    }];
    members.extend(documents.iter().map(|file| Member {
        name: name(file),
        file: file.clone(),
        executable: false,
        sha256: None,
    }));
    Archive {
        path,
        target: target.clone(),
        root: target.archive_stem(&plan.product),
        members,
    }
}
