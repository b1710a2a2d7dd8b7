//! What the pipeline wants of the repository's settings on GitHub, held against what was found.
//! Pure: settings in, rows and the calls that mend them out.

use http::Method;
use release_plan::Product;
use serde_json::{Value, json};

use crate::gates::{Row, Verdict};
use crate::github::settings::{Call, Environment, Policy, Reviewer, Ruleset, Seen, Settings};
use crate::workflows::{CHANNELS_ENVIRONMENT, PUBLISH_ENVIRONMENT, SIGN_ENVIRONMENT};

/// The environments that the workflows name.
pub(crate) const ENVIRONMENTS: [&str; 3] =
    [SIGN_ENVIRONMENT, PUBLISH_ENVIRONMENT, CHANNELS_ENVIRONMENT];

/// The branch that channel pointers lie on.
pub(crate) const CHANNELS_BRANCH: &str = "channels";

/// Tags of releases, and of bootstrap scripts that were patched.
const TAGS: [&str; 2] = ["v*", "bootstrap-v*"];

/// A setting, how it was found, and what mends it.
pub(crate) struct Finding {
    pub(crate) row: Row,
    /// In their order; none where nothing is to be done, or not by a call.
    pub(crate) mend: Vec<Mend>,
}

/// What `setup-github --apply` does.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Mend {
    Call(Call),
    /// Makes the branch of the channels, with nothing on it that anybody reads.
    MakeBranch,
}

/// Holds `settings` against what is wanted. `branch` is whether the branch of the channels is
/// there, `reviewers` those who are to approve what is published, where nobody is yet.
pub(crate) fn compare(
    product: &Product,
    settings: &Settings,
    branch: bool,
    reviewers: &[Reviewer],
) -> Vec<Finding> {
    let tags = [Wanted::tag(TAGS[0])];
    let main = [Wanted::branch(&product.identities.default_branch)];
    let Settings {
        immutable_releases,
        rulesets,
        ..
    } = settings;
    let unasked = Seen::Not("it was not asked for".to_owned());
    let found = |name: &str| settings.environments.get(name).unwrap_or(&unasked);
    let publishing = found(PUBLISH_ENVIRONMENT);
    let [immutable, publishing, release_tags] =
        of_publishing(immutable_releases, publishing, rulesets, reviewers);
    vec![
        immutable,
        job_rights(settings),
        environment(SIGN_ENVIRONMENT, found(SIGN_ENVIRONMENT), &tags, None),
        publishing,
        environment(
            CHANNELS_ENVIRONMENT,
            found(CHANNELS_ENVIRONMENT),
            &main,
            None,
        ),
        release_tags,
        branch_of_channels(branch),
        ruleset(
            &settings.rulesets,
            "channels",
            "branch",
            &[format!("refs/heads/{CHANNELS_BRANCH}")],
            &["deletion", "non_fast_forward"],
        ),
        pages(settings),
    ]
}

/// What of it keeps a public release as it is, and has somebody approve what the workflows publish.
pub(crate) fn of_publishing(
    immutable: &Seen<bool>,
    publishing: &Seen<Option<Environment>>,
    rulesets: &Seen<Vec<Ruleset>>,
    reviewers: &[Reviewer],
) -> [Finding; 3] {
    let tags = TAGS.map(Wanted::tag);
    [
        immutable_releases(immutable),
        environment(PUBLISH_ENVIRONMENT, publishing, &tags, Some(reviewers)),
        ruleset(
            rulesets,
            "release tags",
            "tag",
            &TAGS.map(|tag| format!("refs/tags/{tag}")),
            &["deletion", "update"],
        ),
    ]
}

/// A pattern that an environment admits.
struct Wanted<'a> {
    name: &'a str,
    kind: &'static str,
}

impl<'a> Wanted<'a> {
    fn tag(name: &'a str) -> Self {
        Self { name, kind: "tag" }
    }

    fn branch(name: &'a str) -> Self {
        Self {
            name,
            kind: "branch",
        }
    }

    fn is(&self, policy: &Policy) -> bool {
        policy.name == self.name && policy.r#type == self.kind
    }
}

