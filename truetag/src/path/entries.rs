//! The value of PATH on Windows: entries between semicolons, whose letters' case and last backslash
//! do not matter. What a person wrote between them is kept as it is.

/// The value with `entry` in front; none when it stands in it.
pub(super) fn with(value: &str, entry: &str) -> Option<String> {
    if value.split(';').any(|found| same(found, entry)) {
        return None;
    }
    if value.is_empty() {
        return Some(entry.to_owned());
    }
    Some(format!("{entry};{value}"))
}

/// The value without `entry`; none when it does not stand in it.
pub(super) fn without(value: &str, entry: &str) -> Option<String> {
    let entries: Vec<_> = value.split(';').collect();
    let at = entries.iter().position(|found| same(found, entry))?;
    let left = [&entries[..at], &entries[at + 1..]].concat();
    Some(left.join(";"))
}

fn same(one: &str, other: &str) -> bool {
    let plain = |entry: &str| {
        entry
            .trim_matches('"')
            .trim_end_matches('\\')
            .to_lowercase()
    };
    plain(one) == plain(other)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BIN: &str = r"C:\Users\Ada\.rocket\bin";

    #[test]
    fn an_entry_goes_in_once_and_comes_out_with_nothing_else_changed() {
        for value in ["", r"C:\a;C:\b", r"%USERPROFILE%\x;;C:\b;", ";"] {
            let with_it = with(value, BIN).unwrap();
            assert_eq!(with(&with_it, BIN), None);
            assert_eq!(without(&with_it, BIN).as_deref(), Some(value));
            assert_eq!(without(value, BIN), None);
        }
    }

    #[test]
    fn an_entry_is_known_in_other_letters_and_with_a_backslash() {
        let value = r"C:\a;c:\users\ada\.ROCKET\bin\;C:\b";
        assert_eq!(with(value, BIN), None);
        assert_eq!(without(value, BIN).unwrap(), r"C:\a;C:\b");
    }
}
