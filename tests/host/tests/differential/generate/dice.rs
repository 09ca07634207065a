//! Randomness that a seed repeats.

/// A source of choices.
pub struct Dice(fastrand::Rng);

impl Dice {
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds must not make similar cases: one step of SplitMix64 tells them apart.
        let mut mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(fastrand::Rng::with_seed(mixed ^ (mixed >> 31)))
    }

    /// True `percent` times in a hundred.
    pub fn percent(&mut self, percent: u32) -> bool {
        self.0.u32(0..100) < percent
    }

    /// A number from `range`.
    pub fn number(&mut self, range: std::ops::RangeInclusive<usize>) -> usize {
        self.0.usize(range)
    }

    /// One of them.
    pub fn pick<T: Clone>(&mut self, from: &[T]) -> T {
        from[self.0.usize(0..from.len())].clone()
    }

    /// One of them, the first of each pair saying how often.
    pub fn weighted<T: Copy>(&mut self, from: &[(u32, T)]) -> T {
        let total = from.iter().map(|(weight, _)| weight).sum();
        let mut at = self.0.u32(0..total);
        for &(weight, choice) in from {
            if at < weight {
                return choice;
            }
            at -= weight;
        }
        unreachable!("the weights add up to more than the number")
    }

    /// Each of them or not.
    pub fn subset<T: Copy>(&mut self, from: &[T], percent: u32) -> Vec<T> {
        from.iter().copied().filter(|_| self.percent(percent)).collect()
    }

    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        self.0.shuffle(items);
    }
}
