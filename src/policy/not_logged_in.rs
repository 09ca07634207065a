//! Why logins are not granted. The log, answers and counters have the names from here.

/// Why a login is not granted: refused, or left to others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotLoggedIn {
    /// It has no username: the broker decides.
    Anonymous,
    /// The policy does not know the username.
    ClientNotFound,
    /// The client is disabled.
    ClientDisabled,
    /// The client may log in with another client id only.
    ClientIdMismatch,
    /// The client has no password.
    NoPassword,
    /// The login came without a password.
    MissingPassword,
    /// The file holds a password that nothing can be compared with.
    UnusablePassword,
    /// The password is wrong.
    WrongPassword,
    /// Too many have failed.
    LockedOut,
    /// There are too many to look at this one's password.
    TooManyLogins,
    /// An answer for another client of this id is on its way.
    AnswerPending,
    /// The client was changed while its login waited.
    ClientChanged,
    /// A bug kept it from being verified.
    InternalError,
}

impl NotLoggedIn {
    /// All of them, in their order.
    pub const ALL: [Self; 13] = [
        Self::Anonymous,
        Self::ClientNotFound,
        Self::ClientDisabled,
        Self::ClientIdMismatch,
        Self::NoPassword,
        Self::MissingPassword,
        Self::UnusablePassword,
        Self::WrongPassword,
        Self::LockedOut,
        Self::TooManyLogins,
        Self::AnswerPending,
        Self::ClientChanged,
        Self::InternalError,
    ];

    /// The name in answers, log lines and counters.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "anonymous",
            Self::ClientNotFound => "clientNotFound",
            Self::ClientDisabled => "clientDisabled",
            Self::ClientIdMismatch => "clientidMismatch",
            Self::NoPassword => "noPassword",
            Self::MissingPassword => "missingPassword",
            Self::UnusablePassword => "unusablePassword",
            Self::WrongPassword => "wrongPassword",
            Self::LockedOut => "lockedOut",
            Self::TooManyLogins => "tooManyLogins",
            Self::AnswerPending => "answerPending",
            Self::ClientChanged => "clientChanged",
            Self::InternalError => "internalError",
        }
    }
}
