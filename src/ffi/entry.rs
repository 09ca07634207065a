//! The three functions that the library exports: version, init and cleanup.

use std::ffi::{c_int, c_void};
use std::fmt;
use std::io::{self, Write};
use std::ptr::NonNull;
use std::sync::Arc;

use super::broker::HostBroker;
use super::context::Context;
use super::descriptors;
use super::event;
use super::functions::Functions;
use super::guard::guard;
use super::memory;
use super::outcome;
use super::registration::{Registration, RegistrationError};
use super::running::RUNNING;
use super::served::Served;
use super::sys;
use crate::broker::{Broker, BrokerFamily, LogLevel};
use crate::options::{self, OptionError, PluginOptions};
use crate::panics::install_hook;
use crate::plugin::{Plugin, StartError};

/// The plugin interface of 2.0 and 2.1 (`mosquitto_plugin.h`: `MOSQ_PLUGIN_VERSION`).
const INTERFACE_VERSION: c_int = 5;
/// Where the broker does not speak it.
const NO_VERSION: c_int = -1;

// The headers declare our own functions too: these are of the same types, or this does not compile.
const _: [unsafe extern "C" fn(c_int, *const c_int) -> c_int; 2] =
    [mosquitto_plugin_version, sys::mosquitto_plugin_version];
const _: [InitFunction; 2] = [mosquitto_plugin_init, sys::mosquitto_plugin_init];
const _: [unsafe extern "C" fn(*mut c_void, *mut sys::mosquitto_opt, c_int) -> c_int; 2] =
    [mosquitto_plugin_cleanup, sys::mosquitto_plugin_cleanup];
type InitFunction = unsafe extern "C" fn(
    *mut sys::mosquitto_plugin_id_t,
    *mut *mut c_void,
    *mut sys::mosquitto_opt,
    c_int,
) -> c_int;

/// Says which of the broker's plugin interfaces we speak.
///
/// # Safety
/// `versions` points to `count` numbers, or is null. `mosquitto_plugin.h`: `mosquitto_plugin_version`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn mosquitto_plugin_version(count: c_int, versions: *const c_int) -> c_int {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: this function's contract.
    let versions = unsafe { event::elements(versions, count) };
    if versions.contains(&INTERFACE_VERSION) { INTERFACE_VERSION } else { NO_VERSION }
}

/// Starts the plugin; anything but 0 makes the broker exit with that code.
///
/// # Safety
/// The broker's arguments. `mosquitto_plugin.h`: `mosquitto_plugin_init`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn mosquitto_plugin_init(
    identifier: *mut sys::mosquitto_plugin_id_t,
    userdata: *mut *mut c_void,
    options: *mut sys::mosquitto_opt,
    option_count: c_int,
) -> c_int {
    install_hook();
    let functions = match Functions::find() {
        Ok(functions) => functions,
        Err(missing) => {
            // There is no broker's log to say it in.
            let _ = writeln!(io::stderr(), "dynsec: {missing}");
            return outcome::START_FAILED;
        }
    };
    let broker = Arc::new(HostBroker::new(functions));
    guard(&*broker, "the start of the plugin", outcome::START_FAILED, || {
        // SAFETY: the broker's options, until this function returns.
        let options = unsafe { option_pairs(options, option_count) };
        // SAFETY: the broker's identifier.
        match unsafe { start(functions, &broker, identifier, &options) } {
            Ok(None) => outcome::SUCCESS,
            Ok(Some(registration)) => {
                memory::give_back();
                // SAFETY: null, or where the broker keeps our pointer until it passes it to cleanup.
                let Some(userdata) = (unsafe { userdata.as_mut() }) else {
                    return outcome::START_FAILED;
                };
                *userdata = Box::into_raw(Box::new(registration)).cast();
                outcome::SUCCESS
            }
            Err(failure) => {
                log(&*broker, LogLevel::Error, &failure);
                outcome::START_FAILED
            }
        }
    })
}

/// Ends the plugin. 2.1 calls this also after an init that failed, 2.0 does not.
///
/// # Safety
/// The broker's arguments, `userdata` being null or what init left there.
/// `mosquitto_plugin.h`: `mosquitto_plugin_cleanup`.
#[unsafe(no_mangle)]
pub(super) unsafe extern "C" fn mosquitto_plugin_cleanup(
    userdata: *mut c_void,
    _: *mut sys::mosquitto_opt,
    _: c_int,
) -> c_int {
    if let Some(registration) = NonNull::new(userdata.cast::<Registration>()) {
        // SAFETY: from `Box::into_raw` in init; the broker calls cleanup once for each.
        let registration = unsafe { Box::from_raw(registration.as_ptr()) };
        let broker = registration.broker();
        guard(&*broker, "the end of the plugin", (), || drop(registration));
    }
    outcome::SUCCESS
}

