//! The plugin's memory, by valgrind: `make test-valgrind`. No access to what is not its own, nothing lost, and
//! nothing that grows with starts and ends, or with commands, logins and checks.
//!
//! The C plugin is put through the same for the table in docs/reliability.md; of it nothing is expected.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::print_stdout,
    reason = "a test fails by a panic, and what it prints is shown on request"
)]

#[path = "memory/of_2_1.rs"]
mod of_2_1;

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use plugin_host::{Access, AclRequest, HostProcess, HostProgram, Request, Text};

const POLICY: &str = include_str!("../../data/2.0.11-init.json");

/// What comes of commands in one life of the plugin, and goes again.
const COMMANDS: [&str; 14] = [
    r#"{"command":"createRole","rolename":"r","acls":[{"acltype":"publishClientSend","topic":"a/+","allow":true}]}"#,
    r#"{"command":"createGroup","groupname":"g","roles":[{"rolename":"r"}]}"#,
    r#"{"command":"createClient","username":"c","password":"p","groups":[{"groupname":"g"}],"roles":[{"rolename":"r"}]}"#,
    r#"{"command":"addRoleACL","rolename":"r","acltype":"subscribePattern","topic":"b/%c/#","allow":true}"#,
    r#"{"command":"removeRoleACL","rolename":"r","acltype":"subscribePattern","topic":"b/%c/#"}"#,
    r#"{"command":"modifyClient","username":"c","textname":"x","roles":[]}"#,
    r#"{"command":"setClientPassword","username":"c","password":"q"}"#,
    r#"{"command":"disableClient","username":"c"},{"command":"enableClient","username":"c"}"#,
    r#"{"command":"listClients","verbose":true},{"command":"listRoles","verbose":true}"#,
    r#"{"command":"deleteRole","rolename":"none"}"#,
    r#"{"commands":not JSON"#,
    r#"{"command":"deleteClient","username":"c"}"#,
    r#"{"command":"deleteGroup","groupname":"g"}"#,
    r#"{"command":"deleteRole","rolename":"r"}"#,
];

/// What valgrind says of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Memory {
    errors: u64,
    lost: u64,
    in_use: u64,
}

impl Memory {
    /// Reads valgrind's report; of one that lacks a line, the part by which that would be found.
    fn of(report: &str) -> Result<Self, &str> {
        let number = |part: &'static str| {
            let (_, rest) = report.split_once(part).ok_or(part)?;
            let digits = rest.trim_start().split(' ').next().unwrap_or_default().replace(',', "");
            digits.parse::<u64>().map_err(|_| part)
        };
        // The one that there is instead, where nothing is left at all.
        let is_nothing_left = report.contains("no leaks are possible");
        Ok(Self {
            errors: number("ERROR SUMMARY:")?,
            lost: if is_nothing_left { 0 } else { number("definitely lost:")? },
            in_use: number("in use at exit:")?,
        })
    }
}

/// A plugin in a host that valgrind runs.
struct Watched {
    folder: tempfile::TempDir,
    process: HostProcess,
}

impl Watched {
    fn start(plugin: &Path) -> Self {
        Self::start_in(env!("CARGO_BIN_EXE_plugin-host"), plugin)
    }

    fn start_in(host: &str, plugin: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("policy.json"), POLICY).expect("a policy");
        let mut log = OsString::from("--log-file=");
        log.push(folder.path().join("valgrind"));
        let flags = ["--leak-check=full", "--show-leak-kinds=definite", "--errors-for-leak-kinds=none"];
        let wrapper = ["valgrind"].into_iter().chain(flags).map(OsString::from).chain([log]).collect();
        let host = HostProgram { path: host.into(), root: None, wrapper, patience: Some(300) };
        let stderr = folder.path().join("stderr");
        let process = HostProcess::start(&host, plugin, &stderr).expect("it starts");
        Self { folder, process }
    }

    #[track_caller]
    fn ask(&mut self, request: &Request) {
        if let Err(death) = self.process.ask(request) {
            panic!("{death}");
        }
    }

    fn init(&mut self) {
        let file = self.folder.path().join("policy.json").display().to_string();
        let mut options = BTreeMap::from([("config_file".to_owned(), file)]);
        if !is_theirs() {
            // As many iterations as 2.0 has, and no search through the host for its version: both are slow here.
            options.insert("password_iterations".to_owned(), "101".to_owned());
            options.insert("compat".to_owned(), "2.0".to_owned());
        }
        self.ask(&Request::Init { options, fill_freed_memory: false });
        self.ask(&Request::Attach {
            clientid: Text::from("console"),
            username: Some(Text::from("admin")),
            subscriptions: vec![Text::from("a/b")],
        });
    }

    /// All that can happen to a broker, and then it is as before.
    fn live(&mut self) {
        let (clientid, username) = (Text::from("console"), Text::from("c"));
        for commands in COMMANDS {
            let payload = if commands.starts_with(r#"{"commands"#) {
                commands.to_owned()
            } else {
                format!(r#"{{"commands":[{commands}]}}"#)
            };
            self.ask(&Request::Control {
                clientid: clientid.clone(),
                topic: None,
                payload: Text::from(payload.as_str()),
            });
            for (password, name) in [("q", &username), ("wrong", &username), ("q", &clientid)] {
                self.ask(&Request::Connect {
                    clientid: Text::from("dev"),
                    username: Some(name.clone()),
                    password: Some(Text::from(password)),
                });
            }
            for access in [Access::Write, Access::Read, Access::Subscribe, Access::Unsubscribe] {
                let check = AclRequest { clientid: clientid.clone(), access, topic: Text::from("a/b") };
                self.ask(&Request::Acl(check));
            }
            self.ask(&Request::Disconnect { clientid: Text::from("dev") });
            self.ask(&Request::Tick { count: 3, pause_ms: 0 });
            // If it was not disconnected: as a broker, which tells of the end before another one comes.
            self.ask(&Request::Disconnect { clientid: clientid.clone() });
            self.ask(&Request::Attach {
                clientid: clientid.clone(),
                username: Some(Text::from("admin")),
                subscriptions: vec![Text::from("a/b")],
            });
        }
        self.ask(&Request::Reload);
    }

    /// The end of the host, and what valgrind makes of it.
    fn end(mut self) -> Memory {
        // It ends without an answer, so that is no death.
        let _ended = self.process.ask(&Request::Quit);
        drop(self.process);
        let report =
            fs::read_to_string(self.folder.path().join("valgrind")).expect("valgrind says something");
        let memory = Memory::of(&report)
            .unwrap_or_else(|part| panic!("valgrind does not say a number after `{part}`:\n{report}"));
        if memory.errors > 0 || env::var_os("DYNSEC_MEMORY_REPORT").is_some() {
            println!("{report}");
        }
        memory
    }
}

