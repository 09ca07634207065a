//! Policies and topics that are made to be slow or large: what a check costs there, and what they take in memory.

use std::error::Error;

use plugin_host::{Access, AclRequest, Request};
use serde_json::{Value, json};

use crate::bench::{Bench, Side, Worker, time};
use crate::table::Table;

/// As many levels as a filter can have in a topic that is cut and hashed.
const LEVELS: u32 = 16;
/// As many as the broker lets through.
const MOST_LEVELS: usize = 200;
/// With more ACLs than this that begin alike, the C plugin takes minutes to load them.
const MOST_OF_THEIRS: usize = 70_000;
/// The longest topic of MQTT.
const MOST_BYTES: usize = 65_535;
/// So long that no decision is remembered: to ours, each check is a new one.
const CLIENTID: &str = "device-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-0123456789-\
                        0123456789-0123456789-0123456789-0123456789-0123456789";

/// A policy, and what is asked of it.
struct Case {
    name: &'static str,
    acls: Vec<String>,
    usernames: Vec<String>,
    /// What, and the topic.
    checks: Vec<(&'static str, String)>,
}

impl Case {
    fn new(name: &'static str, acls: Vec<String>, checks: Vec<(&'static str, String)>) -> Self {
        Self { name, acls, usernames: vec!["u".into()], checks }
    }

    /// One role with all ACLs, for publishing, and clients that have it.
    fn policy(&self) -> Vec<u8> {
        let acl = |topic: &String| json!({"acltype": "publishClientSend", "topic": topic, "allow": true});
        let client = |username: &String| json!({"username": username, "roles": [{"rolename": "r"}]});
        json!({
            "clients": self.usernames.iter().map(client).collect::<Vec<Value>>(),
            "groups": [],
            "roles": [{"rolename": "r", "acls": self.acls.iter().map(acl).collect::<Vec<Value>>()}],
        })
        .to_string()
        .into_bytes()
    }

    fn size(&self) -> usize {
        self.acls.len().max(self.usernames.len())
    }

    /// A connection for each client.
    fn connect(&self, worker: &mut Worker) -> Result<(), Box<dyn Error>> {
        for username in &self.usernames {
            let clientid = clientid(username).as_str().into();
            let username = Some(username.as_str().into());
            worker.ask(Request::Attach { clientid, username, subscriptions: vec![] })?;
        }
        Ok(())
    }

    /// The same check by each of them.
    fn by_all(&self, topic: &str) -> Vec<AclRequest> {
        let check = |username: &String| AclRequest {
            clientid: clientid(username).as_str().into(),
            access: Access::Write,
            topic: topic.into(),
        };
        self.usernames.iter().map(check).collect()
    }
}

fn clientid(username: &str) -> String {
    format!("{CLIENTID}{username}")
}

/// So many filters with one prefix of 200 bytes in twelve levels, every other one with a wildcard in its midst.
fn long_prefixes(count: usize) -> Case {
    let level = "aaaaaaaaaaaaaaaa";
    let prefix = [level; 12].join("/");
    let with_wildcard = prefix.replacen(level, "+", 1);
    let filter = |index: usize| {
        let prefix = if index.is_multiple_of(2) { &prefix } else { &with_wildcard };
        format!("{prefix}/{index}")
    };
    let topic = |index: usize| format!("{prefix}/{index}");
    Case::new(
        "ACLs that share a long prefix",
        (0..count).map(filter).collect(),
        vec![("last", topic(count - 1)), ("none", topic(count))],
    )
}

/// All filters of so many levels that are `a` or `+`, and then `tail`.
fn a_or_plus(levels: u32, tail: &str) -> Vec<String> {
    let filter = |number: usize| {
        let level = |at: u32| if number >> at & 1 == 0 { "a" } else { "+" };
        let head: Vec<&str> = (0..levels).map(level).collect();
        format!("{}{tail}", head.join("/"))
    };
    (0..1_usize << levels).map(filter).collect()
}

fn of_a(levels: u32) -> String {
    vec!["a"; levels as usize].join("/")
}

