//! The certificate authorities that TLS believes: those compiled in and, with them, those in the
//! files that `SSL_CERT_FILE` and `SSL_CERT_DIR` name, or else in the files that this system keeps.
//! A system's framework is not asked. Relies on webpki-root-certs for Mozilla's list.

use std::env;
use std::ffi::OsString;
use std::fs;
use std::io::ErrorKind;
use std::path::Path;

use ureq::tls::{Certificate, PemItem, parse_pem};

use super::SettingError;
use crate::files::read_limited;

/// Bytes of a file of certificates; that of a system has about 250 kB.
const LIMIT: usize = 16 * 1024 * 1024;
const FILE: &str = "SSL_CERT_FILE";
const FOLDER: &str = "SSL_CERT_DIR";

/// All authorities, in the environment that `variable` reads.
pub(super) fn all(
    variable: impl Fn(&'static str) -> Option<OsString>,
) -> Result<Vec<Certificate<'static>>, SettingError> {
    let compiled = webpki_root_certs::TLS_SERVER_ROOT_CERTS;
    let mut roots: Vec<_> = compiled.iter().map(|c| Certificate::from_der(c)).collect();
    let set = |name| variable(name).filter(|value| !value.is_empty());
    let (file, folders) = (set(FILE), set(FOLDER));
    if file.is_none() && folders.is_none() {
        roots.extend(of_system());
        return Ok(roots);
    }
    if let Some(file) = file {
        roots.extend(in_file(Path::new(&file)).map_err(|detail| SettingError {
            variable: FILE,
            detail,
        })?);
    }
    for folder in folders.iter().flat_map(env::split_paths) {
        roots.extend(in_folder(&folder).map_err(|detail| SettingError {
            variable: FOLDER,
            detail,
        })?);
    }
    Ok(roots)
}

/// What cannot be read there is done without: nobody asked for it.
#[cfg(all(unix, not(target_os = "macos")))]
fn of_system() -> Vec<Certificate<'static>> {
    let places = openssl_probe::probe();
    if let Some(file) = places.cert_file {
        return in_file(&file).unwrap_or_default();
    }
    let folders = places.cert_dir.iter();
    folders
        .flat_map(|folder| in_folder(folder).unwrap_or_default())
        .collect()
}

#[cfg(not(all(unix, not(target_os = "macos"))))]
fn of_system() -> Vec<Certificate<'static>> {
    Vec::new()
}

fn in_file(path: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let bytes = read_limited(path, LIMIT).map_err(|error| error.to_string())?;
    if bytes.len() > LIMIT {
        return Err(format!("{} has more than {LIMIT} bytes", path.display()));
    }
    let found: Vec<_> = certificates(&bytes).collect();
    if found.is_empty() {
        let path = path.display();
        return Err(format!(
            "expected certificates in PEM in {path}, found none"
        ));
    }
    Ok(found)
}

/// Those in the files of a folder, where other files may lie too. A folder that does not exist has
/// none, as for OpenSSL.
fn in_folder(folder: &Path) -> Result<Vec<Certificate<'static>>, String> {
    let entries = match fs::read_dir(folder) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(format!("cannot list {}: {error}", folder.display())),
        Ok(entries) => entries,
    };
    let files = entries.filter_map(|entry| read_limited(&entry.ok()?.path(), LIMIT).ok());
    let found = files.flat_map(|bytes| certificates(&bytes).collect::<Vec<_>>());
    Ok(found.collect())
}

fn certificates(pem: &[u8]) -> impl Iterator<Item = Certificate<'static>> {
    parse_pem(pem).filter_map(|item| match item {
        Ok(PemItem::Certificate(certificate)) => Some(certificate),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Any bytes will do: TLS looks into them later.
    const PEM: &str = "-----BEGIN CERTIFICATE-----\nAAECAw==\n-----END CERTIFICATE-----\n";

    fn with(file: Option<&Path>, folders: Option<&Path>) -> Result<usize, String> {
        let variable = |name| match name {
            FILE => file.map(OsString::from),
            _ => folders.map(OsString::from),
        };
        let compiled = webpki_root_certs::TLS_SERVER_ROOT_CERTS.len();
        match all(variable) {
            Ok(roots) => Ok(roots.len() - compiled),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn a_file_and_the_files_of_a_folder_add_to_what_is_compiled_in() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("two.pem");
        fs::write(&file, format!("a comment\n{PEM}{PEM}")).unwrap();
        fs::write(folder.path().join("README"), "no certificate").unwrap();
        fs::create_dir(folder.path().join("private")).unwrap();
        assert_eq!(with(Some(&file), None), Ok(2));
        assert_eq!(with(None, Some(folder.path())), Ok(2));
        assert_eq!(with(Some(&file), Some(folder.path())), Ok(4));
        let nowhere = folder.path().join("nowhere");
        assert_eq!(with(Some(&file), Some(&nowhere)), Ok(2));
        assert_eq!(with(None, Some(&nowhere)), Ok(0));
    }

    #[test]
    fn a_file_that_cannot_be_read_or_has_none_is_named_with_its_variable() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing.pem");
        let empty = folder.path().join("empty.pem");
        fs::write(&empty, "not PEM").unwrap();
        for bad in [&missing, &empty] {
            let error = with(Some(bad), None).unwrap_err();
            let named = error.starts_with("SSL_CERT_FILE: ");
            assert!(
                named && error.contains(&bad.display().to_string()),
                "{error}"
            );
        }
        let error = with(None, Some(&empty)).unwrap_err();
        assert!(error.starts_with("SSL_CERT_DIR: cannot list "), "{error}");
    }
}
