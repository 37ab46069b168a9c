//! The programs that are compared, as processes.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::Context;

use crate::Args;

/// The commit interval that Quix Streams has by default, in milliseconds.
pub const QUIX_DEFAULT: u32 = 5_000;

/// A program that reads the topic `input` and writes its own two topics.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Contestant {
    /// transform-runner, as so many processes.
    Runner(usize),
    /// `passthrough`.
    Passthrough,
    /// `quix/app.py`, with a commit in so many milliseconds.
    Quix(u32),
}

impl Contestant {
    /// Returns its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Runner(1) => "transform-runner",
            Self::Runner(_) => "two transform-runners",
            Self::Passthrough => "librdkafka passthrough",
            Self::Quix(QUIX_DEFAULT) => "Quix Streams, its own commit interval of 5 s",
            Self::Quix(_) => "Quix Streams",
        }
    }

    /// Returns the name of its run, which its topics begin with.
    pub fn id(self, run: &str) -> String {
        let name = match self {
            Self::Runner(count) => format!("runner{count}"),
            Self::Passthrough => "passthrough".into(),
            Self::Quix(interval) => format!("quix{interval}"),
        };
        format!("{name}-{run}")
    }

    /// Returns its consumer group.
    pub fn group(self, run: &str) -> String {
        match self {
            Self::Runner(_) => format!("transform-{}", self.id(run)),
            _ => self.id(run),
        }
    }

    /// Returns the topics that it writes.
    pub fn outputs(self, run: &str) -> [String; 2] {
        ["fraud", "valid"].map(|topic| format!("{}-{topic}", self.id(run)))
    }

    /// Returns the file of its log.
    pub fn log(self, args: &Args, run: &str) -> PathBuf {
        args.logs.join(format!("{}.log", self.id(run)))
    }

    /// Starts it, with options more than its own.
    pub fn start(
        self,
        args: &Args,
        brokers: &str,
        input: &str,
        run: &str,
        more: &[&str],
    ) -> anyhow::Result<Running> {
        let (id, [fraud, valid]) = (self.id(run), self.outputs(run));
        let mut command = match self {
            Self::Runner(_) => {
                let mut command = Command::new(&args.runner);
                command.arg("--file").arg(&args.module).args(["--name", &id]);
                command.args(["--input-topic", input, "--from-offset", "+0", "--warm-up", "none"]);
                command.args(["--output-topic", &fraud, "--output-topic", &valid]);
                command.args(["--brokers", brokers, "--commit-interval", "100ms"]);
                command
            }
            Self::Passthrough => {
                let mut command = Command::new(std::env::current_exe()?);
                command.args(["passthrough", brokers, &id, input, &valid]);
                command
            }
            Self::Quix(interval) => {
                let mut command = Command::new(&args.python);
                command.arg(&args.quix).args([brokers, &id, input, &fraud, &valid]);
                command
                    .arg(&args.model)
                    .arg(&args.state)
                    .arg(format!("{}", f64::from(interval) / 1e3));
                command
            }
        };
        let count = if let Self::Runner(count) = self { count } else { 1 };
        command.args(more);
        let log = std::fs::File::create(self.log(args, run))?;
        let children = (0..count).map(|_| {
            command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log.try_clone()?);
            command.spawn().with_context(|| format!("starting {}", self.name()))
        });
        Ok(Running(children.collect::<anyhow::Result<_>>()?))
    }
}

/// Its processes, which are killed when this is dropped.
pub struct Running(Vec<Child>);

/// What its processes have taken so far.
#[derive(Clone, Copy, Debug, Default)]
pub struct Taken {
    pub cpu_seconds: f64,
    /// Largest resident size.
    pub memory_bytes: u64,
}

impl Running {
    /// Returns what it has taken, from /proc.
    pub fn taken(&self) -> Taken {
        let mut sum = Taken::default();
        for child in &self.0 {
            let proc = Path::new("/proc").join(child.id().to_string());
            let read = |file| std::fs::read_to_string(proc.join(file)).unwrap_or_default();
            let stat = read("stat");
            // After the command in brackets: utime and stime, in hundredths of a second.
            let fields: Vec<&str> =
                stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
            let ticks =
                |at: usize| fields.get(at).and_then(|t| t.parse::<f64>().ok()).unwrap_or(0.0);
            sum.cpu_seconds += (ticks(11) + ticks(12)) / 100.0;
            let status = read("status");
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kilobytes = peak.and_then(|line| line.trim().trim_end_matches(" kB").parse().ok());
            sum.memory_bytes += 1024 * kilobytes.unwrap_or(0);
        }
        sum
    }

    /// Returns an error if one of its processes has ended.
    pub fn check(&mut self) -> anyhow::Result<()> {
        for child in &mut self.0 {
            if let Some(status) = child.try_wait()? {
                anyhow::bail!("it ended with {status}: see its log");
            }
        }
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        for child in &mut self.0 {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