/// So many filters of 200 levels.
fn deep(count: usize) -> Case {
    let topic = |index: usize| format!("{}{index}", "a/".repeat(MOST_LEVELS - 1));
    Case::new(
        "ACLs of 200 levels",
        (0..count).map(topic).collect(),
        vec![("last", topic(count - 1)), ("none", topic(count))],
    )
}

/// The longest topics against filters that begin like them.
fn long_topics(bytes: usize) -> Case {
    let filter = |index: usize| match index % 4 {
        0 => format!("{}{index}", "a/".repeat(MOST_LEVELS - 1)),
        1 => format!("{}{index}/#", "a/".repeat(index % MOST_LEVELS)),
        2 => format!("{}{index}/#", "+/".repeat(index % MOST_LEVELS)),
        _ => format!("{}{index}", "a".repeat(1000)),
    };
    Case::new(
        "topics of 65,535 bytes",
        (0..1000).map(filter).collect(),
        vec![
            ("one level, none", "a".repeat(bytes)),
            ("levels of one byte, none", format!("{}a", "a/".repeat(bytes / 2))),
        ],
    )
}

/// Malformed filters that look like the topic up to their end.
fn malformed(count: usize) -> Case {
    let filter = |index: usize| format!("site/line/cell/{index}/#/state");
    Case::new(
        "malformed ACLs",
        (0..count).map(filter).collect(),
        vec![("none", "site/line/cell/device/state".into())],
    )
}

/// Clients whose names lie in one bucket of the C plugin's hash table.
fn colliding(count: usize) -> Case {
    let in_one_bucket = |name: &String| jenkins(name.as_bytes()).trailing_zeros() >= 10;
    let usernames =
        (0..).map(|number| format!("client-{number}")).filter(in_one_bucket).take(count).collect();
    let checks = vec![("found", "a".into())];
    Case { usernames, ..Case::new("clients whose names collide in the C plugin", vec!["a".into()], checks) }
}

/// Bob Jenkins' hash of 1996 as uthash has it, without a key.
fn jenkins(key: &[u8]) -> u32 {
    fn mix(a: &mut u32, b: &mut u32, c: &mut u32) {
        let mut one = |right: u32, left: u32, last: u32| {
            *a = a.wrapping_sub(*b).wrapping_sub(*c) ^ (*c >> right);
            *b = b.wrapping_sub(*c).wrapping_sub(*a) ^ (*a << left);
            *c = c.wrapping_sub(*a).wrapping_sub(*b) ^ (*b >> last);
        };
        one(13, 8, 13);
        one(12, 16, 5);
        one(3, 10, 15);
    }
    let word = |bytes: &[u8]| bytes.iter().rev().fold(0_u32, |word, byte| word << 8 | u32::from(*byte));
    let (mut a, mut b, mut c) = (0x9e37_79b9_u32, 0x9e37_79b9_u32, 0xfeed_beef_u32);
    let mut chunks = key.chunks_exact(12);
    for chunk in &mut chunks {
        a = a.wrapping_add(word(&chunk[..4]));
        b = b.wrapping_add(word(&chunk[4..8]));
        c = c.wrapping_add(word(&chunk[8..]));
        mix(&mut a, &mut b, &mut c);
    }
    let rest = chunks.remainder();
    let part = |from: usize, to: usize| word(rest.get(from..to.min(rest.len())).unwrap_or_default());
    a = a.wrapping_add(part(0, 4));
    b = b.wrapping_add(part(4, 8));
    // The lowest byte is the length's.
    c = c.wrapping_add(key.len() as u32).wrapping_add(part(8, 11) << 8);
    mix(&mut a, &mut b, &mut c);
    c
}

fn cases() -> Vec<Case> {
    let plus_x = a_or_plus(LEVELS - 1, "/x");
    vec![
        long_prefixes(10_000),
        long_prefixes(100_000),
        Case::new(
            "all of {a,+} in 16 levels",
            a_or_plus(LEVELS, ""),
            vec![("15 levels, none", of_a(LEVELS - 1)), ("17 levels, none", of_a(LEVELS + 1))],
        ),
        Case::new(
            "all of {a,+} in 15 levels, then x",
            plus_x,
            vec![
                ("16 levels, none", format!("{}/y", of_a(LEVELS - 1))),
                ("16 levels, first", format!("{}/x", of_a(LEVELS - 1))),
                ("16 levels, last", format!("{}/x", vec!["b"; 15].join("/"))),
                ("15 levels, none", of_a(LEVELS - 1)),
            ],
        ),
        deep(10_000),
        long_topics(MOST_BYTES),
        malformed(10_000),
        colliding(10_000),
    ]
}

