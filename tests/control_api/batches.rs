//! Several commands in one payload, and correlationData.

use mosquitto_dynsec::control::Actor;
use mosquitto_dynsec::policy::Compat;

use crate::harness::{Setup, Table, World, describe, payload};

const SETUP: Setup = &[
    r#"{"command":"createRole","rolename":"r"}"#,
    r#"{"command":"createClient","username":"ann","roles":[{"rolename":"r"}]}"#,
];

#[test]
fn batches() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        ("of nothing", r#"raw {"commands":[]}"#),
        (
            "answers in the order of the commands; one that is refused does not stop the others",
            r#"raw {"commands":[{"command":"createClient","username":"bob"},{"command":"createClient","username":"bob"},{"command":"nonsense"},{"command":"addClientRole","username":"bob","rolename":"r"},{"command":"getClient","username":"bob"},{"command":"deleteClient","username":"bob"},{"command":"getClient","username":"bob"}]}
               send {"command":"listClients"}"#,
        ),
        (
            "everybody is disconnected once, in the order of names",
            r#"given {"command":"createClient","username":"Zoe"}
               raw {"commands":[{"command":"setClientId","username":"ann"},{"command":"setClientId","username":"Zoe"},{"command":"setClientId","username":"ann"},{"command":"deleteRole","rolename":"r"}]}"#,
        ),
        (
            "an element that is no object: 2.1 answers and stops, 2.0 goes on",
            r#"raw {"commands":[{"command":"getDetails"},7,"getDetails",null,[],{"command":"deleteClient","username":"ann"}]}
               send {"command":"listClients"}"#,
        ),
        (
            "an element without a command: 2.1 answers and stops, 2.0 goes on",
            r#"raw {"commands":[{"command":"getDetails"},{},{"Kommand":"getDetails"},{"command":7},{"command":null},{"command":"deleteClient","username":"ann"}]}
               send {"command":"listClients"}"#,
        ),
        (
            "a correlationData that is no string stops both",
            r#"raw {"commands":[{"command":"deleteClient","username":"ann"},{"command":"getDetails","correlationData":7},{"command":"createClient","username":"ann"}]}
               send {"command":"listClients"}"#,
        ),
        (
            "unknown commands",
            r#"raw {"commands":[{"command":"nonsense","correlationData":"1"},{"command":""},{"command":"createClient ","username":"x"},{"command":"createClients","username":"x"}]}"#,
        ),
        ("getDetails, which 2.0 does not have, is answered there too", r#"send {"command":"getDetails"}"#),
    ]);
    table.check("batches");
}

#[test]
fn commands_in_any_case() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "2.0 answers with its own spelling, 2.1 with the client's",
            r#"send {"command":"SETCLIENTID","username":"ann"}
               send {"command":"setclientid","username":"none"}
               send {"command":"DisableClient"}"#,
        ),
        (
            "but where there is data both answer with their own",
            r#"send {"command":"GETCLIENT","username":"ann"}
               send {"command":"GETCLIENT","username":"none"}
               send {"command":"listclients"}
               send {"command":"LISTGROUPS"}
               send {"command":"listROLES"}
               send {"command":"getgroup"}
               send {"command":"getRole","rolename":"r"}
               send {"command":"getdefaultaclaccess"}
               send {"command":"getanonymousgroup"}
               send {"command":"GetDetails"}"#,
        ),
        (
            "a NUL ends the name of a command",
            r#"send {"command":"disableClient\u0000x","username":"ann"}
               send {"command":"nonsense\u0000x"}
               send {"command":"\u0000"}"#,
        ),
    ]);
    table.check("commands_in_any_case");
}

#[test]
fn correlation_data() {
    let mut table = Table::new(SETUP);
    table.cases(&[
        (
            "comes back last, whatever the answer",
            r#"send {"command":"disableClient","username":"ann","correlationData":"a"}
               send {"command":"disableClient","username":"none","correlationData":"b"}
               send {"command":"getClient","username":"ann","correlationData":"c"}
               send {"command":"listRoles","correlationData":"d"}
               send {"command":"getDefaultACLAccess","correlationData":"e"}
               send {"command":"getAnonymousGroup","correlationData":"f"}
               send {"command":"getDetails","correlationData":"g"}
               send {"command":"nonsense","correlationData":"h"}"#,
        ),
        ("an empty one comes back too", r#"send {"command":"getDetails","correlationData":""}"#),
        (
            "with characters that need escapes, and a NUL, which ends it",
            r#"send {"command":"getDetails","correlationData":"\"\\\/\b\f\n\r\t\u0001\u007f\u00e9\ud83d\ude00"}
               send {"command":"getDetails","correlationData":"a\u0000b"}"#,
        ),
        (
            "of another type",
            r#"send {"command":"getDetails","correlationData":7}
               send {"command":"getDetails","correlationData":null}
               send {"command":"getDetails","correlationData":true}
               send {"command":"getDetails","correlationData":{}}
               send {"command":"GETDETAILS","correlationData":["a"]}
               send {"command":"nonsense","correlationData":7}"#,
        ),
        (
            "an element that is no command is answered with that of the command before it",
            r#"raw {"commands":[{"command":"getDetails","correlationData":"first"},{},7,{"command":"nonsense"},{},{"correlationData":"its own"}]}
               raw {"commands":[{"correlationData":"its own"},{}]}
               raw {"commands":[{"command":"getDetails","correlationData":"first"},{"command":"nonsense"},7]}"#,
        ),
        (
            "is not kept from one payload to the next",
            r#"send {"command":"getDetails","correlationData":"first"}
               raw {"commands":[7]}"#,
        ),
    ]);
    table.check("correlation_data");
}

#[test]
fn who_sent_it_is_logged() {
    let mut text = String::new();
    for actor in [
        Actor::default(),
        Actor { clientid: Some(b"c".to_vec()), ..Actor::default() },
        Actor { username: Some(b"u".to_vec()), ..Actor::default() },
        Actor { clientid: Some(b"\xff".to_vec()), username: Some("é".into()), ..Actor::default() },
    ] {
        let mut world = World::with(Compat::V2_0, SETUP);
        world.actor = actor;
        text.push_str(&describe(&world.send(&payload(r#"{"command":"getClient","username":"ann"}"#))));
    }
    let logged: Vec<&str> = text.lines().filter(|line| line.starts_with("  log ")).collect();
    assert_eq!(
        logged,
        [
            "  log dynsec: (null)/(null) | getClient | username=ann",
            "  log dynsec: c/(null) | getClient | username=ann",
            "  log dynsec: (null)/u | getClient | username=ann",
            "  log dynsec: <FF>/é | getClient | username=ann",
        ]
    );
}
