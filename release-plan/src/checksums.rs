//! `SHA256SUMS`: the format that `sha256sum -c` reads, held to one strict shape.

use std::collections::BTreeMap;

use crate::{AssetName, Limits, Sha256};

/// The lines of `SHA256SUMS`: two spaces between digest and name, sorted by name, no name twice.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Checksums(BTreeMap<AssetName, Sha256>);

/// What is wrong with a `SHA256SUMS`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ChecksumsError {
    /// More bytes than any honest file has.
    #[error("SHA256SUMS has {0} bytes; at most {limit} are read", limit = Limits::MANIFEST)]
    TooLarge(usize),
    /// A line of another shape.
    #[error("SHA256SUMS:{line}: expected `<sha256>  <name>`, found {found:?}")]
    Line {
        /// Line number, from 1.
        line: usize,
        /// The line, cut at 120 characters.
        found: String,
    },
    /// Names out of order or repeated; either hides a line from a reader's eye.
    #[error("SHA256SUMS:{line}: {name} stands out of order or twice")]
    Order {
        /// Line number, from 1.
        line: usize,
        /// The name.
        name: AssetName,
    },
    /// A line for something that is not there.
    #[error("SHA256SUMS has a line too many: {0}")]
    Extra(AssetName),
    /// No line for something that is there.
    #[error("SHA256SUMS lacks a line for {0}")]
    Missing(AssetName),
    /// A digest that differs.
    #[error("SHA256SUMS says {listed} for {name}, whose digest is {actual}")]
    Differs {
        /// The asset.
        name: AssetName,
        /// What the line says.
        listed: Sha256,
        /// What the bytes have.
        actual: Sha256,
    },
}

impl Checksums {
    /// Adds or replaces a line.
    pub fn insert(&mut self, name: AssetName, digest: Sha256) {
        self.0.insert(name, digest);
    }

    /// The digest listed for `name`.
    #[must_use]
    pub fn get(&self, name: &AssetName) -> Option<Sha256> {
        self.0.get(name).copied()
    }

    /// Every line, sorted by name.
    pub fn iter(&self) -> impl Iterator<Item = (&AssetName, Sha256)> {
        self.0.iter().map(|(name, digest)| (name, *digest))
    }

    /// The file's bytes.
    #[must_use]
    pub fn render(&self) -> String {
        self.iter()
            .map(|(name, digest)| format!("{digest}  {name}\n"))
            .collect()
    }

    /// Reads the file's bytes.
    ///
    /// # Errors
    /// On any byte that [`render`](Self::render) would not have written.
    pub fn parse(bytes: &[u8]) -> Result<Self, ChecksumsError> {
        if bytes.len() > Limits::MANIFEST {
            return Err(ChecksumsError::TooLarge(bytes.len()));
        }
        let mut lines = BTreeMap::<AssetName, Sha256>::new();
        for (index, raw) in bytes.split_inclusive(|byte| *byte == b'\n').enumerate() {
            let line = index + 1;
            let shown = String::from_utf8_lossy(raw);
            let parsed = shown.strip_suffix('\n').and_then(|text| {
                let (digest, name) = text.split_once("  ")?;
                Some((name.parse().ok()?, digest.parse().ok()?))
            });
            let Some((name, digest)) = parsed else {
                let found = shown.trim_end().chars().take(120).collect();
                return Err(ChecksumsError::Line { line, found });
            };
            if lines
                .last_key_value()
                .is_some_and(|(last, _)| *last >= name)
            {
                return Err(ChecksumsError::Order { line, name });
            }
            lines.insert(name, digest);
        }
        Ok(Self(lines))
    }

    /// Holds these lines against the digests that the bytes really have: none too many, none too
    /// few, none different.
    ///
    /// # Errors
    /// On the first difference, by name.
    pub fn agree_with(&self, actual: &Self) -> Result<(), ChecksumsError> {
        for (name, listed) in self.iter() {
            match actual.get(name) {
                None => return Err(ChecksumsError::Extra(name.clone())),
                Some(actual) if actual != listed => {
                    let name = name.clone();
                    return Err(ChecksumsError::Differs {
                        name,
                        listed,
                        actual,
                    });
                }
                Some(_) => {}
            }
        }
        match actual.iter().find(|(name, _)| self.get(name).is_none()) {
            Some((name, _)) => Err(ChecksumsError::Missing(name.clone())),
            None => Ok(()),
        }
    }
}

impl FromIterator<(AssetName, Sha256)> for Checksums {
    fn from_iter<I: IntoIterator<Item = (AssetName, Sha256)>>(lines: I) -> Self {
        Self(lines.into_iter().collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sums(names: &[&str]) -> Checksums {
        names
            .iter()
            .map(|name| (name.parse().unwrap(), Sha256::of(name.as_bytes())))
            .collect()
    }

    #[test]
    fn what_is_rendered_is_sorted_and_parses_back() {
        let sums = sums(&["release.json", "b.tar.gz", "a.tar.gz"]);
        let text = sums.render();
        assert!(text.starts_with(&format!("{}  a.tar.gz\n", Sha256::of(b"a.tar.gz"))));
        assert_eq!(Checksums::parse(text.as_bytes()).unwrap(), sums);
    }

    #[test]
    fn a_line_too_many_or_too_few_or_different_is_named() {
        let actual = sums(&["a", "b"]);
        let too_many = sums(&["a", "b", "c"]);
        let too_few = sums(&["a"]);
        let mut different = sums(&["a", "b"]);
        different.insert("b".parse().unwrap(), Sha256::of(b"?"));
        assert!(
            matches!(too_many.agree_with(&actual), Err(ChecksumsError::Extra(n)) if n.as_str() == "c")
        );
        assert!(
            matches!(too_few.agree_with(&actual), Err(ChecksumsError::Missing(n)) if n.as_str() == "b")
        );
        assert!(
            matches!(different.agree_with(&actual), Err(ChecksumsError::Differs { name, .. }) if name.as_str() == "b")
        );
        assert_eq!(actual.agree_with(&actual), Ok(()));
    }

    #[test]
    fn other_shapes_are_refused_with_their_line() {
        let good = sums(&["a"]).render();
        for bad in [
            good.trim_end().to_owned(),
            good.replace("  ", " *"),
            good.replace('\n', "\r\n"),
            good.to_uppercase(),
            format!("{good}{good}"),
            format!("{good}\n"),
            good.replace("  a", "  ../a"),
        ] {
            assert!(Checksums::parse(bad.as_bytes()).is_err(), "{bad:?}");
        }
        assert!(Checksums::parse(b"\xff\xfe\n").is_err());
    }
}
