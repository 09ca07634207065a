//! The first run: what is made, from which passwords, and that nothing is written over.

use std::fs;
use std::io;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use super::faults::Faulty;
use crate::password::{Iterations, Plaintext};
use crate::policy::{AclType, Action, Client, Compat, Password, Policy};
use crate::store::{Disk, FirstRun, InitError, Made, PasswordFrom, RealDisk, Store, in_place};

const BOTH: [Compat; 2] = [Compat::V2_0, Compat::V2_1];

/// A directory for a policy.
struct Place {
    directory: tempfile::TempDir,
    file: PathBuf,
}

impl Place {
    fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let home = directory.path().canonicalize().unwrap();
        fs::create_dir(home.join("state")).unwrap();
        fs::create_dir(home.join("home")).unwrap();
        Self { directory, file: home.join("home/policy.json") }
    }

    fn state(&self) -> PathBuf {
        self.directory.path().canonicalize().unwrap().join("state")
    }

    fn beside(&self, name: &str) -> PathBuf {
        self.file.with_file_name(name)
    }

    fn make_on(&self, disk: &dyn Disk, password: PasswordFrom, compat: Compat) -> Result<Made, InitError> {
        let state = self.state();
        let path = &self.file;
        let iterations = Iterations::MIN;
        FirstRun { path, state_dir: Some(&state), password, iterations, compat }.make_on(disk)
    }

    fn make(&self, password: PasswordFrom, compat: Compat) -> Result<Made, InitError> {
        self.make_on(&RealDisk, password, compat)
    }

    /// What the next start finds.
    fn policy(&self, compat: Compat) -> Policy {
        let (loaded, _) = Store::open(&self.file, Some(&self.state()), compat, true).unwrap();
        assert_eq!(loaded.issues, []);
        loaded.policy
    }

    /// All files in the directory.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.file.parent().unwrap()).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o7777
}

fn given(password: &str) -> PasswordFrom {
    PasswordFrom::Environment(Plaintext::new(password.as_bytes()))
}

#[track_caller]
fn lets_in(client: &Client, password: &str) {
    let Password::Hash(hash) = &client.password else { panic!("{:?}", client.password) };
    assert!(hash.verify(password.as_bytes()));
    assert!(hash.is_read_by_2_0());
    assert_eq!(hash.iterations(), Some(101));
}

fn usernames(policy: &Policy) -> Vec<String> {
    policy.clients().map(|client| client.username.to_string()).collect()
}

#[test]
fn random_passwords_are_in_a_file_beside_the_policy() {
    for compat in BOTH {
        let place = Place::new();
        let made = place.make(PasswordFrom::Random, compat).unwrap();
        let beside = place.beside("policy.json.pw");
        let expected = Made { policy: place.file.clone(), passwords: Some(beside.clone()), exposed: false };
        assert_eq!(made, expected);
        assert_eq!(place.names(), ["policy.json", "policy.json.pw"]);
        assert_eq!([&place.file, &beside].map(|path| mode(path)), [0o600; 2]);
        let policy = place.policy(compat);
        let text = fs::read_to_string(&beside).unwrap();
        let lines: Vec<(&str, &str)> = text.lines().map(|line| line.split_once(' ').unwrap()).collect();
        let [("admin", admin), ("democlient", demo)] = lines[..] else { panic!("{lines:?}") };
        assert!(text.ends_with('\n') && admin != demo && admin.len() >= 20);
        lets_in(policy.client(b"admin").unwrap(), admin);
        lets_in(policy.client(b"democlient").unwrap(), demo);
        assert_eq!(usernames(&policy), ["admin", "democlient"]);
    }
}

