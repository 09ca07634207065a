//! ACL checks: what one costs, against how many ACLs there are.

use std::error::Error;

use plugin_host::{Access, AclRequest, Request};
use serde_json::{Value, json};

use crate::bench::{Bench, Side, Worker, time};
use crate::denied;
use crate::table::Table;
use crate::worker::Order;

/// More than are remembered: to the plugins, each asks for the first time.
const CLIENTS: usize = 8192;
/// How many clients' checks are counted: each is one login in callgrind.
pub const COUNTED: usize = 20;
const SIZES: [usize; 4] = [10, 1_000, 10_000, 100_000];
/// Above this the C plugin takes minutes to load in callgrind.
const LARGEST_COUNTED: usize = 10_000;

pub const ACCESSES: [(Access, &str, &str); 4] = [
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
pub fn topic(index: usize) -> String {
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

pub fn one_role(acltype: &str, count: usize) -> Vec<u8> {
    policy(&[("role".into(), acls(acltype, (0..count).map(filter)))])
}

pub fn check(clientid: &str, access: Access, topic: &str) -> AclRequest {
    AclRequest { clientid: clientid.into(), access, topic: topic.into() }
}

/// The same check by many clients of one name.
pub fn by_many(clients: usize, access: Access, topic: &str) -> Vec<AclRequest> {
    by_each(clients, access, |_| topic.into())
}

/// A check by each of many clients of one name, with a topic for its client id.
pub fn by_each(clients: usize, access: Access, topic: impl Fn(&str) -> String) -> Vec<AclRequest> {
    let ids = (0..clients).map(|client| format!("device-{client}"));
    ids.map(|clientid| check(&clientid, access, &topic(&clientid))).collect()
}

pub fn ready(bench: &Bench, worker: Worker, policy: &[u8], clients: usize) -> Result<Worker, Box<dyn Error>> {
    ready_with(bench, worker, policy, clients, &[("denial_log", "false")])
}

pub fn ready_with(
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
    // Brokers tick: where none seems to, some work is done in callbacks.
    worker.ask(Request::Tick { count: 2, pause_ms: 0 })?;
    Ok(worker)
}

/// All of this suite.
pub fn run(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    Ok([counts(bench)?, times(bench)?].concat())
}

/// Instructions.
fn counts(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut tables = Counts {
        first: Table::new(
            "check-instructions",
            "A check that was not made before: instructions, the broker's own functions included. One role with \
             four shapes of filters, topics of six levels; clients that have asked about another topic before.",
            "instructions",
        ),
        again: Table::new("repeated-check-instructions", "The same check once more.", "instructions"),
    };
    for (access, verb, acltype) in ACCESSES {
        for size in SIZES.into_iter().filter(|size| bench.takes(*size)) {
            bench.progress(&format!("instructions, {verb}, {size} ACLs"));
            let policy = one_role(acltype, size);
            let sides = if size <= LARGEST_COUNTED { &Side::BOTH[..] } else { &[Side::Ours] };
            let mut workers = start_counting(bench, sides, &policy)?;
            for (place, topic) in [("first", topic(0)), ("last", topic(size - 1)), ("none", topic(size))] {
                let checks = by_many(COUNTED, access, &topic);
                tables.push(&format!("{verb}, {place}"), size, &mut workers, &checks)?;
            }
        }
    }
    bench.progress("instructions, 100 roles of 10 ACLs");
    let mut workers = start_counting(bench, &Side::BOTH, &many_roles("publishClientReceive"))?;
    for (_, worker) in &mut workers {
        let_merge(worker, Access::Read)?;
    }
    for (place, topic) in [("first", topic(0)), ("last", topic(999)), ("none", topic(1000))] {
        let checks = by_many(COUNTED, Access::Read, &topic);
        tables.push(&format!("receive, 100 roles, {place}"), 1000, &mut workers, &checks)?;
    }
    bench.progress("instructions, roles of their own");
    for (when, before) in IN_TURNS {
        let work = format!("publish, none, roles of their own, with a tick, {when}");
        let [theirs, ours] = Side::BOTH.map(|side| count_in_turns(bench, side, before));
        tables.first.push(&work, Some(SETS as u64), Some(theirs?), Some(ours?));
    }
    bench.progress("instructions, placeholders and further shapes");
    let by_all = |topic: &str| by_many(COUNTED, Access::Write, topic);
    let own = |name: &str| format!("site/{name}/line/cell/device/state");
    for (work, policy, checks) in [
        ("publish, last, with `%u`", with_last(own("%u")), by_all(&own("u"))),
        ("publish, last, with `%c`", with_last(own("%c")), by_each(COUNTED, Access::Write, own)),
        ("publish, none, four more shapes", more_shapes(), by_all(&topic(1_000))),
    ] {
        tables.push(work, 1000, &mut start_counting(bench, &Side::BOTH, &policy)?, &checks)?;
    }
    bench.progress("instructions, denials that are logged");
    for (work, known) in denied::ALL {
        let [theirs, ours] = Side::BOTH.map(|side| denied::count(bench, side, known));
        let (theirs, ours, size) = (theirs?, ours?, Some(denied::ACLS as u64));
        tables.first.push(work, size, Some(theirs[0]), Some(ours[0]));
        tables.again.push(work, size, Some(theirs[1]), Some(ours[1]));
    }
    Ok(vec![tables.first, tables.again])
}

/// Instructions of checks that were not made before, and of the same once more.
struct Counts {
    first: Table,
    again: Table,
}

impl Counts {
    /// Counts these checks and adds their rows.
    fn push(
        &mut self,
        work: &str,
        size: usize,
        workers: &mut [(Side, Worker)],
        checks: &[AclRequest],
    ) -> Result<(), Box<dyn Error>> {
        let [first, again] = count(workers, checks)?;
        self.first.push(work, Some(size as u64), first[0], first[1]);
        self.again.push(work, Some(size as u64), again[0], again[1]);
        Ok(())
    }
}

/// The clients whose checks are counted, on these sides.
fn start_counting(
    bench: &Bench,
    sides: &[Side],
    policy: &[u8],
) -> Result<Vec<(Side, Worker)>, Box<dyn Error>> {
    let start = |side: &Side| Ok((*side, ready(bench, bench.start_counting(*side)?, policy, COUNTED)?));
    sides.iter().map(start).collect()
}

/// A role of which the last of 1,000 ACLs is another one.
pub fn with_last(last: String) -> Vec<u8> {
    let filters = (0..999).map(filter).chain([last]);
    policy(&[("role".into(), acls("publishClientSend", filters))])
}

/// The usual role of 1,000 ACLs, and five of each of four more shapes.
pub fn more_shapes() -> Vec<u8> {
    let more = (0..20).map(|index| match index % 4 {
        0 => format!("site/+/{index}/cell/device/state"),
        1 => format!("+/{index}/line/cell/+/state"),
        2 => format!("site/{index}/line/cell/+/+"),
        _ => format!("site/{index}/line/cell/#"),
    });
    policy(&[("role".into(), acls("publishClientSend", (0..1_000).map(filter).chain(more)))])
}

/// A client with 100 roles of 10 ACLs each.
pub fn many_roles(acltype: &str) -> Vec<u8> {
    let role = |index: usize| {
        let filters = (index * 10..index * 10 + 10).map(filter);
        (format!("role-{index:02}"), acls(acltype, filters))
    };
    policy(&(0..100).map(role).collect::<Vec<_>>())
}

/// Asks for so much that it pays to merge the roles of [`many_roles`], and lets that be done at ticks.
pub fn let_merge(worker: &mut Worker, access: Access) -> Result<(), Box<dyn Error>> {
    for round in 0..10 {
        for check in by_many(COUNTED, access, &format!("a/topic/of/round/{round}")) {
            worker.ask(Request::Acl(check))?;
        }
        worker.ask(Request::Tick { count: 1, pause_ms: 0 })?;
    }
    Ok(())
}

/// How many clients [`roles_of_their_own`] has: of more than are merged.
pub const SETS: usize = 1_000;
/// When their checks are counted, and how often each of them asks before: later it is so often that roles could be merged.
pub const IN_TURNS: [(&str, usize); 2] = [("at first", 1), ("later", 500)];
/// How often each asks while it is counted.
const ROUNDS: usize = 10;
/// So long that no decision is remembered.
const LONG: &str = "device-of-a-name-that-is-longer-than-those-whose-decisions-are-remembered";

/// Clients that have a role of their own and a group with two, each of 10 ACLs.
fn roles_of_their_own() -> Vec<u8> {
    let role = |name: String| {
        let filters = (0..10).map(|index| format!("{name}/{index}/+/state"));
        json!({"rolename": name, "acls": acls("publishClientSend", filters)})
    };
    let own = |number: usize| format!("own-{number}");
    let client =
        |number: usize| json!({"username": format!("u{number}"), "roles": [{"rolename": own(number)}]});
    let names = ["all".to_owned(), "most".to_owned()].into_iter().chain((0..SETS).map(own));
    let members: Vec<Value> = (0..SETS).map(|number| json!({"username": format!("u{number}")})).collect();
    json!({
        "clients": (0..SETS).map(client).collect::<Vec<Value>>(),
        "groups": [{
            "groupname": "g", "roles": [{"rolename": "all"}, {"rolename": "most"}], "clients": members,
        }],
        "roles": names.map(role).collect::<Vec<Value>>(),
    })
    .to_string()
    .into_bytes()
}

/// The instructions of a check and the tick after it, of clients that ask in turns and have [`roles_of_their_own`].
pub fn count_in_turns(bench: &Bench, side: Side, before: usize) -> Result<f64, Box<dyn Error>> {
    let mut worker = bench.start_counting(side)?;
    bench.load(&mut worker, &roles_of_their_own())?;
    let mut checks = Vec::new();
    for number in 0..SETS {
        let (clientid, username) = (format!("{LONG}-{number}"), format!("u{number}"));
        checks.push(check(&clientid, Access::Write, "none/of/these"));
        let (clientid, username) = (clientid.as_str().into(), Some(username.as_str().into()));
        worker.ask(Request::Attach { clientid, username, subscriptions: vec![] })?;
    }
    worker.count_each(&Order::CountWithTicks { checks, before, rounds: ROUNDS }, SETS * ROUNDS)
}

/// What each of these checks costs the first time, and the first of them once more, on both sides.
pub fn count(
    workers: &mut [(Side, Worker)],
    checks: &[AclRequest],
) -> Result<[[Option<f64>; 2]; 2], Box<dyn Error>> {
    let mut counts = [[None; 2]; 2];
    // A connection is looked at once.
    let before: Vec<AclRequest> = checks
        .iter()
        .map(|check| AclRequest { topic: "some/other/topic/of/six/levels".into(), ..check.clone() })
        .collect();
    for (side, worker) in workers {
        worker.count(&[], &before)?;
        worker.ask(Request::Tick { count: 2, pause_ms: 0 })?;
        counts[0][*side as usize] = Some(worker.count(&[], checks)?);
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
    for (access, verb, acltype) in [ACCESSES[0], ACCESSES[2]] {
        bench.progress(&format!("times, {verb}, 100 roles of 10 ACLs"));
        let policy = many_roles(acltype);
        let mut theirs = ready(bench, bench.start(Side::Theirs)?, &policy, CLIENTS)?;
        let mut ours = ready(bench, bench.start(Side::Ours)?, &policy, CLIENTS)?;
        let_merge(&mut ours, access)?;
        let mut workers = [&mut theirs, &mut ours];
        for (place, topic) in [("first", topic(0)), ("last", topic(999)), ("none", topic(1000))] {
            let checks = by_many(CLIENTS, access, &topic);
            let work = format!("{verb}, 100 roles, {place}");
            let times = time(&mut workers, &checks)?;
            first.push(&work, Some(1000), Some(times[0].median), Some(times[1].median));
            tails.push(&work, Some(1000), Some(times[0].p99), Some(times[1].p99));
        }
    }
    bench.progress("times, denials that are logged");
    for (work, checks) in denied::timed(CLIENTS) {
        let policy = one_role("publishClientSend", denied::ACLS);
        let mut theirs = ready(bench, bench.start(Side::Theirs)?, &policy, CLIENTS)?;
        let mut ours = ready_with(bench, bench.start(Side::Ours)?, &policy, CLIENTS, &[])?;
        let mut workers = [&mut theirs, &mut ours];
        let times = [time(&mut workers, &checks)?, time(&mut workers, &checks[..1])?];
        for (table, times) in [&mut first, &mut again].into_iter().zip(times) {
            let [theirs, ours] = [times[0].median, times[1].median];
            table.push(work, Some(denied::ACLS as u64), Some(theirs), Some(ours));
        }
    }
    Ok(vec![first, tails, again])
}
