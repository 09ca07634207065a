//! The policy in force, behind its lock, with its generation beside it.

use std::ops::{Deref, DerefMut};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{ArcRwLockReadGuard, RawRwLock, RwLock, RwLockReadGuard, RwLockWriteGuard};

use super::Plugin;
use crate::policy::Policy;

/// The policy in force.
pub(super) struct LivePolicy {
    policy: Arc<RwLock<Policy>>,
    /// That of the policy, as it was when nobody was changing it.
    generation: AtomicU64,
}

/// How ACL checks lock the policy.
pub trait PolicyLock {
    /// Does something with a plugin's policy.
    fn with<R>(&self, plugin: &Plugin, work: impl FnOnce(Locked<'_>) -> R) -> R;
}

/// The policy, which does not change meanwhile.
#[derive(Clone, Copy)]
pub struct Locked<'a> {
    pub(super) policy: &'a Policy,
    /// No other thread has it in this way at the same time.
    pub(super) in_turn: bool,
}

/// Each takes the lock and lets it go.
pub struct EachTime;

impl PolicyLock for EachTime {
    #[inline]
    fn with<R>(&self, plugin: &Plugin, work: impl FnOnce(Locked<'_>) -> R) -> R {
        work(plugin.lock_policy().by_any())
    }
}

impl Plugin {
    /// Keeps the policy as it is, for one ACL check.
    #[inline]
    #[must_use]
    pub fn lock_policy(&self) -> PolicyGuard<'_> {
        PolicyGuard(self.policy.read())
    }

    /// Whether somebody keeps the policy as it is, or changes it.
    #[cfg(test)]
    pub(crate) fn is_policy_locked(&self) -> bool {
        self.policy.policy.is_locked()
    }

    /// Keeps the policy as it is, for many ACL checks. Whoever holds it must let it go before anything else happens, since
    /// changes wait for that.
    #[must_use]
    pub fn hold_policy(&self) -> HeldPolicy {
        self.policy.hold()
    }
}

/// The policy, which does not change as long as this is there.
pub struct PolicyGuard<'a>(RwLockReadGuard<'a, Policy>);

/// The same, for longer than a call.
pub struct HeldPolicy(ArcRwLockReadGuard<RawRwLock, Policy>);

/// The policy while it is being changed.
pub(super) struct Changing<'a> {
    policy: RwLockWriteGuard<'a, Policy>,
    generation: &'a AtomicU64,
}

impl LivePolicy {
    pub(super) fn new(policy: Policy) -> Self {
        Self { generation: AtomicU64::new(policy.generation()), policy: Arc::new(RwLock::new(policy)) }
    }

    /// [`Policy::generation`], without waiting for anybody.
    #[inline]
    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    #[inline]
    pub(super) fn read(&self) -> RwLockReadGuard<'_, Policy> {
        self.policy.read()
    }

    /// The same, for longer than a call.
    pub(super) fn hold(&self) -> HeldPolicy {
        HeldPolicy(self.policy.read_arc())
    }

    pub(super) fn write(&self) -> Changing<'_> {
        Changing { policy: self.policy.write(), generation: &self.generation }
    }
}

#[cfg(test)]
impl Locked<'_> {
    pub(crate) fn is_in_turn(&self) -> bool {
        self.in_turn
    }
}

impl PolicyGuard<'_> {
    /// For any thread.
    #[inline]
    #[must_use]
    pub fn by_any(&self) -> Locked<'_> {
        Locked { policy: &self.0, in_turn: false }
    }
}

impl HeldPolicy {
    /// For one thread alone, or several in turn.
    #[inline]
    #[must_use]
    pub fn in_turn(&self) -> Locked<'_> {
        Locked { policy: &self.0, in_turn: true }
    }
}

impl Deref for Changing<'_> {
    type Target = Policy;

    fn deref(&self) -> &Policy {
        &self.policy
    }
}

impl DerefMut for Changing<'_> {
    fn deref_mut(&mut self) -> &mut Policy {
        &mut self.policy
    }
}

impl Drop for Changing<'_> {
    /// Before the lock is let go, so that what is kept of the old generation is void as soon as the new one is
    /// seen.
    fn drop(&mut self) {
        self.generation.store(self.policy.generation(), Ordering::Release);
    }
}
