//! What a start on 2.0 says about hashes that its C plugin cannot read.

use mosquitto_dynsec::broker::{BrokerFamily, LogLevel};
use serde_json::{Value, json};

use crate::host::Place;

const SHA512: &str = "$6$AAECAwQFBgcICQoL$nJi904LR9MHJuWsrxoeU9OYCwKeAwjEX7WYcVbBePPtrX4Wvr0lZ3vRYd/exlGmyC2Y9jK1b1PhAE1Rwd9Srdw==";
const SHORT_SALT: &str = "$7$101$AAECAwQFBgcICQoL$l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";

/// What is said about clients with these hashes.
fn said(hashes: &[&str], family: BrokerFamily, rehash: bool) -> Vec<(LogLevel, String)> {
    let client = |(index, hash)| json!({"username": format!("c{index}"), "encoded_password": hash});
    let clients: Vec<Value> = hashes.iter().enumerate().map(client).collect();
    let place = Place::with(&json!({ "clients": clients }));
    place.start(family, |options| options.rehash_on_login = rehash).unwrap();
    place.logged("cannot read")
}

#[test]
fn a_start_on_2_0_names_the_clients() {
    let one = said(&[SHORT_SALT, SHA512], BrokerFamily::V2_0, false);
    let expected = "dynsec: 1 client has a password hash that the C plugin of Mosquitto 2.0 cannot read; let it \
                    log in here with plugin_opt_rehash_on_login true, or set its password: c1";
    assert_eq!(one, [(LogLevel::Notice, expected.to_owned())]);
    let many = said(&[SHA512; 7], BrokerFamily::V2_0, true);
    let expected = "dynsec: 7 clients have a password hash that the C plugin of Mosquitto 2.0 cannot read; each \
                    is hashed again when it logs in here, as plugin_opt_rehash_on_login says: \
                    c0, c1, c2, c3, c4 and 2 more";
    assert_eq!(many, [(LogLevel::Notice, expected.to_owned())]);
}

#[test]
fn there_is_nothing_to_say_on_2_1_or_where_2_0_can_read_all() {
    assert_eq!(said(&[SHA512], BrokerFamily::V2_1, false), []);
    assert_eq!(said(&[SHORT_SALT], BrokerFamily::V2_0, false), []);
}
