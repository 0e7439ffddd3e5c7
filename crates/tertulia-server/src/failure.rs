//! Why a command fails, and with which exit code.

use std::fmt;
use std::process::ExitCode;

use tertulia::Error;

/// A command failed. The text is one line.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The command or the configuration is wrong: exit code 2, as for an unknown flag.
    Usage(String),
    /// It could not be done: exit code 1.
    Run(String),
}

impl Failure {
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Usage(_) => ExitCode::from(2),
            Self::Run(_) => ExitCode::from(1),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Usage(text) | Self::Run(text)) = self;
        f.write_str(&text.replace('\n', " "))
    }
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Run(error.to_string())
    }
}
