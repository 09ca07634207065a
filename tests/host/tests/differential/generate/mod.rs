//! Cases, made of a seed.

mod acls;
mod acts;
mod commands;
mod dice;
mod flaws;
mod names;
mod policy;
mod several_acls;
mod topics;

use names::{ADMIN, CLIENT_IDS, CLIENTS, STRANGER};
use plugin_host::{Access, AclRequest, Text};
use serde_json::{Value, json};

use crate::plugins::{self, Version};
use crate::script::{Dress, Files, Payload, Script, Step};

pub use dice::Dice;
pub use names::{FLEET, PASSWORDS};
pub use several_acls::several_acls_script;

/// Something on which the plugins are known to differ. Most cases are about none of them, so that what differs
/// there is news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trait {
    /// ACLs with `%c` and `%u`.
    Substitution,
    /// Roles that set `allowwildcardsubs`.
    AllowWildcardSubs,
    /// Several ACLs of a type for the same topic in one array.
    DuplicateAcls,
    /// Priorities so far apart that their difference is no `int`.
    ExtremePriorities,
    /// Strings with U+0000 in them.
    NulCharacters,
}

const TRAITS: [Trait; 5] = [
    Trait::Substitution,
    Trait::AllowWildcardSubs,
    Trait::DuplicateAcls,
    Trait::ExtremePriorities,
    Trait::NulCharacters,
];

/// What a case is about.
type Traits<'a> = &'a [Trait];

/// The case of a seed.
pub fn script(seed: u64) -> Script {
    let dice = &mut Dice::new(seed);
    let traits = traits(dice);
    let wild = dice.percent(15);
    let policy = policy::policy(dice, &traits);
    let mut steps = Vec::new();
    for _ in 0..dice.number(10..=70) {
        steps.push(step(dice, &traits));
    }
    steps.push(everything());
    Script { policy, steps, wild }
}

/// The case of a seed for real brokers, where a step takes longer and the administrator is no client of the policy. One
/// in five begins with a file that is not as it should be.
pub fn broker_script(seed: u64) -> Script {
    let dice = &mut Dice::new(seed);
    let is_flawed = dice.percent(20);
    let traits = if is_flawed { Vec::new() } else { traits(dice) };
    let mut policy = policy::policy(dice, &traits);
    policy::rule_on_shares(dice, &mut policy);
    if is_flawed {
        flaws::flaws(dice, &mut policy);
    }
    let mut steps = Vec::new();
    for _ in 0..dice.number(10..=50) {
        steps.push(match dice.weighted(&[(36, 0), (4, 2), (60, 1)]) {
            0 => Step::Act(acts::act(dice)),
            2 => Step::Act(acts::shared_subscription(dice)),
            _ if is_flawed => question(dice),
            _ => step(dice, &traits),
        });
    }
    steps.push(everything());
    Script { policy, steps, wild: is_flawed }
}

/// The case of a seed for brokers that know clients by their certificates: that of real brokers, where clients are disabled,
/// enabled, deleted and made again between the steps.
pub fn certificate_script(seed: u64) -> Script {
    let mut script = broker_script(seed);
    if script.wild {
        return script;
    }
    let dice = &mut Dice::new(!seed);
    for _ in 0..dice.number(1..=6) {
        let command = dice.weighted(&[
            (3, "disableClient"),
            (3, "deleteClient"),
            (2, "enableClient"),
            (2, "createClient"),
        ]);
        let username = dice.pick(&FLEET).1.unwrap_or(ADMIN);
        let commands = vec![json!({ "command": command, "username": username })];
        let at = dice.number(0..=script.steps.len() - 1);
        let payload = Payload::Commands(commands, Dress::Plain);
        script.steps.insert(at, Step::Control { clientid: FLEET[0].0, payload });
    }
    script
}

/// What a case is about: rarely something on which they differ. Versions of the C plugin that know placeholders
/// and `allowwildcardsubs` are to be compared in that often.
fn traits(dice: &mut Dice) -> Vec<Trait> {
    let mut traits = dice.subset(&TRAITS, 6);
    if plugins::version() >= Version::V2_1_2 {
        traits.extend(dice.subset(&[Trait::Substitution, Trait::AllowWildcardSubs], 40));
    }
    traits
}

/// The case of a seed that is about a file which is not as it should be: what it says is asked for, and not
/// changed.
pub fn flawed_script(seed: u64) -> Script {
    let dice = &mut Dice::new(seed);
    let mut policy = policy::policy(dice, &[]);
    flaws::flaws(dice, &mut policy);
    let mut steps = Vec::new();
    for _ in 0..60 {
        steps.push(question(dice));
    }
    steps.push(everything());
    Script { policy, steps, wild: true }
}

/// Something that changes nothing.
fn question(dice: &mut Dice) -> Step {
    if dice.percent(80) { Step::Acl(acl(dice)) } else { login(dice) }
}

