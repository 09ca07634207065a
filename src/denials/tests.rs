use super::table::{LOGINS_AT_ONCE, MOST_WAITING, summary};
use super::*;
use crate::policy::{LoginRequest, NotLoggedIn, Reason};

const SETTINGS: Settings =
    Settings { wanted: true, receive: false, deferred: true, interval: Duration::from_secs(60) };

struct Log {
    denials: Denials,
    start: Instant,
}

impl Log {
    fn new() -> Self {
        Self { denials: Denials::new(SETTINGS), start: Instant::now() }
    }

    fn publish(&self, clientid: &str, topic: &str) {
        self.note(Action::PublishClientSend, clientid, topic, None);
    }

    /// A client is denied an action; it may be remembered by an `id`.
    fn note(&self, action: Action, clientid: &str, topic: &str, id: Option<u64>) {
        let subject = Subject::known(Some(b"john"), Some(clientid.as_bytes()));
        let request = AclRequest { subject, action, topic: topic.as_bytes() };
        let decision = Decision { effect: Effect::Defer, reason: Reason::DefaultAccess };
        let hashed = Hashed::new(request, &TextKeys::of_process());
        let asked = AskedAgain { generation: Some(1), id };
        self.denials.note_action(&hashed, asked, || decision, || Some(b"10.0.0.9"));
    }

    fn login(&self, username: &str, address: &str) {
        self.login_as("d1", username, address, Effect::Deny);
    }

    fn login_as(&self, clientid: &str, username: &str, address: &str, effect: Effect) {
        let subject = Subject::known(Some(username.as_bytes()), Some(clientid.as_bytes()));
        let request = LoginRequest { subject, address: Some(address.as_bytes()), password: None };
        let reason =
            if effect == Effect::Deny { NotLoggedIn::WrongPassword } else { NotLoggedIn::ClientNotFound };
        self.denials.note_login(&Denial::of_login(&request, reason, effect, false));
    }

    /// A reload asks for a login, which is refused.
    fn asked_again(&self, username: &str, address: &str) {
        let subject = Subject::known(Some(username.as_bytes()), Some(username.as_bytes()));
        let request = LoginRequest { subject, address: Some(address.as_bytes()), password: None };
        self.denials.note_login(&Denial::of_login(&request, NotLoggedIn::WrongPassword, Effect::Deny, true));
    }

    /// What is logged that many seconds after the start.
    fn at(&self, seconds: u64) -> Vec<String> {
        let lines = self.denials.take(self.start.checked_add(Duration::from_secs(seconds)).unwrap());
        lines.into_iter().map(|line| String::from_utf8(line).unwrap()).collect()
    }
}

const JOHN: &str = " | publishClientSend | clientid=d1 | username=john | address=10.0.0.9 | topic=a | reason=defaultACLAccess | deferred";

#[test]
fn the_first_of_a_kind_is_logged_at_once_and_the_rest_once_an_interval() {
    let log = Log::new();
    for _ in 0..3 {
        log.publish("d1", "a");
    }
    assert_eq!(log.at(0), [format!("dynsec: denied{JOHN}")]);
    log.publish("d1", "a");
    assert_eq!(log.at(59), [""; 0]);
    assert_eq!(log.at(60), [format!("dynsec: denied again{JOHN} | times=3")]);
    log.publish("d1", "a");
    assert_eq!(log.at(61), [""; 0], "it goes on: only sums");
    assert_eq!(log.at(120), [format!("dynsec: denied again{JOHN} | times=1")]);
    assert_eq!(log.at(180), [""; 0], "an interval without it");
    log.publish("d1", "a");
    assert_eq!(log.at(181), [format!("dynsec: denied{JOHN}")], "it is news again");
}

#[test]
fn a_client_that_tries_everything_has_its_other_topics_counted_together() {
    let log = Log::new();
    for number in 0..100 {
        log.publish("d1", &format!("t/{number}"));
    }
    log.publish("d2", "a");
    let lines = log.at(0);
    assert_eq!(lines.len(), 11, "{lines:#?}");
    assert!(lines[10].contains("clientid=d2"), "{lines:#?}");
    let sums = log.at(60);
    let more = "dynsec: denied again | publishClientSend | clientid=d1 | username=john | address=10.0.0.9 | topic=(more) \
                | times=90";
    assert_eq!(sums, [more]);
}