#[test]
fn the_policy_is_that_of_2_1() {
    let place = Place::new();
    place.make(PasswordFrom::Random, Compat::V2_1).unwrap();
    let policy = place.policy(Compat::V2_1);
    let allowed = Action::ALL.map(|action| policy.default_access().allows(action));
    assert_eq!(allowed, [false, true, false, true]);
    let group = policy.anonymous_group().unwrap();
    assert_eq!((group.name.as_bytes(), group.roles.is_empty()), (&b"unauthenticated"[..], true));
    let roles = |name: &[u8]| -> Vec<String> {
        let roles = policy.client(name).unwrap().roles.iter();
        roles.map(|link| format!("{} {}", link.name, link.priority.get())).collect()
    };
    assert_eq!(roles(b"admin"), ["super-admin -1", "sys-observe -1", "topic-observe -1"]);
    assert_eq!(roles(b"democlient"), ["client -1"]);
    let all = "publishClientSend publishClientReceive subscribePattern unsubscribePattern";
    let mut found = Vec::new();
    for role in policy.roles() {
        let mut topics = Vec::new();
        let mut types = Vec::new();
        for acl_type in AclType::ALL {
            for acl in role.acls(acl_type) {
                assert!(acl.allow && acl.priority.get() == 0);
                topics.push(String::from_utf8_lossy(&acl.topic).into_owned());
                types.push(acl_type.name());
            }
        }
        topics.dedup();
        assert_eq!(topics.len(), 1);
        found.push((role.name.to_string(), topics.concat(), types.join(" ")));
    }
    let expected = [
        ("broker-admin", "$CONTROL/broker/#", all),
        ("client", "#", all),
        ("dynsec-admin", "$CONTROL/dynamic-security/#", all),
        ("super-admin", "$CONTROL/#", all),
        ("sys-notify", "$SYS/broker/connection/%c/state", "publishClientSend"),
        ("sys-observe", "$SYS/#", "publishClientReceive subscribePattern"),
        ("topic-observe", "#", "publishClientReceive subscribePattern unsubscribePattern"),
    ];
    let expected = expected.map(|(name, topic, types)| (name.into(), topic.into(), types.into()));
    assert_eq!(found, expected);
}

#[test]
fn a_password_from_the_environment_makes_an_administrator_alone() {
    for compat in BOTH {
        let place = Place::new();
        let made = place.make(given("adminadminad"), compat).unwrap();
        assert_eq!(made.passwords, None);
        assert_eq!(place.names(), ["policy.json"]);
        let policy = place.policy(compat);
        assert_eq!(usernames(&policy), ["admin"]);
        lets_in(policy.client(b"admin").unwrap(), "adminadminad");
    }
}

#[test]
fn a_short_password_from_the_environment_is_refused() {
    for password in ["", "adminadmina"] {
        let place = Place::new();
        let error = place.make(given(password), Compat::V2_1).unwrap_err();
        assert_eq!(
            error.to_string(),
            "the password in MOSQUITTO_DYNSEC_PASSWORD has fewer than 12 characters"
        );
        assert_eq!(place.names(), Vec::<String>::new());
    }
}

#[test]
fn a_password_file_is_read_as_2_1_reads_it() {
    for (content, password) in [
        ("adminadminadmin\n", Some("adminadminadmin")),
        ("short", Some("short")),
        ("  sp ace \t\x0b\x0c\r\nsecond\n", Some("  sp ace")),
        ("caf\u{e9}\r\n", Some("caf\u{e9}")),
        ("", None),
        (" \t\r\n", None),
        ("\nsecond\n", None),
        ("a\0b\n", None),
    ] {
        let place = Place::new();
        let file = place.state().join("init");
        fs::write(&file, content).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).unwrap();
        let made = place.make(PasswordFrom::File(file.clone()), Compat::V2_1);
        let Some(password) = password else {
            let error = made.unwrap_err().to_string();
            assert!(error.contains(file.to_str().unwrap()), "{error}");
            assert_eq!(place.names(), Vec::<String>::new());
            continue;
        };
        let made = made.unwrap();
        assert_eq!((made.passwords, made.exposed), (None, false));
        assert_eq!(place.names(), ["policy.json"]);
        let policy = place.policy(Compat::V2_1);
        assert_eq!(usernames(&policy), ["admin"]);
        lets_in(policy.client(b"admin").unwrap(), password);
    }
}

#[test]
fn a_password_file_that_others_can_read_is_told_of() {
    let place = Place::new();
    let file = place.state().join("init");
    fs::write(&file, "adminadminadmin").unwrap();
    fs::set_permissions(&file, fs::Permissions::from_mode(0o604)).unwrap();
    assert!(place.make(PasswordFrom::File(file), Compat::V2_1).unwrap().exposed);
}

#[test]
fn a_password_file_that_is_none_is_refused() {
    let place = Place::new();
    for (path, expected) in [
        (place.state(), "it is not a file"),
        (place.state().join("none"), "No such file or directory (os error 2)"),
    ] {
        let error = place.make(PasswordFrom::File(path.clone()), Compat::V2_1).unwrap_err().to_string();
        assert_eq!(error, format!("cannot read the first password from `{}`: {expected}", path.display()));
        assert_eq!(place.names(), Vec::<String>::new());
    }
}

