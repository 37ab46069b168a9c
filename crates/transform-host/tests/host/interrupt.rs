//! Calls that are ended from another thread.

use std::time::{Duration, Instant};

use transform_host::{BatchBuilder, Engine, Fault, Limits, Output, Vm};

use crate::support::*;

const ENDLESS: &str = "(loop $forever (br $forever))";

/// A VM with fuel for years.
fn tireless(text: &str) -> Vm {
    let limits = Limits::stock().with(|l| l.runtime_limit_ms = u64::MAX / Limits::FUEL_PER_MS);
    let module = Engine::new(&limits).expect("limits").compile(&wasm(text)).expect("compiles");
    Vm::new(&module, &deployment(&["out"]))
}

/// Returns in what a call ends that another thread interrupts after a while.
fn interrupted<T: Send>(vm: &mut Vm, call: impl FnOnce(&mut Vm) -> T + Send) -> T {
    let interrupter = vm.interrupter();
    std::thread::scope(|scope| {
        let call = scope.spawn(|| call(vm));
        std::thread::sleep(Duration::from_millis(30));
        let began = Instant::now();
        interrupter.interrupt();
        let result = call.join().expect("no panic");
        assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
        result
    })
}

#[test]
fn an_endless_record_ends_and_the_vm_starts_again() {
    // The first byte of the value says whether the record is endless.
    let record = format!(
        "{IDENTITY} (if (i32.eq (i32.load8_u (i32.const 65538)) (i32.const 33)) (then {ENDLESS}))"
    );
    let mut vm = tireless(&transform(&record));
    vm.start().expect("starts");
    let mut output = Output::default();
    let end = interrupted(&mut vm, |vm| vm.process(&batch(&[b"a", b"!", b"b"]), &mut output));
    assert_eq!(end, Err(Fault::Interrupted));
    // What it wrote before is handed out, as after any fault.
    assert_eq!((output.len(), vm.failed_record()), (2, Some(101)));
    assert_eq!((vm.is_running(), vm.stats().records, vm.stats().batches), (false, 2, 0));
    assert_eq!(process(&mut vm, &[b"c"]), Err(Fault::NotRunning));
    vm.start().expect("one interrupt ends one call");
    assert_eq!(process(&mut vm, &[b"c"]), Ok(vec![b"c".to_vec()]));
    assert_eq!(vm.failed_record(), None);
}

#[test]
fn an_endless_start_ends() {
    for text in [transform_with("", "", ENDLESS, ""), starts_with(ENDLESS)] {
        let mut vm = tireless(&text);
        assert_eq!(interrupted(&mut vm, Vm::start), Err(Fault::Interrupted), "{text}");
        assert!(!vm.is_running());
    }
}

/// None of the records takes long enough for the engine to hand control back.
#[test]
fn a_batch_of_many_short_records_ends() {
    let short = "(local $i i32) (loop $l
        (local.set $i (i32.add (local.get $i) (i32.const 1)))
        (br_if $l (i32.lt_u (local.get $i) (i32.const 500000))))";
    let mut vm = tireless(&transform(short));
    vm.start().expect("starts");
    let mut many = BatchBuilder::new(0);
    for _ in 0..1_000_000 {
        many.push(0, None, None, &[]);
    }
    let many = many.build().into();
    let end = interrupted(&mut vm, |vm| vm.process(&many, &mut Output::default()));
    assert_eq!(end, Err(Fault::Interrupted));
    assert!(vm.stats().records < 1_000_000);
}

#[test]
fn an_interrupt_between_calls_ends_the_next() {
    let mut vm = vm(&transform(IDENTITY));
    let interrupter = vm.interrupter();
    interrupter.clone().interrupt();
    interrupter.interrupt();
    assert_eq!(process(&mut vm, &[b"a"]), Err(Fault::Interrupted));
    vm.start().expect("two interrupts were one");
    assert_eq!(process(&mut vm, &[b"a"]), Ok(vec![b"a".to_vec()]));
    interrupter.interrupt();
    assert_eq!(vm.start(), Err(Fault::Interrupted));
    assert_eq!(vm.start(), Ok(()));
    interrupter.interrupt();
    vm.stop();
    assert_eq!(vm.start(), Ok(()), "a stop forgets the interrupt");
    drop(vm);
    interrupter.interrupt();
}

/// The host looks after the module every four million units of fuel, which costs the module none.
#[test]
fn looking_after_a_module_takes_no_fuel() {
    let fuel = |turns: u32| {
        let record = format!(
            "(local $i i32) (loop $l
               (local.set $i (i32.add (local.get $i) (i32.const 1)))
               (br_if $l (i32.lt_u (local.get $i) (i32.const {turns}))))"
        );
        let mut vm = vm(&transform(&record));
        process(&mut vm, &[b"x"]).expect("runs");
        vm.stats().record_fuel_max
    };
    let (one, two) = (fuel(1), fuel(2));
    for turns in [100_000, 1_000_000, 5_000_000] {
        assert_eq!(fuel(turns), one + (two - one) * u64::from(turns - 1), "{turns} turns");
    }
}
