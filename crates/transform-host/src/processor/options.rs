//! Options of a processor.

use std::time::Duration;

/// A version of the broker with which the writing of transforms changed. A broker behaves as the
/// newest version here that is not newer than itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
#[non_exhaustive]
pub enum BrokerVersion {
    /// 24.3 and before. Everything that queued up during a write becomes one batch, which may
    /// outgrow the topic's `max.message.bytes` and be refused. With several outputs, the one whose
    /// batch was refused then stops until `pause` and `resume`, while its processor is `running`.
    V24_3,
    /// 25.1 to 26.1.10. The queue is written in batches of at most 1 MiB, whatever
    /// `max.message.bytes` is; only a record that is larger makes a larger batch.
    V25_1,
    /// 26.1.11, 26.2.1, a late 25.3, and later versions. A refused batch restarts the processor,
    /// with any number of outputs.
    #[default]
    V26_1_11,
}

/// The number of outputs of a [`Processor`](crate::Processor), and its ways.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ProcessorOptions {
    /// Output topics.
    pub outputs: usize,
    /// The broker's version, by default the newest.
    pub broker: BrokerVersion,
    /// Pause between the start of the VM and [`Action::Locate`](crate::Action::Locate). A broker waits
    /// one commit interval, so that earlier commits are kept by then.
    pub start_pause: Duration,
    /// Pause after a read that found nothing.
    pub poll_pause: Duration,
}

impl ProcessorOptions {
    /// Returns the ways of a stock broker.
    pub fn new(outputs: usize) -> Self {
        Self {
            outputs,
            broker: BrokerVersion::default(),
            start_pause: Duration::from_secs(3),
            poll_pause: Duration::from_secs(1),
        }
    }

    /// Changes some of the options.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}
