//! Strings of the building machine that must not ship: its folders, its name, its user's name.

use std::fmt;

use memchr::memmem;

/// A string that is nobody else's business.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Private {
    /// An absolute path.
    Folder(String),
    /// The name of a user or of a host.
    Name(String),
}

/// A private string that occurs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Leak {
    /// What it is: `home folder`.
    pub(crate) what: String,
    /// The form in which it occurs.
    pub(crate) text: String,
    /// Where it first begins, in bytes from the start.
    pub(crate) offset: usize,
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, text, offset } = self;
        write!(
            f,
            "private-text: expected nothing of the machine that builds, found its {what} {text:?} \
             at byte {offset}"
        )
    }
}

/// Which of the `private` strings occur in `program`, each under the words for what it is.
///
/// - A folder is looked for as it is written, when it is below another one: `/home/ada`. One at the
///   root, such as `/root` or `/src`, is everybody's, as the root itself is: so short a text occurs
///   by chance, so name what lies in it.
/// - A name is looked for as a home folder, `/home/ada`, `/Users/ada` or `\Users\ada`, followed by
///   a separator; and by itself only when it can be no word, `ada-laptop.local`: six bytes or more,
///   not all of them small letters.
///
/// Text counts in UTF-8 alone, and only where it is stored plainly.
pub(crate) fn leaks(program: &[u8], private: &[(&str, Private)]) -> Vec<Leak> {
    let found = private.iter().flat_map(|(what, private)| {
        private.forms().into_iter().filter_map(|text| {
            let offset = memmem::find(program, text.as_bytes())?;
            let what = (*what).to_owned();
            Some(Leak { what, text, offset })
        })
    });
    found.collect()
}

impl Private {
    /// The texts that give it away.
    fn forms(&self) -> Vec<String> {
        match self {
            Self::Folder(path) => {
                let path = path.trim_end_matches('/');
                match path.matches('/').count() {
                    0 | 1 => Vec::new(),
                    _ => vec![path.to_owned()],
                }
            }
            Self::Name(name) if name.is_empty() => Vec::new(),
            Self::Name(name) => {
                let mut forms = vec![
                    format!("/home/{name}/"),
                    format!("/Users/{name}/"),
                    format!("\\Users\\{name}\\"),
                ];
                let a_word = name.bytes().all(|byte| byte.is_ascii_lowercase());
                if name.len() >= 6 && !a_word {
                    forms.push(name.clone());
                }
                forms
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(program: &str, private: Private) -> Vec<(String, usize)> {
        let leaks = leaks(program.as_bytes(), &[("it", private)]);
        leaks
            .into_iter()
            .map(|leak| (leak.text, leak.offset))
            .collect()
    }

    #[test]
    fn a_folder_is_found_where_it_begins_even_in_the_middle_of_other_text() {
        let folder = || Private::Folder("/home/ada/truetag/".to_owned());
        let at = |offset| vec![("/home/ada/truetag".to_owned(), offset)];
        assert_eq!(found("\0ab/home/ada/truetag/src/lib.rs", folder()), at(3));
        assert_eq!(found("-I/home/ada/truetagunwrap", folder()), at(2));
        assert_eq!(found("/home/ada/other", folder()), []);
    }

    #[test]
    fn a_folder_at_the_root_is_everybodys_and_what_lies_in_it_is_not() {
        let folder = |path: &str| Private::Folder(path.to_owned());
        assert_eq!(found("keyRings/root/cryptoKeys", folder("/root")), []);
        assert_eq!(
            found("a/root/.cargo/registry", folder("/root/.cargo")),
            [("/root/.cargo".to_owned(), 1)]
        );
        assert_eq!(found("/ and /a", folder("/")), []);
    }

    #[test]
    fn a_name_that_is_a_word_counts_only_as_a_home_folder() {
        let name = || Private::Name("runner".to_owned());
        assert_eq!(found("the runner of root", name()), []);
        assert_eq!(
            found("x/home/runner/work", name()),
            [("/home/runner/".to_owned(), 1)]
        );
        assert_eq!(
            found("C:\\Users\\runner\\x", name()),
            [("\\Users\\runner\\".to_owned(), 2)]
        );
    }

    #[test]
    fn a_name_that_is_no_word_counts_anywhere() {
        let host = Private::Name("build-7.example".to_owned());
        assert_eq!(
            found("on build-7.example at noon", host.clone()),
            [("build-7.example".to_owned(), 3)]
        );
        assert_eq!(found("on build-8.example", host), []);
        assert_eq!(found("vm-1", Private::Name("vm-1".to_owned())), []);
    }
}
