//! What `#[serde(…)]` says of a type, a variant or a field, and what its rules make of names.
//! Source: serde.rs, "Attributes".

use std::collections::BTreeMap;

use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Lit, Path, Token};

/// What is said, each word with its values; none for a word alone.
#[derive(Default)]
pub(super) struct Attributes(BTreeMap<String, Vec<String>>);

impl Attributes {
    pub(super) fn of(attributes: &[Attribute]) -> Self {
        let mut all = Self::default();
        for attribute in attributes.iter().filter(|it| it.path().is_ident("serde")) {
            // What serde would not take does not compile.
            let _ = attribute.parse_nested_meta(|meta| {
                let Some(word) = meta.path.get_ident().map(ToString::to_string) else {
                    return Ok(());
                };
                let values = all.0.entry(word).or_default();
                if meta.input.peek(Token![=]) {
                    values.extend(text(&meta.value()?.parse()?));
                } else if meta.input.peek(syn::token::Paren) {
                    // Of a name that is written and one that is read, the first.
                    meta.parse_nested_meta(|meta| {
                        if meta.input.peek(Token![=]) {
                            values.extend(text(&meta.value()?.parse()?));
                        }
                        Ok(())
                    })?;
                }
                Ok(())
            });
        }
        all
    }

    pub(super) fn has(&self, word: &str) -> bool {
        self.0.contains_key(word)
    }

    pub(super) fn value(&self, word: &str) -> Option<&str> {
        self.0.get(word)?.first().map(String::as_str)
    }

    /// The name that a field or a variant has in the document, and those that are read as well.
    pub(super) fn names(&self, written: String) -> Vec<String> {
        let name = self.value("rename").map_or(written, str::to_owned);
        let others = self.0.get("alias").into_iter().flatten().cloned();
        std::iter::once(name).chain(others).collect()
    }

    /// The type that stands in the document for another.
    pub(super) fn stands_for(&self) -> Option<&str> {
        let mut words = ["into", "try_from", "from"].into_iter();
        words.find_map(|word| self.value(word))
    }
}

fn text(value: &Expr) -> Option<String> {
    match value {
        Expr::Lit(ExprLit {
            lit: Lit::Str(text),
            ..
        }) => Some(text.value()),
        _ => None,
    }
}

/// Whether serde's derives write and read a type.
pub(super) fn derives(attributes: &[Attribute]) -> (bool, bool) {
    let mut found = (false, false);
    for attribute in attributes.iter().filter(|it| it.path().is_ident("derive")) {
        let paths = attribute.parse_args_with(Punctuated::<Path, Token![,]>::parse_terminated);
        for path in paths.into_iter().flatten() {
            let name = path.segments.last().map(|last| last.ident.to_string());
            match name.as_deref() {
                Some("Serialize") => found.0 = true,
                Some("Deserialize") => found.1 = true,
                _ => {}
            }
        }
    }
    found
}

/// What a rule makes of the name of a field, which has `_` between its words.
pub(super) fn field(rule: Option<&str>, name: &str) -> String {
    let pascal = || -> String { name.split('_').map(capital).collect() };
    match rule {
        Some("PascalCase") => pascal(),
        Some("camelCase") => small(&pascal()),
        Some("UPPERCASE" | "SCREAMING_SNAKE_CASE") => name.to_uppercase(),
        Some("kebab-case") => name.replace('_', "-"),
        Some("SCREAMING-KEBAB-CASE") => name.to_uppercase().replace('_', "-"),
        _ => name.to_owned(),
    }
}

/// What a rule makes of the name of a variant, whose words begin with capitals.
pub(super) fn variant(rule: Option<&str>, name: &str) -> String {
    let mut snake = String::new();
    for (index, letter) in name.char_indices() {
        if index > 0 && letter.is_uppercase() {
            snake.push('_');
        }
        snake.extend(letter.to_lowercase());
    }
    match rule {
        Some("lowercase") => name.to_lowercase(),
        Some("UPPERCASE") => name.to_uppercase(),
        Some("camelCase") => small(name),
        Some("snake_case" | "SCREAMING_SNAKE_CASE" | "kebab-case" | "SCREAMING-KEBAB-CASE") => {
            field(rule, &snake)
        }
        _ => name.to_owned(),
    }
}

fn capital(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_uppercase);
    first.chain(letters).collect()
}

fn small(word: &str) -> String {
    let mut letters = word.chars();
    let first = letters.next().into_iter().flat_map(char::to_lowercase);
    first.chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_rules_as_serde_has_them() {
        for (rule, of_field, of_variant) in [
            (None, "some_words", "SomeWords"),
            (Some("lowercase"), "some_words", "somewords"),
            (Some("UPPERCASE"), "SOME_WORDS", "SOMEWORDS"),
            (Some("PascalCase"), "SomeWords", "SomeWords"),
            (Some("camelCase"), "someWords", "someWords"),
            (Some("snake_case"), "some_words", "some_words"),
            (Some("SCREAMING_SNAKE_CASE"), "SOME_WORDS", "SOME_WORDS"),
            (Some("kebab-case"), "some-words", "some-words"),
            (Some("SCREAMING-KEBAB-CASE"), "SOME-WORDS", "SOME-WORDS"),
        ] {
            assert_eq!(field(rule, "some_words"), of_field, "{rule:?}");
            assert_eq!(variant(rule, "SomeWords"), of_variant, "{rule:?}");
        }
    }
}
