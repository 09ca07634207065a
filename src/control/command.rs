//! The table of commands.

use super::ControlTopic;
use super::error::CommandError;
use super::fields::Fields;
use super::response::Answer;
use super::session::Session;
use super::{
    client_roles, clients, default_access, details, effective, explain, group_clients, group_roles, groups,
    lint, metrics, role_acls, roles, self_service,
};

/// One command.
pub(super) struct Command {
    /// Its name as the C plugin spells it; clients may in any case.
    pub(super) name: &'static str,
    /// Whether it changes the policy: success is then counted in the policy's change index.
    pub(super) mutates: bool,
    /// Whether an error, too, names what the command is about; C's commands have none that do.
    pub(super) names_subject: bool,
    /// Whether its `password` is hashed.
    pub(super) hashes_password: bool,
    /// What it does. It leaves no trace in the policy if it fails.
    pub(super) run: fn(&mut Session<'_>, &Fields<'_>) -> Result<Answer, CommandError>,
}

const fn reads(
    name: &'static str,
    run: fn(&mut Session<'_>, &Fields<'_>) -> Result<Answer, CommandError>,
) -> Command {
    Command { name, mutates: false, names_subject: false, hashes_password: false, run }
}

const fn mutates(
    name: &'static str,
    run: fn(&mut Session<'_>, &Fields<'_>) -> Result<Answer, CommandError>,
) -> Command {
    Command { name, mutates: true, names_subject: false, hashes_password: false, run }
}

const fn sets_password(
    name: &'static str,
    run: fn(&mut Session<'_>, &Fields<'_>) -> Result<Answer, CommandError>,
) -> Command {
    Command { hashes_password: true, ..mutates(name, run) }
}

const fn explains(
    name: &'static str,
    run: fn(&mut Session<'_>, &Fields<'_>) -> Result<Answer, CommandError>,
) -> Command {
    Command { name, mutates: false, names_subject: true, hashes_password: false, run }
}

/// The commands that clients may ask about themselves.
const WHO_AM_I: &str = "whoAmI";
const EXPLAIN_ACL: &str = "explainACL";

pub(super) static COMMANDS: &[Command] = &[
    mutates("setDefaultACLAccess", default_access::set),
    reads("getDefaultACLAccess", default_access::get),
    reads("getDetails", details::get),
    reads("getMetrics", metrics::get),
    sets_password("createClient", clients::create),
    mutates("deleteClient", clients::delete),
    reads("getClient", clients::get),
    reads("listClients", clients::list),
    sets_password("modifyClient", clients::modify),
    sets_password("setClientPassword", clients::set_password),
    mutates("setClientId", clients::set_clientid),
    mutates("addClientRole", client_roles::add),
    mutates("removeClientRole", client_roles::remove),
    mutates("enableClient", clients::enable),
    mutates("disableClient", clients::disable),
    mutates("addGroupClient", group_clients::add),
    mutates("removeGroupClient", group_clients::remove),
    mutates("createGroup", groups::create),
    mutates("deleteGroup", groups::delete),
    reads("getGroup", groups::get),
    reads("listGroups", groups::list),
    mutates("modifyGroup", groups::modify),
    mutates("addGroupRole", group_roles::add),
    mutates("removeGroupRole", group_roles::remove),
    mutates("setAnonymousGroup", groups::set_anonymous),
    reads("getAnonymousGroup", groups::get_anonymous),
    mutates("createRole", roles::create),
    reads("getRole", roles::get),
    reads("listRoles", roles::list),
    mutates("modifyRole", roles::modify),
    mutates("deleteRole", roles::delete),
    mutates("addRoleACL", role_acls::add),
    mutates("removeRoleACL", role_acls::remove),
    explains(WHO_AM_I, self_service::who_am_i),
    explains(EXPLAIN_ACL, explain::acl),
    explains("explainLogin", explain::login),
    explains("getEffectiveACLs", effective::acls),
    explains("listAffectedClients", effective::affected),
    explains("lintPolicy", lint::policy),
];

impl Command {
    /// Why it cannot be sent to that topic.
    pub(super) fn refused_on(&self, topic: ControlTopic) -> Option<CommandError> {
        let is_about_oneself = self.name == WHO_AM_I;
        match topic {
            ControlTopic::SelfService if is_about_oneself || self.name == EXPLAIN_ACL => None,
            ControlTopic::SelfService => Some(CommandError::OtherTopic),
            // Its answer would be everybody's to read.
            ControlTopic::Admin | ControlTopic::Query if is_about_oneself => {
                Some(CommandError::OnlySelfServiceTopic)
            }
            ControlTopic::Query if self.mutates => Some(CommandError::ReadOnlyTopic),
            ControlTopic::Admin | ControlTopic::Query => None,
        }
    }

    /// The command of that name, in any case.
    pub(super) fn find(name: &[u8]) -> Option<&'static Self> {
        COMMANDS.iter().find(|command| command.name.as_bytes().eq_ignore_ascii_case(name))
    }
}
