//! What is done to policies of many clients, and of roles with many ACLs: changing and reading them.

use std::error::Error;
use std::time::Instant;

use mosquitto_dynsec::control::{self, Actor, Connection, Host};
use mosquitto_dynsec::password::{Iterations, PasswordHash};
use mosquitto_dynsec::policy::{ClientId, Compat, Policy, Username};
use mosquitto_dynsec::store;
use plugin_host::{Access, AclRequest, Request};
use serde_json::{Value, json};

use crate::bench::{Bench, Side, Worker};
use crate::policies::{
    LARGEST_OF_THEIRS, LARGEST_ROLE_OF_THEIRS, ROLES, client, load_into, milliseconds, policy, policy_of,
};
use crate::table::Table;
use crate::worker::{Order, median};

fn control(payload: &str) -> Request {
    Request::Control { clientid: "console".into(), topic: None, payload: payload.into() }
}

type Change = fn(usize) -> Value;

/// What is done to a policy, by name; the number makes each time another one.
const CHANGES: [(&str, Change); 7] = [
    ("createClient", |number| {
        json!({"command": "createClient", "username": format!("new-{number}"),
               "roles": [{"rolename": "role-1"}], "groups": [{"groupname": "group-1"}]})
    }),
    (
        "addGroupClient",
        |number| json!({"command": "addGroupClient", "groupname": "group-2", "username": client(number * ROLES + 1)}),
    ),
    ("addRoleACL, a tenth of all has the role", |number| {
        json!({"command": "addRoleACL", "rolename": "role-1", "acltype": "publishClientSend",
               "topic": format!("new/{number}"), "allow": true})
    }),
    ("addRoleACL, the role has as many ACLs", |number| {
        json!({"command": "addRoleACL", "rolename": "role-0", "acltype": "publishClientSend",
               "topic": format!("new/{number}"), "allow": true})
    }),
    (
        "modifyRole, its text",
        |number| json!({"command": "modifyRole", "rolename": "role-0", "textname": format!("{number}")}),
    ),
    ("createRole", |number| json!({"command": "createRole", "rolename": format!("new-{number}")})),
    (
        "deleteRole, nobody has it",
        |number| json!({"command": "deleteRole", "rolename": format!("new-{number}")}),
    ),
];

fn payload(command: &Value) -> String {
    json!({"commands": [command]}).to_string()
}

/// Changing.
pub fn changes(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut alone = Table::new(
        "change-times",
        "A change among so many clients, and as many ACLs in one role, before hashing and saving.",
        "µs",
    );
    let mut held = Table::new(
        "change-callbacks",
        "How long the same holds the broker's thread up: the callback, with all that is done in it.",
        "ms",
    );
    let mut checks = Table::new("first-checks", "The first ACL check after a change to its role.", "µs");
    let mut counts =
        Table::new("change-instructions", "A change: instructions on the broker's thread.", "instructions");
    for size in [1_000, 10_000, 100_000].into_iter().filter(|size| bench.takes(*size)) {
        bench.progress(&format!("changes, {size} clients"));
        let policy = policy(size, size);
        time_alone(&policy, size, &mut alone)?;
        time_held(bench, &policy, size, &mut held, &mut checks)?;
    }
    let mut memory = Table::new(
        "save-memory",
        "How much more memory there is at the peak while a change among so many clients is made and saved.",
        "MB",
    );
    for size in [10_000, 100_000].into_iter().filter(|size| bench.takes(*size)) {
        let mut of_sides = [None; 2];
        for side in Side::BOTH {
            if side == Side::Ours || size < LARGEST_OF_THEIRS {
                bench.progress(&format!("memory to save, {size} clients, {side:?}"));
                of_sides[side as usize] = Some(memory_to_save(bench, side, size)?);
            }
        }
        memory.push("createClient", Some(size as u64), of_sides[0], of_sides[1]);
    }
    for size in [1_000, 10_000].into_iter().filter(|size| bench.takes(*size)) {
        bench.progress(&format!("changes, instructions, {size} clients"));
        for (what, count) in count_changes(bench, size)? {
            counts.push(what, Some(size as u64), None, Some(count));
        }
    }
    Ok(vec![alone, held, checks, memory, counts])
}

