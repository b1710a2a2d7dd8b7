//! What became of a file, in words and as JSON.

use std::collections::BTreeMap;

use release_plan::{Claim, Instant, Sha256};
use serde::{Deserialize, Serialize};
use trust::{
    CertificateClaims, Content, Evidence, LogEntry, Refusal, SignedBy, Signer, VerifiedBlob,
};

use super::signer;
use super::task::{Subject, Unverified};

/// What `--json` prints for each file. Every field is always there; what does not apply is null.
#[derive(Serialize)]
pub(super) struct Report<'a> {
    /// As it was named: a path, or `sha256:` and a digest.
    file: String,
    verdict: Verdict,
    /// The fields from here to `checks` are of what verified alone.
    sha256: Option<Sha256>,
    /// `file` when the file itself was signed, `statement` when a statement about it was.
    content: Option<&'static str>,
    /// What kind of statement.
    predicate_type: Option<String>,
    /// Subject alternative name of the certificate.
    identity: Option<&'a str>,
    issuer: Option<&'a str>,
    /// What else the certificate says.
    claims: BTreeMap<Claim, &'a str>,
    /// Digest of the key that signed, in DER, where a key did.
    key: Option<Sha256>,
    /// The earliest time that a log or a timestamp authority vouches for.
    signed_at: Option<Instant>,
    /// What was checked, in the order of reading.
    checks: Vec<Check<'a>>,
    /// Of what did not verify.
    error: Option<Check<'a>>,
}

#[derive(Serialize)]
#[serde(rename_all = "kebab-case")]
enum Verdict {
    Verified,
    /// It must not be used.
    Refused,
    /// It, or its bundle, could not be read.
    Unread,
}

#[derive(Serialize)]
struct Check<'a> {
    check: &'a str,
    expected: &'a str,
    found: std::borrow::Cow<'a, str>,
}

impl<'a> Report<'a> {
    pub(super) fn of(subject: &Subject, outcome: &'a Result<VerifiedBlob, Unverified>) -> Self {
        let (verdict, error) = match outcome {
            Ok(_) => (Verdict::Verified, None),
            Err(Unverified::Refused(refusal)) => (
                Verdict::Refused,
                Some(Check {
                    check: &refusal.check,
                    expected: &refusal.expected,
                    found: (&*refusal.found).into(),
                }),
            ),
            Err(Unverified::Unread { what, error }) => (
                Verdict::Unread,
                Some(Check {
                    check: what,
                    expected: "a file that can be read",
                    found: error.to_string().into(),
                }),
            ),
        };
        let verified = outcome.as_ref().ok();
        let evidence = verified.map(VerifiedBlob::evidence);
        let certificate = evidence.and_then(Evidence::certificate);
        let claims = Claim::ALL.into_iter();
        let claims = claims.filter_map(|claim| Some((claim, certificate?.claim(claim)?)));
        let checks = evidence.map_or(&[][..], Evidence::checks);
        Self {
            file: subject.to_string(),
            verdict,
            sha256: verified.map(VerifiedBlob::sha256),
            content: evidence.map(|evidence| match evidence.content() {
                Content::File => "file",
                Content::Statement => "statement",
            }),
            predicate_type: verified.and_then(predicate_type),
            identity: certificate.map(CertificateClaims::identity),
            issuer: certificate.map(CertificateClaims::issuer),
            claims: claims.collect(),
            key: evidence.and_then(|evidence| match evidence.signed_by() {
                SignedBy::Key(sha256) => Some(*sha256),
                SignedBy::Identity(_) => None,
            }),
            signed_at: evidence.and_then(Evidence::signed_at),
            checks: checks
                .iter()
                .map(|check| Check {
                    check: &check.name,
                    expected: &check.expected,
                    found: (&*check.found).into(),
                })
                .collect(),
            error,
        }
    }
}

/// What kind of statement was signed, where one was.
fn predicate_type(verified: &VerifiedBlob) -> Option<String> {
    #[derive(Deserialize)]
    struct Statement {
        #[serde(rename = "predicateType")]
        predicate_type: String,
    }
    let statement = serde_json::from_slice::<Statement>(verified.statement()?);
    Some(statement.ok()?.predicate_type)
}

/// A verified file in a line.
pub(super) fn words(subject: &Subject, verified: &VerifiedBlob, signer: &Signer) -> String {
    let evidence = verified.evidence();
    let what = match evidence.content() {
        Content::File => String::new(),
        Content::Statement => {
            let kind = predicate_type(verified).unwrap_or_else(|| "no stated type".to_owned());
            format!("by a statement of {kind}, ")
        }
    };
    let when = evidence.signed_at().map(|time| format!(" at {time}"));
    let when = when.unwrap_or_default();
    let unlogged = match signer {
        Signer::Key {
            log_entry: LogEntry::Waived,
            ..
        } => ", not asked for a log entry",
        Signer::Key { .. } | Signer::Identity(_) => "",
    };
    let by = evidence.signed_by();
    format!("ok  {subject}  {what}signed by {by}{when}{unlogged}")
}

/// What was checked against what, a line or two for each check.
pub(super) fn checks(verified: &VerifiedBlob) -> Vec<String> {
    let mut rows = Rows::default();
    for check in verified.evidence().checks() {
        if check.found == check.expected {
            rows.add(&check.name, &[format!("{}, as expected", check.found)]);
        } else {
            let expected = format!("expected: {}", check.expected);
            rows.add(&check.name, &[check.found.clone(), expected]);
        }
    }
    rows.0
}

/// Which check refused, among what else was asked of the signer.
pub(super) fn refused(refusal: &Refusal, signer: &Signer) -> Vec<String> {
    let asked = signer::asked(signer);
    let why = [
        "refused".to_owned(),
        format!("expected: {}", refusal.expected),
        format!("found:    {}", refusal.found),
    ];
    let mut rows = Rows::default();
    if !asked.iter().any(|(name, _)| *name == refusal.check) {
        rows.add(&refusal.check, &why);
    }
    for (name, value) in asked {
        if name == refusal.check {
            rows.add(&name, &why);
        } else {
            rows.add(&name, &[format!("asked for: {value}")]);
        }
    }
    rows.0
}

/// Names in one column and words in another.
#[derive(Default)]
struct Rows(Vec<String>);

impl Rows {
    fn add(&mut self, name: &str, words: &[String]) {
        for (line, words) in words.iter().enumerate() {
            let name = if line == 0 { name } else { "" };
            self.0.push(format!("    {name:<30}{words}"));
        }
    }
}
