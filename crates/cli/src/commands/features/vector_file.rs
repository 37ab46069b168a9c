//! The Arrow file that the trainer reads.

use std::fs::File;
use std::io::BufWriter;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, Result, bail};
use arrow_array::{ArrayRef, Float32Array, Int64Array, RecordBatch, StringArray, UInt8Array};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema};
use fraud_plan::Program;

use crate::data::stream::Transaction;

/// Rows in a record batch.
const BATCH: usize = 65_536;

/// An Arrow file of feature vectors, written row by row.
pub struct VectorFile {
    path: PathBuf,
    writer: FileWriter<BufWriter<File>>,
    schema: Arc<Schema>,
    ids: Vec<String>,
    times: Vec<i64>,
    scenarios: Vec<u8>,
    features: Vec<Vec<f32>>,
}

impl VectorFile {
    /// Creates a file with a column for each feature of a program, after the four of every file.
    pub fn create(path: &Path, program: &Program) -> Result<Self> {
        let column = |name: &str, kind| Field::new(name, kind, false);
        let mut fields = vec![
            column("transaction_id", DataType::Utf8),
            column("timestamp", DataType::Int64),
            column("label", DataType::UInt8),
            column("scenario", DataType::UInt8),
        ];
        for name in program.features.iter().map(|feature| &feature.name) {
            if fields[..4].iter().any(|field| field.name() == name) {
                bail!(
                    "a feature is called {name}, which is a column of every such file; rename the \
                     feature in the spec"
                );
            }
            fields.push(column(name, DataType::Float32));
        }
        let schema = Arc::new(Schema::new(fields));
        let context = || format!("cannot write {}", path.display());
        let file = BufWriter::new(File::create(path).with_context(context)?);
        Ok(Self {
            path: path.into(),
            writer: FileWriter::try_new(file, &schema).with_context(context)?,
            schema,
            ids: Vec::new(),
            times: Vec::new(),
            scenarios: Vec::new(),
            features: vec![Vec::new(); program.features.len()],
        })
    }

    /// Adds a row.
    pub fn push(&mut self, transaction: &Transaction, vector: &[f32]) -> Result<()> {
        let id = transaction.id.unwrap_or_default();
        self.ids.push(String::from_utf8_lossy(id).into_owned());
        self.times.push(transaction.millis);
        self.scenarios.push(transaction.scenario);
        for (column, &value) in self.features.iter_mut().zip(vector) {
            column.push(value);
        }
        if self.ids.len() == BATCH { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<()> {
        let scenarios = std::mem::take(&mut self.scenarios);
        let labels: Vec<u8> = scenarios.iter().map(|&scenario| u8::from(scenario > 0)).collect();
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(StringArray::from(std::mem::take(&mut self.ids))),
            Arc::new(Int64Array::from(std::mem::take(&mut self.times))),
            Arc::new(UInt8Array::from(labels)),
            Arc::new(UInt8Array::from(scenarios)),
        ];
        for column in &mut self.features {
            columns.push(Arc::new(Float32Array::from(std::mem::take(column))));
        }
        let batch = RecordBatch::try_new(self.schema.clone(), columns)?;
        self.writer.write(&batch).with_context(|| format!("cannot write {}", self.path.display()))
    }

    /// Completes the file.
    pub fn finish(mut self) -> Result<()> {
        if !self.ids.is_empty() {
            self.flush()?;
        }
        let flushed = self.writer.finish().map_err(anyhow::Error::from).and_then(|()| {
            let file = self.writer.get_mut();
            Ok(std::io::Write::flush(file)?)
        });
        flushed.with_context(|| format!("cannot write {}", self.path.display()))
    }
}