fn step(dice: &mut Dice, traits: Traits<'_>) -> Step {
    match dice.weighted(&[(45, 0), (38, 1), (10, 2), (4, 3), (2, 4), (1, 5)]) {
        0 => Step::Control { clientid: sender(dice), payload: payload(dice, traits) },
        1 => Step::Acl(acl(dice)),
        2 => login(dice),
        3 => Step::Restart(dice.pick(&[Files::Own, Files::Swapped])),
        4 => Step::Tick,
        _ => Step::Reload,
    }
}

/// Mostly an administrator whom no command disconnects.
fn sender(dice: &mut Dice) -> &'static str {
    if dice.percent(85) { FLEET[0].0 } else { dice.pick(&FLEET).0 }
}

fn payload(dice: &mut Dice, traits: Traits<'_>) -> Payload {
    const JUNK: [&[u8]; 12] = [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"1",
        b"\"",
        b"{\"commands\":{}}",
        b"{\"commands\":null}",
        b"{\"commands\":[]}",
        b"commands",
        b"\xff\xfe",
        b"{\"COMMANDS\":[{\"command\":\"listRoles\"}]}",
    ];
    if dice.percent(2) {
        return Payload::Junk(dice.pick(&JUNK).to_vec());
    }
    if dice.percent(1) {
        // cJSON's limit is 1000 levels, of which the payload has three already.
        let depth = dice.number(995..=1001);
        let nested = ["{\"commands\":[{\"command\":", &"[".repeat(depth), &"]".repeat(depth), "}]}"].concat();
        return Payload::Junk(nested.into_bytes());
    }
    if dice.percent(6) {
        let command = commands::command(dice, traits);
        let damage = dice.number(0..=usize::MAX) as u64;
        let dress = if is_harmless(&command) { Dress::Damaged(damage) } else { Dress::Plain };
        return Payload::Commands(vec![command], dress);
    }
    let dress = dice.weighted(&[
        (88, Dress::Plain),
        (2, Dress::Spaced),
        (1, Dress::ByteOrderMark),
        (1, Dress::TrailingNul),
        (1, Dress::TrailingText),
        (2, Dress::Latin1),
        (2, Dress::MembersTwice),
        (2, Dress::RawControls),
        (1, Dress::CutOff),
    ]);
    let count = if dice.percent(80) { 1 } else { dice.number(2..=5) };
    let mut commands = Vec::new();
    for _ in 0..count {
        commands.push(commands::command(dice, traits));
    }
    if count > 1 && dice.percent(20) {
        let wrong =
            [json!(1), json!("listRoles"), json!(null), json!([]), json!({}), json!({ "command": 1 })];
        let at = dice.number(0..=commands.len());
        commands.insert(at, dice.pick(&wrong));
    }
    Payload::Commands(commands, dress)
}

/// Whether a command, be it damaged or not, leaves the C plugin as it is or changes it completely.
fn is_harmless(command: &Value) -> bool {
    let name = command["command"].as_str().unwrap_or_default().to_ascii_lowercase();
    !["createclient", "modifyclient", "creategroup", "modifygroup", "deletegroup", "deleterole"]
        .contains(&name.as_str())
}

fn acl(dice: &mut Dice) -> AclRequest {
    let access = dice.pick(&[Access::Read, Access::Write, Access::Subscribe, Access::Unsubscribe]);
    let topic = match access {
        Access::Read | Access::Write => topics::topic(dice),
        Access::Subscribe | Access::Unsubscribe => topics::filter(dice),
    };
    AclRequest { clientid: Text::from(dice.pick(&FLEET).0), access, topic: Text::from(topic) }
}

fn login(dice: &mut Dice) -> Step {
    let maybe = |dice: &mut Dice, text| dice.percent(93).then_some(text);
    let username = if dice.percent(92) { dice.pick(&CLIENTS) } else { dice.pick(&["", STRANGER]) };
    let password = dice.weighted(&[(60, PASSWORDS[0]), (25, PASSWORDS[1]), (10, PASSWORDS[2]), (5, "")]);
    Step::Login {
        clientid: dice.pick(&CLIENT_IDS),
        username: maybe(dice, username),
        password: maybe(dice, password),
    }
}

/// Asks for all there is: at the end, the plugins must agree on that.
fn everything() -> Step {
    let list = |command: &str| json!({ "command": command, "verbose": true });
    let get = |command: &str| json!({ "command": command });
    let commands: Vec<Value> = vec![
        list("listClients"),
        list("listGroups"),
        list("listRoles"),
        get("getDefaultACLAccess"),
        get("getAnonymousGroup"),
    ];
    Step::Control { clientid: FLEET[0].0, payload: Payload::Commands(commands, Dress::Plain) }
}
