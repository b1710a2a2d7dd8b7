//! Workflows that are started on request.

use rehearsal::github::Dispatch;
use serde_json::{Value, json};

use crate::{Rehearsal, TOKEN};

impl Rehearsal {
    async fn dispatch(&self, event: &Value) -> (u16, Value) {
        let url = self.api("/actions/workflows/channel.yml/dispatches");
        let request = self.public.post(url).bearer_auth(TOKEN).json(event);
        let answer = request.send().await.expect("an answer");
        let status = answer.status().as_u16();
        let told = answer.text().await.expect("an answer");
        (status, serde_json::from_str(&told).unwrap_or_default())
    }
}

#[tokio::test]
async fn a_dispatch_is_kept_with_what_it_was_given() {
    let rehearsal = Rehearsal::start();
    rehearsal.github.push_tag("v1.0.0", crate::COMMIT);
    let inputs = json!({"version": "1.0.0"});
    let event = json!({"ref": "main", "inputs": inputs});
    assert_eq!(rehearsal.dispatch(&event).await, (204, Value::Null));
    for reference in ["refs/heads/main", "v1.0.0", "refs/tags/v1.0.0"] {
        let event = json!({"ref": reference});
        assert_eq!(rehearsal.dispatch(&event).await.0, 204, "{reference}");
    }
    let kept = rehearsal.github.dispatches();
    assert_eq!(kept.len(), 4);
    let expected = Dispatch {
        workflow: "channel.yml".to_owned(),
        reference: "main".to_owned(),
        inputs: inputs.as_object().expect("inputs").clone(),
    };
    assert_eq!(kept[0], expected);
    assert_eq!(kept[3].reference, "refs/tags/v1.0.0");
}

#[tokio::test]
async fn a_dispatch_without_a_ref_or_on_an_unknown_one_is_refused() {
    let rehearsal = Rehearsal::start();
    for (event, words) in [
        (json!({}), "Invalid request.\n\n\"ref\" wasn't supplied."),
        (json!({"ref": "other"}), "No ref found for: other"),
    ] {
        let (status, told) = rehearsal.dispatch(&event).await;
        assert_eq!((status, &told["message"]), (422, &json!(words)));
    }
    assert!(rehearsal.github.dispatches().is_empty());
}
