//! Which version of the C plugin decides where the two differ.

/// The C plugin whose decisions, answers and error texts are given where versions differ
/// (`plugin_opt_compat`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Compat {
    /// As the C plugin of Mosquitto 2.0.11.
    V2_0,
    /// As the C plugin of Mosquitto 2.1.2.
    V2_1,
}
