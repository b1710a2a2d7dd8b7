//! A line at the end of a profile: bytes in, bytes out. A profile may end without a newline, with
//! CRLF or in the middle of a command, and need not be UTF-8.

/// What came of taking an added line back.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Taken {
    /// The profile without it.
    Out(Vec<u8>),
    /// A person has changed it since; what reads the env file stands there otherwise.
    Changed,
    /// It is not there.
    Absent,
}

/// What must be appended to `profile` so that it ends with `line`; none when the line stands in it
/// already.
pub(super) fn missing(profile: &[u8], line: &str) -> Option<String> {
    if stands(profile, line) {
        return None;
    }
    let (body, newline) = match profile {
        [] => (profile, ""),
        // POSIX shells take a carriage return for a part of the last word, so that our own line
        // ends as they want it.
        [body @ .., b'\n'] => (body, ""),
        body => (body, "\n"),
    };
    // The next line would go on with the last one's command.
    let carries_on = if body.ends_with(b"\\") { "\n" } else { "" };
    Some(format!("{newline}{carries_on}{line}\n"))
}

/// Takes back `added`, which [`missing`] gave.
pub(super) fn take(profile: &[u8], added: &str, env_file: &str) -> Taken {
    let line = added.trim_matches('\n');
    if let Some(before) = profile.strip_suffix(added.as_bytes())
        && (added.starts_with('\n') || before.is_empty() || before.ends_with(b"\n"))
    {
        return Taken::Out(before.to_owned());
    }
    if let Some(start) = find(profile, line) {
        let mut end = start + line.len();
        end += usize::from(profile.get(end) == Some(&b'\n'));
        return Taken::Out([&profile[..start], &profile[end..]].concat());
    }
    let named = |window: &[u8]| window == env_file.as_bytes();
    if profile.windows(env_file.len()).any(named) {
        Taken::Changed
    } else {
        Taken::Absent
    }
}

/// Whether `line` stands in `profile`, as a whole line.
pub(super) fn stands(profile: &[u8], line: &str) -> bool {
    find(profile, line).is_some()
}

/// Where `line` begins, as a whole line.
fn find(profile: &[u8], line: &str) -> Option<usize> {
    let mut start = 0;
    for found in profile.split(|&b| b == b'\n') {
        if found == line.as_bytes() {
            return Some(start);
        }
        start += found.len() + 1;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = ". env.sh";

    fn added(profile: &[u8]) -> (Vec<u8>, String) {
        let added = missing(profile, LINE).unwrap();
        ([profile, added.as_bytes()].concat(), added)
    }

    #[test]
    fn every_profile_is_given_back_as_it_was() {
        for before in [
            &b""[..],
            b"\n",
            b"x",
            b"x\n",
            b"x\r\n",
            b"x \\",
            b"x \\\n",
            b"\xff\xfe",
            b"# . env.sh\n",
            b"a\n\n\n",
        ] {
            let (after, added) = added(before);
            let lines: Vec<_> = after.split(|&b| b == b'\n').collect();
            assert!(lines.contains(&LINE.as_bytes()), "{before:?}");
            assert_eq!(missing(&after, LINE), None);
            assert_eq!(
                take(&after, &added, "env.sh"),
                Taken::Out(before.to_owned())
            );
        }
    }

    #[test]
    fn a_line_after_an_unfinished_command_begins_a_command_of_its_own() {
        assert_eq!(added(b"x \\\n").0, b"x \\\n\n. env.sh\n");
        assert_eq!(added(b"x \\").0, b"x \\\n\n. env.sh\n");
    }

    #[test]
    fn what_was_appended_since_stays_on_lines_of_its_own() {
        let (mut after, added) = added(b"x");
        after.extend(b"y\n");
        let taken = take(&after, &added, "env.sh");
        assert_eq!(taken, Taken::Out(b"x\ny\n".to_vec()));
    }

    #[test]
    fn a_line_without_its_newline_at_the_end_is_taken_too() {
        let taken = take(b"x\n. env.sh", ". env.sh\n", "env.sh");
        assert_eq!(taken, Taken::Out(b"x\n".to_vec()));
    }

    #[test]
    fn a_line_that_a_person_changed_or_removed_is_no_longer_ours() {
        let take = |profile: &[u8]| take(profile, ". env.sh\n", "env.sh");
        for changed in [
            &b"# . env.sh\n"[..],
            b". env.sh # mine\n",
            b"x. env.sh\n",
            b". env.sh\r\n",
        ] {
            assert_eq!(take(changed), Taken::Changed, "{changed:?}");
        }
        assert_eq!(take(b"x\n"), Taken::Absent);
        assert_eq!(take(b""), Taken::Absent);
    }
}
