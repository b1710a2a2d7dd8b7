//! The rules, each a value: what it expects everywhere, and a function that finds where it does not
//! hold.

use std::collections::{BTreeMap, BTreeSet};

use release_plan::Target;
use serde_json::{Value, json};
use serde_yaml::Spanned;

use super::document::{Job, Permissions, Step, Workflow, commands};
use super::{Identity, OWN_ACTIONS, PRIVILEGED, Parsed, Privileged, Scene, WORKFLOWS, plain};
use crate::gates::{Row, Verdict};

struct Rule {
    id: &'static str,
    expected: &'static str,
    mend: &'static str,
    /// How it ends where it does not hold.
    otherwise: Verdict,
    broken: fn(&Scene<'_>) -> Vec<Broken>,
}

/// A place where a rule does not hold.
pub(super) struct Broken {
    place: String,
    found: String,
}

/// The actions that a workflow with rights uses: any other may bring a cache, or run what it likes.
const KNOWN_ACTIONS: [&str; 3] = [
    "actions/checkout",
    "actions/download-artifact",
    "actions/upload-artifact",
];

/// What an action of the repository's own may run, since jobs with rights use it.
const HANDING_OVER: [&str; 3] = ["echo", "sha256sum", "chmod"];

/// The command that a job compiled earlier, where the repository's action leaves it.
const HANDED: &str = "target/xtask";

/// The stages of a release in their order.
const ORDER: [&str; 8] = [
    "plan",
    "build",
    "assemble",
    "sign",
    "smoke",
    "publish",
    "verify-public",
    "ask-for-promotion",
];

/// Runners of GitHub's with the system that they are.
const RUNNERS: [(&str, &str); 6] = [
    ("ubuntu-24.04", "Linux amd64"),
    ("ubuntu-24.04-arm", "Linux arm64"),
    ("macos-15", "macOS arm64"),
    ("macos-15-intel", "macOS amd64"),
    ("windows-2025", "Windows amd64"),
    ("windows-11-arm", "Windows arm64"),
];

const RULES: [Rule; 17] = [
    Rule {
        id: "workflows-present",
        expected: "the workflows that product.yaml names under `identities`",
        mend: "write it, or name the one that there is in release-plan/product.yaml",
        otherwise: Verdict::BlocksPublishing,
        broken: absent,
    },
    Rule {
        id: "workflow-triggers",
        expected: "releases by pushed tags `v…` alone, patched scripts by `bootstrap-v…`, channels \
                   by hand and by schedule, and no event that gives rights to other people's code",
        mend: "mend `on:`",
        otherwise: Verdict::Failed,
        broken: triggers,
    },
    Rule {
        id: "job-timeout",
        expected: "`timeout-minutes` in every job",
        mend: "add `timeout-minutes:`",
        otherwise: Verdict::Failed,
        broken: |scene| {
            jobs_where(scene, |_, job| {
                job.timeout_minutes.is_none().then(|| "none".to_owned())
            })
        },
    },
    Rule {
        id: "no-default-rights",
        expected: "`permissions: {}` for the workflow, and for each job those that it names",
        mend: "say `permissions: {}` at the top, and grant each job what it needs",
        otherwise: Verdict::Failed,
        broken: default_rights,
    },
    Rule {
        id: "rights-by-stage",
        expected: "`write` only where the job runs a stage that needs it, in the workflow that it \
                   belongs to",
        mend: "take the permission away, or move the stage to a job of its own",
        otherwise: Verdict::Failed,
        broken: rights_by_stage,
    },
    Rule {
        id: "rights-without-compiling",
        expected: "a job with a right runs stages of the handed `target/xtask`, and nothing else",
        mend: "move what else it runs to a job without rights, and hand over the result",
        otherwise: Verdict::Failed,
        broken: other_commands,
    },
    Rule {
        id: "rights-plainly",
        expected: "a job with a right says what such jobs here say, and no secret: no other shell, \
                   container, variable, checkout, action or place of an artifact",
        mend: "leave it out, or do it in a job without rights",
        otherwise: Verdict::Failed,
        broken: plain::unlisted,
    },
    Rule {
        id: "handed-command-checked",
        expected: "a job with a right has the digest of target/xtask checked, as an earlier job's \
                   output has it, before it runs it",
        mend: "use the repository's action with `sha256: ${{ needs.….outputs.… }}` first",
        otherwise: Verdict::Failed,
        broken: unchecked_command,
    },
    Rule {
        id: "rights-in-environment",
        expected: "release-sign around `sign`, release-publish around `publish` and \
                   `publish-scripts`, channels around `promote`, `yank` and `renew`",
        mend: "name the environment with `environment:`",
        otherwise: Verdict::Failed,
        broken: environments,
    },
    Rule {
        id: "actions-pinned",
        expected: "every action by its commit, with the version in a comment",
        mend: "write `uses: OWNER/NAME@COMMIT # vX.Y.Z`",
        otherwise: Verdict::Failed,
        broken: unpinned,
    },
    Rule {
        id: "actions-known",
        expected: "checkout, upload-artifact and download-artifact alone where releases and \
                   channels are made: no cache can reach them",
        mend: "do without the action",
        otherwise: Verdict::Failed,
        broken: unknown_actions,
    },
    Rule {
        id: "no-credentials-kept",
        expected: "`persist-credentials: false` at every checkout",
        mend: "add `with: persist-credentials: false`",
        otherwise: Verdict::Failed,
        broken: kept_credentials,
    },
    Rule {
        id: "no-expression-in-run",
        expected: "no `${{ … }}` in a script: its value would be read as code",
        mend: "hand it over by `env:`",
        otherwise: Verdict::Failed,
        broken: |scene| {
            steps_where(scene, |step| {
                let script = &step.run.as_ref()?.value;
                let line = script.lines().find(|line| line.contains("${{"))?;
                Some(line.trim().to_owned())
            })
        },
    },
    Rule {
        id: "runs-uncancelled",
        expected: "concurrency that cancels nothing, where releases and channels are made",
        mend: "say `concurrency:` with a `group` and `cancel-in-progress: false`",
        otherwise: Verdict::Failed,
        broken: cancelling,
    },
    Rule {
        id: "stages-in-order",
        expected: "every stage of a release, each after the one before, whatever else happens",
        mend: "mend `needs:`, and leave out `if:` and `continue-on-error:`",
        otherwise: Verdict::Failed,
        broken: out_of_order,
    },
    Rule {
        id: "promotion-when-asked",
        expected: "`if: github.event_name == 'workflow_dispatch'` on what promotes or yanks",
        mend: "add that condition to the job",
        otherwise: Verdict::Failed,
        broken: unasked_promotion,
    },
    Rule {
        id: "smoke-on-every-target",
        expected: "a runner of its own system for each target of dist-workspace.toml, and no other",
        mend: "make `strategy.matrix.include` of the smoke job agree with dist-workspace.toml",
        otherwise: Verdict::Failed,
        broken: smoke_matrix,
    },
];

/// A row for each rule that holds, and one for each place where one does not. A tree without
/// workflows has the rows that say so, and no others.
pub(super) fn rows(scene: &Scene<'_>) -> Vec<Row> {
    let none = scene.workflows.is_empty() && scene.actions.is_empty();
    let rules = &RULES[..if none { 1 } else { RULES.len() }];
    rules.iter().flat_map(|rule| rule.rows(scene)).collect()
}

impl Rule {
    fn rows(&self, scene: &Scene<'_>) -> Vec<Row> {
        let row = |place: String, verdict, found: String, mend: Option<&str>| Row {
            rule: self.id.to_owned(),
            place,
            verdict,
            expected: self.expected.to_owned(),
            found,
            mend: mend.map(str::to_owned),
        };
        let broken = (self.broken)(scene);
        if broken.is_empty() {
            let found = "that".to_owned();
            return vec![row(WORKFLOWS.to_owned(), Verdict::Passed, found, None)];
        }
        let broken = broken.into_iter();
        broken
            .map(|Broken { place, found }| row(place, self.otherwise, found, Some(self.mend)))
            .collect()
    }
}

impl Broken {
    pub(super) fn at_job(
        workflow: &Parsed<Workflow>,
        name: &str,
        job: &Spanned<Job>,
        found: impl Into<String>,
    ) -> Self {
        let line = job.referenced.line();
        Self {
            place: format!("{}:{line} (job {name})", workflow.source.path),
            found: found.into(),
        }
    }

