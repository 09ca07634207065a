//! Decisions as the broker's return codes (`mosquitto.h`: `MOSQ_ERR_*`).

use std::ffi::c_int;

use super::sys;
use crate::broker::BrokerFamily;
use crate::plugin::LoginAnswer;
use crate::policy::Effect;

/// Done, or granted.
pub(super) const SUCCESS: c_int = sys::MOSQ_ERR_SUCCESS;
/// The login is refused.
pub(super) const AUTH: c_int = sys::MOSQ_ERR_AUTH;
/// The access is refused.
pub(super) const ACL_DENIED: c_int = sys::MOSQ_ERR_ACL_DENIED;
/// The next plugin, or the broker's own files, decide.
pub(super) const DEFER: c_int = sys::MOSQ_ERR_PLUGIN_DEFER;
/// The plugin does not start.
pub(super) const START_FAILED: c_int = sys::MOSQ_ERR_UNKNOWN;

/// `MOSQ_ERR_SERVER_BUSY`, which 2.1 sends on to clients that speak MQTT 5.0 as the reason "Server busy"
/// (2.1.2: `src/handle_connect.c`). The headers of 2.0 do not have it.
const SERVER_BUSY: c_int = 137;

/// The answer to a login.
pub(super) fn of_login(answer: LoginAnswer, family: BrokerFamily) -> c_int {
    match answer {
        LoginAnswer::Busy if family == BrokerFamily::V2_1 => SERVER_BUSY,
        LoginAnswer::Now(Effect::Allow) => SUCCESS,
        LoginAnswer::Now(Effect::Deny) | LoginAnswer::Busy => AUTH,
        LoginAnswer::Now(Effect::Defer) => DEFER,
        LoginAnswer::Later => sys::MOSQ_ERR_AUTH_DELAYED,
    }
}

/// The answer to an ACL check.
pub(super) fn of_acl_check(effect: Effect) -> c_int {
    match effect {
        Effect::Allow => SUCCESS,
        Effect::Deny => ACL_DENIED,
        Effect::Defer => DEFER,
    }
}

/// The answer to a reload, whatever came of it: 2.0 asks the next plugin only after this one has deferred
/// (2.0.11: `src/security.c`), and 2.1 ends at anything but success (2.1.2: `src/plugin_reload.c`).
pub(super) fn of_reload(family: BrokerFamily) -> c_int {
    match family {
        BrokerFamily::V2_0 => DEFER,
        BrokerFamily::V2_1 => SUCCESS,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2.0 and 2.1 disconnect a client at any other code, or send it on.
    #[test]
    fn answers_have_the_numbers_that_brokers_know() {
        let now = [Effect::Allow, Effect::Deny, Effect::Defer].map(LoginAnswer::Now);
        for family in [BrokerFamily::V2_0, BrokerFamily::V2_1] {
            assert_eq!(now.map(|answer| of_login(answer, family)), [0, 11, 17]);
            assert_eq!(of_login(LoginAnswer::Later, family), -5);
        }
        assert_eq!(of_login(LoginAnswer::Busy, BrokerFamily::V2_0), 11);
        assert_eq!(of_login(LoginAnswer::Busy, BrokerFamily::V2_1), 137);
        assert_eq!([Effect::Allow, Effect::Deny, Effect::Defer].map(of_acl_check), [0, 12, 17]);
        assert_eq!([BrokerFamily::V2_0, BrokerFamily::V2_1].map(of_reload), [17, 0]);
    }
}
