//! Whom 2.0 asks about without a login or a certificate.

use super::*;

#[test]
fn who_is_noted_is_known_without_a_record() {
    let mut sessions = Sessions::default();
    let noted = sessions.noted();
    let ann = SessionId(0x7f00_0001_2340);
    let is_noted = || noted.has(ann, || Some(b"ann"));
    // Each time it turns out to be somebody else or nobody, or may be by now.
    let becomes_known: [fn(&mut Sessions, SessionId); 5] = [
        |sessions, ann| sessions.ended(ann),
        |sessions, ann| log_in(sessions, ann.0, Some("carl"), "c"),
        |sessions, ann| act_with_certificate(sessions, ann.0, "ann", "a"),
        |sessions, ann| sessions.asked_of_unrecorded(ann, b"bob"),
        |sessions, _| {
            disconnect(sessions, [user("ann")]);
            assert_eq!(all_due(sessions), [by_name("ann")]);
        },
    ];
    for becomes_known in becomes_known {
        sessions.ended(ann);
        assert!(!is_noted());
        sessions.asked_of_unrecorded(ann, b"ann");
        assert!(is_noted());
        becomes_known(&mut sessions, ann);
        assert!(!is_noted());
    }
}
