//! The rules held against small programs that zig links, well and badly, and against such with
//! bytes changed.

mod elf;
mod macho;
mod pe;
mod signature;

use std::io::ErrorKind;
use std::path::Path;
use std::process::Command;

use release_plan::{Instant, Target};

use super::{HeaderError, Headers, Limits, examine};

const COMMITTED: i64 = 1_700_000_000;

const LINUX: &str = "void _start(void) { for (;;); }";
const MACOS: &str = "int main(void) { return 0; }";
/// Holds an address, which takes a relocation.
const WINDOWS: &str = "__declspec(dllimport) void __stdcall ExitProcess(unsigned); \
                       int x; int *volatile p = &x; \
                       void mainCRTStartup(void) { ExitProcess(p == 0); }";

const ARM64_MACOS: &str = "aarch64-macos.11.0";
const X86_64_MACOS: &str = "x86_64-macos.10.15";

/// Runs zig in `folder`; false, and said, where there is none.
fn zig(folder: &Path, arguments: &[&str]) -> bool {
    let output = Command::new("zig")
        .args(arguments)
        .current_dir(folder)
        .env("SOURCE_DATE_EPOCH", COMMITTED.to_string())
        .output();
    match output {
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success(), "zig {arguments:?}: {said}");
            true
        }
        Err(error) if error.kind() == ErrorKind::NotFound => {
            rehearsal::verifiers::not_run("zig");
            false
        }
        Err(error) => panic!("{error}"),
    }
}

/// `source` linked for a target in zig's words; `None` where there is no zig.
fn linked_in(folder: &Path, zig_target: &str, source: &str, more: &[&str]) -> Option<Vec<u8>> {
    std::fs::write(folder.join("program.c"), source).unwrap();
    let linux_or_windows = ["-nostdlib", "-Wl,-e,mainCRTStartup", "-lkernel32"];
    let own: &[&str] = match zig_target {
        target if target.contains("linux") => &linux_or_windows[..1],
        target if target.contains("windows") => &linux_or_windows,
        _ => &[],
    };
    let arguments = [
        &[
            "cc",
            "-target",
            zig_target,
            "program.c",
            "-o",
            "program",
            "-s",
        ],
        own,
        more,
    ];
    zig(folder, &arguments.concat()).then(|| std::fs::read(folder.join("program")).unwrap())
}

fn linked(zig_target: &str, source: &str, more: &[&str]) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    linked_in(folder.path(), zig_target, source, more)
}

/// A program that needs a library of its own, and looks for it in a folder.
fn dynamic(zig_target: &str) -> Option<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let source = "int other(void) { return 1; }";
    std::fs::write(folder.path().join("other.c"), source).unwrap();
    let library = [
        "cc",
        "-target",
        zig_target,
        "-nostdlib",
        "-shared",
        "other.c",
    ];
    if !zig(
        folder.path(),
        &[&library[..], &["-o", "libother.so"]].concat(),
    ) {
        return None;
    }
    let source = "int other(void); void _start(void) { other(); for (;;); }";
    let more = ["-dynamic", "libother.so", "-Wl,-rpath,/opt/lib"];
    linked_in(folder.path(), zig_target, source, &more)
}

/// The rules that `program` breaks.
fn broken(program: &[u8], target: &str) -> Vec<&'static str> {
    let headers = examine(program).unwrap();
    let problems = problems(&headers, target, u64::MAX);
    problems.iter().map(|problem| problem.rule).collect()
}

fn problems(headers: &Headers, target: &str, size: u64) -> Vec<super::Problem> {
    let target: Target = target.parse().unwrap();
    let committed_at = Instant::from_seconds(COMMITTED).unwrap();
    headers.problems(&target, &Limits { size, committed_at })
}

/// Where `needle` stands, which must be in one place only.
fn place(program: &[u8], needle: &[u8]) -> usize {
    let places: Vec<usize> = memchr::memmem::find_iter(program, needle).collect();
    assert_eq!(places.len(), 1, "{needle:?}");
    places[0]
}

