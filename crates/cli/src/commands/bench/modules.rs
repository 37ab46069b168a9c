//! The modules that are compared, and a running instance of one.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use transform_host::{Batch, Engine, Level, Limits, Module, Output, Vm};

use super::Args;

/// What a module does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Identity,
    Floor,
    Pipeline,
    Naive,
    /// The pipeline without a detector, and cut off after each stage but the last.
    Shell,
    Record,
    Features,
    Engine,
    /// A detector whose plan is its first record.
    AnyPlan,
}

impl Kind {
    /// What is compared; those that do the whole work come first.
    pub const ALL: [Self; 8] = [
        Self::Identity,
        Self::Floor,
        Self::Pipeline,
        Self::Naive,
        Self::Shell,
        Self::Record,
        Self::Features,
        Self::Engine,
    ];
    /// How many do the whole work.
    pub const WHOLE: usize = 4;

    pub fn name(self) -> &'static str {
        match self {
            Self::Identity => "identity",
            Self::Floor => "floor",
            Self::Pipeline => "pipeline",
            Self::Naive => "naive",
            Self::Shell => "shell",
            Self::Record => "record",
            Self::Features => "features",
            Self::Engine => "engine",
            Self::AnyPlan => "any-plan",
        }
    }
}

/// A compiled module.
pub struct Loaded {
    kind: Kind,
    module: Module,
    bytes: u64,
}

impl Loaded {
    /// Compiles it for a broker with these limits.
    pub fn new(args: &Args, kind: Kind, limits: &Limits) -> Result<Self> {
        let path = match kind {
            Kind::Pipeline => args.module.clone(),
            other => args.modules.join(format!("bench-{}.wasm", other.name())),
        };
        let wasm = std::fs::read(&path).with_context(|| {
            format!("cannot read {}; ./scripts/fraud builds what `bench` needs", path.display())
        })?;
        let module = Engine::new(limits)?.compile(&wasm);
        let module = module.with_context(|| format!("cannot load {}", path.display()))?;
        Ok(Self { kind, module, bytes: wasm.len() as u64 })
    }

    /// An instance that is not running yet.
    pub fn instance(&self, args: &Args) -> Instance {
        Instance {
            kind: self.kind,
            vm: Vm::new(&self.module, &args.target.deployment()),
            module_bytes: self.bytes,
            output: Output::default(),
        }
    }
}

/// One instance of a module.
pub struct Instance {
    pub kind: Kind,
    pub vm: Vm,
    pub module_bytes: u64,
    /// What it has written last.
    pub output: Output,
}

/// What a piece of work took.
#[derive(Clone, Copy, Default)]
pub struct Took {
    pub records: u64,
    pub ns: f64,
    pub fuel: u64,
}

impl Instance {
    /// Starts it with an empty memory; what it wrote to its log.
    pub fn start(&mut self) -> Result<String> {
        let started = self.vm.start();
        let logs = self.vm.take_logs();
        let said = |level| logs.iter().filter(move |line| line.level == level);
        started.with_context(|| {
            let why: String = said(Level::Warn).map(|line| line.message.as_str()).collect();
            format!("{} does not start: {}", self.kind.name(), why.trim_end())
        })?;
        Ok(said(Level::Info).map(|line| line.message.as_str()).collect())
    }

    /// Gives it batches, one after the other. What comes out must be as many records.
    pub fn feed(&mut self, batches: &[Arc<Batch>]) -> Result<Took> {
        let before = self.vm.stats();
        let mut written = 0;
        for batch in batches {
            let fed = self.vm.process(batch, &mut self.output);
            fed.with_context(|| match self.kind {
                Kind::Floor | Kind::AnyPlan => format!(
                    "{} failed on a batch; it takes transactions like those of `fraud simulate` only",
                    self.kind.name()
                ),
                other => format!("{} failed on a batch", other.name()),
            })?;
            written += self.output.len() as u64;
        }
        let after = self.vm.stats();
        let took = Took {
            records: after.records - before.records,
            ns: (after.engine_time - before.engine_time).as_nanos() as f64,
            fuel: after.record_fuel - before.record_fuel,
        };
        ensure!(
            written == took.records,
            "{} made {written} records of {}",
            self.kind.name(),
            took.records
        );
        Ok(took)
    }
}
