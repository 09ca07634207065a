//! Whether commands hold the broker up: the longest gap between two deliveries of a publisher of 1 kHz while clients
//! with passwords are made, and while a role changes that many who are connected have, on a real broker.

use std::error::Error;
use std::io;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::bench::{Bench, Side};
use crate::real::{Broker, Client, Stream, Version, versions};
use crate::table::Table;

/// How many clients there are, and how many are made; fewer where the C plugin takes half a second for each.
const SIZES: [(usize, usize); 3] = [(0, 1000), (10_000, 100), (100_000, 20)];
/// How many are connected that have the role that is changed.
const MEMBERS: [usize; 2] = [1_000, 10_000];
const CONTROL: &str = "$CONTROL/dynamic-security/v1";
/// Of the password `pw`.
const HASH: &str = "l8zqSPOVOsX6BzXddvHVSUz51tfFGYiwZgYMerEYSK2kmFD86m93us2E5cM8HAComZhsUAqG/9HmFNzmBd+GRQ==";
const SALT: &str = "AAECAwQFBgcICQoL";

/// All of this suite, with each broker that is there: they hash with other numbers of iterations, and disconnect in other ways.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut tables = Tables::new();
    for version in versions() {
        for (size, commands) in SIZES.into_iter().filter(|(size, _)| bench.takes(*size)) {
            tables.push_commands(bench, &version, size, commands)?;
        }
        for members in MEMBERS.into_iter().filter(|members| bench.takes(*members)) {
            tables.push_kicks(bench, &version, members)?;
        }
    }
    let Tables { gaps, times, kicks } = tables;
    Ok(vec![gaps, times, kicks])
}

struct Tables {
    gaps: Table,
    times: Table,
    kicks: Table,
}

impl Tables {
    fn new() -> Self {
        let table = |name, title| Table::new(name, title, "ms");
        Self {
            gaps: table(
                "stall-gaps",
                "The longest gap between two deliveries of a publisher of 1 kHz, in one run.",
            ),
            times: table("stall-times", "How long all these commands take, each in a payload of its own."),
            kicks: table(
                "stall-kicks",
                "addRoleACL to a role that so many who are connected have, until all of them are disconnected: the C plugin of 2.0 disconnects nobody for a modifyRole.",
            ),
        }
    }

    /// The rows of so many commands among so many clients.
    fn push_commands(
        &mut self,
        bench: &Bench,
        version: &Version,
        size: usize,
        commands: usize,
    ) -> Result<(), Box<dyn Error>> {
        let broker = format!("Mosquitto {}", version.name);
        let work = format!("{broker}, {commands} createClient with passwords");
        let measure = |side| {
            let says = format!("{work}, {size} clients, {side:?}");
            bench.measure(&says, || measure(bench, version, side, size, commands))
        };
        let (theirs, Some(ours)) = (measure(Side::Theirs)?, measure(Side::Ours)?) else { return Ok(()) };
        let theirs = |of: Of| theirs.as_ref().map(of);
        let clients = Some(size as u64);
        self.gaps.push(&format!("{broker}, nothing"), clients, theirs(|seen| seen.quiet), Some(ours.quiet));
        self.gaps.push(&work, clients, theirs(|seen| seen.gap), Some(ours.gap));
        self.times.push(&work, clients, theirs(|seen| seen.time), Some(ours.time));
        Ok(())
    }

    /// The rows of a change to the role of so many.
    fn push_kicks(&mut self, bench: &Bench, version: &Version, members: usize) -> Result<(), Box<dyn Error>> {
        let broker = format!("Mosquitto {}", version.name);
        let measure = |side| {
            let says = format!("{broker}, addRoleACL, {members} members, {side:?}");
            bench.measure(&says, || measure_kicks(bench, version, side, members))
        };
        let (theirs, Some(ours)) = (measure(Side::Theirs)?, measure(Side::Ours)?) else { return Ok(()) };
        let rows: [(&str, Of); 3] = [
            ("the longest gap between two deliveries to others", |seen| seen.gap),
            ("… without the command", |seen| seen.quiet),
            ("until the last is disconnected", |seen| seen.time),
        ];
        for (what, of) in rows {
            let theirs = theirs.as_ref().map(of);
            self.kicks.push(&format!("{broker}, {what}"), Some(members as u64), theirs, Some(of(&ours)));
        }
        Ok(())
    }
}

