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

    /// Puts a text that the plan was compiled from into a custom section of the module. A broker
    /// ignores such a section and gives it no memory; the `fraud` commands and `transform-runner` read it.
    macro_rules! custom_section {
        ($constant:ident, $name:literal) => {
            // SAFETY: a custom section has no address, so it overlaps no memory.
            #[used]
            #[unsafe(link_section = $name)]
            static $constant: [u8; include_bytes!(concat!(env!("OUT_DIR"), "/", $name)).len()] =
                *include_bytes!(concat!(env!("OUT_DIR"), "/", $name));
        };
    }
    custom_section!(SPEC, "fraud.toml");
    custom_section!(DECISION, "decision.toml");
    custom_section!(WARM_UP, "warm-up");

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
