//! One file for each output topic.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, ensure};
use serde_json::json;
use transform_host::Output;

use crate::module::target::Target;
use crate::module::verdict::error;

/// The files that are being written.
pub struct Files {
    topics: Vec<TopicFile>,
    /// The topic of history, by its place.
    history: Option<usize>,
    /// Records with an error header, by its reason code.
    unscorable: BTreeMap<String, u64>,
    cold: u64,
}

struct TopicFile {
    topic: Topic,
    file: BufWriter<File>,
}

/// An output topic and its file.
pub struct Topic {
    pub name: String,
    pub path: PathBuf,
    pub records: u64,
}

/// The files as they were written.
pub struct WrittenFiles {
    /// The topics in the transform's order.
    pub topics: Vec<Topic>,
    /// Records that could not be scored, by reason code.
    pub unscorable: BTreeMap<String, u64>,
    /// Records whose verdict says that the customer's history is cold.
    pub cold: u64,
}

/// The part of a verdict, which stands at a record's end, that says so.
const COLD: &[u8] = br#""history":"cold""#;
/// Most bytes in which it is looked for.
const VERDICT: usize = 512;

impl Files {
    /// Creates empty files, none of which may be one of `inputs`.
    pub fn create(directory: &Path, target: &Target, inputs: &[&Path]) -> Result<Self> {
        let inputs: Vec<_> = inputs.iter().filter_map(|path| path.canonicalize().ok()).collect();
        fs::create_dir_all(directory)
            .with_context(|| format!("cannot make the directory {}", directory.display()))?;
        let history = target.history();
        let mut files = Self { topics: Vec::new(), history, unscorable: BTreeMap::new(), cold: 0 };
        for name in &target.output_topics {
            ensure!(
                files.topics.iter().all(|file| file.topic.name != *name),
                "--output-topic {name} is given twice; a transform's output topics differ"
            );
            let path = directory.join(format!("{name}.jsonl"));
            ensure!(
                !path.canonicalize().is_ok_and(|path| inputs.contains(&path)),
                "{} is read and would be written over; choose another --output",
                path.display()
            );
            let file =
                File::create(&path).with_context(|| format!("cannot write {}", path.display()))?;
            let file = BufWriter::with_capacity(1 << 18, file);
            let topic = Topic { name: name.clone(), path, records: 0 };
            files.topics.push(TopicFile { topic, file });
        }
        Ok(files)
    }

    /// Writes the values of a partition's batch, one a line; the topic of history as `rpk topic consume`
    /// prints it, with keys.
    pub fn write(&mut self, partition: u32, output: &Output) -> Result<()> {
        for written in output.iter() {
            let file = &mut self.topics[written.topic];
            file.topic.records += 1;
            let value = written.value().unwrap_or_default();
            if self.history == Some(written.topic) {
                let text = |bytes: Option<&[u8]>| {
                    bytes.map(|bytes| String::from_utf8_lossy(bytes).into_owned())
                };
                let line = json!({
                    "topic": file.topic.name,
                    "key": text(written.key()),
                    "value": text(written.value()),
                    "partition": partition,
                    "offset": file.topic.records - 1,
                });
                file.attempt(|file| writeln!(file, "{line}"))?;
                continue;
            }
            file.attempt(|file| {
                file.write_all(value)?;
                file.write_all(b"\n")
            })?;
            if let Some(code) = error(&written) {
                let code = String::from_utf8_lossy(code).into_owned();
                *self.unscorable.entry(code).or_default() += 1;
            } else {
                let end = &value[value.len().saturating_sub(VERDICT)..];
                self.cold += u64::from(end.windows(COLD.len()).any(|part| part == COLD));
            }
        }
        Ok(())
    }

    /// Completes the files.
    pub fn finish(mut self) -> Result<WrittenFiles> {
        self.topics.iter_mut().try_for_each(|file| file.attempt(Write::flush))?;
        let topics = self.topics.into_iter().map(|file| file.topic).collect();
        Ok(WrittenFiles { topics, unscorable: self.unscorable, cold: self.cold })
    }
}

impl TopicFile {
    fn attempt(
        &mut self,
        write: impl FnOnce(&mut BufWriter<File>) -> io::Result<()>,
    ) -> Result<()> {
        let path = &self.topic.path;
        write(&mut self.file).with_context(|| format!("cannot write {}", path.display()))
    }
}
