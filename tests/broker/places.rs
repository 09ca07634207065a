//! Places where saving is not easy: a full disk, one that is read-only, a file that is a mount of its own, a directory
//! where the file was. Whatever cannot be saved is answered with an error, what is in force is what is in the file, and
//! when it can be saved again, it is.

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::harness::admin::Admin;
use crate::harness::broker::Broker;
use crate::harness::case::{Trial, cases};
use crate::harness::packet::NOT_AUTHORIZED;
use crate::harness::plugin::Plugin;
use crate::harness::setup::Setup;

cases! {
    on_a_full_disk_nothing_is_changed_until_there_is_room: theirs_fails(
        "2.0.11",
        "answers success, and leaves a broken file",
        "bytes that are no policy"
    ) & theirs_fails(
        "2.0.21",
        "answers success, and leaves an empty file",
        "the file has 0 bytes that are no policy"
    ) & theirs_fails(
        "2.1",
        "answers success, and nothing of it is in the file",
        "the file has nothing of it"
    ),
    on_a_disk_that_becomes_read_only_nothing_is_changed: theirs_fails(
        "all",
        "answers success, and writes nothing",
        "is answered with success"
    ),
    a_file_that_is_a_mount_of_its_own_is_saved: theirs_fails(
        "2.0.21 2.1",
        "renames another file over it, which a mount does not let happen, and answers success",
        "is not in the file"
    ),
    a_file_that_is_a_mount_of_its_own_on_a_full_disk_stays_whole: theirs_fails(
        "2.0.11",
        "answers success, and leaves a broken file",
        "bytes that are no policy"
    ) & theirs_fails(
        "2.0.21 2.1",
        "answers success, and nothing of it is in the file",
        "the file has nothing of it"
    ),
    a_directory_in_the_place_of_the_file_stays: theirs_fails(
        "all",
        "answers success, and writes nothing",
        "is answered with success"
    ),
    a_file_of_roots_is_saved_when_it_is_the_brokers: theirs_fails(
        "all",
        "answers success, and writes nothing",
        "is answered with success"
    ),
}

/// A command whose change takes more room than there was.
fn large(username: &str) -> Value {
    json!({"command": "createClient", "username": username, "password": "pw", "textname": "x".repeat(20_000)})
}

fn usernames(policy: &[u8]) -> Vec<String> {
    let policy: Value = serde_json::from_slice(policy)
        .unwrap_or_else(|error| panic!("the file is broken: {error}: {} bytes", policy.len()));
    let clients = policy["clients"].as_array().unwrap().iter();
    clients.map(|client| client["username"].as_str().unwrap().to_owned()).collect()
}

/// A broker, and where its policy is.
struct Held {
    broker: Broker,
    file: PathBuf,
}

impl Held {
    /// With a policy in the directory `disk` of the broker's folder.
    fn start(trial: &Trial, mounts: &str) -> Self {
        let trace = if trial.plugin == Plugin::Ours { "plugin_opt_state_dir {dir}\n" } else { "" };
        let broker = trial
            .broker()
            .configuration(&format!(
                "allow_anonymous false\nlistener {{port0}} 127.0.0.1\nplugin {{plugin}}\n\
                 plugin_opt_config_file {{dir}}/disk/policy.json\n{trace}"
            ))
            .mounted(mounts)
            .start();
        let file = broker.as_it_sees("disk/policy.json");
        Self { broker, file }
    }

    /// What cannot be saved is refused and leaves no trace.
    fn refuses(&self, admin: &mut Admin) {
        let before = fs::read(&self.file).ok();
        for _ in 0..2 {
            let answer = admin.command(&large("john"));
            assert!(
                answer["error"].is_string(),
                "what cannot be saved is answered with success, and the file has {}",
                self.what_it_has()
            );
            self.broker.wait_for_log("commands refused");
            assert_eq!(admin.fine(&json!({"command": "listClients"}))["clients"], json!(["admin"]));
            assert_eq!(self.broker.client("any").login("john", "pw").refused(), NOT_AUTHORIZED);
            assert_eq!(fs::read(&self.file).ok(), before);
        }
    }

    /// What of a command that was answered with success is in the file.
    fn what_it_has(&self) -> String {
        let found = fs::read(&self.file).unwrap_or_default();
        match serde_json::from_slice::<Value>(&found) {
            Err(_) => format!("{} bytes that are no policy", found.len()),
            Ok(policy) if policy.to_string().contains("john") => "it".to_owned(),
            Ok(_) => "nothing of it".to_owned(),
        }
    }

