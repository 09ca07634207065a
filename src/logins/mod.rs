//! What is known of logins beside the policy: which passwords were verified already.
//!
//! Nothing here calls the broker; who is asked holds no lock of this part while it does.

mod verified;

pub(crate) use verified::VerifiedLogins;