impl Finding {
    fn new(rule: &str, place: &str, expected: &str, found: String, mend: Vec<Mend>) -> Self {
        let words: Vec<String> = mend.iter().map(Mend::words).collect();
        let verdict = if mend.is_empty() {
            Verdict::Passed
        } else {
            Verdict::Failed
        };
        let mend_words = (!mend.is_empty()).then(|| words.join("; "));
        Self {
            row: row(rule, place, expected, verdict, found, mend_words),
            mend,
        }
    }

    fn not_seen(rule: &str, place: &str, expected: &str, why: &str) -> Self {
        let mend = "use a token that may read the repository's administration".to_owned();
        let found = format!("not seen: {why}");
        Self {
            row: row(
                rule,
                place,
                expected,
                Verdict::NotChecked,
                found,
                Some(mend),
            ),
            mend: Vec::new(),
        }
    }

    fn by_hand(rule: &str, place: &str, expected: &str, found: &str, mend: &str) -> Self {
        let (found, mend) = (found.to_owned(), Some(mend.to_owned()));
        Self {
            row: row(rule, place, expected, Verdict::Failed, found, mend),
            mend: Vec::new(),
        }
    }
}

fn row(
    rule: &str,
    place: &str,
    expected: &str,
    verdict: Verdict,
    found: String,
    mend: Option<String>,
) -> Row {
    Row {
        rule: rule.to_owned(),
        place: place.to_owned(),
        verdict,
        expected: expected.to_owned(),
        found,
        mend,
    }
}

impl Mend {
    fn call(method: Method, path: impl Into<String>, body: Option<Value>) -> Self {
        Self::Call(Call {
            method,
            path: path.into(),
            body,
        })
    }

    fn words(&self) -> String {
        match self {
            Self::Call(call) => call.to_string(),
            Self::MakeBranch => format!("a first commit on the branch {CHANNELS_BRANCH}"),
        }
    }
}

fn immutable_releases(found: &Seen<bool>) -> Finding {
    let (rule, place) = ("immutable-releases", "Settings, General, Releases");
    let expected = "releases that nobody changes once they are public";
    match found {
        Seen::Not(why) => Finding::not_seen(rule, place, expected, why),
        Seen::Is(true) => Finding::new(rule, place, expected, "that".to_owned(), Vec::new()),
        Seen::Is(false) => {
            let mend = Mend::call(Method::PUT, "immutable-releases", None);
            Finding::new(rule, place, expected, "off".to_owned(), vec![mend])
        }
    }
}

fn job_rights(settings: &Settings) -> Finding {
    let (rule, place) = ("job-rights", "Settings, Actions, General");
    let expected = "read, and no approval of pull requests, for a job that names no permission";
    let found = match &settings.job_rights {
        Seen::Not(why) => return Finding::not_seen(rule, place, expected, why),
        Seen::Is(found) => found,
    };
    let approves = found.can_approve_pull_request_reviews;
    let words = format!(
        "{}, {} approval of pull requests",
        found.default_workflow_permissions,
        if approves { "and" } else { "no" }
    );
    let mend = (found.default_workflow_permissions != "read" || approves).then(|| {
        let body = json!({
            "default_workflow_permissions": "read", "can_approve_pull_request_reviews": false,
        });
        Mend::call(Method::PUT, "actions/permissions/workflow", Some(body))
    });
    Finding::new(rule, place, expected, words, mend.into_iter().collect())
}

