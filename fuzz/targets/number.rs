//! Numbers are read and written as std does it.

#![no_main]

use fraud_detector::record::number;
use fraud_detector::verdict::number::write;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    if let Some((bits, text)) = data.split_first_chunk() {
        let share = f32::from_le_bytes(*bits).abs();
        if share <= 1.0 {
            let mut written = Vec::new();
            write(share, &mut written);
            assert_eq!(written, share.to_string().as_bytes());
        }
        for from in 0..=text.len() {
            let Some((end, decimal)) = number::read(text, from) else { continue };
            let read = &text[from..end];
            let expect: f32 = std::str::from_utf8(read).expect("ASCII").parse().expect("a number");
            assert_eq!(decimal.nearest(read).map(f32::to_bits), Some(expect.to_bits()));
        }
    }
});
