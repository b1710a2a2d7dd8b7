//! Data to stdout, words to stderr. A reader that went away is no failure of the command.

use std::fmt::Display;
use std::io::{self, ErrorKind, Write};

use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;

/// A line of data.
pub(crate) fn data(line: impl Display) -> io::Result<()> {
    print(one_line(&line.to_string()))
}

/// A value for programs.
pub(crate) fn json(value: &impl Serialize) -> io::Result<()> {
    print(serde_json::to_string_pretty(value)?)
}

/// Text of many lines, which ends with a newline and goes out as it is.
pub(crate) fn text(text: &str) -> io::Result<()> {
    print(text.trim_end_matches('\n').to_owned())
}

/// Words of many lines that others wrote, each spelled out as [`data`] does; tabs indent.
pub(crate) fn words(words: &str) -> io::Result<()> {
    text(&each_line(words))
}

fn each_line(words: &str) -> String {
    let lines = words.split('\n').map(|line| {
        let parts: Vec<_> = line.split('\t').map(one_line).collect();
        parts.join("\t")
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn print(mut text: String) -> io::Result<()> {
    text.push('\n');
    match io::stdout().lock().write_all(text.as_bytes()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

/// A line of words.
pub(crate) fn say(line: impl Display) {
    let mut line = one_line(&line.to_string());
    line.push('\n');
    // With no stderr there is nowhere left to complain to.
    let _ = io::stderr().lock().write_all(line.as_bytes());
}

/// Spells out what would break the line, move the cursor or turn the order of reading: names and
/// certificates are other people's, and must not pass for what this program says.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                line.extend(c.escape_unicode());
            }
            c if c.is_control() => line.extend(c.escape_default()),
            c => line.push(c),
        }
    }
    line
}

/// A bar for so many bytes where a person looks; elsewhere nothing.
pub(crate) fn progress(name: &str, bytes: u64) -> ProgressBar {
    let style = "{msg} {bar:30} {bytes}/{total_bytes} {bytes_per_sec}";
    let bar = ProgressBar::new(bytes).with_message(one_line(name));
    match ProgressStyle::with_template(style) {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_many_lines_keep_their_lines_and_move_no_cursor() {
        let evil = "a\n\tb\x1b]0;owned\x07\n\u{202e}c\rd\n";
        let told = "a\n\tb\\u{1b}]0;owned\\u{7}\n\\u{202e}c\\rd\n";
        assert_eq!(each_line(evil), told);
    }

    #[test]
    fn a_line_stays_a_line_and_moves_no_cursor() {
        let evil = "a\r\x1b[2Kok\n\u{9b}1A\u{202e}z";
        assert_eq!(one_line(evil), r"a\r\u{1b}[2Kok\n\u{9b}1A\u{202e}z");
        for plain in [
            "/srv/a b.tar.gz",
            r"C:\x",
            "caf\u{e9} \u{4e16}\u{754c} \"q\"",
        ] {
            assert_eq!(one_line(plain), plain);
        }
    }
}
