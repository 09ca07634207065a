//! Clients that log in by certificate: the broker asks no plugin about their logins, only about what they do.

use std::fs;
use std::io::{self, Read, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::time::Instant;

use serde_json::json;

use crate::harness::DEADLINE;
use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;
use crate::harness::plugin::Plugin;
use crate::traps_2_1::{connections, has_2_1s_own};
use crate::wire::{Hello, Wire};

cases! {
    a_disabled_clients_certificate_opens_nothing: theirs_fails("all", "lets it in, with all its rights"),
    a_disabled_clients_certificate_gets_no_messages_that_waited: theirs_fails("all", "hands them out", "secret"),
    a_deleted_clients_certificate_opens_nothing: theirs_fails("all", "lets it in, and leaves it to the acl_file"),
    a_deleted_clients_certificate_leaves_no_will: theirs_fails("all", "leaves it to the acl_file", "gone"),
    a_certificate_needs_no_password_that_can_be_used: theirs_fails("2.0", "drops the client", "may not publish of/dynsec"),
    a_certificates_subject_is_a_username_too: theirs_fails("all", "lets it in, with all its rights"),
    a_certificate_that_dynsec_never_knew_is_left_to_others,
    a_certificates_connection_is_listed_and_ended_as_any_other,
    a_certificates_connection_is_over_when_its_will_is_sent,
    a_certificates_connection_that_has_done_nothing_is_counted_when_it_is_ended: theirs_fails(
        "all",
        "has no such command",
        "Unknown command"
    ),
}

const CONFIGURATION: &str = "\
allow_anonymous false
acl_file {dir}/acls
plugin {plugin}
plugin_opt_config_file {policy}
listener {port0} 127.0.0.1
listener {port1} 127.0.0.1
cafile {dir}/ca.pem
certfile {dir}/server.pem
keyfile {dir}/server.key
require_certificate true
";

const ACLS: &str = "\
user ann
topic readwrite of/acls
user eve
topic readwrite of/acls
user CN=eve,O=works
topic readwrite of/acls
";

/// A certificate and its key.
struct Identity {
    certificate: String,
    key: String,
}

struct Certificates {
    authority: String,
    server: Identity,
    ann: Identity,
    eve: Identity,
}

fn openssl(folder: &Path, arguments: &str) {
    let output = Command::new("openssl").args(arguments.split(' ')).current_dir(folder).output();
    let output = output.expect("openssl is installed");
    assert!(output.status.success(), "openssl {arguments}: {}", String::from_utf8_lossy(&output.stderr));
}

/// They are made once: a minute's worth of brokers share them.
fn certificates() -> &'static Certificates {
    static MADE: OnceLock<Certificates> = OnceLock::new();
    MADE.get_or_init(|| {
        let folder = tempfile::tempdir().expect("a folder can be made");
        let folder = folder.path();
        let new = "req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";
        openssl(folder, &format!("{new} -x509 -days 2 -subj /CN=authority -keyout ca.key -out ca.pem"));
        let read = |name: &str| std::fs::read_to_string(folder.join(name)).expect("it was made");
        let identity = |subject: &str, name: &str| {
            openssl(folder, &format!("{new} -subj {subject} -keyout {name}.key -out {name}.csr"));
            let signed = "-CA ca.pem -CAkey ca.key -CAcreateserial -days 2";
            openssl(folder, &format!("x509 -req -in {name}.csr {signed} -out {name}.pem"));
            Identity { certificate: read(&format!("{name}.pem")), key: read(&format!("{name}.key")) }
        };
        Certificates {
            authority: read("ca.pem"),
            server: identity("/CN=localhost", "server"),
            ann: identity("/O=works/CN=ann", "ann"),
            eve: identity("/O=works/CN=eve", "eve"),
        }
    })
}

/// A TLS connection, which `openssl s_client` makes.
pub(crate) struct Tls {
    client: Child,
    input: ChildStdin,
    output: ChildStdout,
}

impl Tls {
    fn dial(broker: &Broker, name: &str) -> Self {
        let [certificate, key] = ["pem", "key"].map(|end| format!("{name}.{end}"));
        Self::open(broker, &["-CAfile", "ca.pem", "-cert", &certificate, "-key", &key])
    }

