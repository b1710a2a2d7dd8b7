//! What the headers of a built program say, and whether that fits its target: format and machine,
//! what it needs of the system that runs it, and what a loader would refuse. Bytes in, facts out;
//! relies on the `object` crate, which checks every offset it follows.

mod elf;
mod macho;
mod pe;
mod signature;
#[cfg(test)]
mod tests;

use std::fmt;

use object::FileKind;
use release_plan::{Instant, Target};
use serde::Serialize;

pub(crate) use elf::Elf;
pub(crate) use macho::MachO;
pub(crate) use pe::Pe;

/// Bytes that are no program for a 64-bit little-endian machine, or that contradict themselves.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HeaderError {
    /// Something else, or a program for another kind of machine.
    #[error(
        "expected a 64-bit ELF, PE or Mach-O program for one machine, found a file that begins with {0}"
    )]
    Format(String),
    /// A header that cannot be followed.
    #[error("malformed {format}: {source}")]
    Malformed {
        format: &'static str,
        source: Malformed,
    },
}

/// What cannot be followed in a header.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Malformed {
    #[error(transparent)]
    Structure(#[from] object::read::Error),
    #[error("{0}")]
    Reference(&'static str),
}

/// What the headers of a program say.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Headers {
    /// Of the whole file, in bytes.
    pub(crate) size: u64,
    pub(crate) machine: Machine,
    #[serde(flatten)]
    pub(crate) format: Format,
}

/// The instruction set that a program is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(crate) enum Machine {
    #[serde(rename = "x86_64")]
    X86_64,
    #[serde(rename = "aarch64")]
    Aarch64,
    /// Any other, by its number in the format's own table.
    #[serde(rename = "other")]
    Other(u32),
}

impl fmt::Display for Machine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::X86_64 => f.pad("x86_64"),
            Self::Aarch64 => f.pad("aarch64"),
            Self::Other(number) => write!(f, "machine {number:#x}"),
        }
    }
}

/// What the program's own format says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "format", rename_all = "kebab-case")]
pub(crate) enum Format {
    Elf(Elf),
    Pe(Pe),
    MachO(MachO),
}

impl Format {
    fn name(&self) -> &'static str {
        match self {
            Self::Elf(_) => "ELF",
            Self::Pe(_) => "PE",
            Self::MachO(_) => "Mach-O",
        }
    }
}

/// Reads the headers of `program`, the bytes of a whole file.
///
/// # Errors
/// When the bytes are no program for a 64-bit little-endian machine, or contradict themselves.
pub(crate) fn examine(program: &[u8]) -> Result<Headers, HeaderError> {
    let malformed = |format| move |source| HeaderError::Malformed { format, source };
    let other = || {
        let start = program.iter().take(8);
        let hex: Vec<String> = start.map(|byte| format!("{byte:02x}")).collect();
        HeaderError::Format(if hex.is_empty() {
            "nothing".to_owned()
        } else {
            hex.join(" ")
        })
    };
    let (machine, format) = match FileKind::parse(program).map_err(|_| other())? {
        FileKind::Elf64 => {
            let (machine, elf) = elf::read(program).map_err(malformed("ELF"))?;
            (machine, Format::Elf(elf))
        }
        FileKind::Pe64 => {
            let (machine, pe) = pe::read(program).map_err(malformed("PE"))?;
            (machine, Format::Pe(pe))
        }
        FileKind::MachO64 => {
            let (machine, macho) = macho::read(program).map_err(malformed("Mach-O"))?;
            (machine, Format::MachO(macho))
        }
        _ => return Err(other()),
    };
    Ok(Headers {
        size: program.len() as u64,
        machine,
        format,
    })
}

/// What a release sets for each of its programs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// The most that a program may weigh, in bytes.
    pub(crate) size: u64,
    /// The only time that a program may bear.
    pub(crate) committed_at: Instant,
}

/// One thing that is not as the target asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Problem {
    /// The rule's id, which does not change.
    pub(crate) rule: &'static str,
    pub(crate) expected: String,
    pub(crate) found: String,
    /// What mends it, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) mend: Option<&'static str>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            rule,
            expected,
            found,
            mend,
        } = self;
        write!(f, "{rule}: expected {expected}, found {found}")?;
        mend.map_or(Ok(()), |mend| write!(f, "; {mend}"))
    }
}

/// The problems found so far.
#[derive(Default)]
struct Problems(Vec<Problem>);