/// All of this suite.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut times = Table::new(
        "adversarial-times",
        "A check against policies and topics that are made to be slow; none is remembered: medians.",
        "µs",
    );
    let mut memory = Table::new(
        "adversarial-memory",
        "What a policy takes in memory once it is loaded, in the size of its file as compact JSON.",
        "times",
    );
    for case in cases().into_iter().filter(|case| bench.takes(case.size())) {
        let policy = case.policy();
        let (mut workers, mut taken) = (Vec::new(), Vec::new());
        let sides = if case.size() <= MOST_OF_THEIRS { &Side::BOTH[..] } else { &[Side::Ours] };
        for &side in sides {
            bench.progress(&format!("adversarial, {}, {}, {side:?}", case.name, case.size()));
            let mut worker = bench.start(side)?;
            let before = worker.ask(Request::Tick { count: 0, pause_ms: 0 })?.resident_kb;
            let after = bench.load(&mut worker, &policy)?.resident_kb;
            taken.push(after.saturating_sub(before) as f64 * 1024.0 / policy.len() as f64);
            case.connect(&mut worker)?;
            workers.push(worker);
        }
        let mut workers: Vec<&mut Worker> = workers.iter_mut().collect();
        let size = Some(case.size() as u64);
        for (what, topic) in &case.checks {
            let measured = time(&mut workers, &case.by_all(topic))?;
            let work = format!("{}: {what}", case.name);
            let mut microseconds = measured.iter().rev().map(|times| times.median / 1e3);
            let ours = microseconds.next();
            times.push(&work, size, microseconds.next(), ours);
        }
        if policy.len() > 1_000_000 {
            let ours = taken.pop();
            memory.push(case.name, size, taken.pop(), ours);
        }
    }
    Ok(vec![times, memory])
}

/// Compares what checks cost, for CI: what, instructions, the same of what it is held against, and at most how many
/// times as many there may be.
///
/// # Errors
/// A worker could not do its work.
pub fn compare(bench: &Bench, mut compare: impl FnMut(&str, f64, f64, f64)) -> Result<(), Box<dyn Error>> {
    let ours = |case: &Case| count(bench, Side::Ours, case);
    let (small, large) = (ours(&long_prefixes(500))?, ours(&long_prefixes(5_000))?);
    compare("a check among ten times as many ACLs that share a long prefix", small, large, 1.3);
    let (half, whole) = (ours(&long_topics(MOST_BYTES / 2))?, ours(&long_topics(MOST_BYTES))?);
    compare("a topic of 65,535 bytes, against half of it", half, whole, 2.2);
    let few = Case { usernames: vec!["client-1".into()], ..colliding(1) };
    let (few, colliding) = (ours(&few)?, ours(&colliding(2_000))?);
    compare("a client among 2,000 whose names collide where hashes have no key", few, colliding, 1.3);
    // No worse than the C plugin, where it is at its best and ours at its worst.
    let topic = format!("{}/y", of_a(10));
    let cases = [
        Case::new("{a,+} in 10 levels", a_or_plus(10, "/x"), vec![("none", topic)]),
        malformed(500),
        deep(500),
    ];
    for case in cases {
        let theirs = count(bench, Side::Theirs, &case)?;
        compare(&format!("{}, against the C plugin", case.name), theirs, ours(&case)?, 1.0);
    }
    Ok(())
}

/// Instructions of a check that nobody has made, on the average of a case.
fn count(bench: &Bench, side: Side, case: &Case) -> Result<f64, Box<dyn Error>> {
    let mut worker = bench.start_counting(side)?;
    bench.load(&mut worker, &case.policy())?;
    case.connect(&mut worker)?;
    let before = case.by_all("another");
    let checks: Vec<AclRequest> = case.checks.iter().flat_map(|(_, topic)| case.by_all(topic)).collect();
    worker.count(&before, &checks)
}
