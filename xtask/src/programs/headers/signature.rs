//! The embedded code signature of a Mach-O program, checked as the kernel checks an ad-hoc one:
//! every page hashed again. No certificate is involved, so this says that the bytes are those
//! that were linked, not by whom. Source: xnu, `osfmk/kern/cs_blobs.h` and `bsd/kern/ubc_subr.c`.

use std::collections::BTreeMap;
use std::ops::Range;

use object::macho;
use object::read::macho::{CodeDirectory, CodeSignature, CodeSignatureBlob};
use object::{BigEndian, read};
use release_plan::Sha256;
use serde::{Serialize, Serializer};

/// A signature whose every hash was right.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Signature {
    /// The name that the signer gave the program.
    pub(crate) identifier: String,
    /// How many bytes it covers, from the start of the file.
    pub(crate) code_limit: u64,
    /// In bytes.
    pub(crate) page_size: u64,
    /// Hashed pages.
    pub(crate) pages: u32,
    /// Hash of the code directory, by which macOS knows the program.
    pub(crate) code_directory_sha256: Sha256,
}

/// What is wrong with a signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum SignatureFault {
    #[error("{0} signatures")]
    Several(usize),
    #[error("a malformed one: {0}")]
    Malformed(#[from] read::Error),
    #[error("one that ends at byte {end} of {size}")]
    NotAtEnd { end: u64, size: u64 },
    #[error("one that says it is {said} bytes long, in {room}")]
    Length { said: u32, room: usize },
    #[error("two parts in slot {0:#x}")]
    Duplicate(u32),
    #[error("one with {0} code directories")]
    CodeDirectories(usize),
    #[error("one that is not ad-hoc, with the flags {0:#x}")]
    NotAdHoc(u32),
    #[error("hashes of type {0}, where SHA-256 is 2")]
    HashType(u8),
    #[error("pages of 2^{0} bytes, where macOS has 2^12 and 2^14")]
    PageSize(u8),
    #[error("one over {covered} bytes, of {before} that stand before it")]
    CodeLimit { covered: u64, before: u64 },
    #[error("{found} page hashes, of {expected}")]
    PageCount { expected: u64, found: u32 },
    #[error("another hash for the page at byte {0}")]
    Page(u64),
    #[error("no true hash for the part in slot {0:#x}")]
    Part(u32),
    #[error("one of an executable segment at {0:?}, which is not __TEXT")]
    ExecutableSegment(Range<u64>),
}

impl Serialize for SignatureFault {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Where in the file things lie, as the load commands say; bytes from its start.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) signature: Range<u64>,
    /// The segment `__TEXT`.
    pub(super) text: Range<u64>,
}

/// Slots up to here have a hash in the code directory; those above hold what is not hashed.
const LAST_SPECIAL_SLOT: u32 = macho::CSSLOT_LIBRARY_CONSTRAINT.0;

/// Checks the signature of `program`.
///
/// # Errors
/// When the kernel would refuse it, or when it is of a kind that the linker does not make.
pub(super) fn verify(program: &[u8], layout: &Layout) -> Result<Signature, SignatureFault> {
    let Range { start, end } = layout.signature;
    let size = program.len() as u64;
    let (true, Some((code, blob))) = (
        end == size,
        usize::try_from(start)
            .ok()
            .and_then(|start| program.split_at_checked(start)),
    ) else {
        return Err(SignatureFault::NotAtEnd { end, size });
    };
    let said = CodeSignature::parse(blob)?.header().length.get(BigEndian);
    let Some(blob) = blob.get(..said as usize) else {
        let room = blob.len();
        return Err(SignatureFault::Length { said, room });
    };
    let mut parts = BTreeMap::new();
    for part in CodeSignature::parse(blob)?.blobs() {
        let part = part?;
        let slot = part.slot().0;
        if parts.insert(slot, part).is_some() {
            return Err(SignatureFault::Duplicate(slot));
        }
    }
    let mut directories = Vec::new();
    for part in parts.values() {
        directories.extend(
            part.code_directory()?
                .map(|directory| (directory, part.data())),
        );
    }
    let [(directory, bytes)] = directories.as_slice() else {
        return Err(SignatureFault::CodeDirectories(directories.len()));
    };
    if !parts.contains_key(&macho::CSSLOT_CODEDIRECTORY.0) {
        return Err(SignatureFault::CodeDirectories(0));
    }
    check_kind(directory, layout)?;
    let pages = check_pages(directory, code)?;
    let data = |slot| parts.get(&slot).map(CodeSignatureBlob::data);
    check_parts(directory, data)?;
    Ok(Signature {
        identifier: super::text(directory.ident()?),
        code_limit: directory.code_limit(),
        page_size: 1 << directory.header().page_size,
        pages,
        code_directory_sha256: Sha256::of(bytes),
    })
}

fn check_kind(directory: &CodeDirectory<'_>, layout: &Layout) -> Result<(), SignatureFault> {
    let header = directory.header();
    let flags = header.flags.get(BigEndian);
    if flags & macho::CS_ADHOC != macho::CS_ADHOC {
        return Err(SignatureFault::NotAdHoc(flags.0));
    }
    if header.hash_type != macho::CS_HASHTYPE_SHA256 || header.hash_size != 32 {
        return Err(SignatureFault::HashType(header.hash_type.0));
    }
    if ![12, 14].contains(&header.page_size) {
        return Err(SignatureFault::PageSize(header.page_size));
    }
    if let Some(segment) = directory.exec_seg() {
        let start = segment.exec_seg_base.get(BigEndian);
        let said = start..start.saturating_add(segment.exec_seg_limit.get(BigEndian));
        if said != layout.text {
            return Err(SignatureFault::ExecutableSegment(said));
        }
    }
    Ok(())
}

/// Hashes each page of `code` again; how many there are.
fn check_pages(directory: &CodeDirectory<'_>, code: &[u8]) -> Result<u32, SignatureFault> {
    let header = directory.header();
    let (covered, before) = (directory.code_limit(), code.len() as u64);
    if covered != before {
        return Err(SignatureFault::CodeLimit { covered, before });
    }
    let page_size = 1_usize << header.page_size;
    let pages = code.chunks(page_size);
    let (expected, found) = (pages.len() as u64, header.n_code_slots.get(BigEndian));
    if u64::from(found) != expected {
        return Err(SignatureFault::PageCount { expected, found });
    }
    for (index, page) in (0..found).zip(pages) {
        if directory.code_hash(index)? != Sha256::of(page).as_bytes() {
            return Err(SignatureFault::Page(u64::from(index) << header.page_size));
        }
    }
    Ok(found)
}

/// Every part of the signature that is to be hashed is, and every hash is of such a part.
fn check_parts<'data>(
    directory: &CodeDirectory<'_>,
    part: impl Fn(u32) -> Option<&'data [u8]>,
) -> Result<(), SignatureFault> {
    let hashed = directory.header().n_special_slots.get(BigEndian);
    for slot in 1..=hashed {
        let expected = part(slot).map_or([0; 32], |data| *Sha256::of(data).as_bytes());
        if directory.special_hash(macho::CsSlot(slot))? != expected {
            return Err(SignatureFault::Part(slot));
        }
    }
    let mut unhashed = hashed.saturating_add(1)..=LAST_SPECIAL_SLOT;
    match unhashed.find(|slot| part(*slot).is_some()) {
        Some(slot) => Err(SignatureFault::Part(slot)),
        None => Ok(()),
    }
}
