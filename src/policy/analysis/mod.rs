//! What people ask about a policy, beside its decisions: why one is made, which ACLs somebody has, what is probably wrong.

mod effective;
mod explain;
mod held;
mod lint;
mod work;

pub use effective::{EffectiveAcl, EffectiveAcls, Never};
pub use explain::{Explanation, Other, Verdict, Why, WhyNot};
pub use held::{HeldGroup, HeldRole, Rule};
pub use lint::{Finding, Holder, Lint, RoleAcl, Severity};
pub use work::Work;