    /// Who it is say the arguments.
    pub(crate) fn open(broker: &Broker, identity: &[&str]) -> Self {
        // What hangs is ended: a pipe has no timeout of its own.
        let mut client = Command::new("timeout")
            .arg(DEADLINE.as_secs().to_string())
            .args(["openssl", "s_client", "-quiet", "-verify_quiet"])
            .args(["-connect", &format!("127.0.0.1:{}", broker.second_port())])
            .args(identity)
            .current_dir(broker.folder())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("openssl is installed");
        let (input, output) = (client.stdin.take().expect("piped"), client.stdout.take().expect("piped"));
        Self { client, input, output }
    }
}

impl Read for Tls {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.output.read(buffer)
    }
}

impl Write for Tls {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.input.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.input.flush()
    }
}

impl Drop for Tls {
    fn drop(&mut self) {
        // `timeout` passes this on.
        let _ = Command::new("kill").arg(self.client.id().to_string()).status();
        let _ = self.client.wait();
    }
}

fn start(trial: &Trial, username: &str) -> Broker {
    start_with(trial, username, "")
}

fn start_with(trial: &Trial, username: &str, option: &str) -> Broker {
    let made = certificates();
    let plugin = "plugin_opt_config_file {policy}\n";
    trial
        .broker()
        .configuration(
            &format!("{CONFIGURATION}{username} true\n").replace(plugin, &format!("{plugin}{option}")),
        )
        .file("acls", ACLS)
        .file("ca.pem", &made.authority)
        .file("server.pem", &made.server.certificate)
        .file("server.key", &made.server.key)
        .file("ann.pem", &made.ann.certificate)
        .file("ann.key", &made.ann.key)
        .file("eve.pem", &made.eve.certificate)
        .file("eve.key", &made.eve.key)
        .start()
}

fn connect(broker: &Broker, name: &str) -> Wire<Tls> {
    let hello = Hello { client_id: name, login: None, will: None };
    match Wire::connect(Tls::dial(broker, name), &hello) {
        Ok(wire) => wire,
        Err(code) => panic!("{name} is not connected: {code:?}"),
    }
}

/// Lets the disconnects of what was changed come, of whom is there by then: an answer takes a round of the broker's loop.
fn settle(admin: &mut Admin) {
    for _ in 0..4 {
        admin.fine(&json!({"command": "listGroups"}));
    }
}

/// Who connects is let do nothing, and is disconnected: on 2.0 at the first thing that it tries.
fn is_shut_out(broker: &Broker, name: &str, topic: &str) {
    let mut client = connect(broker, name);
    let began = Instant::now();
    let code = client.try_publish(topic);
    assert!(code.is_none_or(|code| code == NOT_AUTHORIZED), "{name} may publish: {code:?}");
    client.disconnected();
    assert!(began.elapsed() < DEADLINE, "{name} stays connected");
}

fn may_publish(client: &mut Wire<Tls>, topic: &str) {
    let code = client.try_publish(topic).expect("it stays connected");
    assert_ne!(code, NOT_AUTHORIZED, "{topic}");
}

fn a_disabled_clients_certificate_opens_nothing(trial: &Trial) {
    let broker = start(trial, "use_identity_as_username");
    let mut admin = broker.admin();
    admin.create_client_with("ann", &json!([["publishClientSend", "of/dynsec", true]]));
    settle(&mut admin);
    let mut ann = connect(&broker, "ann");
    may_publish(&mut ann, "of/dynsec");
    admin.fine(&json!({"command": "disableClient", "username": "ann"}));
    ann.disconnected();
    for topic in ["of/dynsec", "of/acls"] {
        is_shut_out(&broker, "ann", topic);
    }
    admin.fine(&json!({"command": "enableClient", "username": "ann"}));
    settle(&mut admin);
    may_publish(&mut connect(&broker, "ann"), "of/dynsec");
}

