//! The hosts look like the brokers to a plugin: they have their functions, and no later ones.

#![allow(clippy::expect_used, reason = "a test fails by a panic")]

use std::collections::BTreeSet;
use std::process::Command;

/// What a 2.0.11 broker has for plugins, a name a line.
const FUNCTIONS: &str = include_str!("../../exports_of_2_0_11.txt");

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

/// What 2.1.2's C plugin needs beyond that, and what ours does, of the same header.
const OF_2_1: [&str; 7] = [
    "mosquitto_apply_on_all_clients",
    "mosquitto_client",
    "mosquitto_complete_basic_auth",
    "mosquitto_control_command_reply",
    "mosquitto_control_generic_callback",
    "mosquitto_control_send_response",
    "mosquitto_plugin_set_info",
];

#[test]
fn the_host_exports_what_a_2_0_11_broker_has_and_nothing_later() {
    assert_eq!(exported(env!("CARGO_BIN_EXE_plugin-host")), functions());
}

#[test]
fn the_host_of_2_1_exports_what_its_plugins_need() {
    assert_eq!(exported(env!("CARGO_BIN_EXE_plugin-host-2-1")), &functions() | &set(&OF_2_1));
}

fn exported(program: &str) -> BTreeSet<String> {
    let nm = Command::new("nm").args(["-D", "--defined-only", program]).output();
    let output = nm.expect("nm is installed with the C compiler");
    let lines = String::from_utf8_lossy(&output.stdout).into_owned();
    let names = lines.lines().filter_map(|line| line.split_whitespace().last());
    let own = names.filter(|name| name.starts_with("mosquitto_")).map(ToOwned::to_owned);
    own.chain(set(&FROM_LIBRARY)).collect()
}

fn functions() -> BTreeSet<String> {
    FUNCTIONS.lines().map(str::to_owned).collect()
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}
