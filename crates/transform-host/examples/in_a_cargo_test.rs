//! Tests of a transform, as they would be in `tests/transform.rs` of its package.
//!
//! `cargo test --target host-tuple --example in_a_cargo_test`
//!
//! Build the module first (`rpk transform build`, or `cargo build --release`), and read its bytes
//! in `module` with `std::fs::read`.

fn main() {
    println!("Run me as a test: cargo test --target host-tuple --example in_a_cargo_test");
}

#[cfg(test)]
mod support;

#[cfg(test)]
mod tests {
    use std::sync::{Arc, OnceLock};

    use transform_host::{
        BatchBuilder, Deployment, Engine, Fault, Limits, Module, Output, Refusal, TrapKind, Vm,
        check_deployment,
    };

    use super::support;

    /// A transform that drops comments (`#…`), panics on `!`, and writes everything else.
    fn wasm() -> Vec<u8> {
        support::transform(
            "(local $first i32)
             (local.set $first (i32.load8_u (i32.const 1026)))
             (if (i32.eq (local.get $first) (i32.const 33)) (then unreachable))
             (if (i32.ne (local.get $first) (i32.const 35)) (then
               (drop (call $write (i32.const 1024) (local.get $len)))))",
        )
    }

    fn deployment() -> Deployment {
        Deployment::new("no-comments", "lines", ["code"])
    }

    /// Returns the compiled module. Compiling takes the longest, so all tests share it.
    fn module() -> &'static Module {
        static MODULE: OnceLock<Module> = OnceLock::new();
        MODULE.get_or_init(|| {
            let engine = Engine::new(&Limits::stock()).expect("stock limits");
            engine.compile(&wasm()).expect("the module loads")
        })
    }

    /// Returns what a fresh instance writes for these values, all in one batch.
    fn written(values: &[&str]) -> Result<Vec<String>, Fault> {
        let mut vm = Vm::new(module(), &deployment());
        vm.start()?;
        let mut batch = BatchBuilder::new(0);
        for value in values {
            batch.push(1_700_000_000_000, None, Some(value.as_bytes()), &[]);
        }
        let mut output = Output::default();
        vm.process(&Arc::new(batch.build()), &mut output)?;
        let text = |value: Option<&[u8]>| String::from_utf8_lossy(value.unwrap_or_default()).into();
        Ok(output.iter().map(|record| text(record.value())).collect())
    }

    #[test]
    fn the_broker_takes_it() {
        assert_eq!(check_deployment(&wasm(), &deployment(), &Limits::stock()), Ok(()));
        let unnamed = deployment().with(|deployment| deployment.name.clear());
        let refused = check_deployment(&wasm(), &unnamed, &Limits::stock());
        assert_eq!(refused, Err(Refusal::InvalidName));
    }

    #[test]
    fn comments_are_dropped() {
        assert_eq!(written(&["a", "# b", "c"]), Ok(vec!["a".into(), "c".into()]));
    }

    #[test]
    fn a_record_that_traps_would_stall_its_partition() {
        assert_eq!(written(&["a", "!"]), Err(Fault::Trap(TrapKind::Unreachable)));
    }

    #[test]
    fn a_record_takes_less_than_a_hundredth_of_its_time() {
        let mut vm = Vm::new(module(), &deployment());
        vm.start().expect("starts");
        let batch = BatchBuilder::new(0).push(0, None, Some(&[b'x'; 60]), &[]).build();
        vm.process(&Arc::new(batch), &mut Output::default()).expect("runs");
        let most = vm.stats().record_fuel_max;
        assert!(most < Limits::stock().fuel() / 100, "{most} fuel");
    }
}
