//! The formats that travel: written and read back, and refused when they contradict themselves.

use release_plan::{
    Asset, AssetKind, AssetName, Channel, Claim, FormatError, Instant, Limits, Manifest,
    ManifestError, Measured, Plan, PlanError, Pointer, PointerError, Policy, Product, Reservation,
    Sha256, SignedPointer, StdOrigin, Toolchain, WithoutError,
};
use serde_json::{Value, json};

fn product() -> Product {
    Product::from_json(
        &json!({
            "name": "lantern",
            "summary": "Lights the way.",
            "repository": { "url": "https://github.com/example/lantern", "id": 7, "owner_id": 8 },
            "identities": {
                "issuer": "https://token.actions.githubusercontent.com",
                "release_workflow": ".github/workflows/release.yml",
                "channel_workflow": ".github/workflows/channel.yml",
                "default_branch": "main",
            },
            "channels": {
                "url": "https://example.github.io/lantern",
                "expires_after_days": 14,
                "default": "stable",
                "feeds": {
                    "alpha": { "from": "pre-releases" },
                    "beta": { "from": "releases" },
                    "stable": { "from": "beta", "soak_days": 7 },
                },
            },
            "upgrades": { "from": "1.0.0" },
        })
        .to_string(),
    )
    .unwrap()
}

fn plan_json() -> Value {
    json!({
        "schema": "release-plan/1",
        "product": "lantern",
        "repository": "https://github.com/example/lantern",
        "version": "1.2.3",
        "tag": "v1.2.3",
        "package_version": "1.2.3",
        "source": {
            "commit": "a".repeat(40),
            "committed_at": "2026-11-21T06:13:00Z",
            "lock_sha256": "b".repeat(64),
        },
        "tools": {
            "rust": "1.95.0",
            "zig": "0.17.0",
            "cargo-zigbuild": "0.24.0",
            "cargo-dist": "0.34.0",
            "cargo-cyclonedx": "0.5.9",
        },
        "size_budget": 6_000_000,
        "upgrades_from": "1.0.0",
        "playbook_sha256": "c".repeat(64),
        "identity": "https://github.com/example/lantern/.github/workflows/release.yml@refs/tags/v1.2.3",
        "assets": [
            { "name": "dist-manifest.json", "kind": "dist-manifest" },
            { "name": "install.ps1", "kind": "bootstrap-script" },
            { "name": "install.sh", "kind": "bootstrap-script" },
            {
                "name": "lantern-x86_64-unknown-linux-gnu.tar.gz",
                "kind": "archive",
                "target": "x86_64-unknown-linux-gnu",
            },
            { "name": "lantern.cdx.json", "kind": "sbom" },
            { "name": "lantern.rb", "kind": "homebrew-formula" },
            { "name": "plan.json", "kind": "plan" },
            { "name": "stub.sh", "kind": "bootstrap-script" },
            { "name": "upgrade.sh", "kind": "bootstrap-script" },
        ],
    })
}

fn plan() -> Plan {
    Plan::parse(plan_json().to_string().as_bytes()).unwrap()
}

fn manifest() -> Manifest {
    let plan = plan();
    let assets = plan.assets.iter().map(|planned| {
        let measured = Measured::of(planned.name.as_str().as_bytes());
        Asset::new(planned.clone(), measured)
    });
    let toolchain = Toolchain {
        rustc: "rustc 1.95.0".to_owned(),
        std: StdOrigin::Prebuilt,
        zig: None,
        cargo_zigbuild: None,
    };
    let toolchains = plan.targets().into_iter();
    let toolchains = toolchains.map(|target| (target, toolchain.clone()));
    Manifest::new(&plan, toolchains.collect(), assets.collect()).unwrap()
}

fn with(mut value: Value, pointer: &str, new: Value) -> Vec<u8> {
    *value.pointer_mut(pointer).unwrap() = new;
    value.to_string().into_bytes()
}

#[test]
fn a_plan_reads_back_and_its_digest_is_that_of_its_bytes() {
    let plan = plan();
    assert_eq!(Plan::parse(&plan.render()).unwrap(), plan);
    assert_eq!(plan.digest(), Sha256::of(&plan.render()));
    assert!(plan.is_of(&product()));
}

#[test]
fn a_plan_lists_a_bundle_for_every_file_that_is_none_and_the_provenance() {
    let files: Vec<String> = plan().files().iter().map(ToString::to_string).collect();
    assert_eq!(files.len(), 23);
    assert!(files.is_sorted());
    assert!(files.contains(&"lantern.intoto.jsonl".to_owned()));
    for name in [
        "SHA256SUMS",
        "release.json",
        "plan.json",
        "stub.sh",
        "upgrade.sh",
    ] {
        assert!(files.contains(&name.to_owned()));
        assert!(files.contains(&format!("{name}.sigstore.json")));
    }
}

