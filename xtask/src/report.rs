//! What people and programs read at the end: tables and the report of a rehearsal.

use std::io::{ErrorKind, Write as _};

use comfy_table::{ContentArrangement, Table, presets};
use release_plan::{AssetName, CommitId, Sha256, Tag, Version};
use serde::Serialize;

use crate::Failure;
use crate::gates::{Row, Verdict};
use crate::programs::built::{Built, Ran};

/// The report of a rehearsal, as `report.json` holds it.
#[derive(Debug, Serialize)]
pub(crate) struct Report {
    pub(crate) schema: &'static str,
    pub(crate) product: String,
    pub(crate) version: Version,
    pub(crate) tag: Tag,
    pub(crate) commit: CommitId,
    /// Whether the tree differed from the commit.
    pub(crate) dirty: bool,
    pub(crate) plan_sha256: Sha256,
    pub(crate) outcome: Outcome,
    /// In the order they ran.
    pub(crate) stages: Vec<Stage>,
    pub(crate) checks: Vec<Row>,
    /// What is known of the program in each archive.
    pub(crate) binaries: Vec<Built>,
    pub(crate) assets: Vec<ReportedAsset>,
    pub(crate) not_rehearsed: Vec<NotRehearsed>,
    /// Shell lines that verify the assets with other people's tools.
    pub(crate) try_yourself: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Outcome {
    Passed,
    Failed {
        /// The stage that failed.
        stage: String,
        /// What it said.
        error: String,
    },
}

/// A stage that ran.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Stage {
    pub(crate) name: String,
    /// The version it ran for: the release's, or its predecessor's.
    pub(crate) version: Version,
    pub(crate) seconds: f64,
    /// Taken from an earlier run on the same plan instead of run again.
    pub(crate) cached: bool,
    /// The last line it said.
    pub(crate) said: String,
}

#[derive(Debug, Clone, Serialize)]
pub(crate) struct ReportedAsset {
    pub(crate) name: AssetName,
    /// Bytes.
    pub(crate) size: u64,
    pub(crate) sha256: Sha256,
}

/// Something that a release does and this rehearsal did not.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct NotRehearsed {
    pub(crate) what: String,
    pub(crate) why: String,
}

/// Data for whoever asked: to stdout, whole.
///
/// # Errors
/// When it cannot be written; a reader that went away has had enough.
pub(crate) fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// Words that others have written, without what would make a terminal do something.
pub(crate) fn plain(words: &str) -> String {
    words.replace(char::is_control, "\u{fffd}")
}

/// The rows of the gates: a line each, and all of it where something is not as it should be.
pub(crate) fn gates_text(rows: &[Row]) -> String {
    let mut text = String::new();
    for row in rows {
        let Row {
            verdict,
            rule,
            place,
            ..
        } = row;
        text.push_str(&format!("{verdict:<18} {rule:<23} {place}\n"));
        if *verdict != Verdict::Passed {
            let mend = row.mend.as_deref().unwrap_or_default();
            for (what, value) in [
                ("expected", row.expected.as_str()),
                ("found", &row.found),
                ("mend", mend),
            ] {
                text.push_str(&format!("{:<18}   {what:<9} {value}\n", ""));
            }
        }
    }
    text
}

impl Report {
    /// The report for a person.
    pub(crate) fn render(&self) -> String {
        let dirty = if self.dirty { " with changes" } else { "" };
        let mut text = format!(
            "\n{} {} at commit {}{dirty}\nplan sha256:{}\n\nChecks\n{}",
            self.product,
            self.tag,
            self.commit,
            self.plan_sha256,
            gates_text(&self.checks)
        );
        let mut assets = table(["sha256", "bytes", "asset"]);
        for asset in &self.assets {
            assets.add_row([
                asset.sha256.to_string(),
                asset.size.to_string(),
                asset.name.to_string(),
            ]);
        }
        let mut binaries = table(["target", "needs", "run"]);
        for built in &self.binaries {
            let ran = match &built.ran {
                Ran::Told(how) => plain(how),
                Ran::Not(_) => "no".to_owned(),
            };
            binaries.add_row([built.target.to_string(), plain(&built.needs), ran]);
        }
        if !self.binaries.is_empty() {
            text.push_str(&format!("\nPrograms\n{binaries}\n"));
        }
        let mut stages = table(["stage", "version", "seconds", ""]);
        for stage in &self.stages {
            let cached = if stage.cached { "cached" } else { "" };
            stages.add_row([
                stage.name.clone(),
                stage.version.to_string(),
                format!("{:.2}", stage.seconds),
                cached.to_owned(),
            ]);
        }
        if !self.assets.is_empty() {
            text.push_str(&format!("\nAssets\n{assets}\n"));
        }
        text.push_str(&format!("\nStages\n{stages}\n\nNot rehearsed\n"));
        for NotRehearsed { what, why } in &self.not_rehearsed {
            text.push_str(&format!("  {what}: {why}\n"));
        }
        if !self.try_yourself.is_empty() {
            let lines = self.try_yourself.join("\n  ");
            text.push_str(&format!("\nTry it yourself\n  {lines}\n"));
        }
        match &self.outcome {
            Outcome::Passed => text.push_str("\nThe rehearsal passed.\n"),
            Outcome::Failed { stage, error } => {
                text.push_str(&format!("\nThe rehearsal failed in {stage}: {error}\n"));
            }
        }
        text
    }
}

/// A table of plain columns.
pub(crate) fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::NOTHING)
        .set_content_arrangement(ContentArrangement::Disabled)
        .set_header(header);
    table
}