    pub(super) fn at_file(workflow: &Parsed<Workflow>, found: impl Into<String>) -> Self {
        Self {
            place: workflow.source.path.clone(),
            found: found.into(),
        }
    }
}

/// The jobs of every workflow that `find` finds something wrong with.
fn jobs_where(
    scene: &Scene<'_>,
    find: impl Fn(Option<Identity>, &Job) -> Option<String>,
) -> Vec<Broken> {
    let mut broken = Vec::new();
    for workflow in &scene.workflows {
        let identity = scene.identity(&workflow.source.path);
        for (name, job) in &workflow.document.jobs {
            let found = find(identity, &job.value);
            broken.extend(found.map(|found| Broken::at_job(workflow, name, job, found)));
        }
    }
    broken
}

/// The steps of every workflow and action that `find` finds something wrong with.
fn steps_where(scene: &Scene<'_>, find: impl Fn(&Step) -> Option<String>) -> Vec<Broken> {
    each_step(scene)
        .filter_map(|(path, step)| {
            let found = find(&step.value)?;
            let place = format!("{path}:{}", step.referenced.line());
            Some(Broken { place, found })
        })
        .collect()
}

/// Every step, with the path of the file that it stands in.
fn each_step<'a>(scene: &'a Scene<'_>) -> impl Iterator<Item = (&'a str, &'a Spanned<Step>)> {
    let jobs = scene.workflows.iter().flat_map(|workflow| {
        let jobs = workflow.document.jobs.values();
        let steps = jobs.flat_map(|job| &job.value.steps);
        steps.map(|step| (workflow.source.path.as_str(), step))
    });
    let actions = scene.actions.iter().flat_map(|action| {
        let steps = action.document.runs.steps.iter();
        steps.map(|step| (action.source.path.as_str(), step))
    });
    jobs.chain(actions)
}

