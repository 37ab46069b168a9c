//! The module, the model in it, and the broker it is for.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use fraud_plan::Program;
use transform_host::{Deployment, Engine, Limits, Module};

use crate::data::spec;

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

    /// Returns a stock broker's limits, except for the memory.
    pub fn limits(&self) -> Limits {
        Limits::stock().with(|l| {
            l.memory_bytes = self.memory_limit;
            l.core_memory_bytes = l.core_memory_bytes.max(self.memory_limit);
        })
    }
}

/// A module's file, and the model that is compiled into it.
pub struct ModuleFile {
    pub path: PathBuf,
    pub wasm: Vec<u8>,
    model: Option<Model>,
}

/// The model in a module.
struct Model {
    /// The plan's id, which is in every verdict.
    id: u32,
    program: Program,
}

impl ModuleFile {
    /// Reads a module.
    pub fn read(path: &Path) -> Result<Self> {
        let wasm = std::fs::read(path).with_context(|| {
            format!("cannot read the module {}; ./scripts/build makes one", path.display())
        })?;
        let plan = fraud_plan::find_in(&wasm);
        let plan = plan.as_ref().and_then(|plan| plan.read().ok());
        let model = plan.map(|plan| Model { id: plan.id, program: plan.program });
        Ok(Self { path: path.into(), wasm, model })
    }

    /// Returns the model's id, eight hex digits as in every verdict; `None` if the module holds no
    /// model that this version of `fraud` can read.
    pub fn model(&self) -> Option<String> {
        self.model.as_ref().map(|model| format!("{:08x}", model.id))
    }

    /// Returns the feature program of the module's records: that of `spec` if it is given, else the
    /// module's own, else that of the default spec. Refuses a spec that is not the module's own.
    pub fn program(&self, spec: Option<&Path>) -> Result<Program> {
        let Some(model) = &self.model else {
            return spec::read(spec.unwrap_or(Path::new(spec::DEFAULT)));
        };
        let Some(path) = spec else { return Ok(model.program.clone()) };
        let program = spec::read(path)?;
        ensure!(
            program == model.program,
            "{} holds the model {:08x}, which was not built from the feature spec {}; leave --spec \
             out to use the model's own, or name the module of that spec",
            self.path.display(),
            model.id,
            path.display(),
        );
        Ok(program)
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
