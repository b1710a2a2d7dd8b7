//! Mach-O programs of macOS. Source: Apple, `mach-o/loader.h`.

use std::fmt;

use object::LittleEndian;
use object::macho::{self, MachHeader64};
use object::read::macho::{LoadCommandVariant, MachHeader as _, Segment as _};
use object::read::{self, ReadRef as _};
use serde::{Serialize, Serializer};

use super::signature::{self, Layout, Signature, SignatureFault};
use super::{Machine, Malformed, Problems, text};

/// What macOS learns from a Mach-O program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct MachO {
    /// A program with an entry, not a library or an object file.
    pub(crate) executable: bool,
    /// May be placed at any address.
    pub(crate) position_independent: bool,
    /// Whether a segment is both written and executed.
    pub(crate) writable_code: bool,
    /// The platforms that it is for, and the lowest version of each that runs it.
    pub(crate) platforms: Vec<Platform>,
    /// What loads the libraries.
    pub(crate) dynamic_linker: Option<String>,
    /// Libraries and frameworks, the weakly linked and the upward ones included.
    pub(crate) needed: Vec<String>,
    /// Where libraries are looked for.
    pub(crate) rpaths: Vec<String>,
    /// Where the last segment ends, in bytes from the start of the file.
    pub(crate) end: u64,
    pub(crate) signature: Signing,
}

/// A platform and the lowest version of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) struct Platform {
    /// macOS, not iOS, Catalyst or another.
    pub(crate) macos: bool,
    pub(crate) minimum_os: OsVersion,
}

/// A version of macOS: X.Y.Z in nibbles xxxx.yy.zz.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct OsVersion(u32);

impl OsVersion {
    const fn new(major: u32, minor: u32) -> Self {
        Self(major << 16 | minor << 8)
    }
}

impl fmt::Display for OsVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(version) = self;
        write!(f, "{}.{}", version >> 16, version >> 8 & 0xff)?;
        match version & 0xff {
            0 => Ok(()),
            patch => write!(f, ".{patch}"),
        }
    }
}

impl Serialize for OsVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How a program is signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Signing {
    None,
    Valid(Signature),
    Invalid(SignatureFault),
}

pub(super) fn read(program: &[u8]) -> Result<(Machine, MachO), Malformed> {
    let header = MachHeader64::<LittleEndian>::parse(program, 0)?;
    let endian = header.endian()?;
    let machine = match header.cputype(endian) {
        macho::CPU_TYPE_X86_64 => Machine::X86_64,
        macho::CPU_TYPE_ARM64 => Machine::Aarch64,
        other => Machine::Other(other.0),
    };
    let mut read = MachO {
        executable: false,
        position_independent: header.flags(endian) & macho::MH_PIE == macho::MH_PIE,
        writable_code: false,
        platforms: Vec::new(),
        dynamic_linker: None,
        needed: Vec::new(),
        rpaths: Vec::new(),
        end: 0,
        signature: Signing::None,
    };
    let both = macho::VM_PROT_WRITE | macho::VM_PROT_EXECUTE;
    let mut signatures = Vec::new();
    let mut text_segment = None;
    for command in header.load_commands(endian, program, 0)? {
        let command = command?;
        let named = |name| Ok::<_, read::Error>(text(command.string(endian, name)?));
        match command.variant()? {
            LoadCommandVariant::Segment64(segment, _) => {
                let (start, size) = segment.file_range(endian);
                program.read_bytes_at(start, size).map_err(|()| {
                    Malformed::Reference("a segment reaches past the end of the file")
                })?;
                read.end = read.end.max(start + size);
                read.writable_code |= segment.initprot(endian) & both == both;
                if segment.name() == b"__TEXT" {
                    text_segment.get_or_insert(start..start + size);
                }
            }
            LoadCommandVariant::EntryPoint(_) => {
                read.executable = header.filetype(endian) == macho::MH_EXECUTE;
            }
            LoadCommandVariant::Dylib(dylib) => read.needed.push(named(dylib.dylib.name)?),
            LoadCommandVariant::LoadDylinker(linker) => {
                read.dynamic_linker = Some(named(linker.name)?);
            }
            LoadCommandVariant::Rpath(rpath) => read.rpaths.push(named(rpath.path)?),
            LoadCommandVariant::BuildVersion(build, _) => read.platforms.push(Platform {
                macos: build.platform.get(endian) == macho::PLATFORM_MACOS,
                minimum_os: OsVersion(build.minos.get(endian).0),
            }),
            LoadCommandVariant::VersionMin(version) => read.platforms.push(Platform {
                macos: command.cmd() == macho::LC_VERSION_MIN_MACOSX,
                minimum_os: OsVersion(version.version.get(endian).0),
            }),
            LoadCommandVariant::LinkeditData(data) if command.cmd() == macho::LC_CODE_SIGNATURE => {
                let start = u64::from(data.dataoff.get(endian));
                signatures.push(start..start + u64::from(data.datasize.get(endian)));
            }
            _ => {}
        }
    }
    read.signature = match signatures.as_slice() {
        [] => Signing::None,
        [place] => {
            let layout = Layout {
                signature: place.clone(),
                text: text_segment.unwrap_or_default(),
            };
            match signature::verify(program, &layout) {
                Ok(signature) => Signing::Valid(signature),
                Err(fault) => Signing::Invalid(fault),
            }
        }
        more => Signing::Invalid(SignatureFault::Several(more.len())),
    };
    Ok((machine, read))
}

