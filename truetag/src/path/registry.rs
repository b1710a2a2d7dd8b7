//! PATH of a person on Windows: the value `Path` in `HKEY_CURRENT_USER\Environment`. It keeps its
//! type, so that what others wrote with %…% in it goes on being expanded, or not. Programs that
//! run learn of it by WM_SETTINGCHANGE, which PowerShell sends when a variable is set by it: to
//! send it from here would need code that Rust cannot check.

use std::process::{Command, Stdio};

use windows_registry::{CURRENT_USER, Key, Type, Value};

use super::entries::{with, without};
use super::record::{Entry, Record, RecordError};
use super::{Place, Told};
use crate::files::remove_if_any;

const KEY: &str = "Environment";
const VALUE: &str = "Path";
/// The error of a value that is not there: ERROR_FILE_NOT_FOUND as an HRESULT.
const MISSING: u32 = 0x8007_0002;

/// Puts the folder of the program in front of the person's PATH, where `edit` says so.
pub(crate) fn add(place: Place<'_>, edit: bool) -> Result<Told, RecordError> {
    let mut told = Told::default();
    let bin = place.bin();
    let Some(bin) = bin.to_str().filter(|bin| !bin.contains([';', '"'])) else {
        told.note(format_args!(
            "{} cannot stand on PATH: call the program by its path",
            bin.display()
        ));
        return Ok(told);
    };
    if !edit {
        told.say(format_args!(
            "PATH was not changed. What belongs on it: {bin}"
        ));
        return Ok(told);
    }
    let written = match read() {
        Ok(before) => {
            let Some(new) = with(before.text(), bin) else {
                told.say(format_args!("{bin} is on PATH"));
                return Ok(told);
            };
            let mut record = Record::read(&place.record())?;
            record.registry = Some(Entry {
                added: bin.to_owned(),
                created: before.0.is_none(),
            });
            record.write(&place.record())?;
            before.write(&new)
        }
        Err(error) => Err(error),
    };
    match written {
        Ok(()) => {
            tell_others(&mut told);
            told.say(format_args!(
                "new terminals find {}: {bin} is on PATH",
                place.product
            ));
        }
        Err(error) => told.note(format_args!(
            "PATH was not changed: {error}. Put this on it by hand: {bin}"
        )),
    }
    Ok(told)
}

/// Takes back the entry that is recorded.
pub(crate) fn remove(place: Place<'_>) -> Result<Told, RecordError> {
    let mut told = Told::default();
    let path = place.record();
    let Some(entry) = Record::read(&path)?.registry else {
        return Ok(told);
    };
    let taken = read().and_then(|value| match without(value.text(), &entry.added) {
        Some(left) if left.is_empty() && entry.created => delete(),
        Some(left) => value.write(&left),
        None => Ok(()),
    });
    match taken {
        Ok(()) => {
            tell_others(&mut told);
            told.say("took it off PATH");
            remove_if_any(&path)?;
        }
        Err(error) => told.note(format_args!(
            "PATH could not be changed: {error}. This is left on it: {}",
            entry.added
        )),
    }
    Ok(told)
}

fn key() -> windows_registry::Result<Key> {
    CURRENT_USER.options().read().write().create().open(KEY)
}

/// The value's text and type; none where there is no such value.
struct Found(Option<(String, Type)>);

impl Found {
    fn text(&self) -> &str {
        self.0.as_ref().map_or("", |(text, _)| text)
    }

    /// Replaces the text.
    fn write(&self, text: &str) -> windows_registry::Result<()> {
        let mut value = Value::from(text);
        value.set_ty(self.0.as_ref().map_or(Type::ExpandString, |(_, ty)| *ty));
        key()?.set_value(VALUE, &value)
    }
}

fn read() -> windows_registry::Result<Found> {
    match key()?.get_value(VALUE) {
        Ok(value) => {
            let ty = value.ty();
            Ok(Found(Some((value.try_into()?, ty))))
        }
        Err(error) if error.code().0.cast_unsigned() == MISSING => Ok(Found(None)),
        Err(error) => Err(error),
    }
}

fn delete() -> windows_registry::Result<()> {
    key()?.remove_value(VALUE)
}

/// Has PowerShell remove a variable that there is none of, upon which it tells every window that
/// the environment changed.
fn tell_others(told: &mut Told) {
    let script =
        "[Environment]::SetEnvironmentVariable([Guid]::NewGuid().ToString(), $null, 'User')";
    let sent = Command::new("powershell.exe")
        .args([
            "-NoLogo",
            "-NoProfile",
            "-NonInteractive",
            "-Command",
            script,
        ])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    if !sent.is_ok_and(|status| status.success()) {
        told.say(
            "note: programs that run could not be told: log off and on, if new ones do not have it",
        );
    }
}
