//! A directory in which tests run the built `fraud` command.
#![allow(dead_code, reason = "each test file uses a part")]

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A directory that commands run in.
pub struct Place(pub TempDir);

impl Place {
    pub fn new() -> Self {
        Self(TempDir::new().expect("a temporary directory"))
    }

    /// Runs `fraud` with the words of `command`.
    pub fn fraud(&self, command: &str) -> Output {
        let binary = env!("CARGO_BIN_EXE_fraud");
        let output = Command::new(binary).args(command.split(' ')).current_dir(&self.0).output();
        output.expect("the command was built")
    }

    /// Runs `fraud` with the words of `command`, and `input` on standard input.
    pub fn fraud_with(&self, command: &str, input: &[u8]) -> Output {
        let binary = env!("CARGO_BIN_EXE_fraud");
        let mut child = (Command::new(binary).args(command.split(' ')).current_dir(&self.0))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("the command was built");
        let mut pipe = child.stdin.take().expect("piped");
        pipe.write_all(input).expect("it reads its input");
        drop(pipe);
        child.wait_with_output().expect("it ends")
    }

    /// Runs a command with `--json`; returns the object that it prints, and its exit status.
    pub fn json(&self, command: &str) -> (Value, i32) {
        let output = self.fraud(&format!("{command} --json"));
        let status = output.status.code().expect("no signal");
        let json = serde_json::from_slice(&output.stdout);
        (json.unwrap_or_else(|_| panic!("{command}: {}", text(&output.stderr))), status)
    }

    /// Runs a command that must be refused, and checks what it says on standard error.
    pub fn refused(&self, command: &str, expect: &str) {
        let output = self.fraud(command);
        let said = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{command}: {said}");
        assert!(said.contains(expect), "{command}: {said}");
        assert!(output.stdout.is_empty(), "{command}");
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub fn read(&self, name: &str) -> Vec<u8> {
        fs::read(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.path(name), content).expect("a writable directory");
    }

    pub fn write_module(&self, wat: &str) {
        self.write("module.wasm", wat::parse_str(wat).expect("a valid module"));
    }

    /// Writes a module that carries a feature spec.
    pub fn write_module_of(&self, wat: &str, spec: &str) {
        let end = wat.trim_end().strip_suffix(')').expect("a module");
        self.write_module(&format!("{end}(@custom \"fraud.toml\" {spec:?})\n)"));
    }
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

pub fn lines(bytes: &[u8]) -> Vec<String> {
    text(bytes).lines().map(str::to_owned).collect()
}

/// Returns the path of the project's own module.
pub fn fraud_detector() -> PathBuf {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fraud-detector.wasm");
    let module = std::env::var_os("FRAUD_MODULE").map_or(built, PathBuf::from);
    let module = module.canonicalize();
    module.expect("the transform is not built: run ./scripts/build, or set FRAUD_MODULE")
}