fn is_own(action: &str) -> bool {
    OWN_ACTIONS.iter().any(|own| action.starts_with(own))
}

fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().collect::<Vec<_>>().join(", ")
}

/// The stages of `job` that may hold rights in the workflow of `identity`.
fn privileged(identity: Option<Identity>, job: &Job) -> Vec<&'static Privileged> {
    let stages = job.stages();
    let may =
        |known: &&Privileged| Some(known.workflow) == identity && stages.contains(known.stage);
    PRIVILEGED.iter().filter(may).collect()
}

fn absent(scene: &Scene<'_>) -> Vec<Broken> {
    let identities = scene.identities().into_iter();
    identities
        .filter(|(identity, _)| scene.workflow(*identity).is_none())
        .map(|(_, path)| Broken {
            place: path.to_owned(),
            found: "no such file".to_owned(),
        })
        .collect()
}

fn triggers(scene: &Scene<'_>) -> Vec<Broken> {
    /// They run with the repository's rights on what a stranger proposed.
    const FOR_STRANGERS: [&str; 2] = ["pull_request_target", "workflow_run"];
    let as_must_be = |identity: Option<Identity>, on: &Value| {
        let names: BTreeSet<&str> = match on {
            Value::String(name) => BTreeSet::from([name.as_str()]),
            Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
            Value::Object(events) => events.keys().map(String::as_str).collect(),
            _ => BTreeSet::new(),
        };
        match identity {
            None => !FOR_STRANGERS.iter().any(|event| names.contains(event)),
            Some(Identity::Channel) => names == BTreeSet::from(["schedule", "workflow_dispatch"]),
            Some(identity @ (Identity::Release | Identity::Scripts)) => {
                let push = on["push"].as_object();
                let tags = on["push"]["tags"].as_array();
                let prefix = match identity {
                    Identity::Scripts => "bootstrap-v",
                    _ => "v",
                };
                let of_releases =
                    |tag: &Value| tag.as_str().is_some_and(|tag| tag.starts_with(prefix));
                names == BTreeSet::from(["push"])
                    && push.is_some_and(|push| push.len() == 1)
                    && tags.is_some_and(|tags| tags.iter().all(of_releases))
            }
        }
    };
    let workflows = scene.workflows.iter().filter(|workflow| {
        !as_must_be(scene.identity(&workflow.source.path), &workflow.document.on)
    });
    workflows
        .map(|workflow| Broken::at_file(workflow, workflow.document.on.to_string()))
        .collect()
}

