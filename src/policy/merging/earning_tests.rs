//! What is merged pays, stays while it is asked, and has room.
#![expect(clippy::arithmetic_side_effects, reason = "where a test overflows it fails")]

use std::ops::Range;

use super::tests::{links, merge, merge_walked, role};
use super::*;
use crate::policy::merging::walks::LINKS_OF_A_ROLE;
use crate::policy::{
    Acl, AclRequest, AclType, Action, Compat, Decision, GroupName, Priority, Subject, Username, Walks,
};

/// How many ACLs a tick may file here.
const MOST_FILED: usize = 100;
/// How often the same is asked one time after another.
const TIMES: usize = 10;

fn acls(prefix: &str, many: usize) -> Vec<(AclType, Acl)> {
    let acl = |index| Acl::new(format!("{prefix}/{index}").as_bytes(), Priority::DEFAULT_ACL, true);
    (0..many).map(|index| (AclType::PublishClientSend, acl(index))).collect()
}

fn put_role(policy: &mut Policy, name: &str, many: usize) -> RoleName {
    let role = role(name, acls(name, many), true, Compat::V2_1);
    let name = role.name.clone();
    policy.put_role(role);
    name
}

/// So many clients, `c0` and so on, each with a role of its own, `r0` and so on, and a group that has two. There is no credit.
fn policy(clients: usize, acls_of_own: usize) -> Policy {
    let mut policy = Policy::new(Compat::V2_1);
    policy.merged.credit = 0;
    let both = ["x", "y"].map(|name| put_role(&mut policy, name, 10));
    let group = GroupName::new(b"g").unwrap();
    policy.put_group(Group { roles: links(both), ..Group::new(group.clone()) }).unwrap();
    for number in 0..clients {
        let own = put_role(&mut policy, &format!("r{number}"), acls_of_own);
        let client = Client::new(Username::new(format!("c{number}").as_bytes()).unwrap());
        policy.put_client(Client { roles: links([own]), groups: links([group.clone()]), ..client }).unwrap();
    }
    policy
}

fn client(policy: &Policy, number: usize) -> Arc<Client> {
    Arc::clone(policy.client(format!("c{number}").as_bytes()).unwrap())
}

fn is_merged(policy: &Policy, number: usize) -> bool {
    policy.merged.of(&client(policy, number), policy.keys()).is_some()
}

/// What checks of a topic that no ACL matches, all by one client, add to the walks; whether they walked.
fn ask(policy: &Policy, number: usize, walks: &mut Vec<(Arc<Client>, u32)>) -> bool {
    let mut walked = None;
    let username = format!("c{number}");
    let subject = Subject::known(Some(username.as_bytes()), Some(b"dev"));
    let request = AclRequest { subject, action: Action::PublishClientSend, topic: b"none" };
    policy.authorize_saying(&policy.hashed(&request), &mut walked, drop);
    walks.extend(walked.iter().flat_map(|(client, asked)| vec![(Arc::clone(client), *asked); TIMES]));
    walked.is_some()
}

/// Clients ask, some at each tick: how many ACLs were filed.
fn ticks(policy: &mut Policy, ticks: usize, clients: impl Fn(usize) -> Vec<usize>) -> usize {
    let (mut saved, mut filed) = (0, 0);
    for tick in 0..ticks {
        let mut walks = Vec::new();
        for number in clients(tick) {
            ask(policy, number, &mut walks);
        }
        saved += walks.iter().map(|(_, asked)| u64::from(*asked) - 1).sum::<u64>();
        let now = merge_walked(policy, walks, MOST_FILED);
        assert!(now <= MOST_FILED);
        filed += now;
        assert!(
            filed as u64 * PRICE_OF_ACL <= saved,
            "{filed} ACLs were filed after {saved} roles were asked"
        );
        assert_is_bounded(policy);
    }
    filed
}

