//! The transforms that this runner was given, which survive a restart.
//!
//! **Idea.** A set of transforms, published through a channel: the admin API changes the set, and the
//! runner starts and stops instances until they match what it sees in [`Deployments::watch`].
//!
//! **Invariants.** A change is on disk before it is published, and published before it is answered.
//! A transform is one file, its metadata and its module together, and a file is replaced as a whole
//! (written beside it, synced, renamed): a crash leaves the file of before or of after.
//!
//! **Example.** `deploy`, then `kill -9`, then `open` of the same directory: the transform is there.

use std::collections::BTreeMap;
use std::fs::{self, File, TryLockError};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, bail, ensure};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use transform_host::{Cluster, Limits, Refusal, check_deployment_to};

use crate::metadata::{Metadata, Patch};

/// A transform that is to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deployed {
    /// Its metadata.
    pub metadata: Metadata,
    /// Its module.
    pub wasm: Arc<[u8]>,
    /// Set while it stands still.
    pub paused: bool,
    /// Time of its first deployment, in milliseconds since 1970. A new deployment of its name keeps
    /// the time; a deployment after a deletion gets a new one, and so starts afresh.
    pub since_ms: u64,
}

/// All transforms, by name.
pub type Set = Arc<BTreeMap<String, Arc<Deployed>>>;

/// The error of a change.
#[derive(Debug)]
pub enum Refused {
    /// The broker would refuse it too.
    Check(Refusal),
    /// There is no transform of this name.
    Unknown,
    /// It could not be written to disk, and was not made.
    Disk(anyhow::Error),
}

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self::Check(refusal)
    }
}

/// The transforms, in memory and on disk.
#[derive(Debug)]
pub struct Deployments {
    dir: Option<Dir>,
    limits: Limits,
    set: watch::Sender<Set>,
    /// Held during a change, so that its check is of the set that it changes.
    change: Mutex<()>,
}

impl Deployments {
    /// Opens the transforms that `dir` holds. Without a directory they last as long as the process.
    ///
    /// # Errors
    /// If the directory cannot be used, another runner uses it, or a file in it is damaged.
    pub fn open(dir: Option<&Path>, limits: Limits) -> anyhow::Result<Self> {
        let mut set = BTreeMap::new();
        let dir = dir.map(Dir::open).transpose()?;
        for deployed in dir.iter().flat_map(Dir::read_all) {
            let deployed = deployed?;
            set.insert(deployed.metadata.name.clone(), Arc::new(deployed));
        }
        let set = watch::Sender::new(Arc::new(set));
        Ok(Self { dir, limits, set, change: Mutex::new(()) })
    }

    /// Returns the present set.
    pub fn get(&self) -> Set {
        self.set.borrow().clone()
    }

    /// Returns a receiver that sees each change.
    pub fn watch(&self) -> watch::Receiver<Set> {
        self.set.subscribe()
    }

    /// Returns the limits that a deployment is checked against.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Deploys a transform, or deploys it again with another module or other variables.
    ///
    /// # Errors
    /// If the broker would refuse it on a cluster with these topics, or the disk does.
    pub fn deploy(
        &self,
        topics: Vec<String>,
        metadata: Metadata,
        wasm: Arc<[u8]>,
    ) -> Result<(), Refused> {
        self.change(|set| {
            self.check(set, Some(topics), &metadata, &wasm)?;
            let former = set.get(&metadata.name);
            let since_ms = former.map_or_else(now_ms, |former| former.since_ms);
            let offset = former.map_or(metadata.offset, |former| former.metadata.offset);
            let metadata = Metadata { offset, ..metadata };
            Ok(Deployed { metadata, wasm, paused: false, since_ms })
        })
    }

    /// Changes a transform's variables or compression, or pauses or resumes it.
    ///
    /// # Errors
    /// If there is no such transform, a variable is refused, or the disk refuses.
    pub fn patch(&self, name: &str, patch: Patch) -> Result<(), Refused> {
        self.change(|set| {
            let mut changed = Deployed::clone(set.get(name).ok_or(Refused::Unknown)?);
            changed.paused = patch.is_paused.unwrap_or(changed.paused);
            if let Some(compression) = patch.compression {
                changed.metadata.compression = compression;
            }
            if let Some(environment) = patch.env {
                changed.metadata.environment = environment;
                self.check(set, None, &changed.metadata, &changed.wasm)?;
            }
            Ok(changed)
        })
    }

    /// Deletes a transform.
    ///
    /// # Errors
    /// If there is no such transform, or the disk refuses.
    pub fn delete(&self, name: &str) -> Result<(), Refused> {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let mut set = BTreeMap::clone(&self.get());
        set.remove(name).ok_or(Refused::Unknown)?;
        if let Some(dir) = &self.dir {
            dir.remove(name).map_err(Refused::Disk)?;
        }
        self.set.send_replace(Arc::new(set));
        Ok(())
    }