fn default_rights(scene: &Scene<'_>) -> Vec<Broken> {
    let defaults = scene.workflows.iter().filter_map(|workflow| {
        let found = match &workflow.document.permissions {
            Some(permissions) if permissions.is_empty() => return None,
            Some(_) => "other `permissions`",
            None => "no `permissions`, so those of the repository's settings",
        };
        Some(Broken::at_file(workflow, found))
    });
    let all = jobs_where(scene, |_, job| match &job.permissions {
        Some(Permissions::All(all)) => Some(all.clone()),
        _ => None,
    });
    defaults.chain(all).collect()
}

fn rights_by_stage(scene: &Scene<'_>) -> Vec<Broken> {
    jobs_where(scene, |identity, job| {
        let stages = privileged(identity, job);
        let needed = |right: &&str| stages.iter().any(|stage| stage.rights.contains(right));
        let rights = job.rights();
        let others: Vec<&str> = rights.into_iter().filter(|right| !needed(right)).collect();
        let stages = listed(job.stages());
        (!others.is_empty()).then(|| {
            let stages = if stages.is_empty() {
                "no stage"
            } else {
                &stages
            };
            format!("{} in a job that runs {stages}", listed(others))
        })
    })
}

fn other_commands(scene: &Scene<'_>) -> Vec<Broken> {
    /// What would run something beside the command.
    const MORE: [&str; 7] = [";", "|", "&", "`", "$(", "<", ">"];
    let mut broken = jobs_where(scene, |identity, job| {
        if job.rights().is_empty() {
            return None;
        }
        let stages = privileged(identity, job);
        let runs_stage = |command: &String| {
            let mut words = command.split_whitespace();
            let handed = words.next() == Some(HANDED);
            let stage = words.next().unwrap_or_default();
            handed
                && stages.iter().any(|known| known.stage == stage)
                && !MORE.iter().any(|more| command.contains(more))
        };
        job.steps.iter().find_map(|step| {
            let script = step.value.run.as_ref()?;
            let mut commands = commands(&script.value).into_iter();
            commands.find(|command| !runs_stage(command))
        })
    });
    // What the repository's own actions run, those jobs run.
    broken.extend(scene.actions.iter().flat_map(|action| {
        action.document.runs.steps.iter().filter_map(|step| {
            let script = step.value.run.as_ref()?;
            let command = commands(&script.value).into_iter().find(|command| {
                let mut parts = command.split(['|', '&', ';']).map(str::trim);
                let known = |part: &str| {
                    let word = part.split_whitespace().next().unwrap_or_default();
                    HANDING_OVER.contains(&word)
                };
                command.contains("$(") || command.contains('`') || !parts.all(known)
            })?;
            Some(Broken {
                place: format!("{}:{}", action.source.path, script.referenced.line()),
                found: command,
            })
        })
    }));
    broken
}

fn unchecked_command(scene: &Scene<'_>) -> Vec<Broken> {
    let checks = |action: &str| {
        let own = scene.own_action(action);
        own.is_some_and(|own| own.source.text.contains("sha256sum --check"))
    };
    jobs_where(scene, |_, job| {
        if job.rights().is_empty() {
            return None;
        }
        for step in &job.steps {
            let step = &step.value;
            let digest = step.with.get("sha256").and_then(Value::as_str);
            let of_a_job = digest.is_some_and(|digest| digest.starts_with("${{ needs."));
            if of_a_job && step.action().is_some_and(checks) {
                return None;
            }
            if let Some(script) = &step.run {
                return Some(format!("{} before it", script.value.trim()));
            }
        }
        None
    })
}

