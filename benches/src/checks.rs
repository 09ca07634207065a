//! ACL checks: what one costs, against how many ACLs there are.

use std::error::Error;

use plugin_host::{Access, AclRequest, Request};
use serde_json::{Value, json};

use crate::bench::{Bench, Side, Worker, time};
use crate::table::Table;

/// More than are remembered: to the plugins, each asks for the first time.
const CLIENTS: usize = 8192;
/// How many clients' checks are counted: each is one login in callgrind.
const COUNTED: usize = 20;
const SIZES: [usize; 4] = [10, 1_000, 10_000, 100_000];
/// Above this the C plugin takes minutes to load in callgrind.
const LARGEST_COUNTED: usize = 10_000;

const ACCESSES: [(Access, &str, &str); 4] = [
    (Access::Write, "publish", "publishClientSend"),
    (Access::Read, "receive", "publishClientReceive"),
    (Access::Subscribe, "subscribe", "subscribePattern"),
    (Access::Unsubscribe, "unsubscribe", "unsubscribePattern"),
];

/// The filter of the `index`-th ACL: four shapes, in turns.
fn filter(index: usize) -> String {
    match index % 4 {
        0 => format!("site/{index}/line/cell/device/state"),
        1 => format!("site/{index}/+/cell/device/state"),
        2 => format!("site/{index}/line/+/+/state"),
        _ => format!("site/{index}/line/#"),
    }
}

/// The topic that only the `index`-th ACL matches.
fn topic(index: usize) -> String {
    format!("site/{index}/line/cell/device/state")
}

fn acls(acltype: &str, filters: impl Iterator<Item = String>) -> Vec<Value> {
    filters.map(|topic| json!({"acltype": acltype, "topic": topic, "allow": true})).collect()
}

/// The hash of the password `p` (PBKDF2-SHA512).
const HASH: &str = "AD2vun4aBIwrHAa2zR+Dc6g2vpH9gHqBNcg1WMMVwznj1F5stV9cHLHSpHuzF6RbiYlVCot2cN4d97/x3iV4Bg==";
const SALT: &str = "c2FsdCBvZiAxMiBi";

/// A policy with a client `u`, in which the checks are made, that has all roles.
fn policy(roles: &[(String, Vec<Value>)]) -> Vec<u8> {
    let links: Vec<Value> = roles.iter().map(|(name, _)| json!({"rolename": name})).collect();
    let roles: Vec<Value> =
        roles.iter().map(|(name, acls)| json!({"rolename": name, "acls": acls})).collect();
    let default = json!({
        "publishClientSend": false, "publishClientReceive": false, "subscribe": false, "unsubscribe": false,
    });
    let policy = json!({
        "defaultACLAccess": default,
        "clients": [{
            "username": "u", "roles": links, "iterations": 101, "salt": SALT, "password": HASH,
        }],
        "groups": [],
        "roles": roles,
    });
    policy.to_string().into_bytes()
}

fn one_role(acltype: &str, count: usize) -> Vec<u8> {
    policy(&[("role".into(), acls(acltype, (0..count).map(filter)))])
}

fn check(clientid: &str, access: Access, topic: &str) -> AclRequest {
    AclRequest { clientid: clientid.into(), access, topic: topic.into() }
}

/// The same check by many clients of one name.
fn by_many(clients: usize, access: Access, topic: &str) -> Vec<AclRequest> {
    (0..clients).map(|client| check(&format!("device-{client}"), access, topic)).collect()
}

fn ready(bench: &Bench, worker: Worker, policy: &[u8], clients: usize) -> Result<Worker, Box<dyn Error>> {
    ready_with(bench, worker, policy, clients, &[("denial_log", "false")])
}

fn ready_with(
    bench: &Bench,
    mut worker: Worker,
    policy: &[u8],
    clients: usize,
    options: &[(&str, &str)],
) -> Result<Worker, Box<dyn Error>> {
    bench.load_with(&mut worker, policy, options)?;
    for client in 0..clients {
        worker.connect(&format!("device-{client}"), "u", "p")?;
    }
    Ok(worker)
}

/// All of this suite.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    Ok([counts(bench)?, times(bench)?].concat())
}

