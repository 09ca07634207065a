//! What there is in a broker of 2.1 only, and what is there where options ask for it: logins that wait, passwords that are
//! hashed again, questions on the other topics, the audit trail, the file of metrics. The C plugin has none of it.

use std::collections::BTreeMap;
use std::fs;

use plugin_host::{Answer, Deed, Request, Text};

use super::{POLICY, Watched, check, is_theirs, plugin};

const CONTROL: &str = "$CONTROL/dynamic-security/v1";
const QUERY: &str = "$CONTROL/dynamic-security/v1/query";
const OWN: &str = "$CONTROL/dynamic-security/v1/self";

/// `MOSQ_ERR_*` of `mosquitto.h`; that it is delayed is 2.1's.
const SUCCESS: i32 = 0;
const AUTH: i32 = 11;
const AUTH_DELAYED: i32 = -5;

/// More than the hash has in [`POLICY`].
const ITERATIONS: &str = "200";
const PASSWORD: &str = "adminpass";

/// A broker of 2.1.
struct Newer(Watched);

impl Newer {
    fn start() -> Self {
        Self(Watched::start_in(env!("CARGO_BIN_EXE_plugin-host-2-1"), &plugin()))
    }

    fn path(&self, name: &str) -> String {
        self.0.folder.path().join(name).display().to_string()
    }

    fn init(&mut self) {
        let options = [
            ("config_file", self.path("policy.json")),
            ("password_iterations", ITERATIONS.to_owned()),
            ("rehash_on_login", "true".to_owned()),
            ("login_mode", "delayed".to_owned()),
            ("self_service", "true".to_owned()),
            ("denial_log", "all".to_owned()),
            ("audit_file", self.path("audit")),
            ("metrics_file", self.path("metrics")),
            ("metrics_interval", "1".to_owned()),
        ];
        let options = options.map(|(name, value)| (name.to_owned(), value));
        self.0.ask(&Request::Init { options: BTreeMap::from(options), fill_freed_memory: false });
    }

    fn ask(&mut self, request: &Request) -> Answer {
        self.0.process.ask(request).unwrap_or_else(|death| panic!("{death}"))
    }

    fn tick(&mut self) -> Answer {
        self.ask(&Request::Tick { count: 1, pause_ms: 0 })
    }

    /// Lets the broker's loop go round until something is done that is looked for, by that or before.
    fn until<T>(&mut self, what: &str, answer: Answer, found: impl Fn(&Self, &Deed) -> Option<T>) -> T {
        let mut deeds = answer.deeds;
        for _ in 0..5000 {
            if let Some(found) = deeds.iter().find_map(|deed| found(self, deed)) {
                return found;
            }
            deeds = self.ask(&Request::Tick { count: 1, pause_ms: 2 }).deeds;
        }
        panic!("{what} never comes");
    }

    /// Commands, or questions, of the administrator, who may have been disconnected before. Each is answered, on its topic.
    fn commands(&mut self, topic: &str, commands: &str) {
        let (clientid, username) = (Text::from("console"), Some(Text::from("admin")));
        self.ask(&Request::Attach { clientid: clientid.clone(), username, subscriptions: Vec::new() });
        let payload = Text::from(format!(r#"{{"commands":[{commands}]}}"#).as_str());
        let answer = self.ask(&Request::Control { clientid, topic: Some(Text::from(topic)), payload });
        let response = Text::from(format!("{topic}/response").as_str());
        let text = self.until(commands, answer, |_, deed| match deed {
            Deed::Publish(message) if message.topic == response => Some(message.payload.to_string()),
            _ => None,
        });
        assert!(!text.contains("\"error\""), "{text}");
    }

    fn connect(&mut self, password: &str) -> Answer {
        let (username, password) = (Some(Text::from("admin")), Some(Text::from(password)));
        self.ask(&Request::Connect { clientid: Text::from("dev"), username, password })
    }

    /// A login that waits, and what comes of it.
    fn login(&mut self, password: &str) -> i32 {
        let answer = self.connect(password);
        assert_eq!(answer.rc, Some(AUTH_DELAYED), "it waits");
        self.until("a verdict", answer, |_, deed| match deed {
            Deed::CompleteLogin { rc, .. } => Some(*rc),
            _ => None,
        })
    }

    fn leave(&mut self) {
        self.ask(&Request::Disconnect { clientid: Text::from("dev") });
    }

    /// All of it, and then it is as before.
    fn live(&mut self) {
        // The old hash is back; and the first time there is another text, too.
        fs::write(self.path("policy.json"), format!("{POLICY}\n")).expect("a policy");
        let reloaded = self.ask(&Request::Reload);
        self.until("a reload", reloaded, |_, deed| is_logged(deed, "reloaded"));
        // Until the next tick logins are decided at once.
        self.tick();
        assert_eq!(self.login("wrong"), AUTH);
        assert_eq!(self.login(PASSWORD), SUCCESS);
        let ticked = self.tick();
        self.until("another hash", ticked, |_, deed| is_logged(deed, "hashed again"));
        self.leave();
        // Now it is known, or found out once more; either way it is let in, and another one leaves before it is decided.
        let again = self.connect(PASSWORD).rc;
        assert!([Some(SUCCESS), Some(AUTH_DELAYED)].contains(&again), "{again:?}");
        self.leave();
        self.connect("wrong");
        self.leave();
        self.commands(CONTROL, r#"{"command":"createClient","username":"c","password":"p"}"#);
        self.commands(QUERY, r#"{"command":"listClients","verbose":true},{"command":"getMetrics"}"#);
        self.commands(OWN, r#"{"command":"whoAmI"}"#);
        self.commands(CONTROL, r#"{"command":"deleteClient","username":"c"}"#);
        // Of questions about oneself there may be one a second, after the first five.
        self.ask(&Request::Tick { count: 10, pause_ms: 100 });
    }
}

fn is_logged(deed: &Deed, part: &str) -> Option<()> {
    matches!(deed, Deed::Log { line, .. } if line.to_string().contains(part)).then_some(())
}

fn lives(count: usize) -> super::Memory {
    let mut newer = Newer::start();
    newer.init();
    newer.tick();
    for _ in 0..count {
        newer.live();
    }
    let audited = fs::read_to_string(newer.path("audit")).expect("an audit trail");
    assert!(audited.lines().count() >= 2 * count, "{audited}");
    assert!(fs::read_to_string(newer.path("metrics")).is_ok_and(|metrics| metrics.contains("saves_total")));
    newer.0.end()
}

fn starts_and_ends(count: usize) -> super::Memory {
    let mut newer = Newer::start();
    for _ in 0..count {
        newer.init();
        newer.tick();
        newer.commands(QUERY, r#"{"command":"listClients"}"#);
        newer.connect("wrong");
        newer.ask(&Request::Cleanup);
    }
    newer.0.end()
}

#[test]
#[ignore = "needs valgrind: make test-valgrind"]
fn starts_and_ends_with_logins_that_wait_leave_nothing() {
    if !is_theirs() {
        check("2.1, starts and ends", starts_and_ends(3), starts_and_ends(30));
    }
}

#[test]
#[ignore = "needs valgrind: make test-valgrind"]
fn a_life_with_logins_that_wait_leaves_nothing() {
    if !is_theirs() {
        check("2.1, lives", lives(2), lives(20));
    }
}