fn assert_is_bounded(policy: &Policy) {
    let merged = &policy.merged;
    let in_use = || merged.sets.iter().filter(|set| set.ticket != Ticket::NONE);
    assert_eq!(merged.acls, in_use().map(|set| set.merged.acls()).sum::<usize>());
    assert!(merged.acls <= MOST_ACLS_IN_ALL && merged.sets.len() <= MOST_SETS);
    assert!(merged.known.len() <= MOST_KNOWN && merged.clients.len() <= MOST_CLIENTS);
    assert_eq!(merged.sets.len(), in_use().count() + merged.free.len());
    let numbers = |known: &(u64, Known)| matches!(known.1, Known::Merged(_));
    assert_eq!(merged.known.iter().filter(|known| numbers(known)).count(), in_use().count());
}

#[test]
fn filing_is_earned_by_walks_however_many_sets_ask_in_turns() {
    for (sets, merged) in [(100, 100..=100), (300, 256..=256), (1_000, 200..=256), (2_000, 0..=0)] {
        let mut policy = policy(sets, 10);
        let filed =
            ticks(&mut policy, sets * 4, |tick| (0..10).map(|ask| (tick * 10 + ask) % sets).collect());
        let number = (0..sets).filter(|number| is_merged(&policy, *number)).count();
        assert!(merged.contains(&number), "{number} of {sets} sets are merged");
        assert!(filed >= number * 30 && (sets > 100 || filed == 100 * 30), "{filed} ACLs were filed");
    }
}

#[test]
fn the_first_sets_are_merged_at_their_first_walk_until_the_credit_is_spent() {
    let mut policy = policy(1_000, 100);
    policy.merged.credit = CREDIT;
    let filed = walk_once(&mut policy, 0..600);
    let merged = (0..600).filter(|number| is_merged(&policy, *number)).count();
    let most = usize::try_from(CREDIT / PRICE_OF_ACL / 120).unwrap();
    assert!((100..=most).contains(&merged), "{merged}");
    assert_eq!(filed, merged * 120);
    assert!((0..merged).all(|number| is_merged(&policy, number)), "they came first");
    policy.merged.credit = u64::MAX;
    walk_once(&mut policy, 600..1_000);
    assert!((0..merged).all(|number| is_merged(&policy, number)), "nobody is driven out on credit");
}

/// Each client walks once: how many ACLs were filed.
fn walk_once(policy: &mut Policy, clients: Range<usize>) -> usize {
    let mut filed = 0;
    for number in clients {
        let mut walks = Vec::new();
        ask(policy, number, &mut walks);
        filed += merge_walked(policy, walks.into_iter().take(1), usize::MAX);
        assert_is_bounded(policy);
    }
    filed
}

#[test]
fn a_set_that_is_asked_often_is_merged_and_stays_so_among_many_that_are_not() {
    const HOT: usize = 0;
    let mut policy = policy(3_000, 10);
    // One check of a hundred is its.
    let asked = |tick: usize| {
        let others = (0..10).map(move |ask| 1 + (tick * 10 + ask) % 2_999);
        others.chain(tick.is_multiple_of(10).then_some(HOT)).collect()
    };
    ticks(&mut policy, 500, asked);
    for tick in 500..1_500 {
        assert!(is_merged(&policy, HOT), "at tick {tick}");
        ticks(&mut policy, 1, |_| asked(tick));
    }
}

#[test]
fn who_is_driven_out_is_merged_again_and_seldom_walks() {
    const HOT: usize = 0;
    const TICKS: usize = 2_000;
    let mut policy = policy(600, 10);
    let (mut walked, mut driven_out) = (0, 0);
    for tick in 0..TICKS {
        let was_merged = is_merged(&policy, HOT);
        let mut walks = Vec::new();
        walked += usize::from(ask(&policy, HOT, &mut walks));
        for other in 0..30 {
            ask(&policy, 1 + (tick * 30 + other) % 599, &mut walks);
        }
        merge_walked(&mut policy, walks, MOST_FILED);
        driven_out += usize::from(was_merged && !is_merged(&policy, HOT));
    }
    assert!(driven_out > 0, "the rest of this shows nothing");
    // It walks until it has earned its own price, or in the end that of others, too.
    let most = (driven_out + 1) * 3 * 636 / 2 / TIMES * 11 / 10;
    assert!(walked <= most, "{walked} of {TICKS} checks walked; {driven_out} times it was driven out");
}

