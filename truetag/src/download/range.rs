//! What an answer means to a download that asked for the bytes from some place on (RFC 9110, 14),
//! as a pure decision.

use ureq::http::StatusCode;

/// What was asked for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked<'a> {
    /// The first byte wanted; at zero no range was asked for.
    pub(super) from: u64,
    /// Bytes of the whole file.
    pub(super) size: u64,
    /// What the server called the file that the bytes before are of.
    pub(super) etag: Option<&'a str>,
}

/// What was answered.
#[derive(Debug, Clone, Copy)]
pub(super) struct Answered<'a> {
    pub(super) status: StatusCode,
    pub(super) content_range: Option<&'a str>,
    pub(super) etag: Option<&'a str>,
}

/// What to do with the answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    /// Its body goes on from where it was asked to.
    GoOn,
    /// Its body is the file from its beginning.
    StartOver,
    /// Its body is of no use: ask for the whole file.
    AskForAll,
    /// It answers no request that was made.
    Wrong,
}

pub(super) fn follow(asked: Asked<'_>, answered: Answered<'_>) -> Follow {
    match (answered.status, asked.from) {
        (StatusCode::OK, 0) => Follow::GoOn,
        (StatusCode::OK, _) => Follow::StartOver,
        (StatusCode::RANGE_NOT_SATISFIABLE, 1..) => Follow::AskForAll,
        (StatusCode::PARTIAL_CONTENT, from @ 1..) => {
            let range = answered.content_range.and_then(range);
            let right = range == Some((from, asked.size));
            let changed = asked.etag.is_some() && answered.etag != asked.etag;
            if right && !changed {
                Follow::GoOn
            } else {
                Follow::AskForAll
            }
        }
        _ => Follow::Wrong,
    }
}

/// First byte and size of the file in `bytes FIRST-LAST/SIZE`.
fn range(text: &str) -> Option<(u64, u64)> {
    let (range, size) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (first, last) = range.split_once('-')?;
    let (first, last): (u64, u64) = (first.parse().ok()?, last.parse().ok()?);
    let size = size.parse().ok()?;
    (first <= last && last < size).then_some((first, size))
}

/// An entity tag by which bytes may be put together: a weak one promises no equal bytes.
pub(super) fn strong(etag: Option<&str>) -> Option<&str> {
    etag.filter(|etag| etag.starts_with('"'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(
        status: u16,
        from: u64,
        content_range: Option<&str>,
        etags: [Option<&str>; 2],
    ) -> Follow {
        let asked = Asked {
            from,
            size: 100,
            etag: etags[0],
        };
        let answered = Answered {
            status: StatusCode::from_u16(status).unwrap(),
            content_range,
            etag: etags[1],
        };
        follow(asked, answered)
    }

    #[test]
    fn the_whole_file_is_taken_from_its_beginning_whatever_was_asked_for() {
        assert_eq!(followed(200, 0, None, [None; 2]), Follow::GoOn);
        assert_eq!(followed(200, 40, None, [None; 2]), Follow::StartOver);
    }

    #[test]
    fn the_rest_of_the_same_file_is_taken() {
        for etags in [
            [None; 2],
            [None, Some("\"a\"")],
            [Some("\"a\""), Some("\"a\"")],
        ] {
            assert_eq!(
                followed(206, 40, Some("bytes 40-99/100"), etags),
                Follow::GoOn
            );
        }
        let part_of_the_rest = Some("bytes 40-79/100");
        assert_eq!(followed(206, 40, part_of_the_rest, [None; 2]), Follow::GoOn);
    }

    #[test]
    fn another_range_another_size_and_another_file_are_not_put_together_with_what_there_is() {
        for bad in [
            None,
            Some(""),
            Some("bytes 0-99/100"),
            Some("bytes 41-99/100"),
            Some("bytes 40-99/101"),
            Some("bytes 40-100/100"),
            Some("bytes 40-39/100"),
            Some("bytes 40-99/*"),
            Some("bytes */100"),
            Some("lines 40-99/100"),
        ] {
            let follow = followed(206, 40, bad, [None; 2]);
            assert_eq!(follow, Follow::AskForAll, "{bad:?}");
        }
        for other in [Some("\"b\""), None] {
            let etags = [Some("\"a\""), other];
            let follow = followed(206, 40, Some("bytes 40-99/100"), etags);
            assert_eq!(follow, Follow::AskForAll);
        }
        assert_eq!(
            followed(416, 40, Some("bytes */40"), [None; 2]),
            Follow::AskForAll
        );
    }

    #[test]
    fn what_answers_no_request_is_wrong() {
        for status in [206, 416, 204, 304] {
            assert_eq!(followed(status, 0, None, [None; 2]), Follow::Wrong);
        }
        assert_eq!(followed(304, 40, None, [None; 2]), Follow::Wrong);
    }

    #[test]
    fn a_weak_tag_is_none_to_go_on_by() {
        assert_eq!(strong(Some("\"a\"")), Some("\"a\""));
        assert_eq!(strong(Some("W/\"a\"")), None);
        assert_eq!(strong(None), None);
    }
}