fn environments(scene: &Scene<'_>) -> Vec<Broken> {
    jobs_where(scene, |identity, job| {
        if job.rights().is_empty() {
            return None;
        }
        let stages = privileged(identity, job);
        let other = stages
            .iter()
            .find(|stage| stage.environment.is_some() && stage.environment != job.environment())?;
        let found = job.environment().unwrap_or("no environment");
        Some(format!("{found} around {}", other.stage))
    })
}

fn unpinned(scene: &Scene<'_>) -> Vec<Broken> {
    let is_commit = |text: &str| {
        text.len() == 40
            && text
                .bytes()
                .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte))
    };
    let texts: BTreeMap<&str, &str> = {
        let workflows = scene.workflows.iter().map(|parsed| &parsed.source);
        let actions = scene.actions.iter().map(|parsed| &parsed.source);
        let sources = workflows.chain(actions);
        sources
            .map(|source| (source.path.as_str(), source.text.as_str()))
            .collect()
    };
    each_step(scene)
        .filter_map(|(path, step)| {
            let uses = step.value.uses.as_ref()?;
            if is_own(&uses.value) {
                return None;
            }
            let number = uses.referenced.line() as usize;
            let line = texts[path]
                .lines()
                .nth(number.saturating_sub(1))
                .unwrap_or_default();
            let commented = line.split_once(" # v").is_some_and(|(_, version)| {
                version
                    .bytes()
                    .next()
                    .is_some_and(|byte| byte.is_ascii_digit())
            });
            let commit = uses.value.split_once('@').map_or("", |(_, commit)| commit);
            (!is_commit(commit) || !commented).then(|| Broken {
                place: format!("{path}:{number}"),
                found: line.trim().to_owned(),
            })
        })
        .collect()
}

fn unknown_actions(scene: &Scene<'_>) -> Vec<Broken> {
    let mut broken = jobs_where(scene, |identity, job| {
        identity?;
        let mut actions = job.steps.iter().filter_map(|step| step.value.action());
        let other = actions.find(|action| !is_own(action) && !KNOWN_ACTIONS.contains(action))?;
        Some(other.to_owned())
    });
    // Those of the repository's own run there too.
    broken.extend(scene.actions.iter().flat_map(|action| {
        let steps = action.document.runs.steps.iter();
        steps.filter_map(|step| {
            let other = step.value.action()?;
            (!KNOWN_ACTIONS.contains(&other)).then(|| Broken {
                place: format!("{}:{}", action.source.path, step.referenced.line()),
                found: other.to_owned(),
            })
        })
    }));
    broken
}

fn kept_credentials(scene: &Scene<'_>) -> Vec<Broken> {
    steps_where(scene, |step| {
        let checkout = step.action() == Some("actions/checkout");
        let found = step.with.get("persist-credentials");
        (checkout && found != Some(&json!(false))).then(|| match found {
            Some(found) => format!("persist-credentials: {found}"),
            None => "a checkout that leaves the token in the work tree".to_owned(),
        })
    })
}

fn cancelling(scene: &Scene<'_>) -> Vec<Broken> {
    let cancels = |concurrency: &Value| {
        let cancel = concurrency.get("cancel-in-progress");
        cancel.is_some_and(|cancel| *cancel != json!(false))
    };
    let mut broken = jobs_where(scene, |identity, job| {
        identity?;
        let concurrency = job.concurrency.as_ref()?;
        cancels(concurrency).then(|| concurrency.to_string())
    });
    let with_rights =
        |workflow: &&Parsed<Workflow>| scene.identity(&workflow.source.path).is_some();
    for workflow in scene.workflows.iter().filter(with_rights) {
        broken.extend(match &workflow.document.concurrency {
            None => Some(Broken::at_file(workflow, "no concurrency")),
            Some(concurrency) => {
                let found = concurrency.to_string();
                cancels(concurrency).then(|| Broken::at_file(workflow, found))
            }
        });
    }
    broken
}

