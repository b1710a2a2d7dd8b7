//! The rules for Linux.

use super::{LINUX, broken, dynamic, linked, patched, place};
use crate::programs::headers::{Format, examine};

#[test]
fn a_static_program_with_interpreter_needed_library_or_rpath_is_refused() {
    let Some(program) = dynamic("x86_64-linux-musl") else {
        return;
    };
    let rules = ["no-interpreter", "needed-libraries", "no-rpath"];
    assert_eq!(broken(&program, "x86_64-unknown-linux-musl"), rules);
    let Format::Elf(elf) = examine(&program).unwrap().format else {
        panic!("no ELF")
    };
    assert_eq!(elf.interpreter.unwrap(), "/lib/ld-musl-x86_64.so.1");
    assert_eq!(elf.needed, ["libother.so"]);
    assert_eq!(elf.rpaths, ["/opt/lib"]);
}

#[test]
fn a_static_program_may_be_position_independent() {
    let Some(program) = linked("x86_64-linux-musl", LINUX, &["-static-pie", "-fPIE"]) else {
        return;
    };
    const ET_DYN: u8 = 3;
    assert_eq!(program[16], ET_DYN);
    let rules = broken(&program, "x86_64-unknown-linux-musl");
    assert_eq!(rules, [] as [&str; 0]);
}

#[test]
fn a_glibc_program_may_need_its_loader_and_no_foreign_library() {
    let Some(program) = dynamic("x86_64-linux-gnu") else {
        return;
    };
    let target = "x86_64-unknown-linux-gnu";
    assert_eq!(broken(&program, target), ["needed-libraries", "no-rpath"]);
    let name = place(&program, b"libother.so\0");
    let program = patched(&program, name, b"libc.so.6\0");
    assert_eq!(broken(&program, target), ["no-rpath"]);
    let loader = place(&program, b"/lib64/ld-linux-x86-64.so.2");
    let program = patched(&program, loader, b"/opt64");
    assert_eq!(broken(&program, target), ["interpreter", "no-rpath"]);
}

#[test]
fn a_stack_that_is_executable_or_left_to_the_kernel_is_refused() {
    let Some(program) = linked("x86_64-linux-musl", LINUX, &[]) else {
        return;
    };
    let stack = memchr::memmem::find(&program, &0x6474_e551_u32.to_le_bytes()).unwrap();
    for (offset, bytes) in [(stack + 4, [7, 0, 0, 0]), (stack, [0; 4])] {
        let program = patched(&program, offset, &bytes);
        let rules = broken(&program, "x86_64-unknown-linux-musl");
        assert_eq!(rules, ["no-executable-stack"]);
    }
}

#[test]
fn a_library_in_the_place_of_a_program_is_refused() {
    let source = "int other(void) { return 1; }";
    for (zig, target) in [
        ("x86_64-linux-musl", "x86_64-unknown-linux-musl"),
        ("aarch64-linux-musl", "aarch64-unknown-linux-musl"),
        ("x86_64-linux-gnu", "x86_64-unknown-linux-gnu"),
    ] {
        let Some(library) = linked(zig, source, &["-shared"]) else {
            return;
        };
        assert_eq!(broken(&library, target), ["executable"], "{target}");
    }
}

#[test]
fn memory_that_is_both_written_and_executed_is_refused() {
    let Some(program) = linked("x86_64-linux-musl", LINUX, &[]) else {
        return;
    };
    // PT_LOAD with R and X.
    let at = memchr::memmem::find(&program, &[1, 0, 0, 0, 5, 0, 0, 0]).unwrap();
    let program = patched(&program, at + 4, &[7]);
    let rules = broken(&program, "x86_64-unknown-linux-musl");
    assert_eq!(rules, ["no-writable-code"]);
}
