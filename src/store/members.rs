//! The members that are known of each object of the file, in the order in which the C plugin writes them.
//!
//! Reading and writing go by the same lists: one that is read and not known to be written would stand in the file twice.

/// Those of the file itself.
pub(super) const OF_FILE: &[&str] =
    &["changeIndex", "defaultACLAccess", "clients", "groups", "anonymousGroup", "roles"];

pub(super) const OF_CLIENT: &[&str] = &[
    "username",
    "clientid",
    "textname",
    "textdescription",
    "disabled",
    "roles",
    "password",
    "salt",
    "iterations",
    "encoded_password",
];

pub(super) const OF_GROUP: &[&str] = &["groupname", "textname", "textdescription", "roles", "clients"];

pub(super) const OF_ROLE: &[&str] = &["rolename", "textname", "textdescription", "allowwildcardsubs", "acls"];

pub(super) const OF_ACL: &[&str] = &["acltype", "topic", "priority", "allow"];

/// Those of a link to a role, and of one to a client.
pub(super) const OF_ROLE_LINK: &[&str] = &["rolename", "priority"];
pub(super) const OF_CLIENT_LINK: &[&str] = &["username", "priority"];

/// How many an object has at most.
pub(super) const MOST: usize = OF_CLIENT.len();

const _: () = assert!(OF_FILE.len() <= MOST && OF_GROUP.len() <= MOST, "a client has the most");
const _: () = assert!(OF_ROLE.len() <= MOST && OF_ACL.len() <= MOST, "a client has the most");
