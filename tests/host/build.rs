//! Generates the bindings to Mosquitto's plugin headers, compiles the one function that Rust cannot
//! define (it is variadic), and makes the host's symbols visible to the plugins it loads.

use std::env;
use std::error::Error;
use std::path::Path;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo:rerun-if-changed=src/mosquitto.h");
    println!("cargo:rerun-if-changed=src/exports/log_printf.c");

    bindgen::Builder::default()
        .header("src/mosquitto.h")
        .parse_callbacks(Box::new(bindgen::CargoCallbacks::new()))
        .allowlist_type("mosquitto_(opt|evt_.*|plugin_id_t|plugin_event|property)")
        .allowlist_type("MOSQ_FUNC_generic_callback")
        .allowlist_var("MOSQ_(ACL|LOG)_.*")
        .allowlist_type("mosq_err_t|mosquitto_protocol")
        .prepend_enum_name(false)
        .default_macro_constant_type(bindgen::MacroTypeVariation::Signed)
        .derive_default(true)
        .layout_tests(false)
        .generate()?
        .write_to_file(Path::new(&env::var("OUT_DIR")?).join("bindings.rs"))?;

    cc::Build::new()
        .file("src/exports/log_printf.c")
        .warnings_into_errors(true)
        .try_compile("plugin_host_log")?;

    // An object, not a library: only the program that has it as an argument gets its free().
    println!("cargo:rerun-if-changed=src/main_2_1/free.c");
    let objects = cc::Build::new()
        .file("src/main_2_1/free.c")
        .flag("-fno-builtin")
        .warnings_into_errors(true)
        .try_compile_intermediates()?;
    for object in objects {
        println!("cargo:rustc-link-arg-bin=plugin-host-2-1={}", object.display());
    }

    println!("cargo:rustc-link-arg-bins=-rdynamic");
    Ok(())
}
