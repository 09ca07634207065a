//! Threads must not make the broker wait when it accepts connections (`src/ffi/descriptors.rs`).

use crate::harness::case::{Trial, cases, not_run};

cases! {
    the_table_of_descriptors_does_not_grow_beside_threads: theirs_fails("all", "it has no threads", "room for"),
}

fn the_table_of_descriptors_does_not_grow_beside_threads(trial: &Trial) {
    let broker = trial.broker().start();
    drop(broker.admin());
    let (Some(status), Some(limits)) = (broker.told("status"), broker.told("limits")) else {
        return not_run();
    };
    // The first number after a name.
    let number = |text: &str, name: &str| -> u64 {
        let rest = text.lines().find_map(|line| line.strip_prefix(name)).expect("it is told");
        rest.split_whitespace().next().and_then(|number| number.parse().ok()).expect("a number")
    };
    let (room, limit) = (number(&status, "FDSize:"), number(&limits, "Max open files"));
    assert!(room >= limit.min(65_536), "there is room for {room} descriptors, of which there may be {limit}");
}
