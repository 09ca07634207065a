//! A large policy file with all that the C plugin of a version knows, always the same one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use sha2::Sha512;

use crate::harness::setup::{ADMIN, ADMIN_PASSWORD};

pub(super) const CLIENTS: usize = 1000;
const GROUPS: usize = 1000;
const ROLES: usize = 1000;

/// As many different hashes are made; making them takes time.
const PASSWORDS: usize = 40;

/// Random numbers, the same in every run (`SplitMix64`).
pub(super) struct Seeded(u64);

impl Seeded {
    pub(super) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(super) fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^= mixed >> 31;
        usize::try_from(mixed % u64::try_from(end).expect("a small number")).expect("a small number")
    }

    fn one_in(&mut self, number: usize) -> bool {
        self.below(number) == 0
    }

    fn of<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }

    /// Different ones of the numbers below `end`, at most `most`.
    fn some(&mut self, end: usize, most: usize) -> Vec<usize> {
        let mut some = Vec::new();
        for _ in 0..self.below(most + 1) {
            let one = self.below(end);
            if !some.contains(&one) {
                some.push(one);
            }
        }
        some
    }
}

pub(super) fn username(number: usize) -> String {
    match number % 50 {
        7 => format!("clïent {number:04}"),
        9 => format!("\"client\"\\{number:04}"),
        _ => format!("client-{number:04}"),
    }
}

/// The password of a client, if it has one.
pub(super) fn password(number: usize) -> Option<String> {
    (number % 60 != 5).then(|| format!("pässword {}", number % PASSWORDS))
}

/// The client id a client is bound to, if it is.
pub(super) fn client_id(number: usize) -> Option<String> {
    (number % 11 == 3).then(|| format!("id-{number}"))
}

pub(super) fn group(number: usize) -> String {
    format!("group-{number:03}")
}

pub(super) fn role(number: usize) -> String {
    format!("role-{number:03}")
}

/// What clients publish to, and subscribe to.
pub(super) fn topics() -> Vec<String> {
    let places = ["hall", "yard", "roof", "gate"];
    let things = ["lamp", "door/state", "door/bell"];
    let mut topics: Vec<String> =
        places.iter().flat_map(|place| things.iter().map(move |thing| format!("{place}/{thing}"))).collect();
    topics.extend(["own/client-0001/x", "own/id-3/x", "$SYS/x", "plain"].map(str::to_owned));
    topics
}

/// What clients subscribe to, besides topics.
pub(super) fn filters() -> Vec<String> {
    let filters = [
        "#",
        "+/lamp",
        "hall/#",
        "yard/+",
        "roof/+/state",
        "+/door/#",
        "own/+/x",
        "$share/g/hall/lamp",
        "$SYS/#",
    ];
    filters.map(str::to_owned).to_vec()
}

/// The policy; of 2.1's plugin what that adds.
pub(super) fn policy(like_2_1: bool) -> Value {
    let random = &mut Seeded::new(4);
    let passwords = Passwords::new(like_2_1);
    let mut clients = vec![json!({
        "username": ADMIN, "textname": "Admin", "roles": [{"rolename": "admin"}],
    })];
    passwords.give(&mut clients[0], &hash(ADMIN_PASSWORD, b"salt of them", 101), false);
    let mut sender = json!({"username": "sender", "roles": [{"rolename": "sender"}]});
    passwords.give(&mut sender, &passwords.hashes[0], false);
    clients.extend((0..CLIENTS).map(|number| client(number, &passwords, random)));
    clients.push(sender);
    let mut roles = vec![admin_role(), sender_role()];
    roles.extend((0..ROLES).map(|number| role_record(number, like_2_1, random)));
    let groups: Vec<Value> = (0..GROUPS).map(|number| group_record(number, random)).collect();
    let mut policy = json!({
        "defaultACLAccess": {
            "publishClientSend": false, "publishClientReceive": false, "subscribe": false, "unsubscribe": true,
        },
        "clients": clients,
        "groups": groups,
        "anonymousGroup": group(3),
        "roles": roles,
    });
    if like_2_1 {
        policy["changeIndex"] = json!(41);
    }
    policy
}

/// Iterations, salt and hash, the last two as Base64.
pub(super) type Hash = (u64, String, String);

fn hash(password: &str, salt: &[u8], iterations: u32) -> Hash {
    let mut hash = [0; 64];
    pbkdf2::pbkdf2_hmac::<Sha512>(password.as_bytes(), salt, iterations, &mut hash);
    (iterations.into(), STANDARD.encode(salt), STANDARD.encode(hash))
}

struct Passwords {
    hashes: Vec<Hash>,
    like_2_1: bool,
}