/// The rows of how long changes hold the broker's thread up, and the first check after those to its role.
fn time_held(
    bench: &Bench,
    policy: &[u8],
    size: usize,
    held: &mut Table,
    checks: &mut Table,
) -> Result<(), Box<dyn Error>> {
    // Such a role of 100,000 ACLs takes the C plugin too long to load.
    let mut theirs = if size <= LARGEST_ROLE_OF_THEIRS { Some(bench.start(Side::Theirs)?) } else { None };
    let mut ours = bench.start(Side::Ours)?;
    let both = [(Side::Theirs, theirs.as_mut()), (Side::Ours, Some(&mut ours))];
    for (side, worker) in both.into_iter().filter_map(|(side, worker)| Some((side, worker?))) {
        load_into(bench, side, worker, policy)?;
        worker.ask(Request::Attach { clientid: "console".into(), username: None, subscriptions: vec![] })?;
    }
    let size = Some(size as u64);
    let mut firsts = Vec::new();
    for (what, command) in CHANGES {
        let mut times = Vec::new();
        for worker in [theirs.as_mut(), Some(&mut ours)] {
            let Some(worker) = worker else {
                times.push(None);
                continue;
            };
            let (callback, check) = time_change(worker, command)?;
            times.push(Some(callback));
            if what.starts_with("addRoleACL, the role has") {
                firsts.push(check);
            }
        }
        held.push(what, size, times[0], times[1]);
    }
    let (ours, theirs) = (firsts.pop(), firsts.pop());
    checks.push("publish", size, theirs, ours);
    Ok(())
}

/// Milliseconds of a change's callback, and microseconds of the first check after it.
fn time_change(worker: &mut Worker, command: Change) -> Result<(f64, f64), Box<dyn Error>> {
    let (mut callbacks, mut checks) = (Vec::new(), Vec::new());
    for number in 0..5 {
        let done = worker.ask(control(&payload(&command(number))))?;
        callbacks.push(milliseconds(done.nanoseconds));
        // A change to its role has disconnected it before.
        let (clientid, username) = ("device".into(), Some(client(0).as_str().into()));
        worker.ask(Request::Attach { clientid, username, subscriptions: vec![] })?;
        let check =
            AclRequest { clientid: "device".into(), access: Access::Write, topic: "site/1/state".into() };
        checks.push(worker.ask(Request::Acl(check))?.nanoseconds as f64 / 1e3);
        worker.ask(Request::Tick { count: 3, pause_ms: 20 })?;
    }
    Ok((median(&mut callbacks), median(&mut checks)))
}

fn memory_to_save(bench: &Bench, side: Side, clients: usize) -> Result<f64, Box<dyn Error>> {
    let mut worker = bench.start(side)?;
    load_into(bench, side, &mut worker, &policy(clients, 10))?;
    worker.ask(Request::Attach { clientid: "console".into(), username: None, subscriptions: vec![] })?;
    let (_, command) = CHANGES[0];
    let mut most = 0.0_f64;
    for number in 0..3 {
        let before = worker.ask(Request::Tick { count: 1, pause_ms: 0 })?.resident_kb;
        let mut peak = worker.ask(control(&payload(&command(number))))?.peak_kb;
        peak = peak.max(worker.ask(Request::Tick { count: 50, pause_ms: 20 })?.peak_kb);
        most = most.max(peak.saturating_sub(before) as f64 / 1000.0);
    }
    Ok(most)
}

/// Instructions of each change on the broker's thread, ours.
pub fn count_changes(bench: &Bench, size: usize) -> Result<Vec<(&'static str, f64)>, Box<dyn Error>> {
    let mut worker = bench.start_counting(Side::Ours)?;
    load_into(bench, Side::Ours, &mut worker, &policy(size, size))?;
    worker.ask(Request::Attach { clientid: "console".into(), username: None, subscriptions: vec![] })?;
    let mut counts = Vec::new();
    for (what, command) in CHANGES {
        let mut all = Vec::new();
        for number in 0..3 {
            let (_, count) = worker.count_order(&Order::CountAsk(control(&payload(&command(number)))))?;
            all.push(count as f64);
            worker.ask(Request::Tick { count: 3, pause_ms: 20 })?;
        }
        counts.push((what, median(&mut all)));
    }
    Ok(counts)
}