#[test]
fn memory_and_lines_are_bounded_and_every_denial_is_counted() {
    let log = Log::new();
    let mut times = 0;
    for number in 0..10_000 {
        log.publish(&format!("client-{number}"), "a");
        if number % 50 == 49 {
            times += log.at(0).len();
        }
    }
    assert_eq!(times, MOST_KINDS);
    let sums = log.at(60);
    assert_eq!(sums, [format!("dynsec: denied again | (others) | times={}", 10_000 - MOST_KINDS)]);
    assert!(log.denials.state.lock().actions.is_empty());
    log.publish("another", "a");
    assert_eq!(log.at(61).len(), 1, "there is room again");
}

#[test]
fn who_is_noted_is_counted_by_name_however_many_others_come() {
    let log = Log::new();
    for _ in 0..2 {
        log.publish("long-since", "a");
    }
    log.at(0);
    assert_eq!(log.at(60).len(), 1);
    for number in 0..MOST_KINDS {
        log.publish(&format!("client-{number}"), "a");
    }
    for client in ["long-since", "client-0", "another"] {
        log.publish(client, "a");
    }
    // It has not been denied that.
    log.note(Action::Subscribe, "client-0", "a", None);
    log.at(61);
    let sums = log.at(120);
    for (name, times) in [("clientid=long-since ", 1), ("clientid=client-0 ", 1), ("(others)", 3)] {
        let line = sums.iter().find(|line| line.contains(name)).unwrap();
        assert!(line.ends_with(&format!("times={times}")), "{line}");
    }
}

#[test]
fn few_lines_wait_for_a_tick() {
    let log = Log::new();
    for number in 0..MOST_KINDS {
        log.publish(&format!("client-{number}"), "a");
    }
    assert_eq!(log.at(0).len(), MOST_WAITING);
    assert_eq!(log.at(60).len(), MOST_KINDS - MOST_WAITING, "the rest is not lost");
}

#[test]
fn a_login_has_some_lines_of_its_own_for_each_address() {
    let log = Log::new();
    for _ in 0..25 {
        log.login("john", "10.0.0.9");
    }
    log.login("john", "10.0.0.10");
    let lines = log.at(0);
    assert_eq!(lines.len(), 11);
    assert_eq!(
        lines[10],
        "dynsec: denied | login | clientid=d1 | username=john | address=10.0.0.10 | reason=wrongPassword"
    );
    let sums = log.at(60);
    assert_eq!(sums.len(), 1);
    assert!(sums[0].ends_with("address=10.0.0.9 | reason=wrongPassword | times=15"), "{sums:?}");
}

/// How many of these lines are about john's refused logins from an address.
fn of_john(lines: &[String], address: &str) -> usize {
    let line = format!(
        "dynsec: denied | login | clientid=d1 | username=john | address={address} | reason=wrongPassword"
    );
    lines.iter().filter(|other| **other == line).count()
}

#[test]
fn nothing_else_takes_the_lines_of_refused_logins() {
    let log = Log::new();
    for number in 0..1000 {
        let name = format!("{number}");
        log.login_as(&name, &name, &format!("10.1.{}.{}", number / 250, number % 250), Effect::Defer);
        log.publish(&name, "a");
        log.asked_again(&name, &format!("10.1.{}.{}", number / 250, number % 250));
    }
    for _ in 0..5 {
        log.login("john", "10.0.0.9");
    }
    assert_eq!(of_john(&log.at(0), "10.0.0.9"), 5);
    let sums = log.at(60);
    for others in [
        " | (others) | times=744",
        " | login | (others) | deferred | times=744",
        " | login | (others) | reload | times=744",
    ] {
        assert!(sums.iter().any(|line| *line == format!("dynsec: denied again{others}")), "{sums:#?}");
    }
}

#[test]
fn logins_that_are_left_to_others_take_no_lines_of_actions() {
    let log = Log::new();
    for number in 0..1000 {
        log.login_as("d1", "nobody", &format!("10.1.{}.{}", number / 250, number % 250), Effect::Defer);
    }
    log.publish("d1", "a");
    assert!(log.at(0).contains(&format!("dynsec: denied{JOHN}")));
}