#[test]
fn a_plan_whose_tag_is_not_of_its_version_is_refused() {
    let bytes = with(plan_json(), "/version", json!("1.2.4"));
    assert!(matches!(
        Plan::parse(&bytes),
        Err(PlanError::Version { .. })
    ));
}

#[test]
fn a_plan_with_other_assets_than_its_targets_call_for_is_refused() {
    let bytes = with(plan_json(), "/assets/3/name", json!("lantern.tar.gz"));
    assert_eq!(Plan::parse(&bytes), Err(PlanError::Assets));
    let bytes = with(plan_json(), "/assets/3/kind", json!("plan"));
    assert_eq!(Plan::parse(&bytes), Err(PlanError::Assets));
}

#[test]
fn another_schema_is_told_apart_from_a_broken_file() {
    let bytes = with(plan_json(), "/schema", json!("release-plan/9"));
    let error = Plan::parse(&bytes).unwrap_err();
    assert!(
        matches!(error, PlanError::Format(FormatError::Schema { .. })),
        "{error}"
    );
    for bad in [
        &b""[..],
        b"{",
        b"[]",
        b"\xff\xfe",
        b"{\"schema\":1}",
        b"null",
    ] {
        let error = Plan::parse(bad).unwrap_err();
        assert!(
            matches!(error, PlanError::Format(FormatError::Malformed { .. })),
            "{error}"
        );
    }
}

#[test]
fn more_bytes_than_any_honest_file_has_are_not_parsed() {
    let huge = vec![b' '; Limits::MANIFEST + 1];
    assert!(matches!(
        Manifest::parse(&huge),
        Err(ManifestError::Format(FormatError::TooLarge { .. }))
    ));
    let huge = vec![b' '; Limits::POINTER + 1];
    assert!(matches!(
        Pointer::parse(&huge),
        Err(PointerError::Format(FormatError::TooLarge { .. }))
    ));
}

#[test]
fn deep_nesting_and_duplicate_keys_are_refused() {
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    assert!(Manifest::parse(deep.as_bytes()).is_err());
    let text = String::from_utf8(manifest().render()).unwrap();
    let twice = text.replacen("{", "{\"product\": \"other\",", 1);
    assert!(Manifest::parse(twice.as_bytes()).is_err());
}

#[test]
fn a_plan_with_changes_or_under_another_version_can_only_be_rehearsed() {
    assert!(plan().reservations().is_empty());
    let mut dirty = plan();
    dirty.source.changes_sha256 = Some(Sha256::of(b"changes"));
    assert!(matches!(
        dirty.reservations().as_slice(),
        [Reservation::Dirty { .. }]
    ));
    assert!(dirty.source.label().ends_with("-dirty"));
    let mut renamed = plan();
    renamed.package_version = "1.2.2".parse().unwrap();
    assert!(matches!(
        renamed.reservations().as_slice(),
        [Reservation::OtherVersion { .. }]
    ));
}

#[test]
fn a_plan_that_leaves_something_out_reads_back_and_can_only_be_rehearsed() {
    let names = |names: &[&str]| -> Vec<AssetName> {
        names.iter().map(|name| name.parse().unwrap()).collect()
    };
    let partial = plan().without(&names(&["lantern.rb"])).unwrap();
    assert_eq!(Plan::parse(&partial.render()).unwrap(), partial);
    assert_eq!(partial.whole(), plan());
    let reservations = partial.reservations();
    assert!(matches!(
        reservations.as_slice(),
        [Reservation::Partial(left_out)] if *left_out == names(&["lantern.rb"])
    ));
    let without = |name| plan().without(&names(&[name])).unwrap_err();
    assert!(matches!(without("x.zip"), WithoutError::Unknown { .. }));
    assert!(matches!(without("plan.json"), WithoutError::Needed(_)));
    let archive = "lantern-x86_64-unknown-linux-gnu.tar.gz";
    assert_eq!(without(archive), WithoutError::NoArchive);
}

#[test]
fn what_another_compiler_made_can_only_be_rehearsed() {
    let (plan, mut manifest) = (plan(), manifest());
    assert!(manifest.reservations(&plan).is_empty());
    let made = manifest.toolchains.values_mut().next().unwrap();
    made.rustc = "rustc 1.96.0 (59807616e 2026-06-01)".to_owned();
    assert!(matches!(
        manifest.reservations(&plan).as_slice(),
        [Reservation::OtherCompiler { .. }]
    ));
    assert!(
        manifest
            .toolchains
            .values()
            .all(|made| made.is_of("stable"))
    );
}

