//! Shares, means and quantiles. Of nothing, each is `None`.

use std::cmp::Ordering;

/// Returns the share `part` of `whole`.
pub fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Returns the mean of the values that are present.
pub fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let values: Vec<f64> = values.into_iter().flatten().collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

/// Returns the smallest of the values that at least a share of them does not exceed; of an even
/// number, the median is the lower of the two in the middle. Reorders the values.
pub fn quantile<T: Copy>(values: &mut [T], share: f64, order: fn(&T, &T) -> Ordering) -> Option<T> {
    let rank = (share * values.len() as f64).ceil() as usize;
    let last = values.len().checked_sub(1)?;
    Some(*values.select_nth_unstable_by(rank.saturating_sub(1).min(last), order).1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles() {
        for (values, share, expect) in [
            (&[][..], 0.5, None),
            (&[3.0], 0.5, Some(3.0)),
            (&[3.0, -1.0, 7.0], 0.5, Some(3.0)),
            (&[4.0, 1.0, 3.0, 2.0], 0.5, Some(2.0)),
            (&[4.0, 1.0, 3.0, 2.0], 0.0, Some(1.0)),
            (&[4.0, 1.0, 3.0, 2.0], 0.75, Some(3.0)),
            (&[4.0, 1.0, 3.0, 2.0], 0.99, Some(4.0)),
            (&[4.0, 1.0, 3.0, 2.0], 1.0, Some(4.0)),
        ] {
            let is = quantile(&mut values.to_vec(), share, f64::total_cmp);
            assert_eq!(is, expect, "{share} of {values:?}");
        }
    }

    #[test]
    fn of_nothing() {
        assert_eq!((ratio(0, 0), ratio(1, 4)), (None, Some(0.25)));
        assert_eq!((mean([None]), mean([Some(1.0), None, Some(2.0)])), (None, Some(1.5)));
    }
}