fn a_disabled_clients_certificate_gets_no_messages_that_waited(trial: &Trial) {
    let broker = start(trial, "use_identity_as_username");
    let mut admin = broker.admin();
    admin.create_client_with("ann", &json!([["subscribeLiteral", "of/dynsec", true]]));
    admin.create_client_with("jane", &json!([["publishClientSend", "of/dynsec", true]]));
    let ann = broker.client("ann").login("ann", "pw").durable().connect();
    ann.subscribed("of/dynsec").disconnect();
    let mut jane = broker.client("jane").login("jane", "pw").connect();
    jane.publish("of/dynsec", "secret");
    admin.fine(&json!({"command": "disableClient", "username": "ann"}));
    let mut hello = Hello { client_id: "ann", login: None, will: None }.bytes();
    // The flags: what there is of a session goes on (MQTT 5.0 §3.1.2.4).
    hello[9] = 0;
    let mut tls = Tls::dial(&broker, "ann");
    tls.write_all(&hello).and_then(|()| tls.flush()).expect("the broker reads");
    let (mut got, mut some) = (Vec::new(), [0; 1024]);
    loop {
        let count = tls.read(&mut some).unwrap_or(0);
        got.extend_from_slice(&some[..count]);
        assert!(!got.windows(6).any(|part| part == b"secret"), "ann got a secret");
        if count == 0 {
            break;
        }
    }
    assert_eq!(got.get(3), Some(&0), "it was connected");
}

fn a_deleted_clients_certificate_opens_nothing(trial: &Trial) {
    let broker = start(trial, "use_identity_as_username");
    let mut admin = broker.admin();
    admin.create_client_with("ann", &json!([["publishClientSend", "of/dynsec", true]]));
    settle(&mut admin);
    let mut ann = connect(&broker, "ann");
    may_publish(&mut ann, "of/dynsec");
    admin.fine(&json!({"command": "deleteClient", "username": "ann"}));
    ann.disconnected();
    for topic in ["of/acls", "of/dynsec"] {
        is_shut_out(&broker, "ann", topic);
    }
    admin.fine(&json!({"command": "createClient", "username": "ann"}));
    settle(&mut admin);
    may_publish(&mut connect(&broker, "ann"), "of/acls");
}

fn a_deleted_clients_certificate_leaves_no_will(trial: &Trial) {
    let broker = start(trial, "use_identity_as_username");
    let mut admin = broker.admin();
    admin.create_client("ann");
    admin.create_client_with("jane", &json!([["publishClientSend", "end", true]]));
    admin.fine(&json!({"command": "deleteClient", "username": "ann"}));
    settle(&mut admin);
    let mut observer = broker.observer();
    let hello = Hello { client_id: "ann", login: None, will: Some("of/acls") };
    // Without a DISCONNECT.
    drop(Wire::connect(Tls::dial(&broker, "ann"), &hello).expect("ann is let in"));
    settle(&mut admin);
    broker.client("jane").login("jane", "pw").connect().publish("end", "of all");
    observer.receives("end", "of all");
}

fn a_certificate_needs_no_password_that_can_be_used(trial: &Trial) {
    let mut broker = start(trial, "use_identity_as_username");
    broker.admin().create_client_with("ann", &json!([["publishClientSend", "of/dynsec", true]]));
    let mut policy = broker.policy();
    let clients = policy["clients"].as_array_mut().expect("clients are a list");
    let ann = clients.iter_mut().find(|client| client["username"] == "ann").expect("ann is there");
    for member in ["password", "salt", "encoded_password"] {
        if ann.get(member).is_some() {
            ann[member] = json!("!");
        }
    }
    broker.stop();
    fs::write(broker.policy_path(), policy.to_string()).expect("the file can be written");
    broker.start_again().expect("the broker starts");
    let code = connect(&broker, "ann").try_publish("of/dynsec");
    assert!(code.is_some_and(|code| code != NOT_AUTHORIZED), "ann may not publish of/dynsec: {code:?}");
}

