//! What is asked of filters: whether one matches a topic, or covers a filter. Cut once for all look-ups.

use super::levels::{Levels, MAX_CUT};
use super::topic::{self, Match};
use crate::policy::hash::Keys;
use crate::policy::{Compat, Subject};

/// What is asked of the filters: does one match this topic, or cover this filter?
#[derive(Clone, Copy)]
pub(in crate::policy) struct Asked<'a> {
    pub(in crate::policy) topic: &'a [u8],
    pub(in crate::policy) subject: &'a Subject<'a>,
    /// The topic is a filter that a client asks for.
    pub(in crate::policy) is_filter: bool,
    pub(in crate::policy) compat: Compat,
}

impl Asked<'_> {
    /// Whether a filter that begins with a wildcard leaves out what begins with `$`; not so in 2.0 where a client asks for
    /// that.
    #[inline]
    fn dollar_is_apart(&self) -> bool {
        !self.is_filter || self.compat == Compat::V2_1
    }

    /// Holds one filter against the topic.
    pub(in crate::policy) fn of_filter(&self, filter: &[u8]) -> Match {
        if self.is_filter {
            topic::covers_filter(filter, self.topic, *self.subject, self.compat)
        } else {
            topic::matches_topic(filter, self.topic, *self.subject)
        }
    }
}

/// A regular topic, cut once for all indexes.
pub(in crate::policy) struct Cut<'k, 't> {
    pub(super) keys: &'k Keys,
    pub(super) levels: Levels<'t>,
    /// A filter with a last `#`, which is not among the levels: only a filter with one covers it.
    pub(super) open: bool,
    /// How many levels a filter without a last `#` has that covers this.
    pub(super) closed: usize,
    /// It begins with `$`, and a leading wildcard leaves that out.
    pub(super) is_apart: bool,
}

impl<'k, 't> Cut<'k, 't> {
    /// Of nothing yet.
    #[inline]
    pub(in crate::policy) fn none(keys: &'k Keys) -> Self {
        Self { keys, levels: Levels::none(), open: false, closed: 0, is_apart: false }
    }

    /// A topic, cut; `None` where it is irregular: filters have then to be walked in their order.
    pub(in crate::policy) fn of(asked: &Asked<'t>, keys: &'k Keys) -> Option<Self> {
        let mut cut = Self::none(keys);
        cut.take(asked).then_some(cut)
    }

    /// Cuts a topic into this, which was [`Self::none`]; false where it is irregular. So that much is not moved about.
    #[expect(clippy::inline_always, reason = "calls are a large part of what a check costs")]
    #[inline(always)]
    pub(in crate::policy) fn take(&mut self, asked: &Asked<'t>) -> bool {
        if asked.topic.is_empty() || asked.topic.len() > MAX_CUT {
            return false;
        }
        if asked.is_filter && asked.topic.last() == Some(&b'#') {
            return self.take_open_filter(asked);
        }
        self.levels.cut(asked.topic);
        self.closed = self.levels.count();
        self.is_apart = asked.topic.first() == Some(&b'$') && asked.dollar_is_apart();
        !self.levels.has_wildcard() || (asked.is_filter && topic::is_well_formed(asked.topic))
    }

    /// The same for a filter with a `#` at its end.
    #[inline(never)]
    fn take_open_filter(&mut self, asked: &Asked<'t>) -> bool {
        let (head, open) = topic::without_hash(asked.topic);
        // To 2.0 the head of `#` is a level without a name, to 2.1 it is no level.
        if !(asked.dollar_is_apart() && asked.topic == b"#") {
            self.levels.cut(head);
        }
        let second_hash = open && head.ends_with(b"#");
        if self.levels.has_wildcard() && (second_hash || !topic::is_well_formed(head)) {
            return false;
        }
        self.open = open;
        self.closed = if open { usize::MAX } else { self.levels.count() };
        self.is_apart = asked.dollar_is_apart() && head.first() == Some(&b'$');
        true
    }
}
