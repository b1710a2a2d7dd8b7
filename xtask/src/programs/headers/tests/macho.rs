//! The rules for macOS, but for its signatures. The programs are of Intel machines, whose bytes no
//! signature seals.

use super::{MACOS, X86_64_MACOS, broken, linked, load_command, patched, place};

const BUILD_VERSION: (u32, u32) = (0x32, 32);

#[test]
fn a_macos_program_without_minimum_os_or_with_too_high_a_one_is_refused() {
    let Some(program) = linked(X86_64_MACOS, MACOS, &[]) else {
        return;
    };
    let target = "x86_64-apple-darwin";
    let command = load_command(&program, BUILD_VERSION.0, BUILD_VERSION.1);
    const LC_UUID: u32 = 0x1b;
    let without = patched(&program, command, &LC_UUID.to_le_bytes());
    assert_eq!(broken(&without, target), ["minimum-os"]);
    for (minimum, rules) in [
        (10 << 16 | 11 << 8, &["minimum-os"] as &[&str]),
        (10 << 16 | 12 << 8, &[]),
        (10 << 16 | 15 << 8 | 1, &["minimum-os"]),
        (15 << 16, &["minimum-os"]),
    ] {
        let program = patched(&program, command + 12, &u32::to_le_bytes(minimum));
        assert_eq!(broken(&program, target), rules);
    }
    let ios = patched(&program, command + 8, &2_u32.to_le_bytes());
    assert_eq!(broken(&ios, target), ["platform"]);
}

#[test]
fn a_library_rpath_or_tail_that_macos_does_not_know_is_refused() {
    let Some(program) = linked(X86_64_MACOS, MACOS, &["-Wl,-rpath,/opt/lib"]) else {
        return;
    };
    let target = "x86_64-apple-darwin";
    assert_eq!(broken(&program, target), ["no-rpath"]);
    let library = place(&program, b"/usr/lib/libSystem.B.dylib");
    let elsewhere = patched(&program, library, b"/opt/lib");
    assert_eq!(broken(&elsewhere, target), ["needed-libraries", "no-rpath"]);
    let grown = [&program[..], b"more"].concat();
    assert_eq!(broken(&grown, target), ["no-rpath", "nothing-appended"]);
}

#[test]
fn a_macos_program_of_fixed_address_or_with_another_loader_is_refused() {
    let Some(program) = linked(X86_64_MACOS, MACOS, &[]) else {
        return;
    };
    let target = "x86_64-apple-darwin";
    const PIE: u8 = 0x20;
    let fixed = patched(&program, 26, &[program[26] & !PIE]);
    assert_eq!(broken(&fixed, target), ["aslr"]);
    let library = patched(&program, 12, &6_u32.to_le_bytes());
    assert_eq!(broken(&library, target), ["executable"]);
    let loader = place(&program, b"/usr/lib/dyld\0");
    let other = patched(&program, loader, b"/opt/lib/dyld");
    assert_eq!(broken(&other, target), ["dynamic-linker"]);
}

#[test]
fn a_minimum_version_that_says_nothing_is_refused() {
    let Some(program) = linked(X86_64_MACOS, MACOS, &[]) else {
        return;
    };
    let command = load_command(&program, BUILD_VERSION.0, BUILD_VERSION.1);
    let program = patched(&program, command + 12, &0_u32.to_le_bytes());
    assert_eq!(broken(&program, "x86_64-apple-darwin"), ["minimum-os"]);
}

#[test]
fn a_program_without_an_entry_is_refused() {
    let Some(program) = linked(X86_64_MACOS, MACOS, &[]) else {
        return;
    };
    let command = load_command(&program, 0x8000_0028, 24);
    // LC_SOURCE_VERSION, which nobody needs.
    let program = patched(&program, command, &0x2a_u32.to_le_bytes());
    assert_eq!(broken(&program, "x86_64-apple-darwin"), ["executable"]);
}

#[test]
fn a_segment_that_is_both_written_and_executed_is_refused() {
    let Some(program) = linked(X86_64_MACOS, MACOS, &[]) else {
        return;
    };
    // The first of this name is the segment's, whose command it stands in at byte 8.
    let command = memchr::memmem::find(&program, b"__TEXT\0").unwrap() - 8;
    let program = patched(&program, command + 60, &[7]);
    let rules = broken(&program, "x86_64-apple-darwin");
    assert_eq!(rules, ["no-writable-code"]);
}