fn reason(policy: &Policy, number: usize) -> String {
    let username = format!("c{number}");
    let topic = format!("r{number}/0");
    let subject = Subject::known(Some(username.as_bytes()), Some(b"dev"));
    let request = AclRequest { subject, action: Action::PublishClientSend, topic: topic.as_bytes() };
    let decision: Decision<'_> = policy.authorize(&request);
    format!("{decision:?}")
}

#[test]
fn who_is_driven_out_is_not_decided_about_by_who_came_instead() {
    let mut policy = policy(MOST_SETS + 20, 1);
    let expected: Vec<String> = (0..MOST_SETS + 20).map(|number| reason(&policy, number)).collect();
    for number in 0..MOST_SETS + 20 {
        let client = client(&policy, number);
        merge(&mut policy, &client);
        assert!(is_merged(&policy, number));
        assert_is_bounded(&policy);
    }
    let merged = (0..MOST_SETS + 20).filter(|number| is_merged(&policy, *number));
    assert!(merged.eq(20..MOST_SETS + 20), "those that came first are driven out");
    for (number, expected) in expected.iter().enumerate() {
        assert_eq!(reason(&policy, number), *expected);
    }
}

#[test]
fn who_drives_others_out_has_walked_for_them_too() {
    let mut policy = policy(MOST_SETS + 1, 10);
    for number in 0..MOST_SETS {
        let client = client(&policy, number);
        merge(&mut policy, &client);
    }
    let own = policy.merged.sets[0].price;
    let last = client(&policy, MOST_SETS);
    let mut walks = 0;
    while !is_merged(&policy, MOST_SETS) {
        merge_walked(&mut policy, [(Arc::clone(&last), 3)], MOST_FILED);
        walks += 1;
        let prices = policy.merged.known.iter().filter_map(|(_, known)| match known {
            Known::Earned { price, .. } => Some(*price),
            Known::Merged(_) => None,
        });
        assert!(prices.eq((!is_merged(&policy, MOST_SETS)).then_some(3 * own)), "it is worked out once");
    }
    assert_eq!(walks, (3 * own).div_ceil(2));
    assert!(!is_merged(&policy, 0));
}

#[test]
fn a_large_set_is_filed_in_parts_and_decides_when_it_is_done() {
    let mut policy = policy(1, MOST_ACLS - 20);
    let client = client(&policy, 0);
    let expected = reason(&policy, 0);
    let mut filed = merge_walked(&mut policy, [(Arc::clone(&client), u32::MAX)], MOST_FILED);
    while filed < MOST_ACLS {
        assert!(!is_merged(&policy, 0));
        let now = merge_walked(&mut policy, [(Arc::clone(&client), 3)], MOST_FILED);
        assert_eq!(now, MOST_FILED);
        filed += now;
    }
    assert!(is_merged(&policy, 0));
    assert_eq!((filed, reason(&policy, 0)), (MOST_ACLS, expected));
}

#[test]
fn a_change_while_a_set_is_filed_is_seen() {
    let mut policy = policy(1, 300);
    let client = client(&policy, 0);
    merge_walked(&mut policy, [(Arc::clone(&client), u32::MAX)], MOST_FILED);
    put_role(&mut policy, "x", 11);
    merge_walked(&mut policy, [(Arc::clone(&client), 3)], usize::MAX);
    assert!(!is_merged(&policy, 0));
    assert_is_bounded(&policy);
    assert_eq!(merge(&mut policy, &client), 321);
    assert!(policy.has_droppable(), "another thread is to drop what was merged before");
    drop(policy.take_droppable());
    assert!(!policy.has_droppable());
}

#[test]
fn a_set_of_too_many_acls_is_not_merged() {
    let mut policy = policy(1, MOST_ACLS - 19);
    let client = client(&policy, 0);
    assert_eq!(merge(&mut policy, &client), 0);
    put_role(&mut policy, "r0", 5);
    assert_eq!(merge(&mut policy, &client), 25);
}

