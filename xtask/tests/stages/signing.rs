//! Signing while services fail, and again after a run that did not end well.

use std::fs;

use jiff::SignedDuration;
use rehearsal::sigstore::{Disturbance, Job, Service};
use release_plan::Exit;

use crate::fixture::{Ended, Fixture, Loopback};

/// Who issues certificates, and who says when a signature was made.
const SERVICES: [Service; 3] = [Service::Fulcio, Service::Timestamp, Service::Rekor];

/// Six bundles and the provenance.
const SIGNATURES: usize = 9;
const PROVENANCE: &str = "ember.intoto.jsonl";

fn world() -> (Fixture, Loopback) {
    (Fixture::assembled(), Loopback::start())
}

fn job(fixture: &Fixture, loopback: &Loopback) -> Job {
    loopback.release_job(&fixture.plan(), "v1.2.3")
}

fn sign(fixture: &Fixture, loopback: &Loopback) -> Ended {
    loopback.sign_as(fixture, job(fixture, loopback))
}

/// The bundles and the provenance in the folder of assets, by name.
fn signatures(fixture: &Fixture) -> Vec<(String, Vec<u8>)> {
    let files = fs::read_dir(fixture.beside("assets")).unwrap();
    let files = files.map(|file| file.unwrap());
    let mut signatures: Vec<_> = files
        .filter_map(|file| {
            let name = file.file_name().into_string().unwrap();
            let signs = name.ends_with(".sigstore.json") || name == PROVENANCE;
            signs.then(|| (name, fs::read(file.path()).unwrap()))
        })
        .collect();
    signatures.sort();
    signatures
}

#[test]
fn services_that_fail_for_a_moment_are_asked_again_and_each_time_is_said() {
    let (fixture, loopback) = world();
    let sigstore = &loopback.services.sigstore;
    let faults = [
        Disturbance::Status(500),
        Disturbance::Status(503),
        Disturbance::Throttle(1),
        Disturbance::Close,
    ];
    for service in SERVICES {
        for fault in faults {
            sigstore.disturb(service, fault, 1);
        }
    }
    sigstore.disturb(Service::Oidc, Disturbance::Status(502), 1);
    sigstore.disturb(Service::Oidc, Disturbance::Close, 1);
    let ended = sign(&fixture, &loopback).with(Exit::Done);
    let said = ended.err.matches("asking again in").count();
    assert_eq!(said, SERVICES.len() * faults.len() + 2, "{}", ended.err);
    loopback.verify(&fixture).with(Exit::Done);
}

#[test]
fn answers_that_are_lost_on_the_way_are_asked_for_again_and_nothing_is_logged_twice() {
    let (fixture, loopback) = world();
    let sigstore = &loopback.services.sigstore;
    for service in SERVICES {
        sigstore.disturb(service, Disturbance::Cut, 2);
    }
    sign(&fixture, &loopback).with(Exit::Done);
    let log = sigstore.traffic(Service::Rekor);
    // What it had logged already it refused, and then gave out by its name.
    assert_eq!((log.refused, log.granted), (2, SIGNATURES + 2));
    loopback.verify(&fixture).with(Exit::Done);
}

#[test]
fn a_service_that_refuses_ends_the_run_at_once_in_its_own_words() {
    for service in SERVICES {
        let (fixture, loopback) = world();
        let sigstore = &loopback.services.sigstore;
        sigstore.disturb(service, Disturbance::Status(403), SIGNATURES);
        let ended = sign(&fixture, &loopback).with(Exit::Network);
        let words = match service {
            // The client of timestamp authorities keeps the status alone.
            Service::Timestamp => "403 Forbidden",
            _ => "the rehearsal was told to refuse",
        };
        let ended = ended.saying(words).saying("signed nothing; did not sign");
        assert!(!ended.err.contains("asking again"), "{}", ended.err);
        assert!(signatures(&fixture).is_empty());
        if service == Service::Fulcio {
            // Those who waited for the certificate do not ask for it in turn.
            assert_eq!(sigstore.traffic(service).disturbed, 1);
        }
    }
}

#[test]
fn a_job_whose_token_is_refused_is_told_why() {
    let (fixture, loopback) = world();
    let ended_at_once = Job {
        token_life: SignedDuration::ZERO,
        ..job(&fixture, &loopback)
    };
    let ended = loopback.sign_as(&fixture, ended_at_once);
    ended.with(Exit::Network).saying("ID token: expired");
    let no_token = loopback.services.sigstore.traffic(Service::Fulcio);
    assert_eq!(no_token.granted, 0);
}

#[test]
fn a_service_that_stays_down_is_given_up_when_the_token_ends() {
    for service in SERVICES {
        let (fixture, loopback) = world();
        let sigstore = &loopback.services.sigstore;
        sigstore.disturb(service, Disturbance::Status(503), usize::MAX);
        let short = Job {
            token_life: SignedDuration::from_secs(3),
            ..job(&fixture, &loopback)
        };
        let ended = loopback.sign_as(&fixture, short).with(Exit::Network);
        ended.saying("asking again in").saying("given up after");
        assert!(signatures(&fixture).is_empty());
    }
}

