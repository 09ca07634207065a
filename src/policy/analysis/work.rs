//! How much is done for an answer.

/// How much may still be done for an answer, in steps of some 20 to 100 ns: the broker waits for it.
#[derive(Debug)]
pub struct Work {
    left: usize,
    ran_out: bool,
    /// Something was left out, though not for want of steps.
    left_out: bool,
    /// How many ACLs may still be listed, and of how many bytes.
    room: (usize, usize),
}

impl Work {
    /// For whoever may ask about the whole policy: some tenths of a second.
    pub const STEPS: usize = 4_000_000;

    /// So many steps may be done, and everything be listed.
    #[must_use]
    pub fn new(steps: usize) -> Self {
        Self { left: steps, ran_out: false, left_out: false, room: (usize::MAX, usize::MAX) }
    }

    /// The same, with only so many ACLs listed, and none after so many bytes of topics and names.
    #[must_use]
    pub fn listing(self, acls: usize, bytes: usize) -> Self {
        Self { room: (acls, bytes), ..self }
    }

    /// Whether one more ACL may be listed.
    pub(super) fn may_list(&self) -> bool {
        self.room.0 > 0 && self.room.1 > 0
    }

    /// An ACL of so many bytes is listed.
    pub(super) fn list(&mut self, bytes: usize) {
        self.room = (self.room.0.saturating_sub(1), self.room.1.saturating_sub(bytes));
    }

    /// Whether that many steps may be done.
    pub(super) fn may(&mut self, steps: usize) -> bool {
        match self.left.checked_sub(steps) {
            Some(left) => self.left = left,
            None => self.ran_out = true,
        }
        !self.ran_out
    }

    /// Something is left out, if that is so.
    pub(super) fn leave_out(&mut self, is_so: bool) {
        self.left_out |= is_so;
    }

    /// Not everything that was to be done was.
    pub(super) fn is_incomplete(&self) -> bool {
        self.ran_out || self.left_out
    }

    /// How many steps are left.
    #[cfg(test)]
    pub(super) fn left(&self) -> usize {
        self.left
    }
}
