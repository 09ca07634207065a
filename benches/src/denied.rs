//! ACL checks that are denied, with the denial log as it is unless it is told otherwise: what they cost.

use std::error::Error;

use plugin_host::{Access, AclRequest, Request};

use crate::bench::{Bench, Side};
use crate::checks::{COUNTED, by_many, check, one_role, ready_with, topic};

/// How many ACLs there are, none of which matches.
pub const ACLS: usize = 10;
/// How many kinds of a client the log tells apart in an interval, and how many of all.
const KINDS_OF_ONE: usize = 10;
const KINDS: usize = 256;

/// What the log knows of a client when it is denied something that it was not denied before.
#[derive(Clone, Copy, Debug)]
pub enum Known {
    /// One kind: there will be another line.
    Little,
    /// As many kinds as it may have: the rest is counted together.
    Much,
    /// None, and there is no room for any: others have had it.
    Nothing,
}

/// All, with what tables call them.
pub const ALL: [(&str, Known); 3] = [
    ("publish, none, logged, another kind", Known::Little),
    ("publish, none, logged, ever new topics", Known::Much),
    ("publish, none, logged, clients beyond the room", Known::Nothing),
];

impl Known {
    /// What is denied before.
    fn before(self) -> Vec<AclRequest> {
        let (clients, kinds) = match self {
            Self::Little => (0..COUNTED, 1),
            Self::Much => (0..COUNTED, KINDS_OF_ONE + 2),
            Self::Nothing => (COUNTED..COUNTED + KINDS / KINDS_OF_ONE + 1, KINDS_OF_ONE),
        };
        clients.flat_map(|client| (0..kinds).map(move |kind| denied(client, kind))).collect()
    }

    /// How many clients there are.
    fn clients(self) -> usize {
        match self {
            Self::Nothing => COUNTED + KINDS / KINDS_OF_ONE + 1,
            Self::Little | Self::Much => COUNTED,
        }
    }
}

/// A client publishes to a topic that no ACL matches.
fn denied(client: usize, kind: usize) -> AclRequest {
    check(&format!("device-{client}"), Access::Write, &topic(ACLS + kind))
}

/// What is timed, with what tables call it: by more clients than there is room for, and by four, each on ever new topics.
///
/// There are more of these checks than are remembered, and more topics of each client than are told apart.
pub fn timed(checks: usize) -> [(&'static str, Vec<AclRequest>); 2] {
    let by_few = |number: usize| denied(number % 4, number / 4);
    [
        ("publish, none, denials logged", by_many(checks, Access::Write, &topic(ACLS))),
        ("publish, none, logged, ever new topics of four clients", (0..checks).map(by_few).collect()),
    ]
}

/// The instructions of a check that is denied and was not made before, and of the same once more.
///
/// # Errors
/// They could not be counted.
pub fn count(bench: &Bench, side: Side, known: Known) -> Result<[f64; 2], Box<dyn Error>> {
    let policy = one_role("publishClientSend", ACLS);
    let mut worker = ready_with(bench, bench.start_counting(side)?, &policy, known.clients(), &[])?;
    for check in known.before() {
        worker.ask(Request::Acl(check))?;
        worker.ask(Request::Tick { count: 1, pause_ms: 0 })?;
    }
    // A connection is looked at once.
    let by_each = by_many(known.clients(), Access::Write, &topic(0));
    worker.count(&[], &by_each)?;
    let checks: Vec<AclRequest> = (0..COUNTED).map(|client| denied(client, KINDS_OF_ONE + 2)).collect();
    let first = worker.count(&[], &checks)?;
    worker.ask(Request::Tick { count: 1, pause_ms: 0 })?;
    let repeated = vec![checks[0].clone(); COUNTED];
    Ok([first, worker.count(&repeated, &repeated)?])
}
