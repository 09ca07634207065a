//! The options of mosquitto.conf: a line is a name, a blank, and a value.

#![no_main]

use libfuzzer_sys::fuzz_target;
use mosquitto_dynsec::broker::BrokerFamily;
use mosquitto_dynsec::options::parse;

fuzz_target!(|data: &[u8]| {
    let mut given = Vec::new();
    for line in data.split(|&byte| byte == b'\n') {
        let mut words = line.splitn(2, |&byte| byte == b' ');
        given.push((words.next().unwrap_or_default(), words.next().unwrap_or_default()));
    }
    for family in [BrokerFamily::V2_0, BrokerFamily::V2_1] {
        match parse(&given, family) {
            Ok(parsed) => {
                for warning in parsed.warnings {
                    assert!(!warning.to_string().contains(char::is_control));
                }
            }
            Err(error) => assert!(!error.to_string().contains(char::is_control)),
        }
    }
});
