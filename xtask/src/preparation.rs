//! The tree of a release, made of the tree before it: the version wherever it stands, the guide in
//! place of its fragments, and the digests of what is frozen. Nothing is written here.

use std::collections::BTreeMap;

use release_plan::changes::{Fragment, Guide, NEXT, RELEASES, Review};
use release_plan::{AssetName, Builtins, Exit, Sha256, Version};
use semver::VersionReq;
use toml_edit::{DocumentMut, Item, TableLike, value};

use crate::failure::Exiting as _;
use crate::gates::versions;
use crate::git::Tree;
use crate::project::{LOCK_FILE, MANIFEST_FILE, PLAYBOOK_FOLDER, PRODUCT_FILE, Project};
use crate::publish;
use crate::story::{Released, SUMS, Story, reviews_file};
use crate::{Failure, told};

/// A file that is other than before.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Edit {
    /// Below the root of the tree.
    pub(crate) path: String,
    /// What it held; none for a new one.
    pub(crate) old: Option<String>,
    /// What it holds; none for one that goes.
    pub(crate) new: Option<String>,
}

/// Every file of the tree that `version` is released from and that is other than in this one,
/// sorted by its path.
pub(crate) fn edits(
    project: &Project,
    tree: &Tree,
    story: &Story,
    released: &Released,
    version: &Version,
) -> Result<Vec<Edit>, Failure> {
    let old = project.package_version();
    let mut texts = if version == old {
        Texts::new()
    } else {
        raise(project, &|path| tree.committed(path), old, version)?
    };
    guide(project, tree, story, released, version, &mut texts)?;
    installed(project, tree, version, &mut texts)?;
    let mut edits = Vec::new();
    for (path, new) in texts {
        let old = tree.committed(&path)?;
        if old != new {
            edits.push(Edit { path, old, new });
        }
    }
    Ok(edits)
}

/// The contents that files are to have, by their paths; none for one that goes.
pub(crate) type Texts = BTreeMap<String, Option<String>>;

/// The files of a tree, as `read` gives them, in which a version stands, once it was raised from `old`
/// to `version`.
///
/// # Errors
/// Where one of those is not there, or cannot be read.
pub(crate) fn raise(
    project: &Project,
    read: &dyn Fn(&str) -> Result<Option<String>, Failure>,
    old: &Version,
    version: &Version,
) -> Result<Texts, Failure> {
    let text = |path: &str| {
        let text = read(path)?;
        text.ok_or_else(|| Failure::new(Exit::Input, format!("{path}: expected it committed")))
    };
    let mut texts = Texts::new();
    let mut manifests = BTreeMap::new();
    let folders = project
        .folders()
        .iter()
        .map(|folder| folder.join(MANIFEST_FILE));
    let paths = folders.map(|path| path.to_string_lossy().replace('\\', "/"));
    for path in paths.chain([MANIFEST_FILE.to_owned()]) {
        let manifest: DocumentMut = text(&path)?.parse()?;
        manifests.insert(path, manifest);
    }
    let raised = raised(&mut manifests, &project.product.name, version)?;
    for (path, mut manifest) in manifests {
        dependencies(manifest.as_table_mut(), &raised, version);
        texts.insert(path, Some(manifest.to_string()));
    }
    let mut lock = text(LOCK_FILE)?;
    for name in &raised {
        let entry = |version: &Version| format!("name = \"{name}\"\nversion = \"{version}\"\n");
        lock = lock.replacen(&entry(old), &entry(version), 1);
    }
    texts.insert(LOCK_FILE.to_owned(), Some(lock));
    let product = text(PRODUCT_FILE)?;
    let lines = product.split_inclusive('\n').map(|line| {
        let counts = line.starts_with("bootstrap_revision: ");
        if counts {
            "bootstrap_revision: 0\n"
        } else {
            line
        }
    });
    texts.insert(PRODUCT_FILE.to_owned(), Some(lines.collect()));
    let playbook = project.playbook()?;
    let skills = playbook
        .files()
        .map(|(path, _)| format!("{PLAYBOOK_FOLDER}/{path}"));
    let documents = project.documents()?.into_iter().filter_map(|path| {
        let path = path.strip_prefix(&project.root).ok()?;
        Some(path.to_string_lossy().into_owned())
    });
    for path in skills.chain(documents) {
        let Some(before) = read(&path)? else {
            continue;
        };
        let after = versions::rewritten(&project.product, &before, version);
        texts.insert(path, Some(after));
    }
    Ok(texts)
}

