//! How many instructions checks and logins may take. `bench growth` holds this plugin to it.

use std::error::Error;
use std::fmt;

use plugin_host::{Access, AclRequest};

use crate::bench::{Bench, Side};
use crate::checks::{
    ACCESSES, COUNTED, IN_TURNS, by_each, by_many, count, count_in_turns, let_merge, many_roles, more_shapes,
    one_role, ready, topic, with_last,
};
use crate::denied::{self, Known};
use crate::logins::count_reconnect;

/// Instructions of a check that was not made before, and of the same once more.
type Limit = [f64; 2];

/// What they are to take at most with one role of the usual shapes, whatever its size.
const TARGET: Limit = [850.0, 350.0];
/// What a placeholder may add to the first of them, and a further shape.
const PLACEHOLDER: f64 = 80.0;
const SHAPE: f64 = 60.0;
/// With `%c` the broker is asked for the client id, and its length is found, which takes 65 more.
const CLIENTID: f64 = 65.0;
/// With 100 roles, which are merged.
const MANY_ROLES: f64 = 1_000.0;
/// By what share they may take more than when they were last looked at, up to the target.
const SLACK: f64 = 1.1;

/// How often checks are counted some of which take too much. The keys of hashes are random in each process, and by chance with some of
/// them a look-up meets entries that look like what it is after: that adds 15 to 35 instructions. What the code adds is there each
/// time.
const TRIES: usize = 4;

/// Which ACL matches.
#[derive(Clone, Copy, Debug)]
enum Place {
    First,
    Last,
    None,
}

/// The policies whose checks are counted.
#[derive(Clone, Copy)]
enum Kind {
    /// One role of so many ACLs.
    OneRole(usize),
    /// One of 1,000 ACLs, the last of which has this for its second level.
    Placeholder(&'static str),
    /// The same with four more shapes.
    MoreShapes,
    /// 100 roles of ten ACLs.
    ManyRoles,
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OneRole(size) => write!(f, "{size} ACLs"),
            Self::Placeholder(name) => write!(f, "{} ACLs, with {name}", self.size()),
            Self::MoreShapes => write!(f, "{} ACLs, four more shapes", self.size()),
            Self::ManyRoles => f.write_str("100 roles of 10 ACLs"),
        }
    }
}

impl Kind {
    fn policy(self, acltype: &str) -> Vec<u8> {
        match self {
            Self::OneRole(size) => one_role(acltype, size),
            Self::Placeholder(name) => with_last(own(name)),
            Self::MoreShapes => more_shapes(),
            Self::ManyRoles => many_roles(acltype),
        }
    }

    fn size(self) -> usize {
        if let Self::OneRole(size) = self { size } else { 1_000 }
    }

    fn target(self) -> Limit {
        let more = match self {
            Self::OneRole(_) => 0.0,
            Self::Placeholder("%c") => PLACEHOLDER + CLIENTID,
            Self::Placeholder(_) => PLACEHOLDER,
            Self::MoreShapes => 4.0 * SHAPE,
            Self::ManyRoles => MANY_ROLES - TARGET[0],
        };
        [TARGET[0] + more, TARGET[1]]
    }

    fn checks(self, access: Access, place: Place) -> Vec<AclRequest> {
        match (self, place) {
            (Self::Placeholder("%c"), Place::Last) => by_each(COUNTED, access, own),
            (Self::Placeholder(_), Place::Last) => by_many(COUNTED, access, &own("u")),
            (_, Place::First) => by_many(COUNTED, access, &topic(0)),
            (_, Place::Last) => by_many(COUNTED, access, &topic(self.size() - 1)),
            (_, Place::None) => by_many(COUNTED, access, &topic(self.size())),
        }
    }
}

/// The filter with a placeholder, or the topic that it matches.
fn own(name: &str) -> String {
    format!("site/{name}/line/cell/device/state")
}

/// A row: which ACL matches, and what that took when it was last looked at.
type Row = (Place, Limit);

/// One role, and of all accesses the most.
const ONE_ROLE: [(usize, [Row; 3]); 4] = [
    (10, [(Place::First, [414.0, 303.0]), (Place::Last, [799.0, 303.0]), (Place::None, [640.0, 312.0])]),
    (1_000, [(Place::First, [414.0, 303.0]), (Place::Last, [745.0, 303.0]), (Place::None, [665.0, 322.0])]),
    (10_000, [(Place::First, [414.0, 303.0]), (Place::Last, [767.0, 313.0]), (Place::None, [665.0, 338.0])]),
    (100_000, [(Place::First, [414.0, 303.0]), (Place::Last, [781.0, 329.0]), (Place::None, [665.0, 338.0])]),
];
const MANY_ROLES_ROWS: [Row; 3] =
    [(Place::First, [556.0, 303.0]), (Place::Last, [844.0, 303.0]), (Place::None, [728.0, 322.0])];
