//! The program under test, and modules for it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::cluster::Cluster;

/// A runner as a process. It is killed when it is dropped.
pub struct Runner {
    child: Child,
    lines: Arc<Mutex<Vec<String>>>,
}

impl Runner {
    /// Starts a runner of `module` that reads `NAME-in` from the start and writes `NAME-out`.
    pub fn start(cluster: &Cluster, name: &str, module: &[u8], args: &[&str]) -> Self {
        let file = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}.wasm"));
        // Another runner may just be reading it.
        if std::fs::read(&file).ok().as_deref() != Some(module) {
            std::fs::write(&file, module).expect("a module");
        }
        let file = file.display().to_string();
        let (input, output) = (format!("{name}-in"), format!("{name}-out"));
        let own =
            ["--file", &file, "--name", name, "--input-topic", &input, "--output-topic", &output];
        Self::spawn(cluster, &[&own[..], &["--from-offset", "+0"], args].concat())
    }

    /// Starts a runner. The credential of its admin API is `admin:secret`.
    pub fn spawn(cluster: &Cluster, args: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_transform-runner"))
            .args(["--brokers", &cluster.brokers])
            .args(args)
            .env("RUNNER_ADMIN_CREDENTIAL", "admin:secret")
            .stderr(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let stderr = BufReader::new(child.stderr.take().expect("a pipe"));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let kept = lines.clone();
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                println!("{line}");
                kept.lock().expect("no panic").push(line);
            }
        });
        Self { child, lines }
    }

    /// Waits for a line with `text`, and returns what follows it.
    pub fn says(&self, text: &str, patience: Duration) -> String {
        let deadline = Instant::now() + patience;
        loop {
            let lines = self.lines.lock().expect("no panic").clone();
            if let Some((_, rest)) = lines.iter().find_map(|line| line.split_once(text)) {
                return rest.into();
            }
            assert!(Instant::now() < deadline, "nothing said {text:?}, but {lines:#?}");
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Sends a signal by its name.
    pub fn signal(&self, name: &str) {
        let status =
            Command::new("kill").args([&format!("-{name}"), &self.child.id().to_string()]).status();
        assert!(status.expect("kill is there").success(), "the runner is gone");
    }

    /// Kills it in the midst of what it does.
    pub fn kill(mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks it to end, and returns its exit code.
    pub fn terminate(mut self) -> Option<i32> {
        self.signal("TERM");
        self.wait()
    }

    /// Waits for its end.
    pub fn wait(&mut self) -> Option<i32> {
        self.child.wait().expect("an exit").code()
    }
}

impl Drop for Runner {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Returns a module that runs `body` for each record; see transform-host's `examples/support`.
pub fn module(body: &str) -> Vec<u8> {
    let text = format!(
        r#"(module
          (import "redpanda_transform" "check_abi_version_2" (func))
          (import "redpanda_transform" "read_batch_header"
            (func $batch (param i32 i32 i32 i32 i32 i32 i32 i32 i32 i32) (result i32)))
          (import "redpanda_transform" "read_next_record"
            (func $next (param i32 i32 i32 i32 i32) (result i32)))
          (import "redpanda_transform" "write_record" (func $write (param i32 i32) (result i32)))
          (import "wasi_snapshot_preview1" "fd_write"
            (func $log (param i32 i32 i32 i32) (result i32)))
          (memory (export "memory") 2)
          (data (i32.const 512) "hello\n")
          (global $count (mut i32) (i32.const 0))
          (func $record (param $len i32) {body})
          (func (export "_start") (local $len i32)
            (loop $batches
              (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
              (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 0)
              (drop (call $batch))
              (loop $records
                (local.set $len (call $next
                  (i32.const 0) (i32.const 0) (i32.const 0) (i32.const 1024) (i32.const 65536)))
                (if (i32.ge_s (local.get $len) (i32.const 0)) (then
                  (call $record (local.get $len))
                  (br $records))))
              (br $batches))))"#
    );
    wat::parse_str(text).expect("valid WebAssembly text")
}

/// A body that writes what it reads.
pub const COPY: &str = "(drop (call $write (i32.const 1024) (local.get $len)))";

/// A body that ends the module in a value that begins with `!`, and copies others.
pub const PICKY: &str =
    "(if (i32.eq (i32.load8_u (i32.const 1026)) (i32.const 33)) (then unreachable))
    (drop (call $write (i32.const 1024) (local.get $len)))";

/// A body that logs `hello` for a value that begins with `!`, and copies all.
pub const CHATTY: &str = "(if (i32.eq (i32.load8_u (i32.const 1026)) (i32.const 33)) (then
      (i32.store (i32.const 256) (i32.const 512))
      (i32.store (i32.const 260) (i32.const 6))
      (drop (call $log (i32.const 1) (i32.const 256) (i32.const 1) (i32.const 264)))))
    (drop (call $write (i32.const 1024) (local.get $len)))";

/// A body whose output shows the instance's memory: a value of five bytes gets the number of records
/// that the instance has seen, as four digits, in place of its last four.
pub const COUNT: &str = "(local $n i32) (local $at i32)
    (global.set $count (i32.add (global.get $count) (i32.const 1)))
    (local.set $n (global.get $count))
    (local.set $at (i32.const 1030))
    (loop $digits
      (i32.store8 (local.get $at)
        (i32.add (i32.const 48) (i32.rem_u (local.get $n) (i32.const 10))))
      (local.set $n (i32.div_u (local.get $n) (i32.const 10)))
      (local.set $at (i32.sub (local.get $at) (i32.const 1)))
      (br_if $digits (i32.gt_u (local.get $at) (i32.const 1026))))
    (drop (call $write (i32.const 1024) (local.get $len)))";
