//! What a tree does to those who rely on the last release, as far as files of both tell: assets,
//! channels, identities, lowest versions, the command line, what its libraries offer, and what its
//! documents look like. Nothing is compiled for it.

mod api;
mod code;
mod formats;
mod packages;

use std::collections::BTreeSet;
use std::fs;

use release_plan::sources::{self, ReleaseMetadata, SourceError};
use release_plan::{
    AssetName, Bump, Contents, Deprecation, Difference, GONE, NEW, OTHER, Product, Surface, Tag,
    Version,
};
use toml_edit::{DocumentMut, Item};

use self::api::Api;
pub(crate) use self::code::Code;
use self::formats::Formats;
use crate::git::Tree;
use crate::project::{DIST_FILE, MANIFEST_FILE, PRODUCT_FILE, Project};
use crate::{Failure, files, told};

/// Why a version must be raised, and by how much at least.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reason {
    pub(crate) bump: Bump,
    /// What is other, by the name that deprecations have for it.
    pub(crate) thing: String,
    /// How it is other.
    pub(crate) how: String,
    /// File and line.
    pub(crate) place: String,
}

impl Reason {
    /// The thing and how it is other.
    pub(crate) fn what(&self) -> String {
        format!("{} {}", self.thing, self.how)
    }
}

/// What the files of a tree say, as far as others rely on it.
struct Relied {
    product: Product,
    assets: BTreeSet<AssetName>,
    /// The lowest version of Rust that its packages say they compile with.
    rust: Option<Version>,
}

/// The texts that it is read from.
struct Texts {
    product: String,
    dist: String,
    manifest: String,
}

impl Texts {
    fn read(project: &Project) -> Result<Self, Failure> {
        let text = |file| files::read_text(&project.root.join(file));
        Ok(Self {
            product: text(PRODUCT_FILE)?,
            dist: text(DIST_FILE)?,
            manifest: text(MANIFEST_FILE)?,
        })
    }

    /// As they were under a tag, `product` with them; none where one of the others was not there.
    fn at(tree: &Tree, tag: &Tag, product: String) -> Result<Option<Self>, Failure> {
        let text = |file| tree.text_at(&tag.reference(), file);
        let files = text(DIST_FILE)?.zip(text(MANIFEST_FILE)?);
        Ok(files.map(|(dist, manifest)| Self {
            product,
            dist,
            manifest,
        }))
    }

    /// What they say now.
    fn relied(&self) -> Result<Relied, SourceError> {
        let product = sources::product(PRODUCT_FILE, &self.product)?;
        let metadata = sources::release_metadata(MANIFEST_FILE, &self.manifest)?;
        self.relied_of(product, metadata)
    }

    /// What those of an older release say, which may have keys that are known no more.
    fn relied_then(&self) -> Result<Relied, SourceError> {
        let product = sources::product_as_it_was(PRODUCT_FILE, &self.product)?;
        let metadata = sources::release_metadata_as_it_was(MANIFEST_FILE, &self.manifest)?;
        self.relied_of(product, metadata)
    }

    fn relied_of(
        &self,
        product: Product,
        metadata: ReleaseMetadata,
    ) -> Result<Relied, SourceError> {
        let dist = sources::dist_workspace(DIST_FILE, &self.dist)?;
        let contents = Contents {
            targets: dist.targets,
            homebrew: dist.homebrew,
            sbom: metadata.cargo_cyclonedx.is_some(),
        };
        let assets = contents.assets(&product.name).unwrap_or_default();
        Ok(Relied {
            assets: assets.into_iter().map(|asset| asset.name).collect(),
            rust: rust_version(&self.manifest),
            product,
        })
    }
}

/// The code of the work tree.
pub(crate) fn code(project: &Project) -> Code<'_> {
    // A file that cannot be read is missed by whoever names it.
    Code::new(project.crates(), |path| {
        fs::read_to_string(project.root.join(path)).ok()
    })
}

/// Places in the product's file that name a document of which nothing is known, and why.
pub(crate) fn unknown_formats(
    project: &Project,
    code: &Code<'_>,
) -> Result<Vec<(String, String)>, Failure> {
    let product = files::read_text(&project.root.join(PRODUCT_FILE))?;
    Ok(Formats::read(&project.product, code).unknown(&product))
}