fn out_of_order(scene: &Scene<'_>) -> Vec<Broken> {
    let Some(release) = scene.workflow(Identity::Release) else {
        return Vec::new();
    };
    let jobs = &release.document.jobs;
    let running = |stage: &'static str| {
        let runs = move |job: &Spanned<Job>| job.value.stages().contains(stage);
        jobs.iter().filter(move |(_, job)| runs(job))
    };
    let mut broken = Vec::new();
    for stage in ORDER.iter().filter(|stage| running(stage).next().is_none()) {
        broken.push(Broken::at_file(
            release,
            format!("no job that runs {stage}"),
        ));
    }
    for pair in ORDER.windows(2) {
        let (before, stage) = (pair[0], pair[1]);
        for (name, job) in running(stage) {
            let ended = ended_before(jobs, name);
            let mut earlier = running(before).filter(|(earlier, _)| *earlier != name);
            if let Some((missed, _)) =
                earlier.find(|(earlier, _)| !ended.contains(earlier.as_str()))
            {
                let found = format!("{stage} does not wait for job {missed}, which runs {before}");
                broken.push(Broken::at_job(release, name, job, found));
            }
        }
    }
    for (name, job) in jobs {
        let lenient = |step: &Spanned<Step>| step.value.continue_on_error.is_some();
        let found = match &job.value {
            Job {
                r#if: Some(condition),
                ..
            } => format!("if: {condition}"),
            job if job.continue_on_error.is_some() || job.steps.iter().any(lenient) => {
                "continue-on-error".to_owned()
            }
            _ => continue,
        };
        broken.push(Broken::at_job(release, name, job, found));
    }
    broken
}

/// Names of all jobs that end before `name` begins.
fn ended_before<'a>(jobs: &'a BTreeMap<String, Spanned<Job>>, name: &'a str) -> BTreeSet<&'a str> {
    let mut ended = BTreeSet::new();
    let mut open: Vec<&str> = vec![name];
    while let Some(name) = open.pop() {
        let needs = jobs.get(name).map_or(&[][..], |job| job.value.needs());
        open.extend(
            needs
                .iter()
                .map(String::as_str)
                .filter(|need| ended.insert(*need)),
        );
    }
    ended
}

fn unasked_promotion(scene: &Scene<'_>) -> Vec<Broken> {
    const ASKED: &str = "github.event_name == 'workflow_dispatch'";
    jobs_where(scene, |identity, job| {
        let stages = job.stages();
        let moves = stages.contains("promote") || stages.contains("yank");
        let condition = job.r#if.as_deref();
        let asked = identity != Some(Identity::Channel) || !moves || condition == Some(ASKED);
        (!asked).then(|| condition.unwrap_or("no condition").to_owned())
    })
}

fn smoke_matrix(scene: &Scene<'_>) -> Vec<Broken> {
    jobs_where(scene, |identity, job| {
        if identity != Some(Identity::Release) || !job.stages().contains("smoke") {
            return None;
        }
        let rows = job.strategy.matrix["include"].as_array();
        let rows = rows.map(Vec::as_slice).unwrap_or_default();
        let word = |row: &Value, key: &str| row[key].as_str().unwrap_or_default().to_owned();
        let targets: BTreeSet<String> = rows.iter().map(|row| word(row, "target")).collect();
        let wanted: BTreeSet<String> = scene.targets.iter().map(Target::to_string).collect();
        if targets != wanted || rows.len() != wanted.len() {
            let targets = listed(targets.iter().map(String::as_str));
            return Some(if targets.is_empty() {
                "none".to_owned()
            } else {
                targets
            });
        }
        rows.iter().find_map(|row| {
            let (target, runner) = (word(row, "target"), word(row, "runner"));
            let system = RUNNERS.iter().find(|(known, _)| *known == runner);
            let fits = target.parse::<Target>().ok().zip(system);
            let fits = fits.is_some_and(|(target, (_, system))| target.system() == *system);
            (!fits).then(|| format!("{target} on {runner}"))
        })
    })
}