impl Problems {
    /// Notes a problem unless `fits`.
    fn expect(
        &mut self,
        rule: &'static str,
        fits: bool,
        expected: impl fmt::Display,
        found: impl fmt::Display,
        mend: impl Into<Option<&'static str>>,
    ) {
        if !fits {
            self.0.push(Problem {
                rule,
                expected: expected.to_string(),
                found: found.to_string(),
                mend: mend.into(),
            });
        }
    }

    /// Notes memory that is both written and executed.
    fn no_writable_code(&mut self, writable_code: bool) {
        self.expect(
            "no-writable-code",
            !writable_code,
            "memory that is either written or executed",
            "memory that is both",
            None,
        );
    }

    /// Notes each of `needed` that is not `everywhere`.
    fn needs_only(
        &mut self,
        needed: &[String],
        everywhere: impl Fn(&str) -> bool,
        expected: &str,
        mend: &'static str,
    ) {
        for library in needed {
            self.expect(
                "needed-libraries",
                everywhere(library),
                expected,
                library,
                mend,
            );
        }
    }
}

/// The systems that there are rules for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum System {
    LinuxMusl,
    LinuxGnu,
    Darwin,
    Windows,
}

impl System {
    fn format(self) -> &'static str {
        match self {
            Self::LinuxMusl | Self::LinuxGnu => "ELF",
            Self::Darwin => "Mach-O",
            Self::Windows => "PE",
        }
    }
}

/// What a triple asks for, if there are rules for it.
fn wanted(target: &Target) -> Option<(Machine, System)> {
    let mut parts = target.as_str().split('-');
    let machine = match parts.next()? {
        "x86_64" => Machine::X86_64,
        "aarch64" => Machine::Aarch64,
        _ => return None,
    };
    let system = match parts.skip(1).collect::<Vec<_>>()[..] {
        ["linux", "musl"] => System::LinuxMusl,
        ["linux", "gnu"] => System::LinuxGnu,
        ["darwin"] => System::Darwin,
        ["windows", _] => System::Windows,
        _ => return None,
    };
    Some((machine, system))
}

impl Headers {
    /// What is not as `target` and `limits` ask; nothing where the program may ship.
    pub(crate) fn problems(&self, target: &Target, limits: &Limits) -> Vec<Problem> {
        let mut problems = Problems::default();
        let Some((machine, system)) = wanted(target) else {
            let known = "x86_64 or aarch64 for linux-musl, linux-gnu, darwin or windows";
            problems.expect("known-target", false, known, target, None);
            return problems.0;
        };
        let name = self.format.name();
        problems.expect(
            "format",
            name == system.format(),
            system.format(),
            name,
            None,
        );
        problems.expect(
            "machine",
            self.machine == machine,
            machine,
            self.machine,
            None,
        );
        problems.expect(
            "size-budget",
            self.size <= limits.size,
            format_args!("at most {} bytes", limits.size),
            format_args!("{} bytes", self.size),
            "find what grew with `cargo bloat`, or raise the budget",
        );
        match (&self.format, system) {
            (Format::Elf(elf), System::LinuxMusl) => elf.judge_static(&mut problems),
            (Format::Elf(elf), System::LinuxGnu) => elf.judge_dynamic(machine, &mut problems),
            (Format::MachO(macho), System::Darwin) => {
                macho.judge(machine, self.size, &mut problems);
            }
            (Format::Pe(pe), System::Windows) => pe.judge(limits.committed_at, &mut problems),
            // Said above; the rules of one format say nothing of another.
            _ => {}
        }
        problems.0
    }
}

/// What a program needs of the system that runs it, on one line.
impl fmt::Display for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let needed = match &self.format {
            Format::Elf(elf) => &elf.needed,
            Format::Pe(pe) => &pe.needed,
            Format::MachO(macho) => &macho.needed,
        };
        let mut needed: Vec<&str> = needed
            .iter()
            .filter_map(|library| library.rsplit('/').next())
            .collect();
        needed.sort_unstable();
        match needed.len() {
            0 => f.write_str("no library"),
            1..=3 => f.write_str(&needed.join(", ")),
            count => write!(f, "{count} libraries of the system"),
        }?;
        match &self.format {
            Format::Elf(_) => Ok(()),
            Format::Pe(Pe { minimum_os, .. }) => {
                write!(f, ", Windows {}.{}", minimum_os.0, minimum_os.1)
            }
            Format::MachO(macho) => {
                let mut oldest = macho.platforms.iter().map(|platform| platform.minimum_os);
                oldest.try_for_each(|version| write!(f, ", macOS {version}"))
            }
        }
    }
}

/// Text from a header, for people and for comparing with names that are plain ASCII.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}
