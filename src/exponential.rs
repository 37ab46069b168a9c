//! Powers of 2 and of e, precise enough for results that become an f32. They take a third of the
//! steps of correctly rounded powers, and have the same bits on every target, because they are made
//! of additions and multiplications alone.

use std::f64::consts::{LN_2, LOG2_E};

/// The factors of `2^f = Σ (f ln 2)^n / n!`; for |f| ≤ 1/2 the rest of the series is below 10⁻¹¹.
const SERIES: [f64; 10] = {
    let mut series = [1.0; 10];
    let mut n = 1;
    while n < series.len() {
        series[n] = series[n - 1] * LN_2 / n as f64;
        n += 1;
    }
    series
};

/// Returns `2^x` to within 10⁻¹¹ of its value, and from 2⁻¹⁰²² to 2¹⁰²³ whatever x is. NaN stays
/// NaN.
#[inline]
pub fn exp2(x: f64) -> f64 {
    let x = x.clamp(-1022.0, 1023.0);
    // x is a whole number and f, with |f| ≤ 1/2. Added to this constant, x loses its fraction, and
    // the whole number is in the lowest bits of the sum.
    const ROUND: f64 = 1.5 * (1_u64 << 52) as f64;
    let rounded = x + ROUND;
    let f = x - (rounded - ROUND);
    // The exponent in a float's bits is 1023 more than the power that it means.
    let whole = f64::from_bits(rounded.to_bits().wrapping_add(1023) << 52);
    // Even and odd powers separately: two short chains of operations instead of a long one.
    let [a, b, c, d, e, g, h, i, j, k] = SERIES;
    let square = f * f;
    let even = (((j * square + h) * square + e) * square + c) * square + a;
    let odd = (((k * square + i) * square + g) * square + d) * square + b;
    whole * (even + f * odd)
}

/// Returns `e^x`, as precisely as [`exp2`].
#[inline]
pub fn exp(x: f64) -> f64 {
    exp2(x * LOG2_E)
}

#[cfg(test)]
mod tests {
    use super::{exp, exp2};
    use proptest::prelude::*;

    #[test]
    fn whole_powers_are_exact() {
        for power in -1022..=1023 {
            assert_eq!(exp2(f64::from(power)), libm::exp2(f64::from(power)), "{power}");
        }
        assert_eq!(exp(0.0), 1.0);
    }

    #[test]
    fn what_is_beyond() {
        assert_eq!(exp2(f64::NEG_INFINITY), f64::MIN_POSITIVE);
        assert_eq!(exp2(-1e300), f64::MIN_POSITIVE);
        assert_eq!(exp2(f64::INFINITY), exp2(1023.0));
        assert!(exp2(f64::NAN).is_nan());
    }

    proptest! {
        #![proptest_config(crate::cases(100_000))]

        #[test]
        fn close_to_libms(x in -700.0..700.0_f64, near in -1.0..1.0_f64) {
            for x in [x, near] {
                let (found, expect) = (exp2(x), libm::exp2(x));
                prop_assert!((found / expect - 1.0).abs() <= 1e-11, "2^{}: {} {}", x, found, expect);
                let (found, expect) = (exp(x), libm::exp(x));
                prop_assert!((found / expect - 1.0).abs() <= 1e-11, "e^{}: {} {}", x, found, expect);
            }
        }
    }
}