#[test]
fn a_plan_that_leaves_out_what_no_release_can_be_without_is_refused() {
    let mut value = plan_json();
    let assets = value["assets"].as_array_mut().unwrap();
    let last = assets.split_off(assets.len() - 2);
    let all = assets.clone();
    for (left_out, kept) in [(&last[0], &last[1]), (&last[1], &last[0])] {
        value["assets"] = json!([all.as_slice(), std::slice::from_ref(kept)].concat());
        value["left_out"] = json!([left_out]);
        let bytes = value.to_string().into_bytes();
        assert_eq!(Plan::parse(&bytes), Err(PlanError::Assets), "{left_out}");
    }
}

#[test]
fn a_kind_of_asset_that_came_later_does_not_keep_a_manifest_from_being_read() {
    let value: Value = serde_json::from_slice(&manifest().render()).unwrap();
    let bytes = with(value, "/assets/0/kind", json!("hologram"));
    let manifest = Manifest::parse(&bytes).unwrap();
    assert_eq!(manifest.assets[0].kind, AssetKind::Other);
}

#[test]
fn a_manifest_reads_back_and_finds_its_assets() {
    let manifest = manifest();
    assert_eq!(Manifest::parse(&manifest.render()).unwrap(), manifest);
    let target = "x86_64-unknown-linux-gnu".parse().unwrap();
    let archive = manifest.archive(&target).unwrap();
    assert_eq!(manifest.asset(&archive.name), Some(archive));
    assert!(
        manifest
            .archive(&"aarch64-apple-darwin".parse().unwrap())
            .is_none()
    );
}

#[test]
fn a_manifest_keeps_its_meaning_when_a_newer_one_says_more() {
    let mut value: Value = serde_json::from_slice(&manifest().render()).unwrap();
    value["since_then"] = json!({ "more": true });
    assert_eq!(
        Manifest::parse(value.to_string().as_bytes()).unwrap(),
        manifest()
    );
}

#[test]
fn a_manifest_that_contradicts_itself_is_refused() {
    let value: Value = serde_json::from_slice(&manifest().render()).unwrap();
    for (pointer, new) in [
        ("/tag", json!("v1.2.4")),
        ("/assets/0/name", json!("plan.json")),
        ("/assets/0/name", json!("zzz")),
        ("/assets/3/name", json!("release.json")),
        ("/assets/3/name", json!("plan.json.sigstore.json")),
        ("/assets/3/name", json!("../plan.json")),
        ("/assets/0/kind", json!("archive")),
        ("/assets/3/target", Value::Null),
        ("/assets/0/size", json!(-1)),
        ("/assets/0/size", json!(1e300)),
        ("/assets/0/sha256", json!("00")),
        ("/commit", json!("HEAD")),
        ("/toolchains", json!({})),
    ] {
        let bytes = with(value.clone(), pointer, new.clone());
        assert!(Manifest::parse(&bytes).is_err(), "{pointer} = {new}");
    }
}

fn pointer_json() -> Value {
    json!({
        "schema": "channel-pointer/1",
        "product": "lantern",
        "channel": "stable",
        "sequence": 3,
        "expires": "2026-12-05T06:13:00Z",
        "version": "1.2.3",
        "tag": "v1.2.3",
        "release_sha256": "d".repeat(64),
        "selected": "2026-11-20T06:13:00Z",
        "bootstrap": { "tag": "v1.2.3", "scripts": { "install.sh": "e".repeat(64) } },
        "yanked": [{ "version": "1.2.2", "reason": "it eats files" }],
        "earlier": [
            {
                "version": "1.2.1",
                "release_sha256": "f".repeat(64),
                "selected": "2026-11-01T06:13:00Z",
                "override_reason": "a fix that cannot wait",
                "patched": { "tag": "bootstrap-v1.2.1-r2", "scripts": {} },
            },
        ],
        "of a later version": true,
    })
}

#[test]
fn a_pointer_reads_back_and_one_whose_tag_is_not_of_its_version_is_refused() {
    let value = pointer_json();
    let pointer = Pointer::parse(value.to_string().as_bytes()).unwrap();
    assert_eq!(pointer.channel, Channel::Stable);
    assert_eq!(
        pointer.expires,
        Instant::try_from("2026-12-05T06:13:00Z".to_owned()).unwrap()
    );
    assert_eq!(Pointer::parse(&pointer.render()).unwrap(), pointer);
    let bytes = with(value.clone(), "/tag", json!("v1.2.4"));
    assert!(matches!(
        Pointer::parse(&bytes),
        Err(PointerError::Version { .. })
    ));
    for (field, new) in [
        ("/expires", json!("tomorrow")),
        ("/sequence", json!(1.5)),
        ("/channel", json!("nightly")),
        ("/selected", json!("yesterday")),
        ("/bootstrap/tag", json!("v1.2.4")),
        ("/bootstrap/tag", json!("bootstrap-v1.2.4-r1")),
        ("/bootstrap/scripts/install.sh", json!("00")),
        ("/yanked/0/reason", json!("two\nlines")),
        ("/earlier/0/override_reason", json!(" ")),
        ("/earlier/0/patched/tag", json!("bootstrap-v1.2.3-r1")),
    ] {
        assert!(
            Pointer::parse(&with(value.clone(), field, new)).is_err(),
            "{field}"
        );
    }
}

