//! The rules for signatures of macOS programs.

use release_plan::Sha256;

use super::{ARM64_MACOS, MACOS, broken, linked, load_command, patched, place, problems};
use crate::programs::headers::macho::Signing;
use crate::programs::headers::signature::{Layout, SignatureFault, verify};
use crate::programs::headers::{Format, HeaderError, examine};

/// An arm64 program, and where its signature begins.
fn signed() -> Option<(Vec<u8>, usize)> {
    let program = linked(ARM64_MACOS, MACOS, &[])?;
    let command = load_command(&program, 0x1d, 16);
    let start = program[command + 8..command + 12].try_into().unwrap();
    Some((program, u32::from_le_bytes(start) as usize))
}

fn fault(program: &[u8]) -> Option<SignatureFault> {
    match examine(program).unwrap().format {
        Format::MachO(macho) => match macho.signature {
            Signing::Invalid(fault) => Some(fault),
            _ => None,
        },
        _ => panic!("no Mach-O"),
    }
}

#[test]
fn every_flipped_bit_under_the_signature_is_refused() {
    let Some((program, covered)) = signed() else {
        return;
    };
    let target = "aarch64-apple-darwin";
    assert_eq!(broken(&program, target), [] as [&str; 0]);
    let pages = (0..covered)
        .step_by(4096)
        .flat_map(|page| [page, page + 2047, page + 4095]);
    let header = 0..1024;
    for offset in header
        .chain(pages)
        .chain([covered - 1])
        .filter(|at| *at < covered)
    {
        let bit = 1 << (offset % 8);
        let flipped = patched(&program, offset, &[program[offset] ^ bit]);
        let refused = match examine(&flipped) {
            Ok(headers) => !problems(&headers, target, u64::MAX).is_empty(),
            Err(_) => true,
        };
        assert!(refused, "bit {bit:#x} of byte {offset}");
    }
}

#[test]
fn an_arm64_program_without_a_signature_is_refused() {
    let Some((program, start)) = signed() else {
        return;
    };
    let command = load_command(&program, 0x1d, 16);
    // A command that says nothing to anybody, and a file that ends where the signature did begin.
    const LC_FUNCTION_STARTS: u32 = 0x26;
    let stripped = patched(&program, command, &LC_FUNCTION_STARTS.to_le_bytes());
    assert_eq!(broken(&stripped, "aarch64-apple-darwin"), ["signature"]);
    assert!(matches!(
        examine(&program[..start]),
        Err(HeaderError::Malformed { .. })
    ));
}

#[test]
fn a_signature_that_does_not_end_the_file_is_refused() {
    let Some((program, _)) = signed() else {
        return;
    };
    let grown = [&program[..], b"more"].concat();
    assert_eq!(
        broken(&grown, "aarch64-apple-darwin"),
        ["nothing-appended", "signature"]
    );
    let size = grown.len() as u64;
    let end = program.len() as u64;
    assert_eq!(fault(&grown), Some(SignatureFault::NotAtEnd { end, size }));
}

#[test]
fn a_signature_that_is_not_ad_hoc_or_hashes_otherwise_is_refused() {
    let Some((program, start)) = signed() else {
        return;
    };
    let directory = start + place(&program[start..], &[0xfa, 0xde, 0x0c, 0x02]);
    let [
        flags,
        code_slots,
        code_limit,
        hash_type,
        page_size,
        text_limit,
    ] = [12, 28, 32, 37, 39, 72].map(|field| directory + field);
    let count = program[code_slots + 3];
    type Check = fn(&SignatureFault) -> bool;
    let cases: [(usize, &[u8], Check); 6] = [
        (flags, &[0, 2, 0, 0], |f| {
            *f == SignatureFault::NotAdHoc(0x2_0000)
        }),
        (hash_type, &[1], |f| *f == SignatureFault::HashType(1)),
        (page_size, &[13], |f| *f == SignatureFault::PageSize(13)),
        (code_slots + 3, &[count - 1], |f| {
            matches!(f, SignatureFault::PageCount { .. })
        }),
        (code_limit, &[0, 0, 16, 0], |f| {
            matches!(f, SignatureFault::CodeLimit { covered: 4096, .. })
        }),
        (text_limit, &[0xff; 8], |f| {
            matches!(f, SignatureFault::ExecutableSegment(_))
        }),
    ];
    for (offset, bytes, check) in cases {
        let found = fault(&patched(&program, offset, bytes)).unwrap();
        assert!(check(&found), "{found}");
    }
}

/// A signature over one page of nothing, with a blob of requirements and the hashes of special
/// slots as given, that of the highest slot first. What zig signs has no such slots.
fn with_requirements(requirements: &[u8], special: &[[u8; 32]]) -> Vec<u8> {
    let code = [0; 4096];
    let identifier = b"p\0";
    let hashes = 44 + identifier.len() + special.len() * 32;
    let fields = [
        0xfade_0c02,
        (hashes + 32) as u32,
        0x2_0001,
        2,
        hashes as u32,
        44,
        special.len() as u32,
        1,
        code.len() as u32,
        u32::from_be_bytes([32, 2, 0, 12]),
        0,
    ];
    let mut directory = fields.map(u32::to_be_bytes).concat();
    directory.extend(identifier);
    directory.extend(special.concat());
    directory.extend(Sha256::of(&code).as_bytes());
    let (first, second) = (28, 28 + directory.len() as u32);
    let length = second + requirements.len() as u32;
    let index = [0xfade_0cc0, length, 2, 0, first, 2, second];
    let index = index.map(u32::to_be_bytes).concat();
    [&code, &index[..], &directory, requirements].concat()
}

#[test]
fn a_part_of_the_signature_without_its_true_hash_is_refused() {
    let requirements = [0xfade_0c01_u32, 12, 0].map(u32::to_be_bytes).concat();
    let (hash, none) = (*Sha256::of(&requirements).as_bytes(), [0; 32]);
    for (special, fault) in [
        (&[hash, none][..], None),
        (&[none, none], Some(SignatureFault::Part(2))),
        (&[hash, hash], Some(SignatureFault::Part(1))),
        (&[none], Some(SignatureFault::Part(2))),
    ] {
        let program = with_requirements(&requirements, special);
        let layout = Layout {
            signature: 4096..program.len() as u64,
            text: 0..4096,
        };
        assert_eq!(verify(&program, &layout).err(), fault);
    }
}

#[test]
fn a_signature_of_an_intel_program_is_checked_where_there_is_one() {
    let Some((program, _)) = signed() else {
        return;
    };
    const CPU_TYPE_X86_64: u32 = 0x0100_0007;
    let intel = patched(&program, 4, &CPU_TYPE_X86_64.to_le_bytes());
    let rules = broken(&intel, "x86_64-apple-darwin");
    assert_eq!(rules, ["minimum-os", "signature"]);
    assert_eq!(fault(&intel), Some(SignatureFault::Page(0)));
}
