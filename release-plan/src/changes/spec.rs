//! A spec: what others will rely on, written down before it is there.

use serde::Deserialize;

use super::document::{front, text};
use super::{MOST_BYTES, Slug};
use crate::sources::SourceError;

/// Where specs lie, below the root of the tree.
pub const SPECS: &str = "release-plan/specs";

/// A spec, as far as it is more than words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Spec {
    /// Its number, which no other has.
    pub number: u32,
    /// How far it has come.
    pub status: Status,
}

/// How far a spec has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It is talked about.
    Draft,
    /// It is relied on.
    Accepted,
    /// The one of that number is relied on in its place.
    Replaced {
        /// That number.
        by: u32,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Front {
    number: u32,
    status: Word,
    #[serde(default)]
    replaced_by: Option<u32>,
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Word {
    Draft,
    Accepted,
    Replaced,
}

impl Spec {
    /// The number in the name of a file of a spec, `NNNN-<slug>.md`; none for another name.
    #[must_use]
    pub fn number_of_file(name: &str) -> Option<u32> {
        let (number, slug) = name.strip_suffix(".md")?.split_once('-')?;
        slug.parse::<Slug>().ok()?;
        let digits = number.len() == 4 && number.bytes().all(|byte| byte.is_ascii_digit());
        number.parse().ok().filter(|_| digits)
    }

    /// Reads a spec; `file` is how errors name it.
    ///
    /// # Errors
    /// As [`super::Fragment::read`].
    pub fn read(file: &str, bytes: &[u8]) -> Result<Self, SourceError> {
        let text = text(file, bytes, MOST_BYTES)?;
        let (front, body): (Front, _) = front(file, text)?;
        let refused =
            |message: &str| SourceError::at(file, text, "---\n".len(), message.to_owned());
        let status = match (front.status, front.replaced_by) {
            (Word::Draft, None) => Status::Draft,
            (Word::Accepted, None) => Status::Accepted,
            (Word::Replaced, Some(by)) => Status::Replaced { by },
            (Word::Replaced, None) => {
                return Err(refused("expected `replaced_by`, since it is replaced"));
            }
            (_, Some(_)) => {
                return Err(refused(
                    "expected no `replaced_by`, since it is not replaced",
                ));
            }
        };
        if !body.trim_start().starts_with("# ") {
            let start = text.len() - body.len();
            let message = "expected a title, `# …`, after the keys".to_owned();
            return Err(SourceError::at(file, text, start, message));
        }
        Ok(Self {
            number: front.number,
            status,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "---\nnumber: 7\nstatus: replaced\nreplaced_by: 9\n---\n\n# A format\n";

    #[test]
    fn a_spec_has_a_number_a_status_and_a_title() {
        let read = |text: &str| Spec::read("s.md", text.as_bytes());
        let status = Status::Replaced { by: 9 };
        assert_eq!(read(GOOD), Ok(Spec { number: 7, status }));
        let draft = GOOD.replace("status: replaced\nreplaced_by: 9", "status: draft");
        assert_eq!(read(&draft).unwrap().status, Status::Draft);
        for (from, to, place) in [
            ("number: 7", "number: seven", "s.md:2:9: "),
            ("status: replaced", "status: done", "s.md:3:9: "),
            ("status: replaced", "status: draft", "s.md:2:1: "),
            ("replaced_by: 9\n", "", "s.md:2:1: "),
            ("replaced_by", "replacedby", "s.md:4:1: "),
            ("# A format", "A format", "s.md:6:1: "),
        ] {
            let error = read(&GOOD.replacen(from, to, 1)).unwrap_err();
            assert!(error.to_string().starts_with(place), "{to}: {error}");
        }
    }

    #[test]
    fn the_name_of_a_file_begins_with_four_digits() {
        assert_eq!(Spec::number_of_file("0012-pointer-format.md"), Some(12));
        for other in ["12-a.md", "0012.md", "0012-A.md", "0012-a.txt", "00a2-a.md"] {
            assert_eq!(Spec::number_of_file(other), None, "{other}");
        }
    }
}