#[test]
fn an_address_takes_few_of_the_lines_of_refused_logins() {
    // Of IPv6 a network is like an address.
    for flood in ["10.0.0.8", "2001:db8::"] {
        let log = Log::new();
        let address =
            |number| if flood.ends_with(':') { format!("{flood}{number:x}") } else { flood.to_owned() };
        let mut lines = Vec::new();
        for number in 0..1000 {
            let name = format!("{number}");
            log.login_as(&name, &name, &address(number), Effect::Deny);
            log.login("john", &address(number));
            lines.append(&mut log.at(0));
        }
        let of_flood = lines.len();
        assert!((10..=100).contains(&of_flood), "{of_flood}");
        for _ in 0..5 {
            log.login("john", "10.0.0.9");
        }
        assert_eq!(of_john(&log.at(0), "10.0.0.9"), 5);
        let sums = log.at(60);
        let more =
            format!("dynsec: denied again | login | username=(more) | address={} | times=", address(5));
        assert_eq!(sums.iter().filter(|line| line.starts_with(&more)).count(), 1, "{sums:#?}");
    }
}

#[test]
fn many_addresses_take_the_lines_of_refused_logins_for_an_interval_and_no_longer() {
    let log = Log::new();
    let mut lines = 0;
    for number in 0..MOST_REFUSED_LOGINS {
        log.login("john", &format!("10.1.{}.{}", number / 250, number % 250));
        lines += log.at(0).len();
    }
    assert_eq!(lines, MOST_REFUSED_LOGINS);
    log.login("john", "10.0.0.9");
    assert_eq!(log.at(0), [""; 0]);
    assert_eq!(log.at(60), ["dynsec: denied again | login | (others) | times=1"]);
    log.login("john", "10.0.0.9");
    assert_eq!(of_john(&log.at(61), "10.0.0.9"), 1);
}

#[test]
fn who_had_no_line_because_many_waited_has_them_later() {
    let log = Log::new();
    for _ in 0..LOGINS_AT_ONCE {
        for (address, number) in (0..2).flat_map(|address| (0..10).map(move |number| (address, number))) {
            let (clientid, address) = (format!("flood-{number}"), format!("10.1.0.{address}"));
            log.login_as(&clientid, "john", &address, Effect::Deny);
        }
    }
    log.login("john", "10.0.0.9");
    let lines = log.at(0);
    assert_eq!((lines.len(), of_john(&lines, "10.0.0.9")), (MOST_WAITING, 0));
    let counted = "address=10.0.0.9 | reason=wrongPassword | times=1";
    assert!(matches!(&log.at(60)[..], [line] if line.ends_with(counted)));
    for _ in 0..5 {
        log.login("john", "10.0.0.9");
    }
    assert_eq!(of_john(&log.at(61), "10.0.0.9"), 5);
}

#[test]
fn an_address_takes_no_more_of_the_lines_of_refused_logins_as_time_goes_by() {
    let log = Log::new();
    log.login("john", "10.0.0.9");
    log.at(0);
    for interval in 1..=53 {
        // Each comes so often that it is counted, and so stays for the next interval.
        for number in (0..10 * interval).flat_map(|number| std::iter::repeat_n(number, 11)) {
            log.login_as(&format!("{number}"), "john", "10.0.0.8", Effect::Deny);
        }
        let guesser = format!("10.0.1.{interval}");
        log.login("john", &guesser);
        assert_eq!(of_john(&log.at(60 * interval), &guesser), 1, "in interval {interval}");
    }
}

#[test]
fn a_client_takes_no_more_of_the_lines_of_actions_as_time_goes_by() {
    let log = Log::new();
    log.publish("first", "a");
    log.at(0);
    for interval in 1..=30 {
        for topic in (0..10 * interval).flat_map(|topic| [topic; 2]) {
            log.publish("d1", &format!("t/{topic}"));
        }
        let other = format!("other-{interval}");
        log.publish(&other, "a");
        let line = format!("dynsec: denied{}", JOHN.replace("d1", &other));
        assert!(log.at(60 * interval).contains(&line), "in interval {interval}");
    }
}

#[test]
fn what_a_client_is_denied_besides_is_none_of_its_ten_kinds_later() {
    let log = Log::new();
    let nine =
        || (0..9).flat_map(|topic| [topic; 2]).for_each(|topic| log.publish("d1", &format!("t/{topic}")));
    nine();
    for topic in ["a", "b"] {
        log.publish("d1", topic);
    }
    assert_eq!(log.at(0).len(), 10);
    assert_eq!(log.at(60).len(), 10, "nine, and one that stands for what it is denied besides");
    for topic in ["c", "d"] {
        log.publish("d1", topic);
    }
    let lines = log.at(61);
    assert!(matches!(&lines[..], [line] if line.contains("topic=c")), "{lines:#?}");
}

