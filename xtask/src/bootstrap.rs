//! Stamping of bootstrap scripts: a template and a release give the script of that release.

use release_plan::{Asset, AssetKind, AssetName, BootstrapTag, Exit, Product};

use crate::Failure;

/// Where the templates lie, below the root of the tree.
pub(crate) const FOLDER: &str = "bootstrap";

/// What each script must say somewhere, beside what it may.
const REQUIRED: [(&str, &[&str]); 4] = [
    (
        AssetName::INSTALL_SH,
        &[
            "@PRODUCT@",
            "@VERSION@",
            "@TAG@",
            "@REPOSITORY@",
            "@HOME_VARIABLE@",
            "@ARCHIVES@",
        ],
    ),
    (
        AssetName::STUB_SH,
        &[
            "@PRODUCT@",
            "@REPOSITORY@",
            "@CHANNELS_URL@",
            "@DEFAULT_CHANNEL@",
            "@REFERENCE_VARIABLE@",
        ],
    ),
    (
        AssetName::INSTALL_PS1,
        &[
            "@PRODUCT@",
            "@VERSION@",
            "@TAG@",
            "@REPOSITORY@",
            "@ARCHIVES@",
        ],
    ),
    (
        AssetName::UPGRADE_SH,
        &["@PRODUCT@", "@REPOSITORY@", "@HOME_VARIABLE@"],
    ),
];

/// What a script says of where it is from; what is served is held against that.
const CLAIM: &str = "# One of the scripts of ";

/// Fills the placeholders of `template`, which becomes the script `name` of `tag`. Each is `@NAME@`;
/// one that is unknown, or a missing one that the script cannot do without, is an error, so that no
/// script goes out half stamped.
pub(crate) fn stamp(
    name: &str,
    template: &str,
    product: &Product,
    tag: &BootstrapTag,
    assets: &[Asset],
) -> Result<String, Failure> {
    let archives: Vec<String> = assets
        .iter()
        .filter(|asset| asset.kind == AssetKind::Archive)
        .filter_map(|asset| {
            let target = asset.target.as_ref()?;
            Some(format!("{} {target} {}", asset.sha256, asset.name))
        })
        .collect();
    let release = tag.release();
    let values = [
        ("@PRODUCT@", product.name.clone()),
        ("@VERSION@", release.version().to_string()),
        ("@TAG@", release.to_string()),
        ("@BOOTSTRAP_TAG@", tag.to_string()),
        ("@REPOSITORY@", product.repository.url.clone()),
        ("@CHANNELS_URL@", product.channels.url.clone()),
        (
            "@RELEASE_WORKFLOW@",
            product.identities.release_workflow.clone(),
        ),
        (
            "@CHANNEL_WORKFLOW@",
            product.identities.channel_workflow.clone(),
        ),
        (
            "@DEFAULT_BRANCH@",
            product.identities.default_branch.clone(),
        ),
        ("@ISSUER@", product.identities.issuer.clone()),
        ("@DEFAULT_CHANNEL@", product.channels.default.to_string()),
        ("@HOME_VARIABLE@", product.variable("HOME")),
        ("@REFERENCE_VARIABLE@", product.variable("UPGRADE_REF")),
        ("@ARCHIVES@", archives.join("\n")),
    ];
    let refused = |what: String| Failure::new(Exit::Input, format!("{FOLDER}/{name}: {what}"));
    let required = REQUIRED.iter().filter(|(script, _)| *script == name);
    for placeholder in required.flat_map(|(_, placeholders)| *placeholders) {
        if !template.contains(placeholder) {
            let what = format!("expected the placeholder {placeholder}, found none");
            return Err(refused(what));
        }
    }
    let claim = format!("{CLAIM}@BOOTSTRAP_TAG@.");
    if !template.lines().any(|line| line == claim) {
        return Err(refused(format!("expected the line {claim:?}, found none")));
    }
    let mut script = template.to_owned();
    for (placeholder, value) in &values {
        script = script.replace(placeholder, value);
    }
    match unknown_placeholder(&script) {
        None => Ok(script),
        Some(unknown) => Err(refused(format!("unknown placeholder {unknown}"))),
    }
}

/// The tag that a script says it is from.
pub(crate) fn claimed(script: &[u8]) -> Option<BootstrapTag> {
    let text = String::from_utf8_lossy(script);
    let claim = text.lines().find_map(|line| line.strip_prefix(CLAIM))?;
    claim.strip_suffix('.')?.parse().ok()
}

fn unknown_placeholder(script: &str) -> Option<&str> {
    let mut from = 0;
    while let Some(start) = script[from..].find('@').map(|at| from + at) {
        let name = &script[start + 1..];
        let length = name
            .bytes()
            .take_while(|b| b.is_ascii_uppercase() || *b == b'_')
            .count();
        if length > 0 && name[length..].starts_with('@') {
            return Some(&script[start..start + length + 2]);
        }
        from = start + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::unknown_placeholder;

    #[test]
    fn a_placeholder_left_over_is_found_and_an_ordinary_at_sign_is_not() {
        assert_eq!(unknown_placeholder("a @LEFT_OVER@ b"), Some("@LEFT_OVER@"));
        assert_eq!(
            unknown_placeholder("echo \"$@\" me@example.org @x@ @ @@"),
            None
        );
    }
}