#[test]
fn the_release_policy_names_exactly_the_chosen_tag_and_the_channel_policy_the_branch() {
    let product = product();
    let commit = plan().source.commit;
    let release = Policy::of_release(&product, &"v1.2.3".parse().unwrap()).at_commit(&commit);
    assert_eq!(release.identity, plan().identity);
    let says = |policy: &Policy, claim: Claim| {
        let found = policy
            .claims
            .iter()
            .find(|expectation| expectation.claim == claim);
        found
            .map(|expectation| expectation.one_of.join("|"))
            .unwrap_or_default()
    };
    assert_eq!(says(&release, Claim::SourceReference), "refs/tags/v1.2.3");
    assert_eq!(says(&release, Claim::SourceRepositoryId), "7");
    assert_eq!(says(&release, Claim::SourceOwnerId), "8");
    assert_eq!(says(&release, Claim::BuildTrigger), "push");
    assert_eq!(says(&release, Claim::RunnerEnvironment), "github-hosted");
    assert_eq!(says(&release, Claim::SourceCommit), commit.as_str());
    let channel = Policy::of_channel(&product);
    assert_eq!(says(&channel, Claim::SourceReference), "refs/heads/main");
    assert_eq!(
        says(&channel, Claim::BuildTrigger),
        "workflow_dispatch|schedule"
    );
    assert_ne!(channel.identity, release.identity);
}

#[test]
fn a_pointer_tells_what_it_knows_of_a_version_and_a_renewal_selects_like_what_it_renews() {
    let pointer = Pointer::parse(pointer_json().to_string().as_bytes()).unwrap();
    let at = |text: &str| Some(Instant::try_from(text.to_owned()).unwrap());
    let version = |text: &str| text.parse().unwrap();
    let selected = |text| pointer.selected(&version(text));
    assert_eq!(selected("1.2.3"), at("2026-11-20T06:13:00Z"));
    assert_eq!(selected("1.2.1"), at("2026-11-01T06:13:00Z"));
    assert_eq!(selected("1.2.2"), None);
    let yanked = |text| pointer.yank_of(&version(text)).map(ToString::to_string);
    assert_eq!(yanked("1.2.2").as_deref(), Some("it eats files"));
    assert_eq!(yanked("1.2.3"), None);

    let mut renewal = pointer.clone();
    renewal.sequence += 1;
    renewal.expires = renewal.expires.plus_days(7);
    renewal.renews = Some(SignedPointer {
        pointer: String::new(),
        bundle: String::new(),
    });
    assert!(renewal.selects_like(&pointer));
    let alterations: [fn(&mut Pointer); 7] = [
        |it| it.version = "1.2.4".parse().unwrap(),
        |it| it.release_sha256 = Sha256::of(b"another"),
        |it| it.selected = it.selected.plus_days(1),
        |it| it.override_reason = Some("in haste".parse().unwrap()),
        |it| it.bootstrap.scripts.clear(),
        |it| it.yanked.clear(),
        |it| it.earlier.clear(),
    ];
    for (index, alter) in alterations.into_iter().enumerate() {
        let mut altered = renewal.clone();
        alter(&mut altered);
        assert!(!altered.selects_like(&pointer), "{index}");
    }
}

/// By the very lines that the docstring of `Bootstrap` gives.
#[cfg(unix)]
#[test]
fn a_shell_takes_tag_and_digest_of_the_scripts_from_a_pointer_even_from_a_renewal() {
    use std::io::Write as _;
    use std::process::{Command, Stdio};
    let mut pointer = Pointer::parse(pointer_json().to_string().as_bytes()).unwrap();
    pointer.renews = Some(SignedPointer {
        pointer: String::from_utf8(pointer.render()).unwrap(),
        bundle: "{}".to_owned(),
    });
    let sed = |line: &str| {
        let mut sed = Command::new("sed");
        sed.args(["-n", line])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut sed = sed.spawn().unwrap();
        sed.stdin
            .take()
            .unwrap()
            .write_all(&pointer.render())
            .unwrap();
        String::from_utf8(sed.wait_with_output().unwrap().stdout).unwrap()
    };
    let tag = sed(r#"s/^    "tag": "\([^"]*\)".*/\1/p"#);
    assert_eq!(tag, "v1.2.3\n");
    let digest = sed(r#"s/^      "install\.sh": "\([0-9a-f]*\)".*/\1/p"#);
    assert_eq!(digest, format!("{}\n", "e".repeat(64)));
}
