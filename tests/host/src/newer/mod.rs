//! What a 2.1 broker has for its plugins beyond what 2.0.11 has, as far as 2.1.2's C plugin uses it, or ours. The
//! program `plugin-host-2-1` exports these by their C names; this library does not, because plugins look
//! for them to learn what they run in.

mod cjson;
mod clients;
mod control;

use std::sync::OnceLock;

use cjson::CJson;
pub(crate) use clients::MOSQ_ERR_AUTH_DELAYED;
pub use clients::{ClientFunctor, apply_on_all_clients, client, complete_basic_auth, plugin_set_info};
pub use control::{Command, CommandHandler, command_reply, generic_callback, send_response};

use crate::load_error::LoadError;

static CJSON: OnceLock<CJson> = OnceLock::new();

/// Makes the broker of this process one of 2.1. Call it before a plugin is loaded.
///
/// # Errors
///
/// `libcjson.so.1` is not installed.
pub fn enable() -> Result<(), LoadError> {
    let cjson = CJson::load()?;
    CJSON.get_or_init(|| cjson);
    Ok(())
}

/// Whether the broker of this process is one of 2.1.
pub(crate) fn is_enabled() -> bool {
    CJSON.get().is_some()
}
