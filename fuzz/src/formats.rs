//! The formats of a release. What is read is what would be written, and no name in it leads out
//! of a folder.

use release_plan::{AssetName, Checksums, Manifest, Pointer};

use crate::Verdict;

pub(crate) fn manifest(input: &[u8]) -> Verdict {
    let Ok(manifest) = Manifest::parse(input) else {
        return Verdict::refused("format");
    };
    let written = manifest.render();
    assert_eq!(Manifest::parse(&written).as_ref(), Ok(&manifest));
    assert_eq!(manifest.tag.version(), &manifest.version);
    for asset in &manifest.assets {
        is_a_file_name(&asset.name);
        assert_eq!(manifest.asset(&asset.name), Some(asset));
    }
    for target in manifest.toolchains.keys() {
        assert!(manifest.archive(target).is_some(), "{target}");
    }
    Verdict::Accepted
}

pub(crate) fn pointer(input: &[u8]) -> Verdict {
    let Ok(pointer) = Pointer::parse(input) else {
        return Verdict::refused("format");
    };
    assert_eq!(Pointer::parse(&pointer.render()).as_ref(), Ok(&pointer));
    assert_eq!(pointer.tag.version(), &pointer.version);
    Verdict::Accepted
}

pub(crate) fn checksums(input: &[u8]) -> Verdict {
    let Ok(checksums) = Checksums::parse(input) else {
        return Verdict::refused("format");
    };
    assert_eq!(checksums.render().as_bytes(), input);
    for (name, digest) in checksums.iter() {
        is_a_file_name(name);
        assert_eq!(checksums.get(name), Some(digest));
    }
    Verdict::Accepted
}

fn is_a_file_name(name: &AssetName) {
    let name = name.as_str();
    assert!(
        !name.is_empty() && !name.starts_with(['.', '-']),
        "{name:?}"
    );
    assert!(
        name.is_ascii() && !name.contains(['/', '\\', ':', '\0']),
        "{name:?}"
    );
}