/// Registers a started plugin, or nothing where the configuration asks for nothing.
///
/// # Safety
/// `identifier` is the broker's, or null.
unsafe fn start(
    functions: Functions,
    broker: &Arc<HostBroker>,
    identifier: *mut sys::mosquitto_plugin_id_t,
    options: &[(&[u8], &[u8])],
) -> Result<Option<Registration>, Failure> {
    let identifier = NonNull::new(identifier).ok_or(Failure::NoIdentifier)?;
    let parsed = options::parse(options, functions.family).map_err(Failure::Options)?;
    for warning in &parsed.warnings {
        log(&**broker, LogLevel::Warning, warning);
    }
    let Some(options) = parsed.options else {
        let message = "plugin_opt_config_file is not set: the plugin will not be activated";
        log(&**broker, LogLevel::Warning, &message);
        return Ok(None);
    };
    // Before there are threads.
    descriptors::make_room();
    let (plugin, joined) = start_or_join(options, broker, functions.family).map_err(Failure::Start)?;
    let context = Arc::new(Context::new(functions, Arc::clone(broker), plugin));
    // SAFETY: the broker's identifier; the registration is dropped in cleanup, or right here.
    match unsafe { Registration::new(context, identifier) } {
        Ok(registration) => Ok(Some(registration)),
        // What 2.0.11 let through with the C plugin, it lets through with ours.
        Err(RegistrationError::Twice) if joined && functions.family == BrokerFamily::V2_0 => {
            let message = "a second `plugin` line for the same file and listener has no effect: remove it";
            log(&**broker, LogLevel::Warning, &message);
            Ok(None)
        }
        Err(error) => Err(Failure::Registration(error)),
    }
}

/// The plugin for this file, and whether it was running already.
fn start_or_join(
    options: PluginOptions,
    broker: &Arc<HostBroker>,
    family: BrokerFamily,
) -> Result<(Arc<Served>, bool), StartError> {
    if let Some((plugin, started_with)) = RUNNING.find(&options) {
        if started_with != (PluginOptions { config_file: started_with.config_file.clone(), ..options }) {
            let message = "a second `plugin` line for the same file shares the plugin of the first: \
                           its own options have no effect";
            log(&**broker, LogLevel::Warning, &message);
        }
        return Ok((plugin, true));
    }
    let host: Arc<dyn Broker> = Arc::<HostBroker>::clone(broker);
    let plugin = Arc::new(Served::new(Plugin::start(&options, host, family)?));
    RUNNING.add(options, &plugin);
    Ok((plugin, false))
}

/// The `plugin_opt_*` lines: names without that prefix, and values.
///
/// # Safety
/// `options` points to `count` of them, or is null, and they live and do not change for `'a`.
unsafe fn option_pairs<'a>(options: *const sys::mosquitto_opt, count: c_int) -> Vec<(&'a [u8], &'a [u8])> {
    let count = usize::try_from(count).unwrap_or(0);
    // SAFETY: this function's contract.
    let options = unsafe { event::elements(options, count) };
    let pair = |option: &sys::mosquitto_opt| {
        // SAFETY: null, or a string that lives as long as the option. mosquitto_plugin.h: mosquitto_opt.
        let key = unsafe { event::text(option.key) };
        // SAFETY: the same.
        let value = unsafe { event::text(option.value) };
        (key.unwrap_or_default(), value.unwrap_or_default())
    };
    options.iter().map(pair).collect()
}

fn log(broker: &dyn Broker, level: LogLevel, message: &dyn fmt::Display) {
    broker.log(level, format!("dynsec: {message}").as_bytes());
}

/// Why the plugin does not start.
enum Failure {
    NoIdentifier,
    Options(OptionError),
    Start(StartError),
    Registration(RegistrationError),
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoIdentifier => f.write_str("the broker gave the plugin no identifier"),
            Self::Options(error) => error.fmt(f),
            Self::Start(error) => error.fmt(f),
            Self::Registration(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::ptr;

    use super::*;

    #[test]
    fn only_interface_5_is_spoken() {
        for (offered, answer) in [(&[5, 4, 3, 2][..], 5), (&[6, 5], 5), (&[4, 3, 2], -1), (&[], -1)] {
            let count = c_int::try_from(offered.len()).unwrap();
            // SAFETY: `offered` has `count` elements.
            assert_eq!(unsafe { mosquitto_plugin_version(count, offered.as_ptr()) }, answer, "{offered:?}");
        }
        // SAFETY: null is allowed.
        assert_eq!(unsafe { mosquitto_plugin_version(4, ptr::null()) }, -1);
    }

    #[test]
    fn a_program_that_is_no_broker_gets_an_error_and_no_plugin() {
        let mut userdata = ptr::null_mut();
        // SAFETY: no options, and a place for the user data.
        let code = unsafe { mosquitto_plugin_init(ptr::null_mut(), &raw mut userdata, ptr::null_mut(), 0) };
        assert_eq!((code, userdata), (outcome::START_FAILED, ptr::null_mut()));
    }

    #[test]
    fn cleanup_after_an_init_that_failed_is_nothing() {
        // SAFETY: null is what such an init leaves.
        assert_eq!(unsafe { mosquitto_plugin_cleanup(ptr::null_mut(), ptr::null_mut(), 0) }, 0);
    }
}