    /// What can be saved is.
    fn saves(&self, admin: &mut Admin) {
        for username in ["john", "jane"] {
            admin.fine(&large(username));
            let found = usernames(&fs::read(&self.file).unwrap());
            assert!(found.iter().any(|name| name == username), "{username} is not in the file: {found:?}");
            self.broker.client("any").login(username, "pw").connect().round_trip();
        }
        admin.fine(&json!({"command": "deleteClient", "username": "john"}));
        assert_eq!(usernames(&fs::read(&self.file).unwrap()), ["admin", "jane"]);
    }
}

/// Fills what is left of a disk.
const FILL: &str = "dd if=/dev/zero of=disk/filler bs=512 2>&1 | grep -q 'No space left'";

fn on_a_full_disk_nothing_is_changed_until_there_is_room(trial: &Trial) {
    if !trial.place.can_mount() {
        return;
    }
    let held = Held::start(
        trial,
        "mkdir disk; mount -t tmpfs -o size=256k tmpfs disk; cp dynamic-security.json disk/policy.json",
    );
    let mut admin = held.broker.admin();
    held.broker.run_beside(FILL);
    held.refuses(&mut admin);
    held.broker.run_beside("test \"$(ls -A disk)\" = \"filler\npolicy.json\"");
    held.broker.run_beside("rm disk/filler");
    held.saves(&mut admin);
}

fn on_a_disk_that_becomes_read_only_nothing_is_changed(trial: &Trial) {
    if !trial.place.can_mount() {
        return;
    }
    let held = Held::start(
        trial,
        "mkdir -p disk; cp dynamic-security.json disk/policy.json; mount --bind disk disk",
    );
    let mut admin = held.broker.admin();
    held.broker.run_beside("mount -o remount,bind,ro disk");
    held.refuses(&mut admin);
    held.broker.run_beside("mount -o remount,bind,rw disk");
    held.saves(&mut admin);
}

fn a_file_that_is_a_mount_of_its_own_is_saved(trial: &Trial) {
    if !trial.place.can_mount() {
        return;
    }
    let held = Held::start(
        trial,
        "mkdir disk; touch disk/policy.json; mount --bind dynamic-security.json disk/policy.json",
    );
    held.saves(&mut held.broker.admin());
    assert_eq!(held.broker.policy_bytes(), fs::read(&held.file).unwrap(), "it is what is mounted");
    held.broker.run_beside("test \"$(ls -A disk)\" = policy.json");
}

fn a_file_that_is_a_mount_of_its_own_on_a_full_disk_stays_whole(trial: &Trial) {
    if !trial.place.can_mount() {
        return;
    }
    let held = Held::start(
        trial,
        "mkdir real disk; mount -t tmpfs -o size=256k tmpfs real; cp dynamic-security.json real/policy.json; \
         touch disk/policy.json; mount --bind real/policy.json disk/policy.json",
    );
    let mut admin = held.broker.admin();
    held.broker.run_beside(&FILL.replace("disk/", "real/"));
    held.refuses(&mut admin);
    held.broker.run_beside("rm real/filler");
    held.saves(&mut admin);
}

fn a_directory_in_the_place_of_the_file_stays(trial: &Trial) {
    let broker = trial.broker().start();
    let held = Held { file: broker.policy_path(), broker };
    let mut admin = held.broker.admin();
    let aside = held.broker.folder().join("aside");
    fs::rename(&held.file, &aside).unwrap();
    for something_in_it in [false, true] {
        fs::create_dir(&held.file).unwrap();
        if something_in_it {
            fs::write(held.file.join("something"), "of somebody").unwrap();
        }
        held.refuses(&mut admin);
        assert!(held.file.is_dir());
        assert_eq!(held.file.join("something").exists(), something_in_it);
        fs::remove_dir_all(&held.file).unwrap();
    }
    fs::rename(&aside, &held.file).unwrap();
    held.saves(&mut admin);
}

fn a_file_of_roots_is_saved_when_it_is_the_brokers(trial: &Trial) {
    let broker = Setup::run_by_mosquitto_who_cannot_save(trial.broker()).start();
    let held = Held { file: broker.policy_path(), broker };
    let mut admin = held.broker.admin();
    held.refuses(&mut admin);
    let (uid, gid) = crate::harness::place::user(&trial.place, "mosquitto");
    std::os::unix::fs::chown(&held.file, Some(uid), Some(gid)).unwrap();
    held.saves(&mut admin);
}
