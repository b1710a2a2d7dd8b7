//! The files of this repository that another one needs too, with this product's values replaced by
//! the other's.

use playbook::{Dir, include_dir};
use release_plan::{Exit, Product, sources};

use super::{Crates, Facts, manifests, text_at};
use crate::Failure;
use crate::failure::Exiting as _;
use crate::project::{DIST_FILE, PLAYBOOK_FOLDER, PRODUCT_FILE};

const PRODUCT: &str = include_str!("../../../release-plan/product.yaml");
const SCRIPTS: Dir<'static> = include_dir!("$CARGO_MANIFEST_DIR/../bootstrap");
const WORKFLOWS: [(&str, &str); 7] = [
    (
        ".github/workflows/release.yml",
        include_str!("../../../.github/workflows/release.yml"),
    ),
    (
        ".github/workflows/channel.yml",
        include_str!("../../../.github/workflows/channel.yml"),
    ),
    (
        ".github/workflows/scripts.yml",
        include_str!("../../../.github/workflows/scripts.yml"),
    ),
    (
        ".github/workflows/rehearse.yml",
        include_str!("../../../.github/workflows/rehearse.yml"),
    ),
    (
        ".github/workflows/gates.yml",
        include_str!("../../../.github/workflows/gates.yml"),
    ),
    (
        ".github/actions/xtask/action.yml",
        include_str!("../../../.github/actions/xtask/action.yml"),
    ),
    (
        ".github/actionlint.yaml",
        include_str!("../../../.github/actionlint.yaml"),
    ),
];
const ONCE: [(&str, &str); 2] = [
    (DIST_FILE, include_str!("../../../dist-workspace.toml")),
    (
        "rust-toolchain.toml",
        include_str!("../../../rust-toolchain.toml"),
    ),
];
const XTASK_MAIN: &str = include_str!("../main.rs");
pub(super) const CARGO_CONFIG: &str = include_str!("../../../.cargo/config.toml");
pub(super) const MANIFEST: &str = include_str!("../../../Cargo.toml");
/// The versions that this release was tested with.
pub(crate) const LOCK: &str = include_str!("../../../Cargo.lock");

/// What `cargo new` writes.
pub(super) const FRESH_MAIN: &str = "fn main() {\n    println!(\"Hello, world!\");\n}\n";

/// How workflows name the package of the maintainer's command, here.
const XTASK_PACKAGE: &str = "--package xtask";

/// This repository's own product.
pub(super) fn own() -> Result<Product, Failure> {
    sources::product(PRODUCT_FILE, PRODUCT).or_exit(Exit::Failed)
}

/// The package of the maintainer's command of `product`. Its crate is called as this one, and cargo
/// could not tell two packages of one name apart.
pub(super) fn xtask_package(product: &Product) -> String {
    format!("{}-xtask", product.name)
}

/// `text` with the other product's values for this one's.
pub(super) fn adapted(text: &str, product: &Product) -> Result<String, Failure> {
    let branches = |branch: &str| format!("branches: [{branch}]");
    let (own, theirs) = (own()?.identities, &product.identities);
    Ok(text
        .replace(
            XTASK_PACKAGE,
            &format!("--package {}", xtask_package(product)),
        )
        .replace(
            &branches(&own.default_branch),
            &branches(&theirs.default_branch),
        ))
}

/// The files that are as these templates say.
pub(super) fn ours(facts: &Facts, crates: &Crates<'_>) -> Result<Vec<(String, String)>, Failure> {
    let mut all = Vec::new();
    for (path, text) in WORKFLOWS {
        all.push((path.to_owned(), adapted(text, &facts.product)?));
    }
    for script in SCRIPTS.files() {
        let path = format!("bootstrap/{}", script.path().display());
        let text = script
            .contents_utf8()
            .ok_or_else(|| Failure::new(Exit::Failed, format!("{path}: expected text in UTF-8")))?;
        all.push((path, text.to_owned()));
    }
    all.push((
        "xtask/Cargo.toml".to_owned(),
        manifests::of_xtask(facts, crates)?,
    ));
    all.push(("xtask/src/main.rs".to_owned(), XTASK_MAIN.to_owned()));
    Ok(all)
}

/// The files that are the program's own once they are there.
pub(super) fn theirs(facts: &Facts) -> Result<Vec<(String, String)>, Failure> {
    let Facts { product, .. } = facts;
    let yaml = match text_at(&facts.root, PRODUCT_FILE)? {
        Some(there) => there,
        None => product_yaml(product)?,
    };
    let mut all = vec![(PRODUCT_FILE.to_owned(), yaml)];
    all.extend(ONCE.map(|(path, text)| (path.to_owned(), text.to_owned())));
    if !facts.root.join(PLAYBOOK_FOLDER).is_dir() {
        let name = format!("{}-upgrade", product.name);
        let path = format!("{PLAYBOOK_FOLDER}/{name}/SKILL.md");
        all.push((path, skill(&name, product)));
    }
    Ok(all)
}

/// Source files, each with what it must say.
pub(super) fn sources(facts: &Facts) -> Result<Vec<(String, String, String)>, Failure> {
    let library = own()?.name;
    let below = |file: &str| match facts.package.as_str() {
        "" => file.to_owned(),
        folder => format!("{folder}/{file}"),
    };
    let up = match facts
        .package
        .split('/')
        .filter(|part| !part.is_empty())
        .count()
    {
        0 => ".".to_owned(),
        depth => vec![".."; depth].join("/"),
    };
    let build = format!(
        "//! Puts the product and its playbook into the program.\n\nfn main() {{\n    \
         release_plan::embed(\"{up}\");\n}}\n"
    );
    Ok(vec![
        (below("build.rs"), "release_plan::embed(".to_owned(), build),
        (
            below(&facts.main),
            format!("{library}::run"),
            MAIN.replace("LIBRARY", &library),
        ),
    ])
}

