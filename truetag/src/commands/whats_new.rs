//! `whats-new`: what the guides of releases tell those who use the program, which it carries.

use std::fmt::Write as _;

use release_plan::News;

use super::WhatsNew;
use crate::app::App;
use crate::failure::Failure;
use crate::home::Home;
use crate::output;

pub(super) fn run(app: &App, args: &WhatsNew) -> Result<(), Failure> {
    let own = app.released("its changes are in no guide yet")?;
    let since = match &args.since {
        Some(since) if since > own => {
            return Err(Failure::NothingSince {
                since: since.clone(),
                own: own.clone(),
            });
        }
        Some(since) => Some(since.clone()),
        // Without a home, or with one that cannot be read, its own news are those that count.
        None => Home::locate(app)
            .and_then(|home| home.previous())
            .ok()
            .flatten(),
    };
    let all = app.news()?;
    let since = since.filter(|since| since <= own);
    let told = News::between(&all, since.as_ref(), own);
    if args.json {
        return Ok(output::json(&told)?);
    }
    if told.is_empty() {
        output::say(match &since {
            Some(since) => format!("no guide tells of a version above {since}, up to {own}"),
            None => format!("no guide tells of {own}"),
        });
        return Ok(());
    }
    let told = told.iter().map(|news| shown(&app.product.name, news));
    Ok(output::words(&told.collect::<Vec<_>>().join("\n"))?)
}

fn shown(product: &str, news: &News) -> String {
    let mut text = format!("{product} {}\n\n{}\n", news.version, news.tell);
    let can = news.capabilities.iter();
    let can: Vec<_> = can
        .map(|can| format!("{}: {}", can.what, can.how))
        .collect();
    for (heading, items) in [
        ("What it can do now", &can),
        ("What becomes of what is installed", &news.migration),
    ] {
        if items.is_empty() {
            continue;
        }
        let _ = write!(text, "\n{heading}:\n");
        for item in items {
            let _ = writeln!(text, "- {item}");
        }
    }
    text
}