/// Raises the version of the product's package, and of those that share one with it. Gives the names
/// of all that are raised.
fn raised(
    manifests: &mut BTreeMap<String, DocumentMut>,
    product: &str,
    version: &Version,
) -> Result<Vec<String>, Failure> {
    let name = |manifest: &DocumentMut| {
        let name = manifest
            .get("package")
            .and_then(|it| it.get("name")?.as_str());
        name.unwrap_or_default().to_owned()
    };
    let inherits = |manifest: &DocumentMut| {
        let says = manifest.get("package").and_then(|it| it.get("version"));
        let shared = says.and_then(|says| says.get("workspace")?.as_bool());
        shared == Some(true)
    };
    let own = manifests.iter_mut().find(|(_, it)| name(it) == product);
    let (_, own) = own.ok_or_else(|| {
        let message = format!("{MANIFEST_FILE}: expected the package {product} in the workspace");
        Failure::new(Exit::Input, message)
    })?;
    if !inherits(own) {
        own["package"]["version"] = value(version.to_string());
        return Ok(vec![product.to_owned()]);
    }
    if let Some(root) = manifests.get_mut(MANIFEST_FILE) {
        root["workspace"]["package"]["version"] = value(version.to_string());
    }
    Ok(manifests
        .values()
        .filter(|it| inherits(it))
        .map(name)
        .collect())
}

/// Has every dependency on what was raised, by its path, ask for the new version where it asks for
/// one and would not take that.
fn dependencies(table: &mut dyn TableLike, raised: &[String], version: &Version) {
    for (key, item) in table.iter_mut() {
        let key = key.get().to_owned();
        let Some(below) = item.as_table_like_mut() else {
            continue;
        };
        if !key.ends_with("dependencies") {
            dependencies(below, raised, version);
            continue;
        }
        for (name, item) in below.iter_mut() {
            let Some(asks) = item.as_table_like_mut() else {
                continue;
            };
            let package = asks.get("package").and_then(Item::as_str);
            let package = package.unwrap_or(name.get());
            if !asks.contains_key("path") || !raised.iter().any(|it| it == package) {
                continue;
            }
            let asked = asks.get("version").and_then(Item::as_str);
            let Some(asked) = asked.map(str::to_owned) else {
                continue;
            };
            let takes = VersionReq::parse(&asked).is_ok_and(|asked| asked.matches(version));
            if !takes {
                let operator = asked
                    .trim_start()
                    .split(|c: char| c.is_ascii_digit())
                    .next();
                let operator = operator.unwrap_or_default();
                asks.insert("version", value(format!("{operator}{version}")));
            }
        }
    }
}

/// Puts the digests of what this version installs into the history of the builtin manifest.
fn installed(
    project: &Project,
    tree: &Tree,
    version: &Version,
    texts: &mut Texts,
) -> Result<(), Failure> {
    let Some(json) = tree.committed(told::BUILTINS)? else {
        return Ok(());
    };
    let broken = |why| Failure::new(Exit::Input, format!("{}: {why}", told::BUILTINS));
    let builtins = Builtins::parse(&json).map_err(broken)?;
    let mut installed = builtins.installed();
    installed.retain(|name, _| !name.starts_with(told::PLAYBOOK));
    // The version may stand in a skill, and has been raised.
    for (path, bytes) in project.playbook()?.files() {
        let raised = texts.get(&format!("{PLAYBOOK_FOLDER}/{path}"));
        let raised = raised.and_then(|text| text.as_ref().map(String::as_bytes));
        let name = format!("{}{path}", told::PLAYBOOK);
        installed.insert(name, Sha256::of(raised.unwrap_or(bytes)));
    }
    let builtins = builtins.installing(&installed).released(version);
    texts.insert(told::BUILTINS.to_owned(), Some(builtins.render()));
    Ok(())
}

