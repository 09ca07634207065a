//! The policy in force, behind its lock, with its generation beside it.

use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::policy::Policy;

/// The policy in force.
pub(super) struct LivePolicy {
    policy: RwLock<Policy>,
    /// That of the policy, as it was when nobody was changing it.
    generation: AtomicU64,
}

/// The policy while it is being changed.
pub(super) struct Changing<'a> {
    policy: RwLockWriteGuard<'a, Policy>,
    generation: &'a AtomicU64,
}

impl LivePolicy {
    pub(super) fn new(policy: Policy) -> Self {
        Self { generation: AtomicU64::new(policy.generation()), policy: RwLock::new(policy) }
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

    pub(super) fn write(&self) -> Changing<'_> {
        Changing { policy: self.policy.write(), generation: &self.generation }
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
