//! ELF programs of Linux. Read as a loader reads them, by program headers alone: section headers
//! bind nobody. Source: System V ABI, chapter 5, and elf(5).

use object::LittleEndian;
use object::elf::{self, FileHeader64, ProgramHeader64};
use object::read::StringTable;
use object::read::elf::{Dyn as _, FileHeader as _, ProgramHeader as _};
use serde::Serialize;

use super::{Machine, Malformed, Problems, text};

/// What a loader learns from an ELF program.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Elf {
    /// Whether it is a program, of fixed address or position-independent, and begins somewhere:
    /// a library is of the same type as the latter.
    pub(crate) executable: bool,
    /// `PT_INTERP`.
    pub(crate) interpreter: Option<String>,
    /// `DT_NEEDED`, in its order.
    pub(crate) needed: Vec<String>,
    /// `DT_RPATH` and `DT_RUNPATH`.
    pub(crate) rpaths: Vec<String>,
    /// Whether `PT_GNU_STACK` asks for an executable stack; `None` where there is no such header,
    /// which leaves it to the kernel.
    pub(crate) executable_stack: Option<bool>,
    /// Whether a loaded segment is both written and executed.
    pub(crate) writable_code: bool,
}

type Header = FileHeader64<LittleEndian>;

pub(super) fn read(program: &[u8]) -> Result<(Machine, Elf), Malformed> {
    let header = Header::parse(program)?;
    let endian = header.endian()?;
    let segments = header.program_headers(endian, program)?;
    let machine = match header.e_machine(endian) {
        elf::EM_X86_64 => Machine::X86_64,
        elf::EM_AARCH64 => Machine::Aarch64,
        other => Machine::Other(other.0.into()),
    };
    let mut read = Elf {
        executable: [elf::ET_EXEC, elf::ET_DYN].contains(&header.e_type(endian))
            && header.e_entry(endian) != 0,
        interpreter: None,
        needed: Vec::new(),
        rpaths: Vec::new(),
        executable_stack: None,
        writable_code: false,
    };
    for segment in segments {
        segment
            .data(endian, program)
            .map_err(|()| Malformed::Reference("a segment reaches past the end of the file"))?;
        if let Some(interpreter) = segment.interpreter(endian, program)? {
            read.interpreter = Some(text(interpreter));
        }
        let may = |flags| segment.p_flags(endian) & flags == flags;
        match segment.p_type(endian) {
            elf::PT_GNU_STACK => read.executable_stack = Some(may(elf::PF_X)),
            elf::PT_LOAD => read.writable_code |= may(elf::PF_W | elf::PF_X),
            _ => {}
        }
        if let Some(entries) = segment.dynamic(endian, program)? {
            let entries: Vec<(elf::DynamicTag, u64)> = entries
                .iter()
                .map(|entry| (entry.d_tag(endian), entry.d_val(endian)))
                .take_while(|(tag, _)| *tag != elf::DT_NULL)
                .collect();
            read.names(&entries, segments, program)?;
        }
    }
    Ok((machine, read))
}

impl Elf {
    /// Takes the names out of the dynamic section.
    fn names(
        &mut self,
        entries: &[(elf::DynamicTag, u64)],
        segments: &[ProgramHeader64<LittleEndian>],
        program: &[u8],
    ) -> Result<(), Malformed> {
        let value = |wanted| entries.iter().find(|(tag, _)| *tag == wanted);
        let named: Vec<_> = entries
            .iter()
            .filter_map(|(tag, offset)| match *tag {
                elf::DT_NEEDED => Some((true, *offset)),
                elf::DT_RPATH | elf::DT_RUNPATH => Some((false, *offset)),
                _ => None,
            })
            .collect();
        if named.is_empty() {
            return Ok(());
        }
        let (Some((_, address)), Some((_, size))) = (value(elf::DT_STRTAB), value(elf::DT_STRSZ))
        else {
            return Err(Malformed::Reference("names without a string table"));
        };
        let strings = segments
            .iter()
            .filter(|segment| segment.p_type(LittleEndian) == elf::PT_LOAD)
            .find_map(|segment| {
                let data = segment.data_range(LittleEndian, program, *address, *size);
                data.ok().flatten()
            })
            .ok_or(Malformed::Reference(
                "the dynamic string table is not loaded",
            ))?;
        let strings = StringTable::new(strings, 0, strings.len() as u64);
        for (needed, offset) in named {
            let offset = u32::try_from(offset).ok();
            let name = offset.and_then(|offset| strings.get(offset).ok());
            let name = text(name.ok_or(Malformed::Reference(
                "a name outside of the dynamic string table",
            ))?);
            let names = if needed {
                &mut self.needed
            } else {
                &mut self.rpaths
            };
            names.push(name);
        }
        Ok(())
    }

    /// The rules for a program that brings all of its code along.
    pub(super) fn judge_static(&self, problems: &mut Problems) {
        let mend = "build with `-Ctarget-feature=+crt-static`";
        problems.expect(
            "no-interpreter",
            self.interpreter.is_none(),
            "none",
            self.interpreter.as_deref().unwrap_or_default(),
            mend,
        );
        problems.needs_only(&self.needed, |_| false, "none", mend);
        self.judge_any(problems);
    }

    /// The rules for a program that is linked with glibc.
    pub(super) fn judge_dynamic(&self, machine: Machine, problems: &mut Problems) {
        // Where the ABI supplements of both machines put it.
        let loader = match machine {
            Machine::Aarch64 => "/lib/ld-linux-aarch64.so.1",
            _ => "/lib64/ld-linux-x86-64.so.2",
        };
        let interpreter = self.interpreter.as_deref().unwrap_or(loader);
        let fits = interpreter == loader;
        problems.expect("interpreter", fits, loader, interpreter, None);
        problems.needs_only(
            &self.needed,
            |library| GLIBC.contains(&library),
            "a library of glibc or libgcc_s",
            "link it statically",
        );
        self.judge_any(problems);
    }

    fn judge_any(&self, problems: &mut Problems) {
        problems.expect(
            "executable",
            self.executable,
            "a program",
            "a library or an object file",
            None,
        );
        problems.expect(
            "no-rpath",
            self.rpaths.is_empty(),
            "none",
            self.rpaths.join(", "),
            "link without `-rpath`",
        );
        problems.expect(
            "no-executable-stack",
            self.executable_stack == Some(false),
            "a stack that cannot be executed",
            match self.executable_stack {
                Some(_) => "PT_GNU_STACK with the flag X",
                None => "no PT_GNU_STACK",
            },
            "link with `-z noexecstack`",
        );
        problems.no_writable_code(self.writable_code);
    }
}

/// What glibc and GCC install wherever a dynamic program can run.
const GLIBC: [&str; 8] = [
    "libc.so.6",
    "libm.so.6",
    "libgcc_s.so.1",
    "libpthread.so.0",
    "libdl.so.2",
    "librt.so.1",
    "ld-linux-x86-64.so.2",
    "ld-linux-aarch64.so.1",
];
