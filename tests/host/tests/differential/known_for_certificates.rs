//! What is known to differ for the clients of [`crate::generate::FLEET`], who are connected without having logged in, as clients
//! with certificates are.

use plugin_host::Text;

use crate::contender::ACL_DENIED;
use crate::difference::Aspect;
use crate::hazards::{member, string};
use crate::kicks::username_of;
use crate::known_differences::Seen;
use crate::script::Step;

/// Who is disabled, or was deleted, is denied everything by ours, and disconnected at the tick after it tried.
pub fn shut_out(seen: &Seen<'_>) -> bool {
    match (seen.aspect, seen.step) {
        (Aspect::ReturnCode, Step::Acl(request)) => {
            seen.ours.rc == Some(ACL_DENIED) && may_be_shut_out(seen, &request.clientid)
        }
        (Aspect::Kicked, Step::Acl(_)) => {
            seen.theirs.kicked.is_empty()
                && seen.ours.kicked.iter().all(|client| may_be_shut_out(seen, client))
        }
        _ => false,
    }
}

/// Whether that client's username is one that is disabled, or that is none now.
fn may_be_shut_out(seen: &Seen<'_>, clientid: &Text) -> bool {
    let Some(username) = username_of(clientid) else { return false };
    let mut records = seen.policy.records("clients").filter(|client| string(client, "username") == username);
    match records.next() {
        Some(client) => member(client, "disabled").is_some_and(|disabled| *disabled != false),
        None => true,
    }
}
