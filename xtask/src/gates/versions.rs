//! What documents and playbook say of the version: an address of a release, or the `version` of a
//! skill. Whoever follows them must come to the version that they were shipped with.

use std::cmp::Reverse;

use release_plan::{Plan, Product, Tag, Version};

use super::{Finding, Row, Verdict, row};
use crate::project::{PLAYBOOK_FOLDER, Project};
use crate::{Failure, files};

/// Every address of a release and every version in the documents and the playbook is the plan's.
pub(super) fn documents_agree(project: &Project, plan: &Plan) -> Result<Row, Failure> {
    let wanted = plan.package_version.to_string();
    let mut texts = Vec::new();
    for path in project.documents()? {
        let place = path.strip_prefix(&project.root).unwrap_or(&path).display();
        texts.push((place.to_string(), files::read(&path)?));
    }
    let playbook = project.playbook()?;
    let skills = playbook.files();
    texts.extend(skills.map(|(path, text)| (format!("{PLAYBOOK_FOLDER}/{path}"), text.to_vec())));
    let other = texts.iter().find_map(|(place, text)| {
        let text = String::from_utf8_lossy(text);
        let mut said = said(&project.product, &text);
        let other = said.find(|said| said.version != wanted)?;
        Some(format!("{} in {place}:{}", other.version, other.line))
    });
    let finding = Finding::when(
        other.is_none(),
        Verdict::Failed,
        other.as_deref().unwrap_or("that"),
        &format!("write {wanted} there, or a placeholder"),
    );
    let expected = format!("no version but {wanted} in addresses of releases and in skills");
    let place = format!("documents, {PLAYBOOK_FOLDER}");
    Ok(row("documents-agree-on-version", place, expected, finding))
}

/// `text`, in which every version that it says the product has is `version`.
pub(crate) fn rewritten(product: &Product, text: &str, version: &Version) -> String {
    let mut lines: Vec<String> = text.split('\n').map(str::to_owned).collect();
    let mut all: Vec<_> = said(product, text).collect();
    // From the end, so that the places before stay where they are.
    all.sort_by_key(|said| Reverse(said.begins));
    for said in all {
        let range = said.begins..said.begins + said.version.len();
        lines[said.line - 1].replace_range(range, &version.to_string());
    }
    lines.join("\n")
}

/// A version that a text says the product has.
struct Said {
    /// From 1.
    line: usize,
    /// The byte of the line that it begins at.
    begins: usize,
    version: String,
}

/// Each version that a text says the product has: in addresses of releases, and in a skill's front
/// matter.
fn said<'a>(product: &'a Product, text: &'a str) -> impl Iterator<Item = Said> + 'a {
    let places =
        ["download", "tag"].map(|way| format!("{}/releases/{way}/", product.repository.url));
    let mut fences = 0;
    text.lines().enumerate().flat_map(move |(number, line)| {
        if line == "---" && (number == 0 || fences == 1) {
            fences += 1;
        }
        let said = |begins: usize, version: &str| Said {
            line: number + 1,
            begins,
            version: version.to_owned(),
        };
        let end = |c: char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+'));
        let front = (fences == 1)
            .then(|| line.trim_start().strip_prefix("version:"))
            .flatten();
        let front = front.map(|rest| {
            let quoted = |c: char| c.is_whitespace() || matches!(c, '"' | '\'');
            let rest = rest.trim_start_matches(quoted);
            let version = rest.split(end).next().unwrap_or_default();
            said(line.len() - rest.len(), version)
        });
        let ends = places.iter().flat_map(|place| {
            let places = line.match_indices(place.as_str());
            places.map(|(at, place)| at + place.len())
        });
        let tags = ends.filter_map(|at| {
            // A dot may end the sentence.
            let tag = line[at..].split(end).next()?.trim_end_matches('.');
            let version = tag.parse::<Tag>().ok()?.version().to_string();
            Some(said(at + tag.len() - version.len(), &version))
        });
        front.into_iter().chain(tags).collect::<Vec<_>>()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trial::product;

    #[test]
    fn versions_are_found_in_addresses_and_front_matter_alone() {
        let product = product();
        let url = &product.repository.url;
        let text = format!(
            "---\nname: a\nversion: \"1.0.0\"\n---\nversion: 9.9.9\n\
             [a]({url}/releases/download/v1.2.3/x) and {url}/releases/tag/v1.2.4-rc.1.\n\
             {url}/releases/download/$TAG/x {url}/releases/latest/download/x v8.8.8\n\
             ---\nversion: 7.7.7\n"
        );
        let said: Vec<_> = said(&product, &text)
            .map(|said| (said.line, said.version))
            .collect();
        let expected = [(3, "1.0.0"), (6, "1.2.3"), (6, "1.2.4-rc.1")];
        assert_eq!(said, expected.map(|(line, said)| (line, said.to_owned())));
        // A rule in the middle of a document begins no front matter.
        let ruled = "# a\n---\nversion: 1.0.0\n";
        assert_eq!(super::said(&product, ruled).count(), 0);
    }

    #[test]
    fn only_what_says_the_version_of_the_product_is_rewritten() {
        let product = product();
        let url = &product.repository.url;
        let text = |version: &str| {
            format!(
                "---\nversion: \"{version}\" # 1.0.0\n---\n[1.0.0]({url}/releases/tag/v{version}) needs \
                 glibc 11.0.0 and rust 1.0.0: {url}/releases/download/v{version}/a-1.0.0.\n"
            )
        };
        let raised = rewritten(&product, &text("1.0.0"), &Version::new(1, 0, 1));
        assert_eq!(raised, text("1.0.1"));
    }
}
