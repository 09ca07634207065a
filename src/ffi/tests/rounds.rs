//! Brokers that tick for each of three listeners in a round, and send what was published between two rounds.

use super::*;

const LISTENERS: usize = 3;

/// What the plugin has its broker do.
const ANSWER: &str = "plugin publishes";
const DISCONNECT: &str = "plugin disconnects ann";

/// The broker's loop comes round.
fn round(contexts: [&Context; LISTENERS]) {
    for context in contexts {
        assert_eq!(call(callbacks::on_tick, context, &mut tick()), 0);
    }
}

/// A change to a client is answered, and that client disconnected two rounds later: not sooner, else it might be the one
/// that the answer is for.
fn disconnects_in_the_second_round(contexts: [&Context; LISTENERS]) {
    let payload = br#"{"commands": [{"command": "setClientId", "username": "ann", "clientid": "x"}]}"#;
    assert_eq!(call(callbacks::on_control, contexts[1], &mut control(payload)), 0);
    let mut seen = calls();
    // Where it is not answered at once, that is waited for.
    while !seen.iter().any(|call| call.starts_with(ANSWER)) {
        round(contexts);
        seen.extend(calls());
    }
    assert!(!seen.iter().any(|call| call == DISCONNECT), "{seen:?}");
    round(contexts);
    assert_eq!(calls(), [""; 0]);
    round(contexts);
    assert_eq!(calls(), [DISCONNECT]);
}

#[test]
fn the_next_tick_is_due_whatever_the_clock_says_then() {
    let context = context(BrokerFamily::V2_1);
    let now_s = 1_800_000_000;
    let mut event = sys::mosquitto_evt_tick { now_s, ..tick() };
    assert_eq!(call(callbacks::on_tick, &context, &mut event), 0);
    assert_eq!((event.now_s, event.now_s + event.next_s), (now_s, 0));
}

#[test]
fn on_2_0_with_a_line_for_each_listener_rounds_are_counted() {
    let functions = functions(BrokerFamily::V2_0);
    let directory = tempfile::tempdir().unwrap();
    let served = Arc::new(Served::new(plugin_in(&directory, BrokerFamily::V2_0)));
    let lines = [(); LISTENERS].map(|()| {
        let broker = Arc::new(HostBroker::new(functions));
        let context = Arc::new(Context::new(functions, broker, Arc::clone(&served)));
        // SAFETY: the identifier is the test's broker's, which does not look at it.
        let registration = unsafe { Registration::new(Arc::clone(&context), NonNull::dangling()) };
        (context, registration.unwrap())
    });
    let contexts = lines.each_ref().map(|(context, _)| &**context);
    round(contexts);
    calls();
    for _ in 0..3 {
        disconnects_in_the_second_round(contexts);
    }
}

#[test]
fn on_2_1_with_the_plugin_used_by_each_listener_rounds_are_counted() {
    let functions = functions(BrokerFamily::V2_1);
    let directory = tempfile::tempdir().unwrap();
    let served = Arc::new(Served::new(plugin_in(&directory, BrokerFamily::V2_1)));
    let context = Context::new(functions, Arc::new(HostBroker::new(functions)), served);
    let contexts = [&context; LISTENERS];
    for context in contexts {
        let mut first = tick();
        assert_eq!(call(callbacks::on_first_tick, context, &mut first), 0);
        assert!(first.next_s > 100 * 365 * 24 * 3600, "it comes only once");
        assert_eq!(call(callbacks::on_tick, context, &mut tick()), 0);
    }
    for _ in 0..3 {
        disconnects_in_the_second_round(contexts);
    }
}
