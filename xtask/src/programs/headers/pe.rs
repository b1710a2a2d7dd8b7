//! PE programs of Windows. Source: Microsoft, "PE Format".

use object::LittleEndian as LE;
use object::pe::{self, ImageNtHeaders64};
use object::read;
use object::read::pe::{ImageNtHeaders as _, ImageOptionalHeader as _, PeFile64};
use release_plan::Instant;
use serde::Serialize;

use super::{Machine, Malformed, Problems, text};

/// What Windows learns from a PE program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Pe {
    /// A program, not a library or an object file.
    pub(crate) executable: bool,
    /// Runs in a console.
    pub(crate) console: bool,
    /// The lowest Windows that starts it: 6.0 is Vista, 10.0 is Windows 10.
    pub(crate) minimum_os: (u16, u16),
    /// May be placed at any address, and has what that takes.
    pub(crate) aslr: bool,
    /// Data cannot be executed.
    pub(crate) nx: bool,
    /// Whether a section is both written and executed.
    pub(crate) writable_code: bool,
    /// `TimeDateStamp`, in seconds since the epoch.
    pub(crate) timestamp: u32,
    /// The DLLs that it needs, those loaded later included.
    pub(crate) needed: Vec<String>,
}

pub(super) fn read(program: &[u8]) -> Result<(Machine, Pe), Malformed> {
    let file = PeFile64::parse(program)?;
    let headers: &ImageNtHeaders64 = file.nt_headers();
    let (coff, optional) = (headers.file_header(), headers.optional_header());
    let machine = match coff.machine.get(LE) {
        pe::IMAGE_FILE_MACHINE_AMD64 => Machine::X86_64,
        pe::IMAGE_FILE_MACHINE_ARM64 => Machine::Aarch64,
        other => Machine::Other(other.0.into()),
    };
    let characteristics = coff.characteristics.get(LE);
    let is = |flag| characteristics & flag == flag;
    let dll_characteristics = optional.dll_characteristics();
    let has = |flag| dll_characteristics & flag == flag;
    let sections = file.section_table();
    let relocations = file
        .data_directories()
        .relocation_blocks(program, &sections)?;
    let relocatable = match relocations {
        Some(mut blocks) => blocks.next()?.is_some(),
        None => false,
    };
    let both = pe::IMAGE_SCN_MEM_WRITE | pe::IMAGE_SCN_MEM_EXECUTE;
    let read = Pe {
        executable: is(pe::IMAGE_FILE_EXECUTABLE_IMAGE) && !is(pe::IMAGE_FILE_DLL),
        console: optional.subsystem() == pe::IMAGE_SUBSYSTEM_WINDOWS_CUI,
        minimum_os: (
            optional.major_subsystem_version(),
            optional.minor_subsystem_version(),
        ),
        aslr: has(pe::IMAGE_DLLCHARACTERISTICS_DYNAMIC_BASE)
            && !is(pe::IMAGE_FILE_RELOCS_STRIPPED)
            && relocatable,
        nx: has(pe::IMAGE_DLLCHARACTERISTICS_NX_COMPAT),
        writable_code: sections
            .iter()
            .any(|section| section.characteristics.get(LE) & both == both),
        timestamp: coff.time_date_stamp.get(LE),
        needed: needed(&file)?,
    };
    Ok((machine, read))
}

fn needed(file: &PeFile64<'_>) -> read::Result<Vec<String>> {
    let mut needed = Vec::new();
    if let Some(table) = file.import_table()? {
        for descriptor in table.descriptors()? {
            needed.push(text(table.name(descriptor?.name.get(LE))?));
        }
    }
    if let Some(table) = file.delay_load_import_table()? {
        for descriptor in table.descriptors()? {
            needed.push(text(table.name(descriptor?.dll_name_rva.get(LE))?));
        }
    }
    Ok(needed)
}

impl Pe {
    pub(super) fn judge(&self, committed_at: Instant, problems: &mut Problems) {
        let Self {
            executable,
            console,
            minimum_os: (major, minor),
            ..
        } = *self;
        problems.expect("executable", executable, "a program", "a library", None);
        problems.expect(
            "console",
            console,
            "the console subsystem",
            "another",
            "build without `windows_subsystem`",
        );
        problems.expect(
            "minimum-os",
            (major, minor) <= (10, 0),
            "Windows 10 (10.0) or lower",
            format_args!("{major}.{minor}"),
            None,
        );
        problems.expect(
            "aslr",
            self.aslr,
            "DYNAMIC_BASE, and relocations",
            "a fixed address",
            "link with `--dynamicbase`",
        );
        problems.expect(
            "nx",
            self.nx,
            "NX_COMPAT",
            "executable data",
            "link with `--nxcompat`",
        );
        problems.no_writable_code(self.writable_code);
        let time = i64::from(self.timestamp);
        problems.expect(
            "timestamp",
            time == 0 || time == committed_at.seconds(),
            format_args!("0 or the commit's time, {}", committed_at.seconds()),
            time,
            "build with SOURCE_DATE_EPOCH set to the commit's time, which the linker heeds",
        );
        problems.needs_only(
            &self.needed,
            |dll| EVERYWHERE.contains(&dll.to_ascii_lowercase().as_str()),
            "a DLL that every Windows 10 has",
            "link it statically",
        );
    }
}

/// DLLs that are part of every Windows 10, as far as Rust programs link with them: the base
/// libraries, the C runtime (part of Windows since 10) and the API sets that std and the C runtime
/// are split into. The list is of names rather than patterns, since an API set of a later Windows
/// looks just like one of Windows 10.
const EVERYWHERE: [&str; 44] = [
    "advapi32.dll",
    "bcrypt.dll",
    "bcryptprimitives.dll",
    "combase.dll",
    "crypt32.dll",
    "cryptbase.dll",
    "dbghelp.dll",
    "gdi32.dll",
    "iphlpapi.dll",
    "kernel32.dll",
    "kernelbase.dll",
    "msvcrt.dll",
    "ncrypt.dll",
    "netapi32.dll",
    "ntdll.dll",
    "ole32.dll",
    "oleaut32.dll",
    "powrprof.dll",
    "psapi.dll",
    "rpcrt4.dll",
    "secur32.dll",
    "shell32.dll",
    "shlwapi.dll",
    "ucrtbase.dll",
    "user32.dll",
    "userenv.dll",
    "version.dll",
    "ws2_32.dll",
    "api-ms-win-core-synch-l1-2-0.dll",
    "api-ms-win-crt-conio-l1-1-0.dll",
    "api-ms-win-crt-convert-l1-1-0.dll",
    "api-ms-win-crt-environment-l1-1-0.dll",
    "api-ms-win-crt-filesystem-l1-1-0.dll",
    "api-ms-win-crt-heap-l1-1-0.dll",
    "api-ms-win-crt-locale-l1-1-0.dll",
    "api-ms-win-crt-math-l1-1-0.dll",
    "api-ms-win-crt-multibyte-l1-1-0.dll",
    "api-ms-win-crt-private-l1-1-0.dll",
    "api-ms-win-crt-process-l1-1-0.dll",
    "api-ms-win-crt-runtime-l1-1-0.dll",
    "api-ms-win-crt-stdio-l1-1-0.dll",
    "api-ms-win-crt-string-l1-1-0.dll",
    "api-ms-win-crt-time-l1-1-0.dll",
    "api-ms-win-crt-utility-l1-1-0.dll",
];
