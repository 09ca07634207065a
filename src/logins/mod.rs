//! What is known of logins beside the policy: which passwords were verified already, which wait for it, who fails
//! too often, and how much work they may be.
//!
//! Nothing here calls the broker; who is asked holds no lock of this part while it does.

mod attempts;
mod hashing_budget;
mod pending;
mod verified;

pub(crate) use attempts::{Attempts, Lockout};
pub(crate) use hashing_budget::HashingBudget;
pub(crate) use pending::{Attempt, Found, Pending, Verified};
pub(crate) use verified::VerifiedLogins;
