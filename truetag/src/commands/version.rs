//! `--version`: what this program is.

use release_plan::Sha256;
use serde::Serialize;

use crate::app::App;
use crate::failure::Failure;
use crate::output;

#[derive(Serialize)]
struct Report<'a> {
    product: &'a str,
    version: String,
    commit: &'a str,
    target: &'a str,
    playbook_sha256: Sha256,
}

pub(super) fn run(app: &App, json: bool) -> Result<(), Failure> {
    let report = Report {
        product: &app.product.name,
        version: app.version_text(),
        commit: app.commit(),
        target: app.target.as_str(),
        playbook_sha256: app.playbook().sha256(),
    };
    if json {
        return Ok(output::json(&report)?);
    }
    output::data(format_args!("{} {}", report.product, report.version))?;
    output::data(format_args!("commit    {}", report.commit))?;
    output::data(format_args!("target    {}", report.target))?;
    output::data(format_args!("playbook  sha256:{}", report.playbook_sha256))?;
    Ok(())
}