fn patched(program: &[u8], offset: usize, bytes: &[u8]) -> Vec<u8> {
    let mut program = program.to_vec();
    program[offset..offset + bytes.len()].copy_from_slice(bytes);
    program
}

/// A load command of `size` bytes, by its first eight.
fn load_command(program: &[u8], command: u32, size: u32) -> usize {
    let needle = [command.to_le_bytes(), size.to_le_bytes()].concat();
    memchr::memmem::find(&program[..4096], &needle).unwrap()
}

#[test]
fn a_well_linked_program_of_each_target_breaks_no_rule() {
    for (zig_target, target, source) in [
        ("x86_64-linux-musl", "x86_64-unknown-linux-musl", LINUX),
        ("aarch64-linux-musl", "aarch64-unknown-linux-musl", LINUX),
        ("x86_64-linux-gnu", "x86_64-unknown-linux-gnu", LINUX),
        ("x86_64-windows-gnu", "x86_64-pc-windows-gnullvm", WINDOWS),
        ("aarch64-windows-gnu", "aarch64-pc-windows-gnullvm", WINDOWS),
        (X86_64_MACOS, "x86_64-apple-darwin", MACOS),
        (ARM64_MACOS, "aarch64-apple-darwin", MACOS),
    ] {
        let Some(program) = linked(zig_target, source, &[]) else {
            return;
        };
        let headers = examine(&program).unwrap();
        assert_eq!(problems(&headers, target, headers.size), [], "{target}");
        let report = serde_json::to_value(&headers).unwrap();
        assert_eq!(report["machine"], target.split('-').next().unwrap());
    }
}

#[test]
fn a_program_for_another_machine_or_system_is_refused() {
    let Some(program) = linked("x86_64-linux-musl", LINUX, &[]) else {
        return;
    };
    assert_eq!(broken(&program, "aarch64-unknown-linux-musl"), ["machine"]);
    assert_eq!(broken(&program, "x86_64-apple-darwin"), ["format"]);
    assert_eq!(
        broken(&program, "aarch64-pc-windows-gnullvm"),
        ["format", "machine"]
    );
    assert_eq!(
        broken(&program, "riscv64gc-unknown-linux-gnu"),
        ["known-target"]
    );
}

#[test]
fn a_program_over_its_budget_is_refused_in_one_line() {
    let Some(program) = linked("x86_64-linux-musl", LINUX, &[]) else {
        return;
    };
    let headers = examine(&program).unwrap();
    let size = headers.size;
    let found = problems(&headers, "x86_64-unknown-linux-musl", size - 1);
    let words: Vec<String> = found.iter().map(ToString::to_string).collect();
    let expected = format!(
        "size-budget: expected at most {} bytes, found {size} bytes; \
         find what grew with `cargo bloat`, or raise the budget",
        size - 1
    );
    assert_eq!(words, [expected]);
}

#[test]
fn what_is_no_program_is_an_error() {
    for bytes in [
        &b""[..],
        b"#!/bin/sh\n",
        b"MZ",
        b"\x7fELF",
        &[0xca, 0xfe, 0xba, 0xbe],
    ] {
        assert!(
            matches!(examine(bytes), Err(HeaderError::Format(_))),
            "{bytes:?}"
        );
    }
}

#[test]
fn a_cut_or_mangled_program_never_makes_the_gate_panic() {
    let programs = [
        dynamic("x86_64-linux-gnu"),
        linked("x86_64-windows-gnu", WINDOWS, &[]),
        linked(ARM64_MACOS, MACOS, &[]),
    ];
    for program in programs.into_iter().flatten() {
        let cuts = (0..program.len().min(2048)).chain((2048..program.len()).step_by(509));
        for length in cuts {
            let _ = examine(&program[..length]);
        }
        // Headers stand at the start; what they point to, and the signature, anywhere.
        let start = 0..program.len().min(2048);
        let rest = (2048..program.len()).step_by(61);
        let tail = program.len().saturating_sub(1024)..program.len();
        for offset in start.chain(rest).chain(tail) {
            for value in [0, 0x7f, 0xff, program[offset] ^ 0x80] {
                let _ = examine(&patched(&program, offset, &[value]));
            }
        }
    }
}
