//! Iterations on processors with AVX2 and BMI2.
//!
//! Functions for them are safe to call from each other; the macro `kernel` makes those that all others can call, with what
//! shows that the processor is one.

pub(crate) mod four;
pub(crate) mod one;

/// Repeats something for each of these numbers, which it knows as a constant. The compiler leaves a loop of so much a loop:
/// then the eight words of the state are moved around in each round, and it takes half as long again.
macro_rules! unrolled {
    ($number:ident in $($value:literal)* => $body:block) => {
        $({
            const $number: usize = $value;
            $body
        })*
    };
}
use unrolled;
