//! Where the programs of Postgres are, and of which version.

use std::collections::BTreeSet;
use std::fs;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::Error;

/// Major versions that are taken.
pub const SUPPORTED: RangeInclusive<u32> = 14..=18;

/// A directory with `initdb` and `postgres`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Binaries {
    pub major: u32,
    pub directory: PathBuf,
}

impl Binaries {
    /// Finds the programs: those of the version given (of an existing cluster), else the newest.
    pub(super) fn find(named: Option<&Path>, cluster: Option<u32>) -> Result<Self, Error> {
        let places = match named {
            // Absolute, because Postgres is not started in the directory we are in.
            Some(named) => vec![std::path::absolute(named).unwrap_or_else(|_| named.to_owned())],
            None => places("postgres"),
        };
        let found: BTreeSet<Self> = places.iter().filter_map(|place| Self::at(place)).collect();
        match (cluster, found.last()) {
            (_, None) => Err(match named {
                Some(named) => Error::NotHere(named.to_owned()),
                None => Error::NotInstalled { install: install_line() },
            }),
            (None, Some(newest)) => Ok(newest.clone()),
            (Some(cluster), Some(newest)) => {
                let same = found.iter().find(|binaries| binaries.major == cluster);
                same.cloned().ok_or(Error::OtherMajor { cluster, installed: newest.major })
            }
        }
    }

    pub(super) fn program(&self, name: &str) -> PathBuf {
        self.directory.join(name)
    }

    fn at(directory: &Path) -> Option<Self> {
        if !directory.join("initdb").is_file() {
            return None;
        }
        let output = Command::new(directory.join("postgres")).arg("--version").output().ok()?;
        let major = major(&String::from_utf8_lossy(&output.stdout))?;
        SUPPORTED.contains(&major).then(|| Self { major, directory: directory.to_owned() })
    }
}

/// The major version in `postgres (PostgreSQL) 15.8 (Debian 15.8-0)`.
pub(super) fn major(version: &str) -> Option<u32> {
    let number = version.split_whitespace().find(|word| word.starts_with(|first: char| first.is_ascii_digit()))?;
    number.split(|end: char| !end.is_ascii_digit()).next()?.parse().ok()
}

/// Where programs of Postgres may be: where systems put them, and where the one named is on the path.
pub(super) fn places(program: &str) -> Vec<PathBuf> {
    const VERSIONED: [(&str, &str); 5] = [
        ("/usr/lib/postgresql", "bin"),
        ("/usr/libexec", "postgresql"),
        ("/opt/homebrew/opt", "bin"),
        ("/usr/local/opt", "bin"),
        ("/Applications/Postgres.app/Contents/Versions", "bin"),
    ];
    let mut places = Vec::new();
    if let Ok(output) = Command::new("pg_config").arg("--bindir").output() {
        places.push(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()));
    }
    for (parent, child) in VERSIONED {
        places.extend(children(parent).map(|version| version.join(child)));
    }
    // Red Hat: /usr/pgsql-16/bin. Alpine: /usr/libexec/postgresql16.
    places.extend(
        children("/usr").filter(|path| path.to_string_lossy().contains("/pgsql-")).map(|path| path.join("bin")),
    );
    places.extend(children("/usr/libexec").filter(|path| path.to_string_lossy().contains("/postgresql")));
    for directory in std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default()) {
        if let Ok(found) = fs::canonicalize(directory.join(program)) {
            places.extend(found.parent().map(Path::to_owned));
        }
    }
    places
}

fn children(parent: &str) -> impl Iterator<Item = PathBuf> {
    fs::read_dir(parent).into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()))
}

/// How Postgres is installed on this kind of system.
fn install_line() -> &'static str {
    const LINES: [(&str, &str); 6] = [
        ("debian", "sudo apt-get install postgresql"),
        ("ubuntu", "sudo apt-get install postgresql"),
        ("fedora", "sudo dnf install postgresql-server"),
        ("rhel", "sudo dnf install postgresql-server"),
        ("alpine", "sudo apk add postgresql"),
        ("arch", "sudo pacman -S postgresql"),
    ];
    if cfg!(target_os = "macos") {
        return "brew install postgresql@17";
    }
    let release = fs::read_to_string("/etc/os-release").unwrap_or_default();
    let family = release.lines().filter(|line| line.starts_with("ID=") || line.starts_with("ID_LIKE="));
    let family: String = family.collect();
    LINES
        .iter()
        .find(|(name, _)| family.contains(name))
        .map_or("install the package postgresql of your system", |(_, line)| line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_major_version_is_read_from_what_postgres_prints() {
        assert_eq!(major("postgres (PostgreSQL) 15.8 (Debian 15.8-0+deb12u1)\n"), Some(15));
        assert_eq!(major("postgres (PostgreSQL) 18devel"), Some(18));
        assert_eq!(major("nothing"), None);
    }
}