    /// Puts the transform that `make` returns into the set and on disk.
    fn change(
        &self,
        make: impl FnOnce(&BTreeMap<String, Arc<Deployed>>) -> Result<Deployed, Refused>,
    ) -> Result<(), Refused> {
        let _change = self.change.lock().unwrap_or_else(PoisonError::into_inner);
        let mut set = BTreeMap::clone(&self.get());
        let deployed = make(&set)?;
        if let Some(dir) = &self.dir {
            dir.write(&deployed).map_err(Refused::Disk)?;
        }
        set.insert(deployed.metadata.name.clone(), Arc::new(deployed));
        self.set.send_replace(Arc::new(set));
        Ok(())
    }

    fn check(
        &self,
        set: &BTreeMap<String, Arc<Deployed>>,
        topics: Option<Vec<String>>,
        metadata: &Metadata,
        wasm: &[u8],
    ) -> Result<(), Refusal> {
        let cluster = Cluster::default().with(|cluster| {
            cluster.topics = topics;
            cluster.transforms = set.values().map(|each| each.metadata.deployment()).collect();
        });
        check_deployment_to(&cluster, wasm, &metadata.deployment(), &self.limits)
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_millis() as u64)
}

/// The directory with a file for each transform.
#[derive(Debug)]
struct Dir {
    path: PathBuf,
    /// Locked as long as the process lives: two runners must not write the same files.
    _lock: File,
}

/// The first line of a file; the module's bytes follow it.
#[derive(Debug, Serialize, Deserialize)]
struct Head {
    /// Version of the format.
    format: u32,
    metadata: Metadata,
    paused: bool,
    since_ms: u64,
    module_sha256: String,
}

const FORMAT: u32 = 1;
const SUFFIX: &str = "transform";
const TEMPORARY: &str = "new";

impl Dir {
    fn open(path: &Path) -> anyhow::Result<Self> {
        let shown = path.display();
        fs::create_dir_all(path)
            .with_context(|| format!("{shown}: the directory for deployed transforms"))?;
        let lock = File::create(path.join("lock")).with_context(|| format!("{shown}/lock"))?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { path: path.to_owned(), _lock: lock }),
            Err(TryLockError::WouldBlock) => {
                bail!("{shown} is in use by another runner: give each a directory of its own")
            }
            Err(TryLockError::Error(error)) => Err(error).context(format!("{shown}/lock")),
        }
    }

    /// Reads every transform, and removes what a crash left half-written.
    fn read_all(&self) -> Vec<anyhow::Result<Deployed>> {
        let files = match fs::read_dir(&self.path) {
            Ok(files) => files,
            Err(error) => return vec![Err(error).context(self.path.display().to_string())],
        };
        let mut all = Vec::new();
        for path in files.flatten().map(|file| file.path()) {
            match path.extension().and_then(|suffix| suffix.to_str()) {
                Some(SUFFIX) => all.push(read(&path)),
                Some(TEMPORARY) => drop(fs::remove_file(&path)),
                _ => {}
            }
        }
        all
    }

    /// Returns the file of a transform. A name may hold any character, so its hash names the file.
    fn file(&self, name: &str) -> PathBuf {
        self.path.join(&hex(name.as_bytes())[..32]).with_extension(SUFFIX)
    }

    fn write(&self, deployed: &Deployed) -> anyhow::Result<()> {
        let file = self.file(&deployed.metadata.name);
        let head = Head {
            format: FORMAT,
            metadata: deployed.metadata.clone(),
            paused: deployed.paused,
            since_ms: deployed.since_ms,
            module_sha256: hex(&deployed.wasm),
        };
        let mut bytes = serde_json::to_vec(&head)?;
        bytes.push(b'\n');
        bytes.extend_from_slice(&deployed.wasm);
        self.replace(&file, &bytes).with_context(|| format!("{}: not written", file.display()))
    }

    fn replace(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let temporary = file.with_extension(TEMPORARY);
        let mut new = File::create(&temporary)?;
        new.write_all(bytes)?;
        new.sync_all()?;
        fs::rename(&temporary, file)?;
        self.sync()
    }

    fn remove(&self, name: &str) -> anyhow::Result<()> {
        let file = self.file(name);
        fs::remove_file(&file)
            .and_then(|()| self.sync())
            .with_context(|| format!("{}: not removed", file.display()))
    }

    /// Makes the directory's entries durable.
    fn sync(&self) -> io::Result<()> {
        File::open(&self.path)?.sync_all()
    }
}

fn read(path: &Path) -> anyhow::Result<Deployed> {
    let shown = path.display();
    let damaged = || format!("{shown} is damaged: remove it and deploy the transform again");
    let bytes = fs::read(path).with_context(|| shown.to_string())?;
    let end = bytes.iter().position(|&byte| byte == b'\n').with_context(damaged)?;
    let head: Head = serde_json::from_slice(&bytes[..end]).with_context(damaged)?;
    ensure!(
        head.format == FORMAT,
        "{shown} is of format {}, this version reads {FORMAT}: deploy the transform again",
        head.format
    );
    let wasm = &bytes[end + 1..];
    ensure!(head.module_sha256 == hex(wasm), damaged());
    let Head { metadata, paused, since_ms, .. } = head;
    Ok(Deployed { metadata, wasm: wasm.into(), paused, since_ms })
}

/// Returns the SHA-256 of the bytes, in hexadecimal digits.
fn hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
