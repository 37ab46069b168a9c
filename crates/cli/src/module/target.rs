//! The module, the model in it, and the broker it is for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use fraud_detector::Settings;
use fraud_plan::{Plan, PlanBuf, Program};
use transform_host::{Deployment, Engine, Limits, Module, custom_section};

/// The fields of the shipped model's records, with which a transform is run that carries no spec.
pub const SHIPPED: &str = r#"
    version = 1
    time = { path = "timestamp" }
    transaction = { id = "transaction_id" }
    entity = [
        { name = "customer", path = "customer_id" },
        { name = "terminal", path = "terminal_id" },
    ]
    number = [{ name = "amount", path = "amount" }]
    reports = { path = "fraud_reports", time = "reported_at" }
    feature = [
        { name = "amount", kind = "number", of = "amount" },
        { name = "reported", kind = "reports", entity = "terminal", stat = "days_since_last" },
    ]
"#;

/// A transform's deployment, and the broker's memory limit.
pub struct Target {
    /// The transform's environment variables.
    pub variables: Vec<(String, String)>,
    /// `data_transforms_per_function_memory_limit` of the cluster, bytes.
    pub memory_limit: u64,
    /// The transform's name.
    pub name: String,
    pub input_topic: String,
    /// The output topics, in the transform's order.
    pub output_topics: Vec<String>,
}

impl Target {
    /// Returns what the broker is told at deployment.
    pub fn deployment(&self) -> Deployment {
        Deployment::new(&self.name, &self.input_topic, &self.output_topics)
            .with(|d| d.environment = self.variables.clone())
    }

    /// Returns the place of the topic of history among the outputs, if there is one.
    pub fn history(&self) -> Option<usize> {
        let settings = Settings::from_variables(self.variables.iter().cloned());
        super::changelog::place(&settings.unwrap_or_default(), self.output_topics.len())
    }

    /// Returns a stock broker's limits, except for the memory.
    pub fn limits(&self) -> Limits {
        Limits::stock().with(|l| {
            l.memory_bytes = self.memory_limit;
            l.core_memory_bytes = l.core_memory_bytes.max(self.memory_limit);
        })
    }
}

/// A module's file, and what it says of itself.
///
/// The plan in it is what runs, so the model's id, program and decision are read from there. The two
/// texts that the plan was compiled from are beside it, in custom sections named after their files.
pub struct ModuleFile {
    pub path: PathBuf,
    pub wasm: Vec<u8>,
    /// The plan, if this version of `fraud` can read it.
    plan: Option<PlanBuf>,
}

impl ModuleFile {
    /// Reads a module.
    pub fn read(path: &Path) -> Result<Self> {
        let wasm = std::fs::read(path).with_context(|| {
            format!("cannot read the module {}; ./scripts/build makes one", path.display())
        })?;
        let plan = fraud_plan::find_in(&wasm);
        Ok(Self { path: path.into(), wasm, plan })
    }

    /// Returns the model; `None` if the module holds none that this version of `fraud` can read.
    pub fn plan(&self) -> Option<Plan<'_>> {
        self.plan.as_ref()?.read().ok()
    }

    /// Returns the model's id, eight hex digits as in every verdict; `None` if there is no model.
    pub fn model(&self) -> Option<String> {
        self.plan().map(|plan| format!("{:08x}", plan.id))
    }

    /// Returns the text of the feature spec that the module was built from; `None` if it carries none.
    pub fn spec_text(&self) -> Option<&str> {
        let text = custom_section(&self.wasm, "fraud.toml")?;
        std::str::from_utf8(text).ok()
    }

    /// Returns the feature program of the module's records: its model's, or that of the spec that it
    /// carries if another version built it; that of the shipped model for any other transform.
    pub fn program(&self) -> Result<Program> {
        if let Some(plan) = self.plan() {
            return Ok(plan.program);
        }
        let (text, of) = match self.spec_text() {
            Some(text) => (text, format!("{}'s fraud.toml", self.path.display())),
            None => (SHIPPED, "the shipped spec".into()),
        };
        fraud_plan::compile::spec::parse(text, &of)
    }

    /// Compiles the module for a broker with these limits.
    pub fn compile(&self, limits: &Limits) -> Result<Module> {
        let module = Engine::new(limits)?.compile(&self.wasm);
        module.with_context(|| format!("a broker cannot load {}", self.path.display()))
    }
}

/// Writes a module's file and the model in it, if that is known.
pub fn module_text(path: &Path, model: Option<&str>) -> String {
    match model {
        Some(id) => format!("{} (model {id})", path.display()),
        None => path.display().to_string(),
    }
}
