//! The transform that the broker runs: the compiled model, the allocator, and the shell around the
//! detector.

#[cfg(target_os = "wasi")]
mod transform {
    use fraud_detector::{Detector, shell};
    use fraud_plan::PlanBytes;

    #[global_allocator]
    static MEMORY: shell::RecordArenas = shell::RecordArenas::new();

    static PLAN: &PlanBytes<[u8]> =
        &PlanBytes(*include_bytes!(concat!(env!("OUT_DIR"), "/fraud.plan")));

    pub fn main() {
        shell::run::<Detector>(&PLAN.0, &MEMORY)
    }
}

#[cfg(not(target_os = "wasi"))]
mod transform {
    pub fn main() {
        eprintln!(
            "This is a data transform: build it with `rpk transform build`, run it in a broker."
        );
        std::process::exit(2);
    }
}

fn main() {
    transform::main()
}