/// Every thing that others rely on in a tree, as deprecations name it, or why that cannot be told.
pub(crate) fn things(
    project: &Project,
    code: &Code<'_>,
) -> Result<Result<BTreeSet<String>, String>, Failure> {
    let relied = match Texts::read(project)?.relied() {
        Ok(relied) => relied,
        Err(error) => return Ok(Err(error.to_string())),
    };
    let channels = relied.product.channels.feeds.keys();
    let channels = channels.map(|channel| format!("channel {channel}"));
    let assets = relied.assets.iter().map(|asset| format!("asset {asset}"));
    let mut things: BTreeSet<_> = channels.chain(assets).collect();
    if let Some(surface) = told::written(&project.root, told::SURFACE)? {
        match Surface::parse(&surface) {
            Ok(surface) => things.extend(surface.things()),
            Err(why) => return Ok(Err(format!("{}: {why}", told::SURFACE))),
        }
    }
    for (package, library) in project.libraries() {
        things.insert(format!("crate {package}"));
        match api::read(&library.root, code) {
            Ok(api) => things.extend(api.iter().map(|(path, it)| format!("{} {path}", it.kind))),
            Err(why) => return Ok(Err(why)),
        }
    }
    things.extend(Formats::read(&relied.product, code).things());
    Ok(Ok(things))
}

/// The product as it was under a tag; none where there was none that can be read.
pub(crate) fn product(tree: &Tree, tag: &Tag) -> Result<Option<Product>, Failure> {
    let text = tree.text_at(&tag.reference(), PRODUCT_FILE)?;
    Ok(text.and_then(|text| sources::product_as_it_was(PRODUCT_FILE, &text).ok()))
}

/// What a release has, and what is other since, the greatest first.
pub(crate) struct Since {
    /// None where it was released before there was one, so that nobody relies on what it says.
    pub(crate) then: Option<Product>,
    pub(crate) reasons: Vec<Reason>,
}

/// What is other since the last release, or why that cannot be told. `code` is that of the work tree.
pub(crate) fn since(
    project: &Project,
    code: &Code<'_>,
    tree: &Tree,
    last: &Tag,
) -> Result<Result<Since, String>, Failure> {
    let now = Texts::read(project)?;
    let Some(product) = tree.text_at(&last.reference(), PRODUCT_FILE)? else {
        let (then, reasons) = (None, Vec::new());
        return Ok(Ok(Since { then, reasons }));
    };
    let Some(then) = Texts::at(tree, last, product)? else {
        return Ok(Err(format!("{last} has no {DIST_FILE} or {MANIFEST_FILE}")));
    };
    let (then, relied) = match (then.relied_then(), now.relied()) {
        (Ok(then), Ok(relied)) => (then, relied),
        (Err(error), _) => return Ok(Err(format!("under {last}: {error}"))),
        (_, Err(error)) => return Ok(Err(error.to_string())),
    };
    let mut reasons = differences(&then, &relied, &now);
    match surface_differences(project, tree, last)? {
        Ok(others) => reasons.extend(others),
        Err(why) => return Ok(Err(why)),
    }
    let reference = last.reference();
    let there = |path: &str| tree.text_at(&reference, path);
    let packages = packages::at(tree, &reference, project.folders())?;
    let code_then = Code::new(&packages.crates, |path| there(path).ok().flatten());
    // Of one that was not there, all is new, and nobody relies on it.
    for (package, was) in &packages.published {
        let other = |how: String| Reason {
            bump: Bump::Major,
            thing: format!("crate {package}"),
            how,
            place: MANIFEST_FILE.to_owned(),
        };
        let Some(is) = project.libraries().get(package) else {
            reasons.push(other(GONE.to_owned()));
            continue;
        };
        if was.name != is.name {
            reasons.push(other(format!("was {} and is {}", was.name, is.name)));
        }
        match (api::read(&was.root, &code_then), api::read(&is.root, code)) {
            (Err(why), _) => return Ok(Err(format!("under {last}: {why}"))),
            (_, Err(why)) => return Ok(Err(why)),
            (Ok(then), Ok(now)) => reasons.extend(offers_changed(&then, &now, &is.root)),
        }
    }
    let documents = Formats::read(&relied.product, code);
    let were = Formats::read(&then.product, &code_then);
    match were.differences(&documents, &now.product) {
        Ok(others) => reasons.extend(others),
        Err(why) => return Ok(Err(why)),
    }
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.bump));
    Ok(Ok(Since {
        then: Some(then.product),
        reasons,
    }))
}