/// As low as Rust's own std goes for arm64, the first macOS on it.
const ARM64_FLOOR: OsVersion = OsVersion::new(11, 0);
/// The last macOS of the machines that got no later one.
const X86_64_FLOOR: OsVersion = OsVersion::new(10, 15);
/// As low as Rust's own std goes for x86_64: what names a lower version does not run on it.
const X86_64_LOWEST: OsVersion = OsVersion::new(10, 12);

/// Part of every macOS since those floors: the system library, what the `libc` crate links
/// (libiconv, and libcharset through it), Objective-C and the resolver, and the frameworks that
/// crates for certificates and network settings link.
const EVERYWHERE: [&str; 8] = [
    "/usr/lib/libSystem.B.dylib",
    "/usr/lib/libcharset.1.dylib",
    "/usr/lib/libiconv.2.dylib",
    "/usr/lib/libobjc.A.dylib",
    "/usr/lib/libresolv.9.dylib",
    "/System/Library/Frameworks/CoreFoundation.framework/Versions/A/CoreFoundation",
    "/System/Library/Frameworks/Security.framework/Versions/A/Security",
    "/System/Library/Frameworks/SystemConfiguration.framework/Versions/A/SystemConfiguration",
];

impl MachO {
    pub(super) fn judge(&self, machine: Machine, size: u64, problems: &mut Problems) {
        problems.expect(
            "executable",
            self.executable,
            "a program with an entry",
            "a library, an object file or no LC_MAIN",
            None,
        );
        problems.expect(
            "aslr",
            self.position_independent,
            "MH_PIE",
            "a fixed address",
            None,
        );
        problems.no_writable_code(self.writable_code);
        self.judge_platform(machine, problems);
        const LINKER: &str = "/usr/lib/dyld";
        let linker = self.dynamic_linker.as_deref();
        let fits = linker == Some(LINKER);
        problems.expect(
            "dynamic-linker",
            fits,
            LINKER,
            linker.unwrap_or("none"),
            None,
        );
        problems.needs_only(
            &self.needed,
            |library| EVERYWHERE.contains(&library),
            "a library that every macOS has",
            "link it statically",
        );
        let rpaths = self.rpaths.join(", ");
        problems.expect(
            "no-rpath",
            self.rpaths.is_empty(),
            "none",
            rpaths,
            "link without `-rpath`",
        );
        problems.expect(
            "nothing-appended",
            self.end == size,
            format_args!(
                "a file that ends with its last segment, at byte {}",
                self.end
            ),
            format_args!("{size} bytes"),
            "edit the program before it is linked",
        );
        let resign =
            "let nothing touch the file after the linker: `-Clink-arg=-Wl,-s` strips in time";
        match &self.signature {
            Signing::Valid(_) => {}
            // Intel machines run what is not signed.
            Signing::None => problems.expect(
                "signature",
                machine != Machine::Aarch64,
                "an ad-hoc signature",
                "none",
                resign,
            ),
            Signing::Invalid(fault) => {
                problems.expect(
                    "signature",
                    false,
                    "a valid ad-hoc signature",
                    fault,
                    resign,
                );
            }
        }
    }

    fn judge_platform(&self, machine: Machine, problems: &mut Problems) {
        let (lowest, floor) = match machine {
            Machine::Aarch64 => (ARM64_FLOOR, ARM64_FLOOR),
            _ => (X86_64_LOWEST, X86_64_FLOOR),
        };
        let mend = match machine {
            Machine::Aarch64 => "build with MACOSX_DEPLOYMENT_TARGET=11.0",
            _ => "build with MACOSX_DEPLOYMENT_TARGET=10.15",
        };
        let [platform] = self.platforms.as_slice() else {
            let found = format_args!("{} of them", self.platforms.len()).to_string();
            problems.expect("minimum-os", false, "one minimum version", found, mend);
            return;
        };
        problems.expect("platform", platform.macos, "macOS", "another", None);
        problems.expect(
            "minimum-os",
            (lowest..=floor).contains(&platform.minimum_os),
            format_args!("macOS {lowest} to {floor}"),
            platform.minimum_os,
            mend,
        );
    }
}