/// A program with a command of its own.
const MAIN: &str = "\
use std::process::ExitCode;

use LIBRARY::clap;

/// What this program does, beside what every released program does.
#[derive(clap::Subcommand)]
enum Own {
    /// Greet the world
    Hello,
}

fn main() -> ExitCode {
    LIBRARY::run_with(&LIBRARY::program!(), |own: Own| match own {
        Own::Hello => {
            println!(\"Hello, world!\");
            ExitCode::SUCCESS
        }
    })
}
";

/// The line of `product.yaml` below which documents of this repository are named.
const FORMATS: &str = "  formats:";

/// This repository's `product.yaml` with the other product's values.
pub(super) fn product_yaml(product: &Product) -> Result<String, Failure> {
    let own = own()?;
    let lines = [
        (
            format!("name: {}", own.name),
            format!("name: {}", product.name),
        ),
        (
            format!("summary: {}", own.summary),
            format!("summary: {}", quoted(&product.summary)),
        ),
        (
            format!("  url: {}", own.repository.url),
            format!("  url: {}", product.repository.url),
        ),
        (
            format!("  id: {}", own.repository.id),
            format!("  id: {}", product.repository.id),
        ),
        (
            format!("  owner_id: {}", own.repository.owner_id),
            format!("  owner_id: {}", product.repository.owner_id),
        ),
        (
            format!("  default_branch: {}", own.identities.default_branch),
            format!(
                "  default_branch: {}",
                quoted(&product.identities.default_branch)
            ),
        ),
        (
            format!("  url: {}", own.channels.url),
            format!("  url: {}", product.channels.url),
        ),
        (
            format!("bootstrap_revision: {}", own.bootstrap_revision),
            "bootstrap_revision: 0".to_owned(),
        ),
        (
            format!("  behaviour: [{}]", own.changes.behaviour.join(", ")),
            format!("  behaviour: {}", list(&product.changes.behaviour)),
        ),
        (
            format!("  from: {}", own.upgrades.from),
            format!("  from: {}", product.upgrades.from),
        ),
        (FORMATS.to_owned(), format!("{FORMATS} {{}}")),
    ];
    let mut of_formats = false;
    let text: String = PRODUCT
        .lines()
        .filter(|line| {
            let own = of_formats && line.starts_with("    ");
            of_formats = own || *line == FORMATS;
            !own
        })
        .map(|line| {
            let known = lines.iter().find(|(own, _)| own == line);
            let line = known.map_or(line, |(_, theirs)| theirs);
            format!("{line}\n")
        })
        .collect();
    let read = sources::product(PRODUCT_FILE, &text).or_exit(Exit::Input)?;
    if read == *product {
        return Ok(text);
    }
    // A line of the template is written in another way than it is looked for here.
    Err(Failure::new(
        Exit::Failed,
        format!("{PRODUCT_FILE}: expected {product:?}, wrote {read:?}"),
    ))
}

/// A value as YAML takes it, whatever it holds: JSON is YAML.
fn quoted(value: &str) -> String {
    serde_json::Value::from(value).to_string()
}

/// A list on one line.
fn list(values: &[String]) -> String {
    let values: Vec<_> = values.iter().map(|value| quoted(value)).collect();
    format!("[{}]", values.join(", "))
}

fn skill(skill: &str, product: &Product) -> String {
    let name = &product.name;
    format!(
        "---\n\
         name: {skill}\n\
         description: Install, upgrade, verify and roll back {name}. Use when asked which version \
         of {name} is installed, to bring it up to date, or to go back.\n\
         ---\n\n\
         # {name}\n\n\
         {summary}\n\n\
         ```\n\
         {name} status --json     # what is installed, and where\n\
         {name} upgrade           # to what the channel selects, after verifying all of it\n\
         {name} rollback          # back to the version before\n\
         {name} verify FILE --tag vX.Y.Z\n\
         ```\n\n\
         Exit code 11 says that a signature or a digest was refused. It is never to be worked \
         around: tell the person.\n",
        summary = product.summary,
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::product;

    #[test]
    fn a_product_is_written_with_every_value_of_its_own_and_the_comments_of_this_one() {
        let mut product = product();
        product.summary = "A light: \"small\" # and bright".to_owned();
        let text = product_yaml(&product).unwrap();
        for line in PRODUCT.lines().filter(|line| !line.starts_with("    ")) {
            assert!(
                !line.trim_start().starts_with('#') || text.contains(&format!("{line}\n")),
                "{line}"
            );
        }
        assert!(text.contains("  # Signs releases, at the tag it was started by.\n"));
        assert!(text.contains("  formats: {}\n") && !text.contains(".rs#"));
        assert!(!text.contains(&own().unwrap().name), "{text}");
    }

    #[test]
    fn no_template_knows_this_products_name() {
        let name = own().unwrap().name;
        let templates = WORKFLOWS.into_iter().chain(ONCE);
        for (path, text) in
            templates.chain([("config.toml", CARGO_CONFIG), ("main.rs", XTASK_MAIN)])
        {
            assert!(!text.contains(&name), "{path}");
        }
        for script in SCRIPTS.files() {
            let text = script.contents_utf8().unwrap();
            assert!(!text.contains(&name), "{}", script.path().display());
        }
    }

    #[test]
    fn a_workflow_compiles_the_command_of_its_own_repository_for_its_own_branch() {
        let mut product = product();
        product.identities.default_branch = "trunk".to_owned();
        for (path, text) in WORKFLOWS {
            let text = adapted(text, &product).unwrap();
            assert!(!text.contains("--package xtask"), "{path}");
            assert!(!text.contains("[main]"), "{path}");
        }
    }
}