/// `reviewers` are those to be named where nobody is; none where no approval is wanted.
fn environment(
    name: &str,
    found: &Seen<Option<Environment>>,
    wanted: &[Wanted<'_>],
    reviewers: Option<&[Reviewer]>,
) -> Finding {
    let rule = "environment";
    let place = format!("Settings, Environments, {name}");
    let admitted: Vec<String> = wanted
        .iter()
        .map(|wanted| format!("{} {}", wanted.kind, wanted.name))
        .collect();
    let approval = if reviewers.is_some() {
        "somebody who approves, and "
    } else {
        ""
    };
    let expected = format!("{approval}jobs of {} alone", admitted.join(", "));
    let found = match found {
        Seen::Not(why) => return Finding::not_seen(rule, &place, &expected, why),
        Seen::Is(found) => found,
    };
    let nothing = Environment::default();
    let (there, environment) = (found.is_some(), found.as_ref().unwrap_or(&nothing));
    let unreviewed = reviewers.is_some() && environment.reviewers.is_empty();
    let reviewers = match reviewers {
        Some([]) if unreviewed => {
            let words = if there { "nobody who approves" } else { "none" };
            let mend = "run again with --reviewer LOGIN";
            return Finding::by_hand(rule, &place, &expected, words, mend);
        }
        Some(named) if unreviewed => named,
        _ => &environment.reviewers,
    };
    let policies = environment.policies.as_deref();
    let path = format!("environments/{name}");
    let mut mend = Vec::new();
    if unreviewed || policies.is_none() {
        // What is left out here would be taken away.
        let reviewers: Vec<Value> = reviewers
            .iter()
            .map(|one| json!({ "type": one.kind, "id": one.id }))
            .collect();
        let body = json!({
            "reviewers": reviewers,
            "deployment_branch_policy": {
                "protected_branches": false, "custom_branch_policies": true,
            },
        });
        mend.push(Mend::call(Method::PUT, path.as_str(), Some(body)));
    }
    let policies = policies.unwrap_or_default();
    let path = format!("{path}/deployment-branch-policies");
    for wanted in wanted {
        if !policies.iter().any(|policy| wanted.is(policy)) {
            let body = json!({ "name": wanted.name, "type": wanted.kind });
            mend.push(Mend::call(Method::POST, path.as_str(), Some(body)));
        }
    }
    for policy in policies {
        if !wanted.iter().any(|wanted| wanted.is(policy)) {
            let path = format!("{path}/{}", policy.id);
            mend.push(Mend::call(Method::DELETE, path, None));
        }
    }
    let words = match (there, environment.policies.as_deref()) {
        (false, _) => "none".to_owned(),
        (true, None) => "jobs of any branch and tag".to_owned(),
        (true, Some(policies)) => {
            let names = policies
                .iter()
                .map(|one| format!("{} {}", one.r#type, one.name));
            format!("jobs of {}", names.collect::<Vec<_>>().join(", "))
        }
    };
    let words = format!("{words}; {} who approve", environment.reviewers.len());
    Finding::new(rule, &place, &expected, words, mend)
}

/// One ruleset that nobody may bypass and that forbids `rules` for each of `patterns`.
fn ruleset(
    found: &Seen<Vec<Ruleset>>,
    name: &str,
    target: &str,
    patterns: &[String],
    rules: &[&str],
) -> Finding {
    let rule = "ruleset";
    let place = format!("Settings, Rules, Rulesets, {name}");
    let expected = format!(
        "no {} of {}, for anybody",
        rules.join(", no "),
        patterns.join(", ")
    );
    let rulesets = match found {
        Seen::Not(why) => return Finding::not_seen(rule, &place, &expected, why),
        Seen::Is(rulesets) => rulesets,
    };
    let kept = |pattern: &String| {
        let mut rulesets = rulesets.iter();
        rulesets.any(|known| known.forbids(target, pattern, rules))
    };
    if patterns.iter().all(kept) {
        return Finding::new(rule, &place, &expected, "that".to_owned(), Vec::new());
    }
    let rules: Vec<Value> = rules.iter().map(|rule| json!({ "type": rule })).collect();
    let body = json!({
        "name": name,
        "target": target,
        "enforcement": "active",
        "bypass_actors": [],
        "conditions": { "ref_name": { "include": patterns, "exclude": [] } },
        "rules": rules,
    });
    let (words, mend) = match rulesets.iter().find(|known| known.name == name) {
        Some(known) => (
            "one of that name which forbids less",
            Mend::call(Method::PUT, format!("rulesets/{}", known.id), Some(body)),
        ),
        None => (
            "no such ruleset",
            Mend::call(Method::POST, "rulesets", Some(body)),
        ),
    };
    Finding::new(rule, &place, &expected, words.to_owned(), vec![mend])
}

fn branch_of_channels(there: bool) -> Finding {
    let found = if there { "that" } else { "no such branch" };
    let mend = if there {
        Vec::new()
    } else {
        vec![Mend::MakeBranch]
    };
    let expected = "a branch for the channels' pointers";
    Finding::new(
        "channels-branch",
        CHANNELS_BRANCH,
        expected,
        found.to_owned(),
        mend,
    )
}

fn pages(settings: &Settings) -> Finding {
    let (rule, place) = ("pages", "Settings, Pages");
    let expected = format!("the branch {CHANNELS_BRANCH}, from its root");
    let found = match &settings.pages {
        Seen::Not(why) => return Finding::not_seen(rule, place, &expected, why),
        Seen::Is(found) => found.as_ref(),
    };
    let source = found.and_then(|pages| pages.source.as_ref());
    let of_branch = found.is_some_and(|pages| pages.build_type.as_deref() != Some("workflow"));
    let words = match (found, source) {
        (None, _) => "no site".to_owned(),
        (Some(_), Some(source)) if of_branch => {
            format!("the branch {}, from {}", source.branch, source.path)
        }
        (Some(_), _) => "a site that a workflow makes".to_owned(),
    };
    let right = of_branch
        && source.is_some_and(|source| source.branch == CHANNELS_BRANCH && source.path == "/");
    let mend = (!right).then(|| {
        let body = json!({
            "build_type": "legacy", "source": { "branch": CHANNELS_BRANCH, "path": "/" },
        });
        let method = if found.is_some() {
            Method::PUT
        } else {
            Method::POST
        };
        Mend::call(method, "pages", Some(body))
    });
    Finding::new(rule, place, &expected, words, mend.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::github::settings::{JobRights, Pages, PagesSource};

    type Change<T> = fn(&mut T);

    fn product() -> Product {
        let yaml = include_str!("../../release-plan/product.yaml");
        release_plan::sources::product("product.yaml", yaml).unwrap()
    }

    fn admitting(
        kind: &str,
        names: &[&str],
        reviewers: Vec<Reviewer>,
    ) -> Seen<Option<Environment>> {
        let policies = names.iter().map(|name| Policy {
            id: 7,
            name: (*name).to_owned(),
            r#type: kind.to_owned(),
        });
        Seen::Is(Some(Environment {
            reviewers,
            policies: Some(policies.collect()),
        }))
    }

    fn ruleset(target: &str, patterns: &[&str], rules: &[&str]) -> Ruleset {
        serde_json::from_value(json!({
            "id": 9, "name": "some", "target": target, "enforcement": "active",
            "conditions": { "ref_name": { "include": patterns, "exclude": [] } },
            "rules": rules.iter().map(|rule| json!({ "type": rule })).collect::<Vec<_>>(),
        }))
        .unwrap()
    }

    fn ada() -> Reviewer {
        let kind = "User".to_owned();
        Reviewer { kind, id: 1 }
    }

    /// All as it should be.
    fn right() -> Settings {
        let tags = ["refs/tags/v*", "refs/tags/bootstrap-v*"];
        Settings {
            immutable_releases: Seen::Is(true),
            job_rights: Seen::Is(JobRights {
                default_workflow_permissions: "read".to_owned(),
                can_approve_pull_request_reviews: false,
            }),
            environments: BTreeMap::from([
                (
                    SIGN_ENVIRONMENT.to_owned(),
                    admitting("tag", &["v*"], Vec::new()),
                ),
                (
                    PUBLISH_ENVIRONMENT.to_owned(),
                    admitting("tag", &TAGS, vec![ada()]),
                ),
                (
                    CHANNELS_ENVIRONMENT.to_owned(),
                    admitting("branch", &["main"], Vec::new()),
                ),
            ]),
            rulesets: Seen::Is(vec![
                ruleset("tag", &tags, &["deletion", "update"]),
                ruleset(
                    "branch",
                    &["refs/heads/channels"],
                    &["deletion", "non_fast_forward"],
                ),
            ]),
            pages: Seen::Is(Some(Pages {
                build_type: Some("legacy".to_owned()),
                source: Some(PagesSource {
                    branch: "channels".to_owned(),
                    path: "/".to_owned(),
                }),
            })),
        }
    }

    /// What differs once `change` was made to what is right, with the requests that mend it.
    fn differing(change: impl Fn(&mut Settings)) -> Vec<(String, Vec<String>)> {
        let mut settings = right();
        change(&mut settings);
        compare(&product(), &settings, true, &[ada()])
            .into_iter()
            .filter(|finding| finding.row.verdict != Verdict::Passed)
            .map(|finding| {
                let calls = finding.mend.iter().map(|mend| match mend {
                    Mend::Call(call) => format!("{} {}", call.method, call.path),
                    Mend::MakeBranch => "a branch".to_owned(),
                });
                (finding.row.place, calls.collect())
            })
            .collect()
    }

    fn environment<'a>(settings: &'a mut Settings, name: &str) -> &'a mut Environment {
        match settings.environments.get_mut(name) {
            Some(Seen::Is(Some(environment))) => environment,
            _ => panic!("no environment {name}"),
        }
    }

    fn rulesets(settings: &mut Settings) -> &mut Vec<Ruleset> {
        match &mut settings.rulesets {
            Seen::Is(rulesets) => rulesets,
            Seen::Not(_) => panic!("no rulesets"),
        }
    }

    #[test]
    fn settings_as_they_should_be_leave_nothing_to_do() {
        assert_eq!(differing(|_| ()), []);
    }

    #[test]
    fn a_ruleset_that_lets_somebody_through_does_not_count() {
        let place = "Settings, Rules, Rulesets, release tags".to_owned();
        let expected = [(place, vec!["POST rulesets".to_owned()])];
        let lenient: [Change<Ruleset>; 6] = [
            |rules| rules.enforcement = "evaluate".to_owned(),
            |rules| rules.target = "branch".to_owned(),
            |rules| rules.bypass_actors.push(json!({ "actor_type": "Team" })),
            |rules| rules.conditions.ref_name.exclude = vec!["refs/tags/v0*".to_owned()],
            |rules| drop(rules.conditions.ref_name.include.pop()),
            |rules| drop(rules.rules.pop()),
        ];
        for change in lenient {
            assert_eq!(
                differing(|settings| change(&mut rulesets(settings)[0])),
                expected
            );
        }
        // Ours is changed, not made a second time.
        let found = differing(|settings| {
            let ours = &mut rulesets(settings)[0];
            ours.name = "release tags".to_owned();
            ours.enforcement = "disabled".to_owned();
        });
        assert_eq!(found[0].1, ["PUT rulesets/9"]);
    }

    #[test]
    fn an_environment_admits_what_it_should_and_nothing_else() {
        let found = differing(|settings| {
            let policies = &mut environment(settings, CHANNELS_ENVIRONMENT).policies;
            policies.as_mut().unwrap()[0].name = "*".to_owned();
        });
        let path = "environments/channels/deployment-branch-policies";
        assert_eq!(
            found[0].1,
            [format!("POST {path}"), format!("DELETE {path}/7")]
        );
        let found = differing(|settings| environment(settings, SIGN_ENVIRONMENT).policies = None);
        let path = "environments/release-sign";
        let policies = format!("POST {path}/deployment-branch-policies");
        assert_eq!(found[0].1, [format!("PUT {path}"), policies]);
    }

    #[test]
    fn those_who_approve_stay_when_the_rest_is_mended() {
        let mut settings = right();
        environment(&mut settings, PUBLISH_ENVIRONMENT).policies = None;
        environment(&mut settings, PUBLISH_ENVIRONMENT).reviewers[0].id = 42;
        let findings = compare(&product(), &settings, true, &[ada()]);
        let mends = findings.iter().flat_map(|finding| &finding.mend);
        let bodies = mends.filter_map(|mend| match mend {
            Mend::Call(call) => call.body.clone(),
            Mend::MakeBranch => None,
        });
        let bodies: Vec<Value> = bodies.collect();
        assert_eq!(
            bodies[0]["reviewers"],
            json!([{ "type": "User", "id": 42 }])
        );
    }

    #[test]
    fn a_site_from_elsewhere_is_pointed_at_the_channels() {
        let changes: [(Change<Settings>, &str); 3] = [
            (|settings| settings.pages = Seen::Is(None), "POST pages"),
            (
                |settings| {
                    if let Seen::Is(Some(Pages { build_type, .. })) = &mut settings.pages {
                        *build_type = Some("workflow".to_owned());
                    }
                },
                "PUT pages",
            ),
            (
                |settings| {
                    if let Seen::Is(Some(Pages {
                        source: Some(source),
                        ..
                    })) = &mut settings.pages
                    {
                        source.path = "/docs".to_owned();
                    }
                },
                "PUT pages",
            ),
        ];
        for (change, call) in changes {
            assert_eq!(differing(change)[0].1, [call]);
        }
    }

    #[test]
    fn what_was_not_seen_is_neither_right_nor_mended() {
        let found = differing(|settings| {
            settings.immutable_releases = Seen::Not("no".to_owned());
            settings.rulesets = Seen::Not("no".to_owned());
        });
        assert_eq!(found.len(), 3);
        assert!(found.iter().all(|(_, calls)| calls.is_empty()), "{found:?}");
    }
}
