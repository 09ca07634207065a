//! The broker's functions, found by name when the plugin is loaded.
//!
//! None is imported by the linker, for three reasons. Programs that use this crate as a library, as
//! tests, benchmarks and fuzz targets do, are no brokers and would not link. A reference to a function
//! that 2.0.11 lacks would make it refuse the plugin; with no imports at all the library links with
//! `-z defs`, so such a slip ends the build instead. And what 2.1 added needs the look-up anyway.
//!
//! The linker would not have checked the types either: here each is compared with its declaration in
//! the headers when this file compiles.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::fmt;
use std::mem;
use std::ptr::NonNull;

use super::sys;
use crate::broker::BrokerFamily;

macro_rules! functions {
    ($($name:ident: $signature:ty;)+) => {
        /// The functions that the plugin calls.
        #[derive(Clone, Copy)]
        pub(super) struct Functions {
            $(pub(super) $name: $signature,)+
            /// 2.1 and later.
            pub(super) mosquitto_plugin_set_info: Option<sys::mosquitto_plugin_set_info>,
            /// 2.1 and later.
            pub(super) mosquitto_client: Option<sys::mosquitto_client>,
            /// 2.1 and later.
            pub(super) mosquitto_apply_on_all_clients: Option<sys::mosquitto_apply_on_all_clients>,
            /// 2.1 and later.
            pub(super) mosquitto_complete_basic_auth: Option<sys::mosquitto_complete_basic_auth>,
            /// Every broker has it; it is needed only where logins can wait.
            pub(super) mosquitto_client_protocol_version: Option<sys::mosquitto_client_protocol_version>,
            /// OpenSSL's, which the broker uses where it knows certificates.
            pub(super) x509_free: Option<sys::X509_free>,
            /// Which brokers these are the functions of.
            pub(super) family: BrokerFamily,
        }

        /// The names of those that every broker must have. 2.0.11 exports them all.
        pub const REQUIRED_FUNCTIONS: &[&str] = &[$(stringify!($name)),+];

        // The headers' declarations have the types above. This takes no address: nothing is imported.
        $(const _: $signature = sys::$name;)+

        impl Functions {
            /// Finds them in the running program.
            pub(super) fn find() -> Result<Self, MissingFunction> {
                Ok(Self {
                    $($name: {
                        let address = look_up(c_name!($name)).ok_or(MissingFunction(stringify!($name)))?;
                        // SAFETY: a program that exports this name is a Mosquitto broker, whose function
                        // of this name is declared so in mosquitto_broker.h; it stays for the life of
                        // the process.
                        unsafe { mem::transmute::<NonNull<c_void>, $signature>(address) }
                    },)+
                    mosquitto_plugin_set_info: look_up(c"mosquitto_plugin_set_info").map(|address| {
                        // SAFETY: as above, in mosquitto/broker.h of 2.1.
                        unsafe { mem::transmute::<NonNull<c_void>, sys::mosquitto_plugin_set_info>(address) }
                    }),
                    mosquitto_client: look_up(c"mosquitto_client").map(|address| {
                        // SAFETY: as above, in mosquitto/broker.h of 2.1.
                        unsafe { mem::transmute::<NonNull<c_void>, sys::mosquitto_client>(address) }
                    }),
                    mosquitto_apply_on_all_clients: look_up(c"mosquitto_apply_on_all_clients").map(|address| {
                        // SAFETY: as above, in mosquitto/broker.h of 2.1.
                        unsafe { mem::transmute::<NonNull<c_void>, sys::mosquitto_apply_on_all_clients>(address) }
                    }),
                    mosquitto_complete_basic_auth: look_up(c"mosquitto_complete_basic_auth").map(|address| {
                        // SAFETY: as above, in mosquitto/broker.h of 2.1.
                        unsafe { mem::transmute::<NonNull<c_void>, sys::mosquitto_complete_basic_auth>(address) }
                    }),
                    mosquitto_client_protocol_version: look_up(c"mosquitto_client_protocol_version").map(
                        |address| {
                            // SAFETY: as above, in mosquitto_broker.h.
                            unsafe {
                                mem::transmute::<NonNull<c_void>, sys::mosquitto_client_protocol_version>(address)
                            }
                        },
                    ),
                    x509_free: look_up(c"X509_free").map(|address| {
                        // SAFETY: the library that the broker has its certificates from declares it so in
                        // openssl/x509.h.
                        unsafe { mem::transmute::<NonNull<c_void>, sys::X509_free>(address) }
                    }),
                    family: match look_up(c"mosquitto_apply_on_all_clients") {
                        Some(_) => BrokerFamily::V2_1,
                        None => BrokerFamily::V2_0,
                    },
                })
            }
        }
    };
}

/// A name as C has it.
macro_rules! c_name {
    ($name:ident) => {
        const {
            match CStr::from_bytes_with_nul(concat!(stringify!($name), "\0").as_bytes()) {
                Ok(name) => name,
                Err(_) => c"",
            }
        }
    };
}

functions! {
    mosquitto_log_printf: unsafe extern "C" fn(c_int, *const c_char, ...);
    mosquitto_broker_publish_copy: unsafe extern "C" fn(
        *const c_char, *const c_char, c_int, *const c_void, c_int, bool, *mut sys::mosquitto_property
    ) -> c_int;
    mosquitto_callback_register: unsafe extern "C" fn(
        *mut sys::mosquitto_plugin_id_t, c_int, sys::MOSQ_FUNC_generic_callback, *const c_void, *mut c_void
    ) -> c_int;
    mosquitto_callback_unregister: unsafe extern "C" fn(
        *mut sys::mosquitto_plugin_id_t, c_int, sys::MOSQ_FUNC_generic_callback, *const c_void
    ) -> c_int;
    mosquitto_client_id: unsafe extern "C" fn(*const sys::mosquitto) -> *const c_char;
    mosquitto_client_username: unsafe extern "C" fn(*const sys::mosquitto) -> *const c_char;
    mosquitto_client_address: unsafe extern "C" fn(*const sys::mosquitto) -> *const c_char;
    mosquitto_client_certificate: unsafe extern "C" fn(*const sys::mosquitto) -> *mut c_void;
    mosquitto_kick_client_by_clientid: unsafe extern "C" fn(*const c_char, bool) -> c_int;
    mosquitto_kick_client_by_username: unsafe extern "C" fn(*const c_char, bool) -> c_int;
}

fn look_up(name: &CStr) -> Option<NonNull<c_void>> {
    // SAFETY: dlsym(3) reads the name, which ends with a NUL; RTLD_DEFAULT searches what is loaded.
    NonNull::new(unsafe { libc::dlsym(libc::RTLD_DEFAULT, name.as_ptr()) })
}

/// What loaded the plugin lacks a function that every Mosquitto 2 has.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct MissingFunction(&'static str);

impl fmt::Display for MissingFunction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the program that loaded the plugin is not Mosquitto 2.0 or later: it has no `{}`", self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_no_broker_is_refused_by_the_name_of_what_it_lacks() {
        let missing = Functions::find().err().unwrap();
        assert_eq!(missing, MissingFunction(REQUIRED_FUNCTIONS[0]));
    }
}
