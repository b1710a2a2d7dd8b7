//! GitHub's own word on its REST API: the OpenAPI description that it publishes, in the npm package
//! @octokit/openapi. What the rehearsal's GitHub was asked and answered is held against it, in node
//! and with ajv, by one process for all that asks.

use std::io::{self, BufRead as _, BufReader, Write as _};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::sync::{Mutex, PoisonError};

use crate::github::Exchange;
use crate::node;
use crate::verifiers::Verdict;

/// The packages that the check needs.
const PACKAGES: [&str; 3] = ["ajv", "ajv-formats", "@octokit/openapi"];

/// Whether each exchange is one that GitHub describes: an operation it has, of which the query and
/// the body are known unless the answer refuses them, and an answer of a described status and shape.
/// Refusals that it leaves undescribed have the shape that all its refusals have.
#[must_use]
pub fn check(exchanges: &[Exchange]) -> Verdict {
    static VALIDATOR: Mutex<Option<Validator>> = Mutex::new(None);
    let mut validator = VALIDATOR.lock().unwrap_or_else(PoisonError::into_inner);
    if validator.is_none() {
        *validator = match Validator::start() {
            Ok(None) => return Verdict::NotInstalled,
            Ok(started) => started,
            Err(error) => return Verdict::Refused(format!("node does not start: {error}")),
        };
    }
    let flaws = validator.as_mut().map(|running| running.ask(exchanges));
    match flaws {
        Some(Ok(flaws)) if flaws.is_empty() => Verdict::Accepted,
        Some(Ok(flaws)) => Verdict::Refused(flaws.join("\n")),
        Some(Err(error)) => {
            *validator = None;
            Verdict::Refused(format!("node does not answer: {error}"))
        }
        None => Verdict::NotInstalled,
    }
}

/// A running `openapi.js`, which ends with its stdin.
struct Validator {
    _child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Validator {
    /// None when a package is missing.
    fn start() -> io::Result<Option<Self>> {
        let Some(mut command) = node::command(include_str!("openapi.js"), &PACKAGES) else {
            return Ok(None);
        };
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        let (Some(questions), Some(answers)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::ErrorKind::BrokenPipe.into());
        };
        Ok(Some(Self {
            _child: child,
            questions,
            answers: BufReader::new(answers),
        }))
    }

    /// What does not conform, in words.
    fn ask(&mut self, exchanges: &[Exchange]) -> io::Result<Vec<String>> {
        let mut question = serde_json::to_vec(exchanges)?;
        question.push(b'\n');
        self.questions.write_all(&question)?;
        self.questions.flush()?;
        let mut answer = String::new();
        self.answers.read_line(&mut answer)?;
        Ok(serde_json::from_str(&answer)?)
    }
}