const OTHERS: [(&str, Kind, &[Row]); 5] = [
    ("publish", Kind::Placeholder("%u"), &[(Place::Last, [908.0, 303.0])]),
    ("publish", Kind::Placeholder("%c"), &[(Place::Last, [973.0, 329.0])]),
    ("publish", Kind::MoreShapes, &[(Place::None, [969.0, 322.0])]),
    ("receive", Kind::ManyRoles, &MANY_ROLES_ROWS),
    ("subscribe", Kind::ManyRoles, &MANY_ROLES_ROWS),
];

/// Of publishes that no ACL of ten matches, with the denial log as it is unless it is told otherwise.
const TOOK_LOGGED: [(&str, Known, Limit); 3] = [
    ("another kind", Known::Little, [2_105.0, 368.0]),
    ("ever new topics", Known::Much, [920.0, 368.0]),
    ("clients beyond the room", Known::Nothing, [875.0, 368.0]),
];

/// Instructions of a login of a client that comes back, which costs no hashing, where a thousand do.
const RECONNECT: f64 = 1_764.0;
const RECONNECTS: usize = 1_000;
/// Of a check and the tick after it, at first and later, where each of a thousand clients has a role of its own and two others.
const TOOK_IN_TURNS: [f64; 2] = [2_500.0, 2_500.0];

/// Counts this plugin's checks and logins and gives each with its limit to `compare`: what, how many, at most how many.
///
/// # Errors
/// Something could not be counted.
pub fn hold(bench: &Bench, compare: &mut impl FnMut(&str, f64, f64)) -> Result<(), Box<dyn Error>> {
    for (access, verb, acltype) in ACCESSES {
        let one_role = ONE_ROLE.iter().map(|(size, rows)| (Kind::OneRole(*size), &rows[..]));
        let others = OTHERS.iter().filter(|(of, ..)| *of == verb).map(|(_, kind, rows)| (*kind, *rows));
        for (kind, rows) in one_role.chain(others) {
            let target = kind.target();
            let limit =
                |(place, took): &Row| (*place, [0, 1].map(|index| target[index].min(took[index] * SLACK)));
            let limits: Vec<Row> = rows.iter().map(limit).collect();
            let counts = count_case(bench, (access, acltype), kind, &limits)?;
            for ((place, limit), count) in limits.into_iter().zip(counts) {
                let what = format!("{verb}, {} of {kind}", format!("{place:?}").to_lowercase());
                compare(&format!("{what}, new"), count[0], limit[0]);
                compare(&format!("{what}, again"), count[1], limit[1]);
            }
        }
    }
    for (what, known, took) in TOOK_LOGGED {
        let limits = took.map(|took| took * SLACK);
        let mut least = [f64::MAX; 2];
        for _ in 0..TRIES {
            let counts = denied::count(bench, Side::Ours, known)?;
            least = [0, 1].map(|index| f64::min(least[index], counts[index]));
            if least[0] <= limits[0] && least[1] <= limits[1] {
                break;
            }
        }
        compare(&format!("publish, none, logged, {what}, new"), least[0], limits[0]);
        compare(&format!("publish, none, logged, {what}, again"), least[1], limits[1]);
    }
    compare("a reconnect", count_reconnect(bench, RECONNECTS)?, RECONNECT * SLACK);
    for ((when, before), took) in IN_TURNS.into_iter().zip(TOOK_IN_TURNS) {
        let count = count_in_turns(bench, Side::Ours, before)?;
        compare(&format!("a check and a tick, roles of their own, {when}"), count, took * SLACK);
    }
    Ok(())
}

/// The fewest instructions of each row that were counted until all were within their limits.
fn count_case(
    bench: &Bench,
    (access, acltype): (Access, &str),
    kind: Kind,
    limits: &[Row],
) -> Result<Vec<Limit>, Box<dyn Error>> {
    let policy = kind.policy(acltype);
    let mut least = vec![[f64::MAX; 2]; limits.len()];
    for _ in 0..TRIES {
        let worker = ready(bench, bench.start_counting(Side::Ours)?, &policy, COUNTED)?;
        let mut workers = [(Side::Ours, worker)];
        if let Kind::ManyRoles = kind {
            let_merge(&mut workers[0].1, access)?;
        }
        let mut is_within = true;
        for ((place, limit), least) in limits.iter().zip(&mut least) {
            let counts = count(&mut workers, &kind.checks(access, *place))?;
            for (index, sides) in counts.iter().enumerate() {
                let count = sides[Side::Ours as usize].ok_or("a check was not counted")?;
                least[index] = least[index].min(count);
                is_within &= least[index] <= limit[index];
            }
        }
        if is_within {
            break;
        }
    }
    Ok(least)
}