/// The guide as whoever reads it later finds it: once it is frozen, nothing of it can be mended.
fn read_back(
    product: &str,
    version: &Version,
    fragments: &[&Fragment],
    guide: &str,
) -> Result<Guide, Failure> {
    let file = format!("{RELEASES}/{}", Guide::file(version));
    let read = |guide: &str| Guide::read(&file, guide.as_bytes());
    read(guide).map_err(|error| {
        let alone = |it: &&&Fragment| {
            let guide = Guide::write(product, version, &[it]);
            guide.is_some_and(|guide| read(&guide).is_err())
        };
        let longest = || {
            let length = |it: &&&Fragment| it.tell().len() + it.what_changed().len();
            fragments.iter().max_by_key(length)
        };
        let of = fragments.iter().find(alone).or_else(longest);
        let of = of.map_or(NEXT.to_owned(), |it| format!("{NEXT}/{}", it.slug.fragment()));
        let message = format!(
            "{of}: expected words that can be read again in the guide, found that they cannot \
             ({error}); take headings out of its keys, close what it leaves open, or tell it shorter"
        );
        Failure::new(Exit::Gate, message)
    })
}

/// Puts the guide in the place of its fragments, and the reviews beside it.
fn guide(
    project: &Project,
    tree: &Tree,
    story: &Story,
    released: &Released,
    version: &Version,
    texts: &mut Texts,
) -> Result<(), Failure> {
    let (product, fragments) = (&project.product.name, story.fragments());
    let guide = Guide::write(product, version, &fragments).ok_or_else(|| {
        let message = format!("{NEXT}: expected a fragment, found none: there is nothing to tell");
        Failure::new(Exit::Gate, message)
    })?;
    let read = read_back(product, version, &fragments, &guide)?;
    publish::notes(&project.plan(version)?, Some(&read))?;
    let mut frozen = vec![(Guide::file(version), guide)];
    let mut reviews = Vec::new();
    for slug in story.slugs() {
        let path = format!("{NEXT}/{}", slug.review());
        if let Some(review) = tree.committed(&path)? {
            reviews.push(format!("# {slug}\n\n{}\n", review.trim()));
        }
        // A pre-release tells of what the release will tell again.
        if version.pre.is_empty() {
            texts.insert(path, None);
            texts.insert(format!("{NEXT}/{}", slug.fragment()), None);
        }
    }
    if !reviews.is_empty() {
        let (name, text) = (reviews_file(version), reviews.join("\n"));
        let read = Review::read_all(&format!("{RELEASES}/{name}"), text.as_bytes());
        if read.or_exit(Exit::Input)?.len() != reviews.len() {
            let message = format!(
                "{NEXT}: expected reviews that can stand below each other, found one that \
                 swallows the next; close what it leaves open, such as a block of code"
            );
            return Err(Failure::new(Exit::Gate, message));
        }
        frozen.push((name, text));
    }
    let mut sums = released.sums.clone();
    for (name, text) in frozen {
        let asset: AssetName = name.parse().or_exit(Exit::Input)?;
        sums.insert(asset, Sha256::of(text.as_bytes()));
        texts.insert(format!("{RELEASES}/{name}"), Some(text));
    }
    texts.insert(format!("{RELEASES}/{SUMS}"), Some(sums.render()));
    Ok(())
}
