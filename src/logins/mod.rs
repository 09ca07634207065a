//! What is known of logins beside the policy: which passwords were verified already, which wait for it, who fails
//! too often, and how much work they may be.
//!
//! Nothing here calls the broker; who is asked holds no lock of this part while it does.

mod attempts;
mod leak;
mod pending;
mod verified;
mod work;

pub(crate) use attempts::{Attempts, Lockout};
pub(crate) use pending::{Attempt, Found, Pending, Verified};
pub(crate) use verified::VerifiedLogins;
pub(crate) use work::Work;