/// Instructions of making, changing and deleting records, on the broker's thread, ours, where the file has everything twice and
/// as many links that lead nowhere.
pub fn count_beside_what_is_set_aside(bench: &Bench, size: usize) -> Result<f64, Box<dyn Error>> {
    let mut file: Value = serde_json::from_slice(&policy(size, 10))?;
    let missing =
        |key: &str| (0..size).map(|number| json!({key: format!("missing-{number}")})).collect::<Vec<_>>();
    file["groups"][1]["clients"] = missing("username").into();
    file["clients"][1]["roles"] = missing("rolename").into();
    for list in ["clients", "groups", "roles"] {
        let records = file[list].as_array_mut().ok_or("no list")?;
        records.extend(records.clone());
    }
    let mut worker = bench.start_counting(Side::Ours)?;
    load_into(bench, Side::Ours, &mut worker, file.to_string().as_bytes())?;
    worker.ask(Request::Attach { clientid: "console".into(), username: None, subscriptions: vec![] })?;
    let commands = |number: usize| {
        json!({"commands": [
            {"command": "createRole", "rolename": format!("missing-{number}")},
            {"command": "createClient", "username": format!("missing-{number}")},
            {"command": "createGroup", "groupname": format!("missing-{number}")},
            {"command": "disableClient", "username": client(10 * number + 2)},
            {"command": "deleteClient", "username": client(10 * number + 3)},
        ]})
    };
    // The first change of a process takes more than all that is counted here.
    worker.ask(control(&commands(0).to_string()))?;
    worker.ask(Request::Tick { count: 5, pause_ms: 20 })?;
    let (_, count) = worker.count_order(&Order::CountAsk(control(&commands(1).to_string())))?;
    Ok(count as f64)
}

/// Instructions of deleting a role of so many ACLs, and of the ticks until it is gone, on the broker's thread, ours.
pub fn count_deletion(bench: &Bench, size: usize) -> Result<f64, Box<dyn Error>> {
    let mut worker = bench.start_counting(Side::Ours)?;
    load_into(bench, Side::Ours, &mut worker, &policy(ROLES, size))?;
    worker.ask(Request::Attach { clientid: "console".into(), username: None, subscriptions: vec![] })?;
    // The first change of a process takes more than all that is counted here.
    let warm_up = json!({"command": "modifyRole", "rolename": "role-1", "textname": "text"});
    worker.ask(control(&payload(&warm_up)))?;
    worker.ask(Request::Tick { count: 5, pause_ms: 20 })?;
    let command = json!({"command": "deleteRole", "rolename": "role-0"});
    let (_, deleting) = worker.count_order(&Order::CountAsk(control(&payload(&command))))?;
    let (_, ticks) = worker.count_order(&Order::CountAsk(Request::Tick { count: 5, pause_ms: 20 }))?;
    Ok((deleting + ticks) as f64)
}

/// Instructions of deleting a role and a group that a tenth of so many clients has, and making others of those names, on the
/// broker's thread, ours.
pub fn count_making_anew(bench: &Bench, size: usize) -> Result<f64, Box<dyn Error>> {
    let mut worker = bench.start_counting(Side::Ours)?;
    load_into(bench, Side::Ours, &mut worker, &policy(size, ROLES))?;
    worker.ask(Request::Attach { clientid: "console".into(), username: None, subscriptions: vec![] })?;
    let anew = |number: usize| {
        let (role, group) = (format!("role-{number}"), format!("group-{number}"));
        json!({"commands": [
            {"command": "deleteRole", "rolename": role}, {"command": "createRole", "rolename": role},
            {"command": "deleteGroup", "groupname": group}, {"command": "createGroup", "groupname": group},
        ]})
    };
    // The first change of a process takes more than all that is counted here.
    worker.ask(control(&anew(1).to_string()))?;
    worker.ask(Request::Tick { count: 20, pause_ms: 20 })?;
    let (_, count) = worker.count_order(&Order::CountAsk(control(&anew(2).to_string())))?;
    Ok(count as f64)
}

/// Instructions of explainACL about a role of so many ACLs, ours.
pub fn count_explanation(bench: &Bench, size: usize) -> Result<f64, Box<dyn Error>> {
    let mut worker = bench.start_counting(Side::Ours)?;
    load_into(bench, Side::Ours, &mut worker, &policy(ROLES, size))?;
    worker.ask(Request::Attach { clientid: "console".into(), username: None, subscriptions: vec![] })?;
    let command = json!({"command": "explainACL", "username": client(0), "acltype": "publishClientSend",
                         "topic": "site/7/state"});
    let mut all = Vec::new();
    for _ in 0..3 {
        let (_, count) = worker.count_order(&Order::CountAsk(control(&payload(&command))))?;
        all.push(count as f64);
    }
    Ok(median(&mut all))
}

/// No broker: nobody is connected, and passwords are not hashed.
struct Nobody;

impl Host for Nobody {
    fn hash_password(&self, _: &[u8]) -> Option<PasswordHash> {
        PasswordHash::create(b"", Iterations::MIN).ok()
    }

