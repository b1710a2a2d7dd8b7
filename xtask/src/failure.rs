//! How a command fails: with words for a person and an exit code for a program.

use std::fmt;
use std::sync::Arc;

use release_plan::Exit;

/// A failed command.
#[derive(Debug, Clone)]
pub struct Failure {
    exit: Exit,
    // Shared, since one reason may end several things at once.
    error: Arc<anyhow::Error>,
}

impl Failure {
    /// A failure in the words of `message`.
    #[must_use]
    pub fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            error: Arc::new(anyhow::anyhow!("{message}")),
        }
    }

    /// The exit code.
    #[must_use]
    pub fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints the error and each of its causes that says something new.
    pub(crate) fn report(&self) {
        say(format_args!("error: {self}"));
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut said = String::new();
        for (depth, cause) in self.error.chain().enumerate() {
            let text = cause.to_string();
            if depth == 0 {
                write!(f, "{text}")?;
            } else if !said.contains(&text) {
                write!(f, ": {text}")?;
            }
            said.push_str(&text);
        }
        Ok(())
    }
}

/// Words for the person, on stderr. That nobody may be there to read them is no error.
#[cfg_attr(
    test,
    expect(clippy::print_stderr, reason = "the harness captures nothing else")
)]
pub(crate) fn say(words: impl fmt::Display) {
    // The test harness shows of a test that passes nothing that was printed so.
    #[cfg(test)]
    eprintln!("{words}");
    #[cfg(not(test))]
    {
        use std::io::Write as _;
        let _ = writeln!(std::io::stderr(), "{words}");
    }
}

/// Anything unforeseen is a failure with exit code 1.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self {
            exit: Exit::Failed,
            error: Arc::new(error.into()),
        }
    }
}

/// Gives a foreseen error its exit code.
pub(crate) trait Exiting<T> {
    /// Fails with `exit` and the error's own words.
    fn or_exit(self, exit: Exit) -> Result<T, Failure>;
}

impl<T, E: Into<anyhow::Error>> Exiting<T> for Result<T, E> {
    fn or_exit(self, exit: Exit) -> Result<T, Failure> {
        self.map_err(|error| Failure {
            exit,
            error: Arc::new(error.into()),
        })
    }
}
