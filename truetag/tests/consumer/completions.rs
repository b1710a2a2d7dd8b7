//! Completions, loaded by each shell that is here.

use std::process::Command;

use rehearsal::verifiers::not_run;

use crate::install_script::find;
use crate::rig::{Ran, Rig, unchecked};

/// Has `program` do what `then` says with `$COMPLETIONS`, which are those of `shell`.
fn loaded(rig: &Rig, shell: &str, program: &str, then: &str) -> Option<String> {
    let Some(path) = find(program) else {
        not_run(program);
        return None;
    };
    let script = rig.run(&["completions", shell]).expect(0).stdout;
    let file = rig.path(&format!("completions.{shell}"));
    std::fs::write(&file, script).unwrap();
    let mut command = Command::new(path);
    command.env("HOME", rig.path("")).env("COMPLETIONS", file);
    let ran = Ran::from(command.args(["-c", then]).output().unwrap()).expect(0);
    assert_eq!(ran.stderr, "", "{shell}");
    Some(ran.stdout)
}

#[test]
fn every_shell_loads_its_completions_and_completes_a_command_and_a_flag() {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    rig.install("1.0.0");
    let bash = r#"source "$COMPLETIONS"; complete -p rocket
        COMP_WORDS=(rocket upg) COMP_CWORD=1; _rocket rocket upg rocket; echo "${COMPREPLY[@]}"
        COMP_WORDS=(rocket upgrade --chan) COMP_CWORD=2; _rocket rocket --chan upgrade; echo "${COMPREPLY[@]}""#;
    if let Some(told) = loaded(&rig, "bash", "bash", bash) {
        let lines: Vec<_> = told.lines().collect();
        assert!(lines[0].contains("-F _rocket"), "{told}");
        assert_eq!(lines[1..], ["upgrade", "--channel"]);
    }
    let zsh = r#"autoload -U compinit; compinit -u -D; source "$COMPLETIONS"; print $_comps[rocket] $+functions[_rocket]"#;
    if let Some(told) = loaded(&rig, "zsh", "zsh", zsh) {
        assert_eq!(told, "_rocket 1\n");
    }
    let fish =
        r#"source "$COMPLETIONS"; complete -C "rocket upg"; complete -C "rocket upgrade --chan""#;
    if let Some(told) = loaded(&rig, "fish", "fish", fish) {
        let words: Vec<_> = told
            .lines()
            .filter_map(|line| line.split('\t').next())
            .collect();
        assert_eq!(words, ["upgrade", "--channel"]);
    }
    if find("pwsh").is_none() {
        unchecked("whether PowerShell loads its completions: pwsh is not here");
        let script = rig.run(&["completions", "powershell"]).expect(0).stdout;
        assert!(script.contains("Register-ArgumentCompleter"), "{script}");
        return;
    }
    let powershell = r#"Get-Content -Raw $env:COMPLETIONS | Invoke-Expression
        (TabExpansion2 'rocket upg' 10).CompletionMatches[0].CompletionText"#;
    let told = loaded(&rig, "powershell", "pwsh", powershell);
    assert_eq!(told.as_deref(), Some("upgrade\n"));
}

#[test]
fn a_shell_that_there_are_none_for_is_a_usage_error() {
    let rig = Rig::new();
    rig.publish_good("1.0.0");
    rig.install("1.0.0");
    let ran = rig.run(&["completions", "csh"]).expect(2);
    assert!(
        ran.stderr.contains("bash, zsh, fish, powershell"),
        "{}",
        ran.stderr
    );
}
