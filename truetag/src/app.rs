//! The program that is running: what was compiled in, parsed, and where its executable lies.

use std::env;
use std::io;
use std::path::{Path, PathBuf};

use playbook::Playbook;
use release_plan::{Exit, News, Product, Target, Version};
use trust::Sigstore;

use crate::Program;
use crate::files::{FileError, at};

/// What every command knows of the program it belongs to.
#[derive(Debug)]
pub(crate) struct App {
    program: Program,
    pub(crate) product: Product,
    pub(crate) target: Target,
    /// None for a development build.
    pub(crate) version: Option<Version>,
    /// The running executable, without links in its path.
    pub(crate) executable: PathBuf,
}

/// A program that its build did not complete.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BuildError {
    #[error("this program was built with a {what} that cannot be read: {detail}")]
    Malformed { what: &'static str, detail: String },
    #[error(
        "this is a development build without a version: {remedy}. Released programs have a version (see --version)"
    )]
    Unreleased { remedy: &'static str },
    #[error(transparent)]
    File(#[from] FileError),
}

impl App {
    pub(crate) fn new(program: &Program) -> Result<Self, BuildError> {
        let malformed = |what, error: &dyn std::fmt::Display| BuildError::Malformed {
            what,
            detail: error.to_string(),
        };
        let product = Product::from_json(program.product_json)
            .map_err(|error| malformed("product", &error))?;
        let target = program.build.target;
        let target = target
            .parse()
            .map_err(|error| malformed("target", &error))?;
        let version = program.build.version.map(str::parse).transpose();
        let version = version.map_err(|error| malformed("version", &error))?;
        let unknown = || PathBuf::from("the running executable");
        let executable = env::current_exe().map_err(|error| at("find", &unknown())(error))?;
        let executable = resolve(&executable).map_err(|error| at("resolve", &executable)(error))?;
        Ok(Self {
            program: *program,
            product,
            target,
            version,
            executable,
        })
    }

    /// What its releases tell, sorted.
    pub(crate) fn news(&self) -> Result<Vec<News>, BuildError> {
        serde_json::from_str(self.program.news_json).map_err(|error| BuildError::Malformed {
            what: "list of news",
            detail: error.to_string(),
        })
    }

    /// The version, which a development build lacks; `remedy` says what to do then.
    pub(crate) fn released(&self, remedy: &'static str) -> Result<&Version, BuildError> {
        self.version
            .as_ref()
            .ok_or(BuildError::Unreleased { remedy })
    }

    pub(crate) fn version_text(&self) -> String {
        self.version
            .as_ref()
            .map_or("unknown".to_owned(), ToString::to_string)
    }

    pub(crate) fn commit(&self) -> &'static str {
        self.program.build.commit.unwrap_or("unknown")
    }

    /// What a server is told of this program.
    pub(crate) fn user_agent(&self) -> String {
        format!("{}/{}", self.product.name, self.version_text())
    }

    /// The Sigstore compiled in.
    pub(crate) fn sigstore(&self) -> Sigstore {
        self.program.sigstore
    }

    pub(crate) fn playbook(&self) -> Playbook {
        Playbook::embedded(self.program.playbook)
    }

    /// The file name of the program on this target.
    pub(crate) fn executable_name(&self) -> String {
        self.target.executable(&self.product.name)
    }

    /// The environment variable that moves the home.
    pub(crate) fn home_variable(&self) -> String {
        self.product.variable("HOME")
    }
}

/// The path of the running executable without links in it. Linux adds a word to the name of one that
/// was replaced since it started: its place is that of what came after it.
fn resolve(executable: &Path) -> io::Result<PathBuf> {
    let replaced = || {
        let name = executable.file_name()?.to_str()?;
        let place = executable.with_file_name(name.strip_suffix(" (deleted)")?);
        place.canonicalize().ok()
    };
    executable
        .canonicalize()
        .or_else(|error| replaced().ok_or(error))
}

impl BuildError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Malformed { .. } => Exit::Failed,
            Self::Unreleased { .. } => Exit::Input,
            Self::File(error) => error.exit(),
        }
    }
}
