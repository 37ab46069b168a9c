//! The project's trainer: Python scripts that the command carries, in an environment that has LightGBM.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::{env, fs};

use anyhow::{Context, Result, bail, ensure};
use serde::{Deserialize, Serialize};

use super::split::Split;
use crate::show::progress;

const TRAIN: &str = include_str!("../../../../../model/train/train.py");
const CARD: &str = include_str!("../../../../../model/train/card.py");

/// Files of vectors in the trainer's directory: as they are, with all history lost now and then, and
/// with parts of it lost at random.
pub const PLAIN: &str = "plain.arrow";
pub const RESTARTED: &str = "restarted.arrow";
pub const WIPED: &str = "wiped.arrow";

/// The variable that names the Python to use.
const PYTHON: &str = "FRAUD_PYTHON";

/// The trainer, and the directory that it works in.
pub struct Trainer {
    python: PathBuf,
    pub directory: PathBuf,
}

/// The trainer's figures of the model.
#[derive(Clone, Serialize, Deserialize)]
pub struct Metrics {
    pub trees: u32,
    pub leaves: u32,
    pub features: u32,
    /// Vectors that were learned from, with the same transactions after lost histories.
    pub transactions: u64,
    pub frauds: u64,
    /// When learning and validation begin, milliseconds since 1970.
    pub learn_from: i64,
    pub validate_from: i64,
    pub validation_transactions: u64,
    pub validation_frauds: u64,
    pub auc_roc: f64,
    pub average_precision: f64,
    pub average_precision_restarted: f64,
}

impl Trainer {
    /// Makes the directory; fails if there is no Python to train with.
    pub fn new(python: Option<PathBuf>, directory: PathBuf) -> Result<Self> {
        let named = python.or_else(|| env::var_os(PYTHON).map(PathBuf::from));
        let python = named.unwrap_or_else(|| "model/train/.venv/bin/python".into());
        let found = Command::new(&python).args(["-c", "import lightgbm, onnxmltools"]).output();
        let found = found.with_context(|| {
            format!(
                "cannot run {}, the Python to train with; ./scripts/python installs it in the project's \
                 directory, --python names another",
                python.display()
            )
        })?;
        ensure!(
            found.status.success(),
            "{} lacks what training needs ({}); install model/train/requirements.txt there, or leave \
             --python and {PYTHON} out and run ./scripts/python",
            python.display(),
            last_line(&found.stderr),
        );
        fs::create_dir_all(&directory)
            .with_context(|| format!("cannot make {}", directory.display()))?;
        Ok(Self { python, directory })
    }

    /// Fits a model to the vectors, and writes it into the model's directory.
    pub fn fit(&self, model: &Path, split: Split, shape: [u32; 2]) -> Result<Metrics> {
        let metrics = self.directory.join("metrics.json");
        let at = |name: &str| self.directory.join(name);
        let mut command = self.script("train.py", TRAIN)?;
        command.arg("--train").arg(at(PLAIN)).arg("--wiped").arg(at(WIPED));
        command.arg("--validate").arg(at(PLAIN)).arg("--restarted").arg(at(RESTARTED));
        command.arg("--model").arg(model).arg("--metrics").arg(&metrics);
        let Split { learn_from, validate_from } = split;
        command.arg("--split").args([learn_from, validate_from].map(|time| time.to_string()));
        let [trees, leaves] = shape.map(|number| number.to_string());
        command.args(["--trees", &trees, "--leaves", &leaves]);
        run(command, "training")?;
        let text = fs::read_to_string(&metrics)
            .with_context(|| format!("cannot read {}", metrics.display()))?;
        serde_json::from_str(&text).with_context(|| format!("cannot read {}", metrics.display()))
    }

    /// Writes the model's card.
    pub fn card(&self, model: &Path, data: &str) -> Result<()> {
        let mut command = self.script("card.py", CARD)?;
        command.arg("--metrics").arg(self.directory.join("metrics.json"));
        command.arg("--model").arg(model).args(["--data", data]);
        run(command, "card")
    }

    /// Puts a script into the directory, and returns the command that runs it.
    fn script(&self, name: &str, text: &str) -> Result<Command> {
        let path = self.directory.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
        let mut command = Command::new(&self.python);
        command.arg(path).stdin(Stdio::null());
        Ok(command)
    }
}

/// Runs a command to its end.
fn run(mut command: Command, what: &'static str) -> Result<()> {
    let bar = progress::stages();
    bar.set_message(what);
    let output = command.output().with_context(|| format!("cannot start the {what}"))?;
    bar.finish_and_clear();
    if output.status.success() {
        return Ok(());
    }
    bail!("the {what} failed: {}", last_line(&output.stderr))
}

/// Returns the last line that says something: Python's error behind its traceback.
fn last_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    text.lines().rfind(|line| !line.trim().is_empty()).unwrap_or("it said nothing").to_owned()
}