#[test]
fn nothing_is_written_over() {
    for password in [PasswordFrom::Random, given("adminadminad")] {
        for name in ["policy.json", "policy.json.pw"] {
            let place = Place::new();
            let path = place.beside(name);
            fs::write(&path, "old").unwrap();
            let made = place.make(password.clone(), Compat::V2_1);
            assert_eq!(fs::read(&path).unwrap(), b"old");
            if name != "policy.json" && password != PasswordFrom::Random {
                made.unwrap();
                continue;
            }
            let error = made.unwrap_err().to_string();
            assert!(error.starts_with(&format!("cannot create `{}`: ", path.display())), "{error}");
            assert_eq!(place.names(), [name]);
        }
    }
}

#[test]
fn a_link_that_leads_nowhere_stays_and_nothing_is_made() {
    let place = Place::new();
    symlink("elsewhere", &place.file).unwrap();
    let error = place.make(PasswordFrom::Random, Compat::V2_1).unwrap_err().to_string();
    assert!(error.contains("a link that leads nowhere"), "{error}");
    assert_eq!(place.names(), ["policy.json"]);
    assert!(place.file.is_symlink());
}

#[test]
fn a_missing_directory_is_not_made() {
    let place = Place::new();
    let path = place.beside("none/policy.json");
    let password = PasswordFrom::Random;
    let run = FirstRun {
        path: &path,
        state_dir: None,
        password,
        iterations: Iterations::MIN,
        compat: Compat::V2_1,
    };
    let error = run.make().unwrap_err().to_string();
    assert!(error.starts_with(&format!("cannot open the directory `{}`", path.parent().unwrap().display())));
    assert_eq!(place.names(), Vec::<String>::new());
}

#[test]
fn a_copy_of_the_missing_policy_is_not_lost() {
    let place = Place::new();
    let copy = in_place::copy_in(&place.state(), &place.file);
    fs::write(&copy, "{}").unwrap();
    let error = place.make(PasswordFrom::Random, Compat::V2_1).unwrap_err().to_string();
    assert!(error.contains(copy.to_str().unwrap()), "{error}");
    assert_eq!(place.names(), Vec::<String>::new());
    assert!(copy.exists());
}

#[test]
fn a_call_that_fails_leaves_all_of_it_or_nothing() {
    for kind in [io::ErrorKind::StorageFull, io::ErrorKind::PermissionDenied] {
        let mut failed = 0;
        for call in 0.. {
            let place = Place::new();
            let disk = Faulty::new(None, kind);
            disk.fail(call, call + 1);
            let made = place.make_on(&disk, PasswordFrom::Random, Compat::V2_1);
            // What could not be removed is, at a start.
            let left: Vec<_> =
                place.names().into_iter().filter(|name| !name.ends_with(".dynsec-tmp")).collect();
            if disk.calls() <= call {
                made.unwrap();
                break;
            }
            match made {
                Ok(_) => {
                    assert_eq!(left, ["policy.json", "policy.json.pw"]);
                    place.policy(Compat::V2_1);
                    assert_eq!(place.names(), left, "the start cleans");
                }
                Err(error) => {
                    failed += 1;
                    assert_eq!(left, Vec::<String>::new(), "{error}");
                }
            }
        }
        assert!(failed > 5, "{failed}");
    }
}

#[test]
fn when_the_disk_dies_there_is_a_whole_policy_with_its_passwords_or_none() {
    for call in 0.. {
        let place = Place::new();
        let disk = Faulty::new(None, io::ErrorKind::Other);
        disk.fail(call, usize::MAX);
        let made = place.make_on(&disk, PasswordFrom::Random, Compat::V2_1);
        if disk.calls() <= call {
            made.unwrap();
            break;
        }
        if place.file.exists() {
            let policy = place.policy(Compat::V2_1);
            let text = fs::read_to_string(place.beside("policy.json.pw")).unwrap();
            let (_, password) = text.lines().next().unwrap().split_once(' ').unwrap();
            lets_in(policy.client(b"admin").unwrap(), password);
        }
    }
}

#[test]
fn file_systems_without_second_names_do_too() {
    // Among the calls is the one that gives the file its name.
    let mut made = 0;
    for call in 0..40 {
        let place = Place::new();
        let disk = Faulty::new(None, io::ErrorKind::Unsupported);
        disk.fail(call, call + 1);
        if place.make_on(&disk, given("adminadminad"), Compat::V2_1).is_ok() && disk.calls() > call {
            made += 1;
            assert_eq!(mode(&place.file), 0o600);
            lets_in(place.policy(Compat::V2_1).client(b"admin").unwrap(), "adminadminad");
            assert_eq!(place.names(), ["policy.json"]);
        }
    }
    assert!(made >= 4, "looking for a copy, naming, removing, syncing the directory: {made}");
}