    fn connections(&self, _: &Username, _: Option<&ClientId>) -> Vec<Connection> {
        Vec::new()
    }
}

fn run_alone(policy: &mut Policy, payload: &str) -> f64 {
    let actor = Actor::default();
    let start = Instant::now();
    let outcome = control::handle(policy, payload.as_bytes(), &actor, &Nobody);
    let took = start.elapsed().as_nanos() as f64 / 1e3;
    drop(outcome);
    policy.keep();
    took
}

fn time_alone(file: &[u8], size: usize, table: &mut Table) -> Result<(), Box<dyn Error>> {
    let (mut policy, _) = store::read(file, Compat::V2_0)?;
    for (what, command) in CHANGES {
        let mut times: Vec<f64> =
            (0..25).map(|number| run_alone(&mut policy, &payload(&command(number)))).collect();
        table.push(what, Some(size as u64), None, Some(median(&mut times)));
    }
    for (what, command) in [
        ("deleteRole, a tenth of all has it", json!({"command": "deleteRole", "rolename": "role-2"})),
        ("deleteGroup, a tenth of all is in it", json!({"command": "deleteGroup", "groupname": "group-2"})),
        ("createRole, of the name just deleted", json!({"command": "createRole", "rolename": "role-2"})),
        ("createGroup, of the name just deleted", json!({"command": "createGroup", "groupname": "group-2"})),
    ] {
        table.push(what, Some(size as u64), None, Some(run_alone(&mut policy, &payload(&command))));
    }
    // One role for all, and one group.
    let (mut policy, _) = store::read(&policy_of(size, 10, 1), Compat::V2_0)?;
    let add = |number: usize| {
        json!({"command": "addRoleACL", "rolename": "role-0", "acltype": "publishClientSend",
               "topic": format!("new/{number}"), "allow": true})
    };
    let mut times: Vec<f64> = (0..25).map(|number| run_alone(&mut policy, &payload(&add(number)))).collect();
    table.push("addRoleACL, all have the role", Some(size as u64), None, Some(median(&mut times)));
    for (what, command) in [
        ("deleteRole, all have it", json!({"command": "deleteRole", "rolename": "role-0"})),
        ("deleteGroup, all are in it", json!({"command": "deleteGroup", "groupname": "group-0"})),
    ] {
        table.push(what, Some(size as u64), None, Some(run_alone(&mut policy, &payload(&command))));
    }
    Ok(())
}

/// Reading.
pub fn reads(bench: &Bench) -> Result<Vec<Table>, Box<dyn Error>> {
    let mut table = Table::new("reads", "Reading among so many clients: the callback.", "µs");
    for size in [1_000, 10_000, 100_000].into_iter().filter(|size| bench.takes(*size)) {
        bench.progress(&format!("reads, {size} clients"));
        let file = policy(size, 10);
        let mut theirs = if size < LARGEST_OF_THEIRS { Some(bench.start(Side::Theirs)?) } else { None };
        let mut ours = bench.start(Side::Ours)?;
        let both = [(Side::Theirs, theirs.as_mut()), (Side::Ours, Some(&mut ours))];
        for (side, worker) in both.into_iter().filter_map(|(side, worker)| Some((side, worker?))) {
            load_into(bench, side, worker, &file)?;
            worker.ask(Request::Attach {
                clientid: "console".into(),
                username: None,
                subscriptions: vec![],
            })?;
        }
        let reads = [
            ("getClient", json!({"command": "getClient", "username": client(size / 2)})),
            ("getRole", json!({"command": "getRole", "rolename": "role-5"})),
            ("listClients, 100 from 0", json!({"command": "listClients", "count": 100})),
            (
                "listClients, 100 near the end",
                json!({"command": "listClients", "count": 100, "offset": size - 200}),
            ),
            (
                "listClients, verbose, 10,000 at most",
                json!({"command": "listClients", "count": 10_000, "verbose": true}),
            ),
        ];
        for (what, command) in reads {
            let mut times = [None; 2];
            for (worker, place) in [(theirs.as_mut(), 0), (Some(&mut ours), 1)] {
                let Some(worker) = worker else { continue };
                let mut all = Vec::new();
                for _ in 0..15 {
                    all.push(worker.ask(control(&payload(&command)))?.nanoseconds as f64 / 1e3);
                }
                times[place] = Some(median(&mut all));
            }
            table.push(what, Some(size as u64), times[0], times[1]);
        }
    }
    Ok(vec![table])
}
