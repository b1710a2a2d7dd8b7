//! Exit codes: public interface of the released program and of the maintainer's command alike.

/// What a command's exit code means. Scripts may rely on every number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Exit {
    /// Done.
    Done = 0,
    /// A bug or an unforeseen error.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The network, or a server, did not give what was asked.
    Network = 10,
    /// Verification refused; a malformed bundle, pointer or manifest too.
    Refused = 11,
    /// Another run holds the lock.
    Locked = 12,
    /// A package manager owns this installation.
    Managed = 13,
    /// Held or pinned.
    Held = 14,
    /// A downgrade was refused.
    Downgrade = 15,
    /// No space or no permission.
    Storage = 16,
    /// An invalid configuration, plan or input of one's own.
    Input = 17,
    /// A check or gate failed.
    Gate = 18,
    /// A restart is wanted.
    Restart = 42,
    /// Interrupted.
    Interrupted = 130,
}

impl Exit {
    /// Every code, in order, with the words of the help text.
    pub const ALL: [(Self, &'static str); 14] = [
        (Self::Done, "done"),
        (Self::Failed, "failed: a bug or an unforeseen error"),
        (Self::Usage, "wrong usage"),
        (Self::Network, "network"),
        (Self::Refused, "verification refused"),
        (Self::Locked, "another run holds the lock"),
        (Self::Managed, "a package manager owns this installation"),
        (Self::Held, "held or pinned"),
        (Self::Downgrade, "downgrade refused"),
        (Self::Storage, "no space or no permission"),
        (Self::Input, "invalid configuration, plan or input"),
        (Self::Gate, "a check or gate failed"),
        (Self::Restart, "restart wanted"),
        (Self::Interrupted, "interrupted"),
    ];

    /// The number.
    #[must_use]
    pub fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}