fn differences(then: &Relied, now: &Relied, texts: &Texts) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let mut give = |bump, thing: String, how: &str, file: &str, text: &str, near: &str| {
        let line = text
            .lines()
            .position(|line| line.trim_start().starts_with(near));
        let place = format!("{file}:{}", line.map_or(1, |line| line + 1));
        let how = how.to_owned();
        reasons.push(Reason {
            bump,
            thing,
            how,
            place,
        });
    };
    let (dist, product) = (&texts.dist, &texts.product);
    for gone in then.assets.difference(&now.assets) {
        let thing = format!("asset {gone}");
        give(Bump::Major, thing, GONE, DIST_FILE, dist, "targets");
    }
    for new in now.assets.difference(&then.assets) {
        let thing = format!("asset {new}");
        give(Bump::Minor, thing, NEW, DIST_FILE, dist, "targets");
    }
    let [channels, then_channels] = [now, then].map(|of| {
        let names = of.product.channels.feeds.keys();
        names.map(ToString::to_string).collect::<BTreeSet<_>>()
    });
    for gone in then_channels.difference(&channels) {
        let thing = format!("channel {gone}");
        give(Bump::Major, thing, GONE, PRODUCT_FILE, product, "feeds:");
    }
    for new in channels.difference(&then_channels) {
        let thing = format!("channel {new}");
        give(Bump::Minor, thing, NEW, PRODUCT_FILE, product, "feeds:");
    }
    let (was, is) = (&then.product, &now.product);
    for ((key, was), (_, is)) in known_by(was).into_iter().zip(known_by(is)) {
        if was != is {
            let how = format!("was {was} and is {is}, and others rely on it");
            let near = key.rsplit('.').next().unwrap_or(key);
            let (key, near) = (key.to_owned(), format!("{near}:"));
            give(Bump::Major, key, &how, PRODUCT_FILE, product, &near);
        }
    }
    for (channel, was) in &was.channels.feeds {
        let is = is.channels.feeds.get(channel);
        if let Some(is) = is.filter(|is| *is != was) {
            let [was, is] =
                [was, is].map(|it| format!("from {} after {} days", it.from, it.soak_days));
            let how = format!("was {was} and is {is}");
            let (thing, near) = (format!("channel {channel}"), format!("{channel}:"));
            give(Bump::Minor, thing, &how, PRODUCT_FILE, product, &near);
        }
    }
    let was_said = |it: &Deprecation| was.deprecations.iter().any(|said| said.thing == it.thing);
    for new in is.deprecations.iter().filter(|it| !was_said(it)) {
        let how = format!("is deprecated, and goes after {}", new.until);
        let (thing, near) = (new.thing.clone(), "deprecations:");
        give(Bump::Minor, thing, &how, PRODUCT_FILE, product, near);
    }
    let (was, is) = (&was.upgrades.from, &is.upgrades.from);
    if was < is {
        let how = format!("was {was} and is {is}: what is below upgrades no more");
        give(
            Bump::Major,
            "upgrades.from".to_owned(),
            &how,
            PRODUCT_FILE,
            product,
            "from:",
        );
    }
    if let (Some(was), Some(is)) = (&then.rust, &now.rust)
        && was < is
    {
        let how = format!("was {was} and is {is}");
        let (thing, manifest) = ("rust-version".to_owned(), &texts.manifest);
        give(
            Bump::Minor,
            thing,
            &how,
            MANIFEST_FILE,
            manifest,
            "rust-version",
        );
    }
    reasons
}

