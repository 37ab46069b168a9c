//! Writing to the topic of history, by the broker's own function.
//!
//! Who hands on the SDK's writer, as a record of several writes would, has the compiler call it through a
//! table of functions ever after; and where it is called in two places, or in a loop, it is compiled into
//! none. That takes 20 to 90 units of fuel for each transaction, whether there is a topic of history or not. So
//! the shell writes verdicts by the SDK's writer, and history past it. A record is as the SDK writes it.

use redpanda_transform_sdk::WriteError;

use crate::Detector;

#[cfg(target_os = "wasi")]
#[link(wasm_import_module = "redpanda_transform")]
unsafe extern "C" {
    fn write_record_with_options(record: *const u8, len: u32, options: *const u8, size: u32)
    -> i32;
}

/// The topic of history.
pub(super) struct HistoryTopic {
    /// The options of each write: the topic's name.
    options: Vec<u8>,
    record: Vec<u8>,
}

impl HistoryTopic {
    /// Makes what writes to the topic.
    pub(super) fn new(topic: &str) -> Self {
        // A topic follows.
        let mut options = vec![1];
        push(topic.as_bytes(), &mut options);
        Self { options, record: Vec::new() }
    }

    /// Writes what the last record, whose value this is, has changed in history.
    #[cold]
    #[inline(never)]
    pub(super) fn write(
        &mut self,
        detector: &mut Detector,
        value: Option<&[u8]>,
        timestamp: i64,
    ) -> Result<(), WriteError> {
        let Self { options, record } = self;
        while let Some((key, value)) = detector.next_change(value.unwrap_or_default(), timestamp) {
            record.clear();
            push(key, record);
            push(value, record);
            // No headers.
            record.push(0);
            let written = call(record, options);
            if written != record.len() as i32 {
                return Err(WriteError::Unknown(written));
            }
        }
        Ok(())
    }
}

/// Appends bytes with their length before them, a zigzag varint.
// The SDK's own function would be inlined nowhere if it were used here too.
fn push(bytes: &[u8], to: &mut Vec<u8>) {
    let mut length = 2 * bytes.len();
    while length > 0x7f {
        to.push(length as u8 | 0x80);
        length >>= 7;
    }
    to.push(length as u8);
    to.extend_from_slice(bytes);
}

#[cfg(target_os = "wasi")]
fn call(record: &[u8], options: &[u8]) -> i32 {
    let (len, size) = (record.len() as u32, options.len() as u32);
    // SAFETY: the broker reads as many bytes from each address as it is told, and they are there.
    unsafe { write_record_with_options(record.as_ptr(), len, options.as_ptr(), size) }
}

/// Refuses the record: there is no broker here.
#[cfg(not(target_os = "wasi"))]
fn call(_: &[u8], _: &[u8]) -> i32 {
    -1
}
