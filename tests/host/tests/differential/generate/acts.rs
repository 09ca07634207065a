//! What clients of real brokers do: see [`crate::acts`].

use super::dice::Dice;
use super::names::FLEET;
use super::topics;
use crate::acts::{Act, Habit, Parting, Session, Will};
use crate::wire::Protocol;

pub fn act(dice: &mut Dice) -> Act {
    // The first is the administrator, whose part another client has.
    let clientid = dice.pick(&FLEET[1..]).0;
    match dice.weighted(&[(34, 0), (28, 1), (14, 2), (24, 3)]) {
        0 => {
            let (topic, retain) = (topics::topic(dice), dice.percent(30));
            let is_empty = retain && dice.percent(25);
            Act::Publish { clientid, topic, qos: qos(dice), retain, is_empty }
        }
        1 => {
            let filters = (0..dice.number(1..=4)).map(|_| (filter(dice), qos(dice))).collect();
            Act::Subscribe { clientid, filters }
        }
        2 => Act::Unsubscribe { clientid, filters: (0..dice.number(1..=4)).map(|_| filter(dice)).collect() },
        _ => Act::Return { clientid, parting: parting(dice), habit: habit(dice) },
    }
}

/// Somebody subscribes to shares.
pub fn shared_subscription(dice: &mut Dice) -> Act {
    let clientid = dice.pick(&FLEET[1..]).0;
    let filters = (0..dice.number(2..=5)).map(|_| (topics::shared(dice), qos(dice))).collect();
    Act::Subscribe { clientid, filters }
}

fn qos(dice: &mut Dice) -> u8 {
    dice.pick(&[0, 1, 2])
}

fn filter(dice: &mut Dice) -> &'static str {
    if dice.percent(25) { topics::shared(dice) } else { topics::filter(dice) }
}

fn parting(dice: &mut Dice) -> Parting {
    dice.weighted(&[
        (3, Parting::Orderly),
        (4, Parting::WithWill),
        (6, Parting::Abrupt),
        (2, Parting::LongGone),
        (5, Parting::TakenOver),
    ])
}

fn habit(dice: &mut Dice) -> Habit {
    let protocol = if dice.percent(30) { Protocol::V311 } else { Protocol::V5 };
    let session = dice.weighted(&[(3, Session::Nothing), (3, Session::Everything), (1, Session::Brief)]);
    let will = dice.percent(60).then(|| Will {
        topic: topics::topic(dice),
        qos: qos(dice),
        retain: dice.percent(30),
        is_delayed: dice.percent(20),
    });
    Habit { protocol, session, is_fresh: dice.percent(25), will, qos: qos(dice) }
}