fn is_theirs() -> bool {
    env::var_os("DYNSEC_MEMORY_OF").is_some()
}

/// `DYNSEC_MEMORY_OF`, `DYNSEC_OURS`, or the build of this workspace.
fn plugin() -> PathBuf {
    if let Some(path) = env::var_os("DYNSEC_MEMORY_OF").or_else(|| env::var_os("DYNSEC_OURS")) {
        return path.into();
    }
    let executable = env::current_exe().expect("a running test has a path");
    executable.ancestors().nth(2).expect("a test lies in deps").join("libmosquitto_dynsec.so")
}

fn starts_and_ends(count: usize) -> Memory {
    let mut watched = Watched::start(&plugin());
    for _ in 0..count {
        watched.init();
        watched.ask(&Request::Tick { count: 2, pause_ms: 0 });
        watched.ask(&Request::Cleanup);
    }
    watched.end()
}

/// The plugin lives that many times over, and is looked at before its end.
fn lives(count: usize) -> Memory {
    let mut watched = Watched::start(&plugin());
    watched.init();
    for _ in 0..count {
        watched.live();
    }
    watched.end()
}

/// What may be in use more after ten times as much of the same: a table that has found its size later.
const SLACK: u64 = 16 * 1024;

fn check(what: &str, few: Memory, many: Memory) {
    println!("{what}: {few:?}, ten times as many: {many:?}");
    if is_theirs() {
        return;
    }
    assert_eq!((few.errors, many.errors), (0, 0), "{what}: what is not its own was accessed");
    assert!(many.lost <= few.lost, "{what}: memory is lost again and again: {few:?}, {many:?}");
    assert!(many.in_use < few.in_use + SLACK, "{what}: memory grows: {few:?}, {many:?}");
}

#[test]
fn a_report_that_does_not_say_all_is_none() {
    let lines = [
        "==7== HEAP SUMMARY:\n==7==     in use at exit: 1,072 bytes in 3 blocks\n",
        "==7== LEAK SUMMARY:\n==7==    definitely lost: 24 bytes in 1 blocks\n",
        "==7== ERROR SUMMARY: 2 errors from 1 contexts (suppressed: 0 from 0)\n",
    ];
    assert_eq!(Memory::of(&lines.concat()), Ok(Memory { errors: 2, lost: 24, in_use: 1_072 }));
    for (line, missing) in [(0, "in use at exit:"), (1, "definitely lost:"), (2, "ERROR SUMMARY:")] {
        let mut others = lines;
        others[line] = "";
        assert_eq!(Memory::of(&others.concat()), Err(missing));
    }
    let nothing_left = "==7== All heap blocks were freed -- no leaks are possible\n";
    assert_eq!(
        Memory::of(&[lines[0], nothing_left, lines[2]].concat()),
        Ok(Memory { errors: 2, lost: 0, in_use: 1_072 })
    );
}

#[test]
#[ignore = "needs valgrind: make test-valgrind"]
fn a_hundred_starts_and_ends_leave_nothing() {
    check("starts and ends", starts_and_ends(10), starts_and_ends(100));
}

#[test]
#[ignore = "needs valgrind: make test-valgrind"]
fn a_life_leaves_nothing() {
    check("lives", lives(2), lives(20));
}