/// Instructions.
fn counts(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut first = Table::new(
        "check-instructions",
        "A check that was not made before: instructions, the broker's own functions included. One role with \
         four shapes of filters, topics of six levels; clients that have asked about another topic before.",
        "instructions",
    );
    let mut again = Table::new("repeated-check-instructions", "The same check once more.", "instructions");
    for (access, verb, acltype) in ACCESSES {
        for size in SIZES.into_iter().filter(|size| bench.takes(*size)) {
            bench.progress(&format!("instructions, {verb}, {size} ACLs"));
            let policy = one_role(acltype, size);
            let mut workers = Vec::new();
            for side in Side::BOTH {
                if side == Side::Ours || size <= LARGEST_COUNTED {
                    workers.push((side, ready(bench, bench.start_counting(side)?, &policy, COUNTED)?));
                }
            }
            for (place, topic) in [("first", topic(0)), ("last", topic(size - 1)), ("none", topic(size))] {
                let counts = count(&mut workers, access, &topic)?;
                let work = format!("{verb}, {place}");
                let size = Some(size as u64);
                first.push(&work, size, counts[0][0], counts[0][1]);
                again.push(&work, size, counts[1][0], counts[1][1]);
            }
        }
    }
    bench.progress("instructions, 100 roles of 10 ACLs");
    let policy = many_roles();
    let mut workers = Vec::new();
    for side in Side::BOTH {
        workers.push((side, ready(bench, bench.start_counting(side)?, &policy, COUNTED)?));
    }
    for (place, topic) in [("first", topic(0)), ("last", topic(999)), ("none", topic(1000))] {
        let counts = count(&mut workers, Access::Read, &topic)?;
        let work = format!("receive, 100 roles, {place}");
        first.push(&work, Some(1000), counts[0][0], counts[0][1]);
        again.push(&work, Some(1000), counts[1][0], counts[1][1]);
    }
    bench.progress("instructions, placeholders and further shapes");
    for (work, policy, topic) in [
        ("publish, last, with `%u`", of_username(), "site/u/line/cell/device/state".into()),
        ("publish, none, four more shapes", more_shapes(), topic(1_000)),
    ] {
        let mut workers = Vec::new();
        for side in Side::BOTH {
            workers.push((side, ready(bench, bench.start_counting(side)?, &policy, COUNTED)?));
        }
        let counts = count(&mut workers, Access::Write, &topic)?;
        first.push(work, Some(1000), counts[0][0], counts[0][1]);
        again.push(work, Some(1000), counts[1][0], counts[1][1]);
    }
    Ok(vec![first, again])
}

/// The most instructions that this plugin may take for each kind of check: about a tenth more than it took when they were
/// last looked at.
const LIMITS: [(&str, usize, Place, Limit); 11] = [
    ("publish", 10, Place::First, Limit { new: 480.0, again: 372.0 }),
    ("publish", 10, Place::Last, Limit { new: 930.0, again: 372.0 }),
    ("publish", 10, Place::None, Limit { new: 755.0, again: 382.0 }),
    ("publish", 1_000, Place::First, Limit { new: 480.0, again: 372.0 }),
    ("publish", 1_000, Place::Last, Limit { new: 885.0, again: 372.0 }),
    ("publish", 1_000, Place::None, Limit { new: 785.0, again: 396.0 }),
    ("receive", 1_000, Place::None, Limit { new: 785.0, again: 396.0 }),
    ("subscribe", 1_000, Place::Last, Limit { new: 890.0, again: 372.0 }),
    ("receive", 10_000, Place::Last, Limit { new: 900.0, again: 385.0 }),
    ("receive", 100_000, Place::Last, Limit { new: 915.0, again: 406.0 }),
    ("receive", 100_000, Place::None, Limit { new: 835.0, again: 416.0 }),
];

/// Which ACL matches.
#[derive(Clone, Copy, Debug)]
enum Place {
    First,
    Last,
    None,
}

/// Instructions of a check that was not made before, and of the same once more.
struct Limit {
    new: f64,
    again: f64,
}

/// Counts this plugin's checks and gives each with its limit to `compare`: what, how many, at most how many.
pub fn hold_to_limits(bench: &Bench, compare: &mut impl FnMut(&str, f64, f64)) -> Result<(), Box<dyn Error>> {
    for (verb, size, place, limit) in LIMITS {
        let Some((access, _, acltype)) = ACCESSES.into_iter().find(|(_, name, _)| *name == verb) else {
            return Err(format!("there is no check {verb}").into());
        };
        let worker = ready(bench, bench.start_counting(Side::Ours)?, &one_role(acltype, size), COUNTED)?;
        let topic = match place {
            Place::First => topic(0),
            Place::Last => topic(size - 1),
            Place::None => topic(size),
        };
        let counts = count(&mut [(Side::Ours, worker)], access, &topic)?;
        let ours = Side::Ours as usize;
        let [Some(new), Some(again)] = [counts[0][ours], counts[1][ours]] else {
            return Err("a check was not counted".into());
        };
        let what = format!("{verb}, {place:?} of {size} ACLs").to_lowercase();
        compare(&format!("{what}, new"), new, limit.new);
        compare(&format!("{what}, again"), again, limit.again);
    }
    Ok(())
}