#[test]
fn a_run_that_fails_half_way_names_what_it_signed_and_the_next_signs_the_rest() {
    let (fixture, loopback) = world();
    let sigstore = &loopback.services.sigstore;
    sigstore.disturb(Service::Rekor, Disturbance::Status(400), 2);
    let ended = sign(&fixture, &loopback).with(Exit::Network);
    let last = ended.err.lines().last().unwrap();
    let (signed, not) = last.split_once("; did not sign ").unwrap();
    let signed = signed.strip_prefix("error: signed ").unwrap();
    let signed: Vec<_> = signed.split(", ").collect();
    let not: Vec<_> = not.split_once(": ").unwrap().0.split(", ").collect();
    // One that had not begun is not begun after a failure.
    assert!((2..=3).contains(&not.len()), "{last}");
    assert_eq!(signed.len() + not.len(), SIGNATURES, "{last}");
    let first = signatures(&fixture);
    let file = |name: &&str| match *name {
        PROVENANCE => PROVENANCE.to_owned(),
        asset => format!("{asset}.sigstore.json"),
    };
    let names: Vec<_> = signed.iter().map(file).collect();
    assert!(first.iter().map(|(name, _)| name).eq(&names));
    assert!(not.iter().all(|name| !fixture.asset(&file(name)).exists()));
    let words = "is not signed; sign first";
    loopback.verify(&fixture).with(Exit::Input).saying(words);

    let kept = format!(
        "{} of {SIGNATURES} signatures are there already",
        signed.len()
    );
    sign(&fixture, &loopback).with(Exit::Done).saying(&kept);
    let second = signatures(&fixture);
    assert_eq!(second.len(), SIGNATURES);
    assert!(first.iter().all(|bundle| second.contains(bundle)));
    loopback.verify(&fixture).with(Exit::Done);
}

#[test]
fn what_is_signed_and_verifies_is_kept_and_nobody_is_asked() {
    let (fixture, loopback) = world();
    loopback.sign(&fixture);
    let first = signatures(&fixture);
    let asked = |service| loopback.services.sigstore.traffic(service);
    let before = SERVICES.map(asked);
    // Without the rights of a job, too.
    let mut again = fixture.stage("sign", "--dir", "assets");
    again.arg("--trusted-root").arg(loopback.root());
    let ended = Ended::from(again.output().unwrap()).with(Exit::Done);
    ended.saying("9 of 9 signatures are there already");
    assert_eq!(signatures(&fixture), first);
    assert_eq!(SERVICES.map(asked), before);
}

#[test]
fn a_bundle_that_does_not_verify_is_replaced_and_the_reason_is_told() {
    let (fixture, loopback) = world();
    loopback.sign(&fixture);
    let first = signatures(&fixture);
    let other_asset = fixture.asset("plan.json.sigstore.json");
    fs::copy(other_asset, fixture.asset("install.sh.sigstore.json")).unwrap();
    fs::write(fixture.asset("SHA256SUMS.sigstore.json"), "{").unwrap();
    let ended = sign(&fixture, &loopback).with(Exit::Done);
    let ended = ended.saying("7 of 9 signatures are there already");
    for name in ["install.sh", "SHA256SUMS"] {
        let said = |line: &str| line.starts_with(&format!("{name}: ")) && line.contains("refused");
        assert!(ended.err.lines().any(said), "{}", ended.err);
    }
    let replaced = signatures(&fixture).into_iter();
    let replaced = replaced.filter(|bundle| !first.contains(bundle)).count();
    assert_eq!(replaced, 2);
    loopback.verify(&fixture).with(Exit::Done);
}

/// Jobs that may not sign this release, and what is told of each.
fn strangers(fixture: &Fixture, loopback: &Loopback) -> [(Job, &'static str); 3] {
    let plan = fixture.plan();
    let other_commit = Job {
        commit: "0".repeat(40),
        ..job(fixture, loopback)
    };
    [
        (loopback.release_job(&plan, "v1.2.4"), "identity refused"),
        (loopback.channel_job(&plan), "identity refused"),
        (other_commit, "source commit refused"),
    ]
}

#[test]
fn a_job_that_may_not_sign_this_release_leaves_nothing_signed() {
    let (fixture, loopback) = world();
    for (job, words) in strangers(&fixture, &loopback) {
        let ended = loopback.sign_as(&fixture, job).with(Exit::Refused);
        ended.saying(words).saying("signed nothing");
        assert!(signatures(&fixture).is_empty());
    }
}

#[test]
fn bundles_of_another_tag_workflow_commit_or_sigstore_are_none() {
    let (fixture, loopback) = world();
    for (job, words) in strangers(&fixture, &loopback) {
        loopback.forge_as(&fixture, &job);
        let ended = sign(&fixture, &loopback).with(Exit::Done);
        let refused = ended.err.matches(words).count();
        assert_eq!(refused, SIGNATURES - 1, "{}", ended.err);
        loopback.verify(&fixture).with(Exit::Done);
    }
    let elsewhere = Loopback::start();
    sign(&fixture, &elsewhere).with(Exit::Done);
    elsewhere.verify(&fixture).with(Exit::Done);
}

#[test]
fn what_a_killed_run_left_half_written_is_in_nobodys_way() {
    let (fixture, loopback) = world();
    fs::write(fixture.asset(".partial-Xa7pQz"), "{\"mediaTy").unwrap();
    loopback.sign(&fixture);
    loopback.verify(&fixture).with(Exit::Done);
}

#[test]
fn one_token_and_one_certificate_serve_a_run_and_what_is_about_to_end_is_not_begun_with() {
    let (fixture, loopback) = world();
    let granted = |service| loopback.services.sigstore.traffic(service).granted;
    loopback.sign(&fixture);
    assert_eq!([Service::Oidc, Service::Fulcio].map(granted), [1, 1]);
    let elsewhere = Loopback::start();
    let short = Job {
        token_life: SignedDuration::from_secs(30),
        ..job(&fixture, &elsewhere)
    };
    elsewhere.sign_as(&fixture, short).with(Exit::Done);
    let granted = |service| elsewhere.services.sigstore.traffic(service).granted;
    let anew = [Service::Oidc, Service::Fulcio].map(granted);
    assert_eq!(anew, [1 + SIGNATURES, SIGNATURES]);
}