fn measure_kicks(
    bench: &Bench,
    version: &Version,
    side: Side,
    members: usize,
) -> Result<Seen, Box<dyn Error>> {
    let broker = Broker::start(bench, version, side, &policy(0), "")?;
    let mut admin = Client::connect(broker.port, "admin", "u")?;
    admin.subscribe("$CONTROL/dynamic-security/v1/response")?;
    let connect = |number: usize| Client::connect(broker.port, &format!("member{number}"), "m");
    let mut connected = (0..members).map(connect).collect::<io::Result<Vec<_>>>()?;
    let stream = Stream::start(broker.port)?;
    thread::sleep(Duration::from_secs(2));
    let quiet = stream.longest_gap();
    let start = Instant::now();
    let command = json!({
        "command": "addRoleACL", "rolename": "members", "acltype": "publishClientSend", "topic": "t", "allow": true,
    });
    admin.publish(CONTROL, json!({ "commands": [command] }).to_string().as_bytes())?;
    admin.message()?;
    for member in &mut connected {
        // However the connection ends.
        while member.packet().is_ok() {}
    }
    let time = start.elapsed().as_secs_f64() * 1e3;
    let gap = stream.longest_gap();
    stream.end()?;
    Ok(Seen { quiet, gap, time })
}

type Of = fn(&Seen) -> f64;

/// Milliseconds.
struct Seen {
    /// The longest gap without commands: what the machine itself does.
    quiet: f64,
    gap: f64,
    time: f64,
}

fn measure(
    bench: &Bench,
    version: &Version,
    side: Side,
    clients: usize,
    commands: usize,
) -> Result<Seen, Box<dyn Error>> {
    let broker = Broker::start(bench, version, side, &policy(clients), "")?;
    let mut admin = Client::connect(broker.port, "admin", "u")?;
    admin.subscribe("$CONTROL/dynamic-security/v1/response")?;
    let stream = Stream::start(broker.port)?;
    thread::sleep(Duration::from_secs(2));
    let quiet = stream.longest_gap();
    let start = Instant::now();
    for number in 0..commands {
        let command =
            json!({"command": "createClient", "username": format!("new{number}"), "password": "secret"});
        admin.publish(CONTROL, json!({ "commands": [command] }).to_string().as_bytes())?;
    }
    for _ in 0..commands {
        let answer: Value = serde_json::from_slice(&admin.message()?)?;
        if answer["responses"][0].get("error").is_some() {
            return Err(answer.to_string().into());
        }
    }
    let time = start.elapsed().as_secs_f64() * 1e3;
    let gap = stream.longest_gap();
    stream.end()?;
    Ok(Seen { quiet, gap, time })
}

fn policy(size: usize) -> Value {
    let acls: Vec<Value> = [
        ("publishClientSend", "$CONTROL/dynamic-security/#"),
        ("publishClientSend", "#"),
        ("publishClientReceive", "$CONTROL/dynamic-security/#"),
        ("publishClientReceive", "#"),
        ("subscribePattern", "#"),
        ("subscribePattern", "$CONTROL/dynamic-security/#"),
    ]
    .iter()
    .map(|(acltype, topic)| json!({"acltype": acltype, "topic": topic, "allow": true}))
    .collect();
    let client = |name: String, roles: Value| json!({"username": name, "password": HASH, "salt": SALT, "iterations": 101, "roles": roles});
    let mut clients = vec![
        client("u".into(), json!([{"rolename": "r"}])),
        client("m".into(), json!([{"rolename": "members"}])),
    ];
    // Without roles: for the C plugin, loading so many holders of one takes minutes.
    clients.extend((0..size).map(|number| client(format!("client{number:06}"), json!([]))));
    json!({"clients": clients, "groups": [], "roles": [{"rolename": "r", "acls": acls}, {"rolename": "members", "acls": []}]})
}