/// A role of which the last of 1,000 ACLs is for the client's own name.
fn of_username() -> Vec<u8> {
    let filters = (0..999).map(filter).chain(["site/%u/line/cell/device/state".into()]);
    policy(&[("role".into(), acls("publishClientSend", filters))])
}

/// The usual role of 1,000 ACLs, and five of each of four more shapes.
fn more_shapes() -> Vec<u8> {
    let more = (0..20).map(|index| match index % 4 {
        0 => format!("site/+/{index}/cell/device/state"),
        1 => format!("+/{index}/line/cell/+/state"),
        2 => format!("site/{index}/line/cell/+/+"),
        _ => format!("site/{index}/line/cell/#"),
    });
    policy(&[("role".into(), acls("publishClientSend", (0..1_000).map(filter).chain(more)))])
}

/// A client with 100 roles of 10 ACLs each.
fn many_roles() -> Vec<u8> {
    let role = |index: usize| {
        let filters = (index * 10..index * 10 + 10).map(filter);
        (format!("role-{index:02}"), acls("publishClientReceive", filters))
    };
    policy(&(0..100).map(role).collect::<Vec<_>>())
}

/// What a check costs the first and the second time, on both sides.
fn count(
    workers: &mut [(Side, Worker)],
    access: Access,
    topic: &str,
) -> Result<[[Option<f64>; 2]; 2], Box<dyn Error>> {
    let mut counts = [[None; 2]; 2];
    let checks = by_many(COUNTED, access, topic);
    // A connection is looked at once, and roles are merged at a tick, when they were asked for.
    let before = by_many(COUNTED, access, "some/other/topic/of/six/levels");
    for (side, worker) in workers {
        worker.count(&[], &before)?;
        worker.ask(Request::Tick { count: 2, pause_ms: 0 })?;
        counts[0][*side as usize] = Some(worker.count(&[], &checks)?);
        let repeated = vec![checks[0].clone(); COUNTED];
        counts[1][*side as usize] = Some(worker.count(&repeated, &repeated)?);
    }
    Ok(counts)
}

/// Nanoseconds.
fn times(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut first = Table::new("check-times", "A check that was not made before: medians.", "ns");
    let mut tails = Table::new("check-tails", "A check that was not made before: 99th percentile.", "ns");
    let mut again = Table::new("repeated-check-times", "The same check once more: medians.", "ns");
    for (access, verb, acltype) in ACCESSES {
        for size in SIZES.into_iter().filter(|size| bench.takes(*size)) {
            bench.progress(&format!("times, {verb}, {size} ACLs"));
            let policy = one_role(acltype, size);
            let mut theirs = ready(bench, bench.start(Side::Theirs)?, &policy, CLIENTS)?;
            let mut ours = ready(bench, bench.start(Side::Ours)?, &policy, CLIENTS)?;
            let mut workers = [&mut theirs, &mut ours];
            for (place, topic) in [("first", topic(0)), ("last", topic(size - 1)), ("none", topic(size))] {
                let checks = by_many(CLIENTS, access, &topic);
                let work = format!("{verb}, {place}");
                let size = Some(size as u64);
                let times = time(&mut workers, &checks)?;
                first.push(&work, size, Some(times[0].median), Some(times[1].median));
                tails.push(&work, size, Some(times[0].p99), Some(times[1].p99));
                let times = time(&mut workers, &checks[..1])?;
                again.push(&work, size, Some(times[0].median), Some(times[1].median));
            }
        }
    }
    let size = 10;
    bench.progress("times, denials that are logged");
    let policy = one_role("publishClientSend", size);
    let mut theirs = ready(bench, bench.start(Side::Theirs)?, &policy, CLIENTS)?;
    let mut ours = ready_with(bench, bench.start(Side::Ours)?, &policy, CLIENTS, &[])?;
    let checks = by_many(CLIENTS, Access::Write, &topic(size));
    let mut workers = [&mut theirs, &mut ours];
    let times = [time(&mut workers, &checks)?, time(&mut workers, &checks[..1])?];
    for (table, times) in [&mut first, &mut again].into_iter().zip(times) {
        let [theirs, ours] = [times[0].median, times[1].median];
        table.push("publish, none, denials logged", Some(size as u64), Some(theirs), Some(ours));
    }
    Ok(vec![first, tails, again])
}
