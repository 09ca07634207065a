//! Panics while 2.1 lets logins wait: nobody is let in by one, and nobody waits for ever. As `panics`, on a broker of
//! 2.1: `make test-panics`.

use std::io::Read;

use serde_json::json;

use crate::delayed::{answer, hello, is_pending, iterations, say_hello};
use crate::harness::wait_for;
use crate::panics::{Prone, trial};
use crate::traps_2_1::has_2_1s_own;

/// None where there is nothing of 2.1's own.
fn start() -> Option<Prone> {
    let trial = trial();
    has_2_1s_own(&trial)
        .then(|| Prone::start_with(&format!("{}\nplugin_opt_state_dir {{dir}}", iterations(&trial))))
}

#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
fn a_login_that_waits_is_refused() {
    let Some(prone) = start() else { return };
    for place in [
        "a login that waits, given to workers",
        "a login that waits, being verified",
        "a login that waits, its verdict being told",
    ] {
        let mut admin = prone.broker().admin();
        // So that it is not known from before.
        admin.fine(&json!({"command": "setClientPassword", "username": "john", "password": "pw"}));
        prone.panic_in(place);
        assert_eq!(
            answer(&mut say_hello(prone.broker(), &hello("j1", "john", "pw", None))),
            Some(5),
            "{place}"
        );
        // The same once more, and nothing is left of the first.
        let mut second = say_hello(prone.broker(), &hello("j1", "john", "pw", None));
        // Where the password was found right before the panic, it is known.
        if !place.ends_with("being told") {
            wait_for("a login that waits", || is_pending(&mut admin, "j1").then_some(()));
        }
        assert_eq!(answer(&mut second), Some(0), "{place}");
        admin.disconnect();
        drop(second);
        prone.ended("a login", place);
    }
}

/// The broker tells of it when it has let the client in already.
#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
pub(crate) fn who_connects_while_it_panics_is_disconnected_as_any_other() {
    let Some(prone) = start() else { return };
    for password in ["first", "second"] {
        let mut admin = prone.broker().admin();
        admin.fine(&json!({"command": "setClientPassword", "username": "john", "password": password}));
        prone.panic_in("a connection");
        let mut john = say_hello(prone.broker(), &hello("j1", "john", password, None));
        assert_eq!(answer(&mut john), Some(0));
        admin.fine(&json!({"command": "setClientPassword", "username": "john", "password": "pw"}));
        assert_eq!(john.read(&mut [0; 8]).ok(), Some(0), "it is disconnected");
        admin.disconnect();
        prone.ended("a connection", "a connection");
    }
}

/// The broker tells of who leaves a durable session in another way.
#[test]
#[ignore = "needs a library with the feature `panic-injection`: make test-panics"]
pub(crate) fn a_durable_session_goes_on() {
    let Some(prone) = start() else { return };
    let john = prone.broker().client("durable").login("john", "pw").durable();
    let session = john.connect().subscribed("t");
    let place = "a disconnect from a session that goes on";
    prone.panic_in(place);
    session.vanish();
    prone.ended(place, place);
    let mut session = john.connect();
    assert!(session.session_present());
    // From the others' look whether everything works.
    session.receives("t", "still there");
    session.publish("t", "comes");
    session.receives("t", "comes");
}