impl Passwords {
    fn new(like_2_1: bool) -> Self {
        let hashes = (0..PASSWORDS).map(|number| {
            let password = format!("pässword {number}");
            let long = like_2_1 && number % 4 == 1;
            let salt = vec![u8::try_from(number).expect("a small number"); if long { 64 } else { 12 }];
            hash(&password, &salt, [101, 101, 20, 300][number % 4])
        });
        Self { hashes: hashes.collect(), like_2_1 }
    }

    /// In the encoding of 2.0, or in that of 2.1 where it knows that and is asked for it or needs it.
    fn give(&self, client: &mut Value, hash: &Hash, encoded: bool) {
        let (iterations, salt, hash) = hash;
        if self.like_2_1 && (encoded || salt.len() > 16) {
            client["encoded_password"] = json!(format!("$7${iterations}${salt}${hash}"));
        } else {
            client["password"] = json!(hash);
            client["salt"] = json!(salt);
            client["iterations"] = json!(iterations);
        }
    }
}

fn client(number: usize, passwords: &Passwords, random: &mut Seeded) -> Value {
    let mut client = json!({"username": username(number)});
    if let Some(id) = client_id(number) {
        client["clientid"] = json!(id);
    }
    texts(&mut client, random);
    if random.one_in(20) {
        client["disabled"] = json!(true);
    }
    client["roles"] = links("rolename", role, &random.some(ROLES, 4), random);
    if password(number).is_some() {
        passwords.give(&mut client, &passwords.hashes[number % PASSWORDS], random.one_in(2));
    }
    client
}

fn group_record(number: usize, random: &mut Seeded) -> Value {
    let mut record = json!({"groupname": group(number)});
    texts(&mut record, random);
    record["roles"] = links("rolename", role, &random.some(ROLES, 3), random);
    // Many clients are in several groups.
    record["clients"] = links("username", username, &random.some(CLIENTS, 4), random);
    record
}

/// Links with priorities, -1 being left out, as the C plugin does.
fn links(member: &str, name: fn(usize) -> String, numbers: &[usize], random: &mut Seeded) -> Value {
    let links = numbers.iter().map(|number| {
        let mut link = json!({member: name(*number)});
        if random.one_in(2) {
            link["priority"] = json!(random.below(2000));
        }
        link
    });
    Value::Array(links.collect())
}

fn texts(record: &mut Value, random: &mut Seeded) {
    if random.one_in(3) {
        record["textname"] = json!(random.of(&["A name", "Größe 5", "", "\"quoted\"\t\\", "日本語 😀"]));
    }
    if random.one_in(4) {
        record["textdescription"] = json!(random.of(&["What it is for", "line\nbreak \u{7f}", "é"]));
    }
}

fn role_record(number: usize, like_2_1: bool, random: &mut Seeded) -> Value {
    let types = [
        "publishClientSend",
        "publishClientReceive",
        "subscribeLiteral",
        "subscribePattern",
        "unsubscribeLiteral",
        "unsubscribePattern",
    ];
    let mut record = json!({"rolename": role(number)});
    texts(&mut record, random);
    if like_2_1 {
        record["allowwildcardsubs"] = json!(!random.one_in(4));
    }
    let (topics, filters) = (topics(), filters());
    let mut acls: Vec<Value> = Vec::new();
    for _ in 0..random.below(12) {
        let acltype = random.of(&types);
        let mut topic = if random.one_in(3) {
            topics[random.below(topics.len())].clone()
        } else {
            filters[random.below(filters.len())].clone()
        };
        // What 2.0 takes literally is substituted by ours.
        if like_2_1 && random.one_in(8) && !acltype.ends_with("Literal") {
            random.of(&["own/%c/x", "own/%u/+"]).clone_into(&mut topic);
        }
        if topic.starts_with("$share") && acltype.starts_with("publish") {
            continue;
        }
        if acls.iter().any(|acl| acl["acltype"] == acltype && acl["topic"] == topic.as_str()) {
            continue;
        }
        let priority = if random.one_in(2) { 0 } else { i64::try_from(random.below(9)).unwrap() - 4 };
        let allow = !random.one_in(4);
        acls.push(json!({"acltype": acltype, "topic": topic, "priority": priority, "allow": allow}));
    }
    record["acls"] = Value::Array(acls);
    record
}

fn admin_role() -> Value {
    let acls = ["publishClientSend", "publishClientReceive", "subscribePattern"].map(|acltype| {
        json!({
            "acltype": acltype, "topic": "$CONTROL/dynamic-security/#", "priority": 0, "allow": true,
        })
    });
    json!({"rolename": "admin", "acls": acls})
}

fn sender_role() -> Value {
    let acls = ["#", "$SYS/#"]
        .map(|topic| json!({"acltype": "publishClientSend", "topic": topic, "priority": 0, "allow": true}));
    json!({"rolename": "sender", "acls": acls})
}
