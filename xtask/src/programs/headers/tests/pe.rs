//! The rules for Windows.

use super::{COMMITTED, WINDOWS, broken, linked, linked_in, patched, place, zig};

fn coff_header(program: &[u8]) -> usize {
    place(program, b"PE\0\0") + 4
}

#[test]
fn a_dll_that_windows_does_not_bring_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let definition = "LIBRARY \"private.dll\"\nEXPORTS\nOwnFunction\n";
    std::fs::write(folder.path().join("private.def"), definition).unwrap();
    let import = [
        "dlltool",
        "-m",
        "i386:x86-64",
        "-d",
        "private.def",
        "-l",
        "libprivate.a",
    ];
    if !zig(folder.path(), &import) {
        return;
    }
    let source = "__declspec(dllimport) void OwnFunction(void); int x; int *volatile p = &x; \
                  void mainCRTStartup(void) { if (p) OwnFunction(); }";
    let more = ["libprivate.a"];
    let program = linked_in(folder.path(), "x86_64-windows-gnu", source, &more).unwrap();
    let target = "x86_64-pc-windows-gnullvm";
    assert_eq!(broken(&program, target), ["needed-libraries"]);
    // Windows heeds no case.
    let name = place(&program, b"private.dll\0");
    let program = patched(&program, name, b"KERNEL32.Dll");
    assert_eq!(broken(&program, target), [] as [&str; 0]);
}

#[test]
fn a_windows_program_without_console_aslr_or_nx_is_refused() {
    let Some(program) = linked("x86_64-windows-gnu", WINDOWS, &[]) else {
        return;
    };
    let coff = coff_header(&program);
    let optional = coff + 20;
    let characteristics = u16::from_le_bytes([program[coff + 18], program[coff + 19]]);
    let (as_library, fixed) = (characteristics | 0x2000, characteristics | 1);
    for (offset, value, rule) in [
        (coff + 18, as_library, "executable"),
        (coff + 18, fixed, "aslr"),
        (optional + 48, 11, "minimum-os"),
        (optional + 68, 2, "console"),
        (optional + 70, 0x8120, "aslr"),
        (optional + 70, 0x8060, "nx"),
    ] {
        let program = patched(&program, offset, &value.to_le_bytes());
        assert_eq!(broken(&program, "x86_64-pc-windows-gnullvm"), [rule]);
    }
}

#[test]
fn a_time_stamp_other_than_none_or_the_commits_is_refused() {
    let Some(program) = linked("x86_64-windows-gnu", WINDOWS, &[]) else {
        return;
    };
    let stamp = coff_header(&program) + 4;
    let committed = u32::try_from(COMMITTED).unwrap();
    for (time, rules) in [
        (0, &[] as &[&str]),
        (committed, &[]),
        (committed + 1, &["timestamp"]),
    ] {
        let program = patched(&program, stamp, &time.to_le_bytes());
        assert_eq!(broken(&program, "x86_64-pc-windows-gnullvm"), rules);
    }
}

#[test]
fn a_program_that_may_be_moved_but_has_no_relocations_is_refused() {
    for (zig, target) in [
        ("x86_64-windows-gnu", "x86_64-pc-windows-gnullvm"),
        ("aarch64-windows-gnu", "aarch64-pc-windows-gnullvm"),
    ] {
        let Some(program) = linked(zig, WINDOWS, &[]) else {
            return;
        };
        assert_eq!(broken(&program, target), [] as [&str; 0]);
        // The directory of base relocations, the sixth, emptied.
        let pe = u32::from_le_bytes(program[60..64].try_into().unwrap()) as usize;
        let directory = pe + 24 + 112 + 5 * 8;
        let program = patched(&program, directory, &[0; 8]);
        assert_eq!(broken(&program, target), ["aslr"], "{target}");
    }
}

#[test]
fn a_section_that_is_both_written_and_executed_is_refused() {
    let Some(program) = linked("x86_64-windows-gnu", WINDOWS, &[]) else {
        return;
    };
    let characteristics = place(&program, b".text\0\0\0") + 36;
    let program = patched(&program, characteristics, &0xe000_0020_u32.to_le_bytes());
    let rules = broken(&program, "x86_64-pc-windows-gnullvm");
    assert_eq!(rules, ["no-writable-code"]);
}
