//! Stamping of bootstrap scripts: a template and a release give the script of that release.

use release_plan::{Asset, AssetKind, Exit, Plan, Product};

use crate::Failure;

/// Fills the placeholders of `template`. Each is `@NAME@`; one that is unknown, or none at all, is
/// an error, so that no script goes out half stamped.
pub(crate) fn stamp(
    name: &str,
    template: &str,
    product: &Product,
    plan: &Plan,
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
    let values = [
        ("@PRODUCT@", product.name.clone()),
        ("@VERSION@", plan.version.to_string()),
        ("@TAG@", plan.tag.to_string()),
        ("@REPOSITORY@", plan.repository.clone()),
        ("@HOME_VARIABLE@", product.variable("HOME")),
        ("@ARCHIVES@", archives.join("\n")),
    ];
    let mut script = template.to_owned();
    for (placeholder, value) in &values {
        if !script.contains(placeholder) {
            let message =
                format!("bootstrap/{name}: expected the placeholder {placeholder}, found none");
            return Err(Failure::new(Exit::Input, message));
        }
        script = script.replace(placeholder, value);
    }
    match unknown_placeholder(&script) {
        None => Ok(script),
        Some(unknown) => {
            let message = format!("bootstrap/{name}: unknown placeholder {unknown}");
            Err(Failure::new(Exit::Input, message))
        }
    }
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
