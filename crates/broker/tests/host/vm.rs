//! One VM: what the broker's own engine tests check, and the limits.

mod support;

use std::sync::Arc;

use support::*;
use transform_host::{BatchBuilder, Output, Vm};

#[test]
fn identity_keeps_every_byte() {
    let mut builder = BatchBuilder::new(5);
    let headers: [(&[u8], Option<&[u8]>); 2] = [(b"a", Some(b"1")), (b"b", None)];
    builder.push(10, Some(b"k"), Some(b"v"), &headers).push(11, None, None, &[]).push(
        12,
        Some(b""),
        Some(&[7; 5000]),
        &[],
    );
    let batch = Arc::new(builder.build());
    let mut vm = vm(&transform(IDENTITY));
    for _ in 0..2 {
        let mut output = Output::default();
        vm.process(&batch, &mut output).expect("runs");
        let before: Vec<_> = batch.iter().map(|r| r.payload).collect();
        let after: Vec<_> = output.iter().map(|r| r.payload).collect();
        assert_eq!(before, after);
        // Also after a restart.
        vm.stop();
        vm.start().expect("starts again");
    }
    assert_eq!((vm.stats().records, vm.stats().batches, vm.stats().restarts), (6, 2, 2));
}

/// Not a test of speed: run it with `--ignored --nocapture` to see what the host itself costs.
#[test]
#[ignore = "prints figures"]
fn speed() {
    let mut vm = Vm::new(&module(&transform(IDENTITY)), &deployment(&["out"]));
    vm.start().expect("starts");
    for (count, bytes) in [(1, 120), (100, 120), (1000, 120)] {
        let mut builder = BatchBuilder::new(0);
        for _ in 0..count {
            builder.push(0, Some(b"customer"), Some(&vec![b'x'; bytes]), &[]);
        }
        let batch = Arc::new(builder.build());
        let mut output = Output::default();
        let before = vm.stats();
        for _ in 0..2_000_000 / count {
            vm.process(&batch, &mut output).expect("runs");
        }
        let after = vm.stats();
        let seconds = (after.engine_time - before.engine_time).as_secs_f64();
        let records = (after.records - before.records) as f64;
        println!("{count} records a batch: {:.0} records/s", records / seconds);
    }
}
