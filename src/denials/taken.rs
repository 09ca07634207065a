//! What is taken down of a denial where it is decided: its texts as they are, as far as a line shows them, in a place of
//! fixed size. The line is made later.

use super::line::{Denial, MOST_OF_NAME, MOST_OF_TOPIC};

/// How many bytes of a text are taken down beyond those that are shown: so the line can say that there is more, and the last
/// letter that it shows is whole.
const MORE: usize = 8;
/// Room for all texts.
const ROOM: usize = 6 * (MOST_OF_NAME + MORE) + MOST_OF_TOPIC + MORE;

/// A denial, taken down.
#[derive(Debug)]
pub(super) struct Taken {
    what: &'static str,
    reason: &'static str,
    deferred: bool,
    of_reload: bool,
    /// It stands for all that the client is denied besides.
    is_more: bool,
    /// Where each of the texts ends, if there is one.
    ends: [Option<u16>; 7],
    bytes: [u8; ROOM],
}

impl Taken {
    /// Room for a denial; [`Self::take_down`] fills it, where it lies.
    pub(super) fn new() -> Self {
        let (deferred, of_reload, is_more) = (false, false, false);
        Self { what: "", reason: "", deferred, of_reload, is_more, ends: [None; 7], bytes: [0; ROOM] }
    }

    /// Takes a denial down, in the place of what was there; `is_more`, if it stands for all that the client is denied
    /// besides.
    pub(super) fn take_down(&mut self, denial: &Denial<'_>, is_more: bool) {
        let Denial { what, clientid, username, address, topic, reason, group, role, acl, .. } = *denial;
        (self.what, self.reason, self.is_more) = (what, reason, is_more);
        (self.deferred, self.of_reload) = (denial.deferred, denial.of_reload);
        let mut at = 0_usize;
        let texts = [clientid, username, address, topic, group, role, acl];
        for (index, (text, end)) in texts.into_iter().zip(&mut self.ends).enumerate() {
            let most = if index == 3 { MOST_OF_TOPIC } else { MOST_OF_NAME };
            *end = text.and_then(|text| {
                let text = text.get(..most.saturating_add(MORE)).unwrap_or(text);
                let after = at.saturating_add(text.len());
                self.bytes.get_mut(at..after)?.copy_from_slice(text);
                at = after;
                u16::try_from(after).ok()
            });
        }
    }

    /// The members of its line.
    pub(super) fn members(&self) -> Vec<u8> {
        let mut at = 0_usize;
        let [clientid, username, address, topic, group, role, acl] = self.ends.map(|end| {
            let start = at;
            at = usize::from(end?);
            self.bytes.get(start..at)
        });
        let Self { what, reason, deferred, of_reload, .. } = *self;
        let denial = Denial {
            what,
            clientid,
            username,
            address,
            topic,
            reason,
            group,
            role,
            acl,
            deferred,
            of_reload,
        };
        if self.is_more { denial.members_of_more() } else { denial.members() }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_line_is_the_same_as_if_it_had_been_made_at_once(
            texts in prop::collection::vec(
                prop::option::of(prop_oneof![
                    prop::collection::vec(any::<u8>(), 0..300),
                    "[a|é\u{10ffff}温 ]{0,120}".prop_map(String::into_bytes),
                ]),
                7,
            ),
            [deferred, of_reload] in any::<[bool; 2]>(),
            is_more in any::<bool>(),
        ) {
            let [clientid, username, address, topic, group, role, acl] = [0, 1, 2, 3, 4, 5, 6].map(|at| texts[at].as_deref());
            let (what, reason) = ("subscribe", "acl");
            let denial =
                Denial { what, clientid, username, address, topic, reason, group, role, acl, deferred, of_reload };
            let mut taken = Taken::new();
            taken.take_down(&Denial { clientid: Some(b"before"), ..denial }, false);
            taken.take_down(&denial, is_more);
            let at_once = if is_more { denial.members_of_more() } else { denial.members() };
            let later = taken.members();
            prop_assert_eq!(String::from_utf8_lossy(&later), String::from_utf8_lossy(&at_once));
        }
    }
}
