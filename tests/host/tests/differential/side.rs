//! Which of the two plugins.

use plugin_host::Death;

use crate::difference::{Aspect, Difference};

#[derive(Clone, Copy)]
pub enum Side {
    Ours,
    Theirs,
}

impl Side {
    pub fn name(self) -> &'static str {
        match self {
            Self::Ours => "ours",
            Self::Theirs => "theirs",
        }
    }

    pub fn death(self, step: usize, death: &Death) -> Difference {
        let (death, not_mine) = (death.to_string(), "-".to_owned());
        let (ours, theirs) = match self {
            Self::Ours => (death, not_mine),
            Self::Theirs => (not_mine, death),
        };
        Difference { step, aspect: Aspect::Death, client: None, part: None, ours, theirs }
    }
}
