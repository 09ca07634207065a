//! The host looks like a 2.0.11 broker to a plugin: it has that broker's functions, and no later ones.

use std::collections::BTreeSet;
use std::process::Command;

/// What a 2.0.11 broker has for plugins (its src/linker.syms).
const FUNCTIONS: [&str; 34] = [
    "mosquitto_broker_publish",
    "mosquitto_broker_publish_copy",
    "mosquitto_callback_register",
    "mosquitto_callback_unregister",
    "mosquitto_calloc",
    "mosquitto_client_address",
    "mosquitto_client_certificate",
    "mosquitto_client_clean_session",
    "mosquitto_client_id",
    "mosquitto_client_keepalive",
    "mosquitto_client_protocol",
    "mosquitto_client_protocol_version",
    "mosquitto_client_sub_count",
    "mosquitto_client_username",
    "mosquitto_free",
    "mosquitto_kick_client_by_clientid",
    "mosquitto_kick_client_by_username",
    "mosquitto_log_printf",
    "mosquitto_malloc",
    "mosquitto_property_add_binary",
    "mosquitto_property_add_byte",
    "mosquitto_property_add_int16",
    "mosquitto_property_add_int32",
    "mosquitto_property_add_string",
    "mosquitto_property_add_string_pair",
    "mosquitto_property_add_varint",
    "mosquitto_property_free_all",
    "mosquitto_pub_topic_check",
    "mosquitto_realloc",
    "mosquitto_set_username",
    "mosquitto_strdup",
    "mosquitto_sub_topic_check",
    "mosquitto_topic_matches_sub",
    "mosquitto_validate_utf8",
];

/// Those of them that plugins get from libmosquitto.so.1, which the host loads for that.
const FROM_LIBRARY: [&str; 10] = [
    "mosquitto_property_add_binary",
    "mosquitto_property_add_byte",
    "mosquitto_property_add_int16",
    "mosquitto_property_add_int32",
    "mosquitto_property_add_string",
    "mosquitto_property_add_string_pair",
    "mosquitto_property_add_varint",
    "mosquitto_property_free_all",
    "mosquitto_topic_matches_sub",
    "mosquitto_validate_utf8",
];

#[test]
fn the_host_exports_what_a_2_0_11_broker_has_and_nothing_later() {
    let nm = Command::new("nm").args(["-D", "--defined-only", env!("CARGO_BIN_EXE_plugin-host")]).output();
    let output = nm.expect("nm is installed with the C compiler");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = lines.lines().filter_map(|line| line.split_whitespace().last());
    let exported = names.filter(|name| name.starts_with("mosquitto_")).chain(FROM_LIBRARY);
    assert_eq!(exported.collect::<BTreeSet<_>>(), BTreeSet::from(FUNCTIONS));
}