/// By what others know a product, or find and verify its releases: keys of its file, and their
/// values.
fn known_by(product: &Product) -> [(&'static str, String); 10] {
    let Product {
        repository,
        identities,
        channels,
        ..
    } = product;
    let release = &identities.release_workflow;
    let channel = &identities.channel_workflow;
    [
        ("name", product.name.clone()),
        ("repository.url", repository.url.clone()),
        ("repository.id", repository.id.to_string()),
        ("repository.owner_id", repository.owner_id.to_string()),
        ("identities.issuer", identities.issuer.clone()),
        ("identities.release_workflow", release.clone()),
        ("identities.channel_workflow", channel.clone()),
        (
            "identities.default_branch",
            identities.default_branch.clone(),
        ),
        ("channels.url", channels.url.clone()),
        ("channels.default", channels.default.to_string()),
    ]
}

/// In what the command line is another than under `last`, as both trees have it written down; where
/// one of them has not, there is nothing to compare.
fn surface_differences(
    project: &Project,
    tree: &Tree,
    last: &Tag,
) -> Result<Result<Vec<Reason>, String>, Failure> {
    let then = tree.text_at(&last.reference(), told::SURFACE)?;
    let (Some(then), Some(now)) = (then, told::written(&project.root, told::SURFACE)?) else {
        return Ok(Ok(Vec::new()));
    };
    Ok(match (Surface::parse(&then), Surface::parse(&now)) {
        (Err(why), _) => Err(format!("{} under {last}: {why}", told::SURFACE)),
        (_, Err(why)) => Err(format!("{}: {why}", told::SURFACE)),
        (Ok(then), Ok(is)) => {
            let differences = then.differences(&is).into_iter();
            let reasons = differences.map(|it: Difference| Reason {
                bump: it.bump,
                place: format!("{}:{}", told::SURFACE, line_of(&now, &it.at)),
                thing: it.thing,
                how: it.how,
            });
            Ok(reasons.collect())
        }
    })
}

/// The line of the last of some keys, each below the one before.
fn line_of(json: &str, keys: &[String]) -> usize {
    let mut lines = json.lines().enumerate();
    let mut found = 0;
    for key in keys {
        let key = format!("{}:", serde_json::Value::from(key.as_str()));
        match lines.find(|(_, line)| line.trim_start().starts_with(&key)) {
            Some((index, _)) => found = index,
            None => break,
        }
    }
    found + 1
}

/// In what a library, by the file of its root, offers something else than it did.
fn offers_changed(then: &Api, now: &Api, root: &str) -> Vec<Reason> {
    let mut reasons = Vec::new();
    for (path, was) in then {
        let (bump, how, place) = match now.get(path) {
            None => (Bump::Major, GONE, root.to_owned()),
            Some(is) => {
                let other = (is.kind != was.kind).then_some(Bump::Major);
                let (bump, how) = match other.or_else(|| was.seen.difference(&is.seen)) {
                    None => continue,
                    Some(Bump::Major) => (Bump::Major, OTHER),
                    Some(less) => (less, "serves its callers for more"),
                };
                (bump, how, format!("{}:{}", is.file, is.line))
            }
        };
        reasons.push(Reason {
            bump,
            thing: format!("{} {path}", was.kind),
            how: how.to_owned(),
            place,
        });
    }
    let new = now.iter().filter(|(path, _)| !then.contains_key(*path));
    reasons.extend(new.map(|(path, is)| Reason {
        bump: Bump::Minor,
        thing: format!("{} {path}", is.kind),
        how: NEW.to_owned(),
        place: format!("{}:{}", is.file, is.line),
    }));
    reasons
}

/// `rust-version` of a workspace or of a package, as a whole version.
fn rust_version(manifest: &str) -> Option<Version> {
    let manifest: DocumentMut = manifest.parse().ok()?;
    let of = |package: Option<&Item>| {
        let text = package?.get("rust-version")?.as_str()?.to_owned();
        let dots = text.matches('.').count();
        format!("{text}{}", ".0".repeat(2_usize.saturating_sub(dots)))
            .parse()
            .ok()
    };
    let workspace = manifest
        .get("workspace")
        .and_then(|workspace| workspace.get("package"));
    of(workspace).or_else(|| of(manifest.get("package")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_of_rust_is_read_from_workspace_or_package_whatever_its_length() {
        for (manifest, version) in [
            (
                "[workspace.package]\nrust-version = \"1.95\"\n",
                Some("1.95.0"),
            ),
            ("[package]\nrust-version = \"1.95.1\"\n", Some("1.95.1")),
            ("[package]\nrust-version.workspace = true\n", None),
            ("[package]\n", None),
        ] {
            let version = version.map(|version| version.parse().unwrap());
            assert_eq!(rust_version(manifest), version, "{manifest}");
        }
    }
}
