//! Rows about what is around a home: PATH, the disk, permissions, proxies.

use std::env;
use std::path::{Path, PathBuf};

use super::Row;
use crate::app::App;
use crate::home::Home;

/// Bytes that an upgrade may need: an archive, and what is in it, twice.
const SPACE: u64 = 200 * 1024 * 1024;

pub(super) fn rows(app: &App, home: &Home) -> Vec<Row> {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<_> = env::split_paths(&path).collect();
    let mut rows = vec![on_path(app, home, &folders), space(home)];
    rows.extend(permissions(home));
    rows.push(proxies());
    rows
}

fn on_path(app: &App, home: &Home, folders: &[PathBuf]) -> Row {
    let name = app.executable_name();
    let is_ours = |folder: &Path| {
        let launcher = home.launcher().canonicalize();
        launcher.is_ok_and(|launcher| {
            folder
                .join(&name)
                .canonicalize()
                .is_ok_and(|found| found == launcher)
        })
    };
    let found: Vec<_> = folders
        .iter()
        .filter(|folder| folder.join(&name).is_file())
        .collect();
    let mend = format!("put {} in front of PATH", home.bin().display());
    let Some(ours) = found.iter().position(|folder| is_ours(folder)) else {
        let what = match found.first() {
            None => format!("no {name}"),
            Some(other) => format!("{}, which is another copy", other.join(&name).display()),
        };
        let means = "what is typed is not what is upgraded here";
        return Row::soft("PATH", what, means, mend);
    };
    if ours > 0 {
        let what = format!("{} comes first", found[0].join(&name).display());
        return Row::soft("PATH", what, "another copy shadows this one", mend);
    }
    Row::good(
        "PATH",
        format!("{} comes first", found[0].join(&name).display()),
    )
}

#[cfg(unix)]
fn space(home: &Home) -> Row {
    let disk = match rustix::fs::statvfs(home.root()) {
        Ok(disk) => disk,
        Err(error) => return Row::not_checked("disk", error.to_string()),
    };
    let free = disk.f_bavail.saturating_mul(disk.f_frsize);
    let found = format!("{} MB free", free / 1_000_000);
    if free >= SPACE {
        return Row::good("disk", found);
    }
    Row::soft(
        "disk",
        found,
        "an upgrade may find no space",
        format!("make space in {}", home.root().display()),
    )
}

#[cfg(not(unix))]
fn space(_: &Home) -> Row {
    let _ = SPACE;
    Row::not_checked("disk", "how much is free is not asked on this system")
}

/// Whether others may change what runs, and whether this user may.
#[cfg(unix)]
fn permissions(home: &Home) -> Vec<Row> {
    use std::os::unix::fs::MetadataExt;
    let mut rows = Vec::new();
    let mut places = vec![
        home.root().to_owned(),
        home.bin(),
        home.launcher(),
        home.versions(),
        home.state(),
    ];
    for version in home.installed().unwrap_or_default() {
        places.extend([home.version(&version), home.executable(&version)]);
    }
    for path in places {
        let Ok(metadata) = path.metadata() else {
            continue;
        };
        let place = path.display();
        if metadata.mode() & 0o002 != 0 {
            let row = Row::hard(
                "permissions",
                format!("everybody may write to {place}"),
                "another user could put a program in place of this one",
                format!("chmod o-w '{place}'"),
            );
            rows.push(row.fixed_by(super::Fix::OwnersAlone(path)));
        } else if metadata.is_dir()
            && rustix::fs::access(&path, rustix::fs::Access::WRITE_OK).is_err()
        {
            rows.push(Row::soft(
                "permissions",
                format!("this user may not write to {place}"),
                "upgrades and rollbacks fail",
                format!("chown -R \"$USER\" '{}'", home.root().display()),
            ));
        }
    }
    if rows.is_empty() {
        rows.push(Row::good("permissions", "not everybody may write"));
    }
    rows
}

#[cfg(not(unix))]
fn permissions(_: &Home) -> Vec<Row> {
    vec![Row::not_checked(
        "permissions",
        "access lists are not looked at on this system",
    )]
}

fn proxies() -> Row {
    let names = [
        "HTTPS_PROXY",
        "https_proxy",
        "HTTP_PROXY",
        "http_proxy",
        "ALL_PROXY",
        "all_proxy",
        "NO_PROXY",
        "no_proxy",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ];
    let set = names.iter().filter_map(|name| {
        let value = env::var(name).ok().filter(|value| !value.is_empty())?;
        Some(format!("{name}={}", without_password(&value)))
    });
    let set: Vec<_> = set.collect();
    if set.is_empty() {
        return Row::good("proxies", "none");
    }
    Row::good("proxies", set.join(" "))
}

/// Whoever is shown the rows is not shown a password.
fn without_password(url: &str) -> String {
    let (scheme, rest) = url.split_once("://").unwrap_or(("", url));
    let Some((user, host)) = rest.rsplit_once('@') else {
        return url.to_owned();
    };
    let user = user.split(':').next().unwrap_or_default();
    let scheme = if scheme.is_empty() {
        String::new()
    } else {
        format!("{scheme}://")
    };
    format!("{scheme}{user}:…@{host}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_in_a_proxy_is_never_shown() {
        for (url, shown) in [
            ("http://proxy:3128", "http://proxy:3128"),
            ("http://ada:secret@proxy:3128", "http://ada:…@proxy:3128"),
            ("ada:se@cret@proxy", "ada:…@proxy"),
            ("/etc/ssl/ca.pem", "/etc/ssl/ca.pem"),
        ] {
            assert_eq!(without_password(url), shown);
        }
    }
}