#[test]
fn what_is_merged_has_no_more_acls_than_it_may() {
    let mut policy = policy(30, 9_000);
    for number in 0..30 {
        let client = client(&policy, number);
        assert_eq!(merge(&mut policy, &client), 9_020);
        assert_is_bounded(&policy);
    }
    let merged = (0..30).filter(|number| is_merged(&policy, *number));
    assert!(merged.eq(19..30), "as many as there is room for");
}

#[test]
fn of_too_many_clients_half_keep_their_links() {
    let mut policy = policy(1, 1);
    let one = client(&policy, 0);
    for number in 0..=MOST_CLIENTS {
        let username = Username::new(format!("d{number}").as_bytes()).unwrap();
        policy.put_client(Client { username, ..Client::clone(&one) }).unwrap();
        let client = Arc::clone(policy.client(format!("d{number}").as_bytes()).unwrap());
        merge(&mut policy, &client);
        assert!(policy.merged.of(&client, policy.keys()).is_some());
    }
    assert_eq!(policy.merged.clients.len(), MOST_CLIENTS / 2 + 1);
}

#[test]
fn walks_of_few_roles_are_not_told_of() {
    let policy = policy(1, 10);
    let mut walks = Vec::new();
    assert!(ask(&policy, 0, &mut walks));
    assert!(walks.iter().all(|(_, asked)| *asked == 3));
    let mut walked = None;
    for topic in ["r0/1", "x/1", "y/1"] {
        let subject = Subject::known(Some(b"c0"), Some(b"dev"));
        let request = AclRequest { subject, action: Action::PublishClientSend, topic: topic.as_bytes() };
        walked = None;
        policy.authorize_saying(&policy.hashed(&request), &mut walked, drop);
        assert_eq!(walked.is_some(), topic == "y/1");
    }
    assert!(walked.is_some());
}

#[test]
fn of_a_client_with_many_roles_links_are_looked_at_in_proportion_to_the_roles_that_were_asked() {
    const ROLES: usize = 5_000;
    const TICKS: usize = 300;
    const ASKED: usize = 3;
    for through_group in [false, true] {
        let mut policy = Policy::new(Compat::V2_1);
        let names: Vec<RoleName> =
            (0..ROLES).map(|number| put_role(&mut policy, &format!("r{number:04}"), 3)).collect();
        let mut client = Client::new(Username::new(b"c0").unwrap());
        if through_group {
            let group = GroupName::new(b"g").unwrap();
            policy.put_group(Group { roles: links(names), ..Group::new(group.clone()) }).unwrap();
            client.groups = links([group]);
        } else {
            client.roles = links(names);
        }
        policy.put_client(client).unwrap();
        let subject = Subject::known(Some(b"c0"), Some(b"dev"));
        let request = AclRequest { subject, action: Action::PublishClientSend, topic: b"r0002/0" };

        let (mut walks, mut looks, mut earned) = (Walks::default(), 0, 0);
        for _ in 0..TICKS {
            for _ in 0..TIMES {
                let mut walked = None;
                policy.authorize_saying(&policy.hashed(&request), &mut walked, drop);
                let (client, asked) = walked.unwrap();
                assert_eq!(asked as usize, ASKED);
                walks.note(client, asked);
            }
            policy.merge(&mut walks, MOST_FILED);
            // Each look has the set earn what was walked for.
            let now = policy.merged.known.iter().map(|(_, known)| match known {
                Known::Earned { sum, .. } => *sum,
                Known::Merged(_) => panic!("it has too many ACLs"),
            });
            let now = now.sum();
            looks += usize::from(now != earned);
            earned = now;
        }
        assert!(looks > 0, "its walks come to count");
        assert!(
            looks * ROLES <= LINKS_OF_A_ROLE * ASKED * TIMES * TICKS,
            "{looks} looks at {ROLES} links; through a group: {through_group}"
        );
    }
}