#[test]
fn the_longest_line_is_not_cut_by_the_broker() {
    let long = "\u{10ffff}".repeat(20_000);
    let subject = Subject::known(Some(long.as_bytes()), Some(long.as_bytes()));
    let request = AclRequest { subject, action: Action::PublishClientSend, topic: long.as_bytes() };
    let group = crate::policy::Group::new(crate::policy::GroupName::new(long.as_bytes()).unwrap());
    let role = crate::policy::Role::new(crate::policy::RoleName::new(long.as_bytes()).unwrap());
    let acl = crate::policy::Acl::new(long.as_bytes(), crate::policy::Priority::DEFAULT_ACL, false);
    let acl_type = crate::policy::AclType::PublishClientSend;
    let reason = Reason::Acl { group: Some(&group), role: &role, acl_type, acl: &acl };
    let decision = Decision { effect: Effect::Defer, reason };
    let members = Denial::of_action(&request, &decision, Some(&[b'1'; 45])).members();
    assert!(summary(&members, u64::MAX).len() < 1000, "{}", String::from_utf8_lossy(&members));
}

#[test]
fn what_is_noted_is_what_was_asked_for() {
    let with = |change: fn(&mut Settings)| {
        let mut settings = SETTINGS;
        change(&mut settings);
        Denials::new(settings)
    };
    let usual = with(|_| ());
    let send = Action::PublishClientSend;
    let receive = Action::PublishClientReceive;
    assert!(usual.wants(send, Effect::Deny, b"a") && usual.wants(send, Effect::Defer, b"a"));
    assert!(!usual.wants(send, Effect::Allow, b"a") && !usual.wants(receive, Effect::Deny, b"a"));
    let receives = with(|settings| settings.receive = true);
    assert!(receives.wants(receive, Effect::Deny, b"a"));
    assert!(!receives.wants(receive, Effect::Deny, b"$SYS/broker/log/N"));
    let only_ours = with(|settings| settings.deferred = false);
    assert!(!only_ours.wants(send, Effect::Defer, b"a") && only_ours.wants_effect(Effect::Deny));
    assert!(!only_ours.wants_effect(Effect::Defer));
    let off = with(|settings| settings.wanted = false);
    assert!(!off.wants(send, Effect::Deny, b"a") && !off.wants_effect(Effect::Deny));
}

#[test]
fn an_action_that_comes_again_is_counted_by_its_number_until_the_interval_ends() {
    let log = Log::new();
    let note = |topic, id| log.note(Action::PublishClientSend, "d1", topic, Some(id));
    assert!(!log.denials.note_again(7));
    note("a", 7);
    assert_eq!(log.at(0), [format!("dynsec: denied{JOHN}")]);
    assert!(log.denials.note_again(7) && log.denials.note_again(7) && !log.denials.note_again(8));
    assert_eq!(log.at(60), [format!("dynsec: denied again{JOHN} | times=2")]);
    assert!(!log.denials.note_again(7));
    log.publish("d1", "a");
    assert_eq!(log.at(120), [format!("dynsec: denied again{JOHN} | times=1")]);
    // So is what has no kind of its own.
    for number in 0..9 {
        log.publish("d1", &format!("t/{number}"));
    }
    note("b", 9);
    assert!(log.denials.note_again(9) && log.denials.note_again(9));
    for number in 0..MOST_KINDS {
        log.publish(&format!("client-{number}"), "a");
    }
    log.note(Action::PublishClientSend, "another", "a", Some(10));
    assert!(log.denials.note_again(10));
    log.at(120);
    let sums = log.at(180);
    // The client has ten kinds and what stands for the rest, so as many of the others found no room.
    for (name, times) in [("topic=(more)", 3), ("(others)", 11 + 2)] {
        let line = sums.iter().find(|line| line.contains(name)).unwrap();
        assert!(line.ends_with(&format!(" | times={times}")), "{line}");
    }
}

#[test]
fn at_the_end_all_is_said_that_was_counted() {
    let log = Log::new();
    log.publish("d1", "a");
    assert_eq!(log.at(0).len(), 1);
    log.publish("d1", "a");
    log.publish("d1", "a");
    log.publish("d1", "b");
    let lines = log.denials.take_all();
    let text: Vec<_> = lines.iter().map(|line| String::from_utf8_lossy(line)).collect();
    assert_eq!(text.len(), 2, "{text:?}");
    assert!(text[0].starts_with("dynsec: denied | ") && text[0].contains("topic=b"), "{text:?}");
    assert!(text[1].starts_with("dynsec: denied again | ") && text[1].ends_with(" | times=2"), "{text:?}");
    assert!(log.denials.take_all().is_empty());
}
