//! Which version of the C plugin decides where they differ.

/// The C plugin whose decisions, answers and error texts are given where versions differ
/// (`plugin_opt_compat`). A later version is greater.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Compat {
    /// As the C plugin of Mosquitto 2.0.11; 2.0.14 has the same.
    V2_0,
    /// As the C plugin of Mosquitto 2.0.15: what 2.0.21's answers, but of several with one name what counts with 2.0.11's.
    V2_0_15,
    /// As the C plugin of Mosquitto 2.0.21. Those from 2.0.16 on are nearer to it than to the others.
    V2_0_21,
    /// As the C plugin of Mosquitto 2.1.2.
    V2_1,
}

impl Compat {
    /// That of a 2.0 broker by the last number of its version; 2.0.11's where that is not known.
    #[must_use]
    pub fn of_2_0(patch: Option<u8>) -> Self {
        match patch {
            Some(16..) => Self::V2_0_21,
            Some(15) => Self::V2_0_15,
            _ => Self::V2_0,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_2_0_broker_is_like_2_0_21_since_2_0_16_and_2_0_15_is_nearly() {
        for patch in [None, Some(0), Some(11), Some(14)] {
            assert_eq!(Compat::of_2_0(patch), Compat::V2_0);
        }
        assert_eq!(Compat::of_2_0(Some(15)), Compat::V2_0_15);
        for patch in [16, 18, 21, 22] {
            assert_eq!(Compat::of_2_0(Some(patch)), Compat::V2_0_21);
        }
    }
}
