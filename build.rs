//! Generates the bindings to the broker's plugin interface and sets how the plugin is linked.

use std::error::Error;
use std::path::PathBuf;
use std::{env, panic};

const NEEDED: &str = "building needs the headers of Mosquitto 2.0 or 2.1, and libclang; \
                      on Debian: apt-get install libmosquitto-dev mosquitto-dev libclang-dev";

/// What the plugin calls, and what it exports. `ffi` compares its own list of types with these.
const FUNCTIONS: &str = "mosquitto_(log_printf|broker_publish_copy|callback_register|callback_unregister|\
                         client_(id|username|address|certificate)|kick_client_by_(clientid|username)|\
                         plugin_(version|init|cleanup))";
const TYPES: &str = "mosquitto_evt_(acl_check|basic_auth|control|tick|disconnect|reload|connect|client_offline)|\
                     mosquitto_opt|mosq_err_t|mosquitto_plugin_event";
const CONSTANTS: &str = "MOSQ_ACL_.*|MOSQ_LOG_(INFO|NOTICE|WARNING|ERR)";

fn main() {
    link();
    match panic::catch_unwind(bindings) {
        Ok(Ok(())) => {}
        Ok(Err(error)) => fail(&error.to_string()),
        // bindgen loads libclang when it runs, and where there is none, it says so and panics.
        Err(_) => fail("bindgen cannot run"),
    }
}

fn bindings() -> Result<(), Box<dyn Error>> {
    tell_cargo("rerun-if-changed=wrapper.h");
    bindgen::builder()
        .header("wrapper.h")
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
        .allowlist_function(FUNCTIONS)
        .allowlist_type(TYPES)
        .allowlist_var(CONSTANTS)
        .default_macro_constant_type(bindgen::MacroTypeVariation::Signed)
        .prepend_enum_name(false)
        .derive_debug(false)
        .generate_comments(false)
        .generate()?
        .write_to_file(PathBuf::from(env::var("OUT_DIR")?).join("mosquitto.rs"))?;
    Ok(())
}

/// How the cdylib is linked. Test programs are not touched by this.
fn link() {
    if env::var("CARGO_CFG_TARGET_OS").as_deref() == Ok("linux") {
        // Nothing may be left to be found in the broker: `ffi/functions.rs` looks it up. What fuzzing adds is
        // in the program that fuzzes.
        if env::var_os("CARGO_CFG_FUZZING").is_none() {
            tell_cargo("rustc-cdylib-link-arg=-Wl,-z,defs");
        }
        // 2.0 unloads plugins at its end: the code of a thread that still runs must stay.
        tell_cargo("rustc-cdylib-link-arg=-Wl,-z,nodelete");
    }
}

fn fail(error: &str) {
    for line in error.lines().chain([NEEDED]) {
        tell_cargo(&format!("error={line}"));
    }
}

fn tell_cargo(instruction: &str) {
    println!("cargo::{instruction}");
}