fn a_certificates_subject_is_a_username_too(trial: &Trial) {
    let broker = start(trial, "use_subject_as_username");
    let mut admin = broker.admin();
    let username = "CN=ann,O=works";
    admin.create_client_with(username, &json!([["publishClientSend", "of/dynsec", true]]));
    settle(&mut admin);
    let mut ann = connect(&broker, "ann");
    may_publish(&mut ann, "of/dynsec");
    admin.fine(&json!({"command": "disableClient", "username": username}));
    ann.disconnected();
    is_shut_out(&broker, "ann", "of/dynsec");
    admin.fine(&json!({"command": "enableClient", "username": username}));
    settle(&mut admin);
    let mut ann = connect(&broker, "ann");
    may_publish(&mut ann, "of/dynsec");
    admin.fine(&json!({"command": "deleteClient", "username": username}));
    ann.disconnected();
    is_shut_out(&broker, "ann", "of/dynsec");
    // Of whom dynsec never knew others decide.
    let mut eve = connect(&broker, "eve");
    may_publish(&mut eve, "of/acls");
    assert_eq!(eve.try_publish("of/dynsec"), Some(NOT_AUTHORIZED));
}

fn a_certificate_that_dynsec_never_knew_is_left_to_others(trial: &Trial) {
    let broker = start(trial, "use_identity_as_username");
    let mut admin = broker.admin();
    let mut eve = connect(&broker, "eve");
    may_publish(&mut eve, "of/acls");
    assert_eq!(eve.try_publish("of/dynsec"), Some(NOT_AUTHORIZED));
    admin.create_client("ann");
    admin.fine(&json!({"command": "deleteClient", "username": "ann"}));
    may_publish(&mut eve, "of/acls");
}

fn a_certificates_connection_is_listed_and_ended_as_any_other(trial: &Trial) {
    if trial.plugin == Plugin::Theirs && !has_2_1s_own(trial) {
        return;
    }
    // 2.0's answers have no connections.
    let option = if trial.like_2_1() { "" } else { "plugin_opt_compat 2.1\n" };
    let broker = start_with(trial, "use_identity_as_username", option);
    let mut admin = broker.admin();
    admin.create_client_with("ann", &json!([["publishClientSend", "of/dynsec", true]]));
    for _ in 0..2 {
        settle(&mut admin);
        let mut ann = connect(&broker, "ann");
        for _ in 0..3 {
            may_publish(&mut ann, "of/dynsec");
            assert_eq!(connections(&mut admin, "ann"), 1);
        }
        let mut with_password = broker.client("with-password").login("ann", "pw").connect();
        assert_eq!(connections(&mut admin, "ann"), 2);
        admin.fine(&json!({"command": "setClientPassword", "username": "ann", "password": "pw"}));
        ann.disconnected();
        with_password.disconnected();
        assert_eq!(connections(&mut admin, "ann"), 0);
    }
}

fn a_certificates_connection_is_over_when_its_will_is_sent(trial: &Trial) {
    if trial.plugin == Plugin::Theirs && !has_2_1s_own(trial) {
        return;
    }
    let option = if trial.like_2_1() { "" } else { "plugin_opt_compat 2.1\n" };
    let broker = start_with(trial, "use_identity_as_username", option);
    let mut admin = broker.admin();
    admin.create_client_with("ann", &json!([["publishClientSend", "of/dynsec", true]]));
    let mut observer = broker.observer();
    for _ in 0..2 {
        let hello = Hello { client_id: "ann", login: None, will: Some("of/dynsec") };
        let mut ann = Wire::connect(Tls::dial(&broker, "ann"), &hello).expect("ann is let in");
        may_publish(&mut ann, "of/dynsec");
        observer.receives("of/dynsec", "");
        assert_eq!(connections(&mut admin, "ann"), 1);
        // Without a DISCONNECT.
        drop(ann);
        observer.receives("of/dynsec", "gone");
        assert_eq!(connections(&mut admin, "ann"), 0);
    }
}

/// 2.0 shows it to the plugin only when it ends.
fn a_certificates_connection_that_has_done_nothing_is_counted_when_it_is_ended(trial: &Trial) {
    let broker = start(trial, "use_identity_as_username");
    let mut admin = broker.admin();
    admin.create_client("ann");
    settle(&mut admin);
    let mut ann = connect(&broker, "ann");
    admin.fine(&json!({"command": "disableClient", "username": "ann"}));
    ann.disconnected();
    assert_eq!(admin.fine(&json!({"command": "getMetrics"}))["disconnects"], 1);
}
