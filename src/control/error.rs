//! Why a command is refused: the texts are those of the C plugin and part of the interface.

use std::fmt;

/// A refusal. `Display` gives the text of the response's `error`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CommandError {
    NotJson,
    MissingCommands,
    NotAnObject,
    MissingCommand,
    CorrelationDataType,
    UnknownCommand,
    /// A command that changes the policy, on a topic for those that do not.
    ReadOnlyTopic,
    /// A command that is for another topic.
    OtherTopic,
    /// One that is only for the topic on which clients ask about themselves.
    OnlySelfServiceTopic,
    /// A question about another client there.
    OnlyAboutOneself,
    /// A required member is missing or no string, or an optional one is no string.
    Invalid(Member),
    /// A name that 2.1 refuses for being empty.
    Empty(Member),
    NotUtf8(Member),
    ClientExists,
    ClientNotFound,
    EmptyPassword,
    RolesList,
    GroupNameInList,
    GroupInListNotFound,
    UsernameInList,
    ClientInListNotFound,
    GroupExists,
    GroupNotFound,
    GroupIsAnonymous,
    GroupHasRole,
    ClientInGroup,
    RoleExists,
    RoleNotFound,
    RoleDoesNotExist,
    AllowWildcardSubs,
    UnknownAclType,
    InvalidAclTopic,
    AclExists,
    AclNotFound,
    ActionsArray,
    UsernameAndAnonymous,
    RoleAndGroup,
    Internal,
    /// The payload, or something in it, is larger than this.
    PayloadTooLong(usize),
    TooManyCommands(usize),
    TooManyValues(usize),
    TooDeep(usize),
    NameTooLong(Member, usize),
    TopicTooLong(usize),
    TopicTooDeep(usize),
    TooManyAcls(usize),
    /// All responses together would be longer than this.
    ResponseTooLong(usize),
    /// More looks through the whole policy in one payload than this.
    TooManyLints(usize),
}

/// A member of a command, for its name in an error text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Member {
    Username,
    Password,
    /// `clientid` of createClient.
    NewClientId,
    /// `clientid` of setClientId.
    ClientId,
    TextName,
    TextDescription,
    GroupName,
    RoleName,
    AclType,
    Topic,
    Anonymous,
    Address,
}

impl Member {
    fn in_invalid(self) -> &'static str {
        match self {
            Self::Username => "username",
            Self::Password => "password",
            Self::NewClientId => "client id",
            Self::ClientId => "client ID",
            Self::TextName => "textname",
            Self::TextDescription => "textdescription",
            Self::GroupName => "groupname",
            Self::RoleName => "rolename",
            Self::AclType => "acltype",
            Self::Topic => "topic",
            Self::Anonymous => "anonymous",
            Self::Address => "address",
        }
    }

    fn in_not_utf8(self) -> &'static str {
        match self {
            Self::Username => "Username",
            Self::NewClientId | Self::ClientId => "Client ID",
            Self::GroupName => "Group name",
            Self::RoleName => "Role name",
            Self::Topic => "Topic",
            Self::Password => "Password",
            Self::TextName | Self::TextDescription | Self::AclType | Self::Anonymous | Self::Address => {
                "Text"
            }
        }
    }
}

impl fmt::Display for CommandError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Invalid(member) => return write!(f, "Invalid/missing {}", member.in_invalid()),
            Self::Empty(member) => return write!(f, "Empty {}", member.in_invalid()),
            Self::NotUtf8(member) => return write!(f, "{} not valid UTF-8", member.in_not_utf8()),
            Self::PayloadTooLong(limit) => return write!(f, "Payload longer than {limit} bytes"),
            Self::TooManyCommands(limit) => return write!(f, "More than {limit} commands in a payload"),
            Self::TooManyValues(limit) => return write!(f, "More than {limit} JSON values in a payload"),
            Self::TooDeep(limit) => return write!(f, "Payload nested more than {limit} levels deep"),
            Self::NameTooLong(member, limit) => {
                return write!(f, "{} longer than {limit} bytes", member.in_not_utf8());
            }
            Self::TopicTooLong(limit) => return write!(f, "Topic longer than {limit} bytes"),
            Self::TopicTooDeep(limit) => return write!(f, "Topic with more than {limit} `/`"),
            Self::TooManyAcls(limit) => return write!(f, "More than {limit} ACLs in a role"),
            Self::TooManyLints(limit) => {
                return write!(f, "lintPolicy is answered at most {limit} times in a payload");
            }
            Self::ResponseTooLong(limit) => {
                return write!(
                    f,
                    "Response longer than {limit} bytes; ask for less, or for a part by count and offset"
                );
            }
            Self::NotJson => "Payload not valid JSON",
            Self::MissingCommands => "Invalid/missing commands",
            Self::NotAnObject => "Command not an object",
            Self::MissingCommand => "Missing command",
            Self::CorrelationDataType => "Invalid correlationData data type.",
            Self::UnknownCommand => "Unknown command",
            Self::OtherTopic => "Not on this topic",
            Self::OnlySelfServiceTopic => "Only on $CONTROL/dynamic-security/v1/self",
            Self::OnlyAboutOneself => "Only about oneself on this topic",
            Self::ReadOnlyTopic => "Not on this topic: the command changes the policy",
            Self::ClientExists => "Client already exists",
            Self::ClientNotFound => "Client not found",
            Self::EmptyPassword => "Empty password is not allowed",
            Self::RolesList => "'roles' not an array or missing/invalid rolename",
            Self::GroupNameInList => "'groups' contains an object with an invalid 'groupname'",
            Self::GroupInListNotFound => "'groups' contains an object with a 'groupname' that does not exist",
            Self::UsernameInList => "'clients' contains an object with an invalid 'username'",
            Self::ClientInListNotFound => {
                "'clients' contains an object with a 'username' that does not exist"
            }
            Self::GroupExists => "Group already exists",
            Self::GroupNotFound => "Group not found",
            Self::GroupIsAnonymous => "Deleting the anonymous group is forbidden",
            Self::GroupHasRole => "Group is already in this role",
            Self::ClientInGroup => "Client is already in this group",
            Self::RoleExists => "Role already exists",
            Self::RoleNotFound => "Role not found",
            Self::RoleDoesNotExist => "Role does not exist",
            Self::AllowWildcardSubs => "Invalid allowwildcardsubs",
            Self::UnknownAclType => "Unknown acltype",
            Self::InvalidAclTopic => "Invalid ACL topic",
            Self::AclExists => "ACL with this topic already exists",
            Self::AclNotFound => "ACL not found",
            Self::ActionsArray => "Missing/invalid actions array",
            Self::UsernameAndAnonymous => "Both username and anonymous given",
            Self::RoleAndGroup => "Both rolename and groupname given",
            Self::Internal => "Internal error",
        })
    }
}
