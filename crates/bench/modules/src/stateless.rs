//! A cut that keeps nothing of its own: the bin's `stage`, then the record as it came.

use fraud_plan::Plan;

use crate::{Outcome, Settings, unchanged};

/// What is run of the detector.
pub struct Cut;

impl Cut {
    pub(crate) fn new(_: &Plan, _: &Settings) -> Self {
        Self
    }

    pub(crate) fn score(
        &mut self,
        real: &mut detector::Detector,
        value: Option<&[u8]>,
        time: i64,
        output: &mut Vec<u8>,
    ) -> Outcome {
        crate::stage(real, value, time);
        unchanged(value, output)
    }
}
