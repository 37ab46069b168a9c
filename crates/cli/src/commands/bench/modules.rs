//! The modules that are compared, and a running instance of one.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use fraud_plan::{Decision, Plan, Program};
use transform_host::{Batch, Engine, Level, Limits, Module, Output, Vm};

use super::Options;
use crate::module::record::PlainRecord;

/// The modules, by what they do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Identity,
    Floor,
    Pipeline,
    Naive,
    /// The pipeline without a detector.
    Shell,
    /// The pipeline cut off after a stage: this one and the next two.
    Record,
    Features,
    Engine,
    /// A detector whose plan is its first record.
    AnyPlan,
}

impl Kind {
    /// All modules that are compared; the ones that do the whole work come first.
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
    /// Number of modules that do the whole work.
    pub const WHOLE: usize = 4;

    /// Returns the name in answers and file names.
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
    /// Compiles the module of a kind for a broker with these limits.
    pub fn new(options: &Options, kind: Kind, limits: &Limits) -> Result<Self> {
        if kind == Kind::Pipeline {
            let module = options.pipeline.compile(limits)?;
            return Ok(Self { kind, module, bytes: options.pipeline.wasm.len() as u64 });
        }
        let path = options.modules.join(format!("bench-{}.wasm", kind.name()));
        let wasm = std::fs::read(&path).with_context(|| {
            format!("cannot read {}; ./scripts/fraud builds what `bench` needs", path.display())
        })?;
        let module = Engine::new(limits)?.compile(&wasm);
        let module = module.with_context(|| format!("cannot load {}", path.display()))?;
        Ok(Self { kind, module, bytes: wasm.len() as u64 })
    }

    /// Starts an instance, of the kind that takes any plan, with a plan of this program and no model.
    pub fn with_program(&self, options: &Options, program: Program) -> Result<Instance> {
        let plan = Plan { id: 0, program, decision: Decision::default(), forest: None }.write();
        let mut instance = self.instance(options);
        instance.start()?;
        let first = PlainRecord { millis: 0, key: None, value: plan.bytes().to_vec() };
        instance.vm.process(&first.alone(), &mut instance.output)?;
        Ok(instance)
    }

    /// Makes an instance that is not running yet.
    pub fn instance(&self, options: &Options) -> Instance {
        Instance {
            kind: self.kind,
            vm: Vm::new(&self.module, &options.target.deployment()),
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
    /// The output of its last batch.
    pub output: Output,
}

/// The cost of a piece of work.
#[derive(Clone, Copy, Default)]
pub struct Spent {
    pub records: u64,
    pub ns: f64,
    pub fuel: u64,
}

impl Instance {
    /// Starts it with an empty memory; returns what it wrote to its log.
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

    /// Gives it batches, one after the other; fails unless as many records come out.
    pub fn feed(&mut self, batches: &[Arc<Batch>]) -> Result<Spent> {
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
        let spent = Spent {
            records: after.records - before.records,
            ns: (after.engine_time - before.engine_time).as_nanos() as f64,
            fuel: after.record_fuel - before.record_fuel,
        };
        ensure!(
            written == spent.records,
            "{} made {written} records of {}",
            self.kind.name(),
            spent.records
        );
        Ok(spent)
    }
}
