//! The compiled module on the embedded host, and the same detector natively.
#![allow(dead_code, reason = "each test file uses a part")]

use std::path::Path;
use std::sync::{Arc, OnceLock};

use fraud_detector::shell::{ERROR_FIELD_HEADER, ERROR_HEADER};
use fraud_detector::{Detector, Outcome, Settings};
use fraud_plan::{PlanBuf, compile};
use transform_host::{BatchBuilder, Deployment, Engine, Limits, Module, Output, Vm};

/// The broker's timestamp of records in tests: 2018-04-02T00:00:00Z.
pub const NOW: i64 = 1_522_627_200_000;

pub const GOOD: &str = r#"{"transaction_id":"7","timestamp":"2018-04-01T00:00:31Z","customer_id":"596","terminal_id":"3156","amount":57.16}"#;

/// A record in an output topic.
#[derive(Clone, Debug, PartialEq)]
pub struct Written {
    pub topic: String,
    pub key: Option<Vec<u8>>,
    pub value: Option<Vec<u8>>,
    pub headers: Vec<(Vec<u8>, Option<Vec<u8>>)>,
}

pub type Header<'a> = (&'a [u8], Option<&'a [u8]>);

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Reads the module as `rpk transform build` leaves it.
pub fn module_bytes() -> Vec<u8> {
    let path = root().join("fraud-detector.wasm");
    std::fs::read(&path)
        .unwrap_or_else(|error| panic!("{}: {error}; run ./scripts/build first", path.display()))
}

pub fn deployment() -> Deployment {
    Deployment::new("fraud-detector", "transactions", ["fraud", "valid", "unscorable"])
}

/// One instance of the module on stock limits.
pub struct Broker {
    pub vm: Vm,
    topics: Vec<String>,
    output: Output,
    offset: i64,
}

impl Broker {
    pub fn start() -> Self {
        Self::with(deployment(), Limits::stock()).expect("the module starts")
    }

    /// With the log of a start that failed.
    pub fn with(deployment: Deployment, limits: Limits) -> Result<Self, String> {
        let compile = |limits| {
            let engine = Engine::new(limits).expect("an engine");
            engine.compile(&module_bytes()).expect("the module compiles")
        };
        static STOCK: OnceLock<Module> = OnceLock::new();
        let module = match limits == Limits::stock() {
            true => STOCK.get_or_init(|| compile(&limits)).clone(),
            false => compile(&limits),
        };
        let mut vm = Vm::new(&module, &deployment);
        if vm.start().is_err() {
            return Err(vm.take_logs().into_iter().map(|line| line.message).collect());
        }
        Ok(Self { vm, topics: deployment.output_topics, output: Output::default(), offset: 0 })
    }

    /// Sends one record, which must not trap and must leave exactly once.
    pub fn send(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Written {
        let mut written = self.send_any(timestamp, key, value, headers);
        assert_eq!(written.len(), 1, "every record leaves exactly once");
        written.remove(0)
    }

    /// Sends a record that is too much for the module; what the host says of it.
    pub fn fail(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> String {
        let mut batch = BatchBuilder::new(self.offset);
        batch.push(timestamp, key, value, headers);
        let fed = self.vm.process(&Arc::new(batch.build()), &mut self.output);
        fed.expect_err("too large for the memory limit").to_string()
    }

    /// Sends one record, which must not trap; what came of it.
    pub fn send_any(
        &mut self,
        timestamp: i64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Vec<Written> {
        let mut batch = BatchBuilder::new(self.offset);
        self.offset += 1;
        batch.push(timestamp, key, value, headers);
        let fed = self.vm.process(&Arc::new(batch.build()), &mut self.output);
        fed.unwrap_or_else(|fault| panic!("{fault} on {:?}", value.map(String::from_utf8_lossy)));
        let written = self.output.iter().map(|written| Written {
            topic: self.topics[written.topic].clone(),
            key: written.payload.key().map(<[u8]>::to_vec),
            value: written.payload.value().map(<[u8]>::to_vec),
            headers: written
                .payload
                .headers()
                .map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec)))
                .collect(),
        });
        written.collect()
    }
}

/// Compiles the plan that the module carries once more.
pub fn plan_bytes() -> PlanBuf {
    compile::model(&root().join("model")).expect("the model compiles").plan
}

/// Makes the model directory's detector, natively, with a history of at most `history_bytes`.
pub fn native(plan: &PlanBuf, history_bytes: usize) -> Detector<'_> {
    let plan = plan.read().expect("a compiled plan is right");
    Detector::new(plan, &Settings::default()).with_history(history_bytes)
}

/// Returns the topic that the shell sends a record to by the detector, and the value.
pub fn topic_and_value(
    detector: &mut Detector,
    input: Option<&[u8]>,
    timestamp: i64,
) -> (String, Option<Vec<u8>>) {
    let mut scored = Vec::new();
    match detector.score(input, timestamp, &mut scored) {
        Outcome::Scored(verdict) => {
            (if verdict.fraud { "fraud" } else { "valid" }.into(), Some(scored))
        }
        Outcome::Unscored(_) => ("valid".into(), input.map(<[u8]>::to_vec)),
        Outcome::Unscorable(_) => ("unscorable".into(), input.map(<[u8]>::to_vec)),
        Outcome::Silent => ("nowhere".into(), None),
    }
}

/// Returns the record with the verdict taken out again, and the verdict's text.
pub fn unsplice(value: &[u8]) -> (Vec<u8>, String) {
    let text = std::str::from_utf8(value).expect("a scored record is UTF-8");
    let at = text.rfind(r#","fraud":{"decision":"#).expect("the verdict is there");
    let end = at + text[at..].find('}').expect("the verdict ends") + 1;
    ([&text[..at], &text[end..]].concat().into_bytes(), text[at + 9..end].to_owned())
}

/// The reasons that blame a field.
const FIELD_REASONS: [&str; 7] = [
    "duplicate_field",
    "verdict_present",
    "missing_field",
    "wrong_type",
    "not_finite",
    "bad_time",
    "bad_report",
];

/// Sends a value; `expect` is "scored" or the reason that it is not.
pub fn check(broker: &mut Broker, timestamp: i64, value: Option<&[u8]>, expect: &str) {
    let name = value.map(|value| String::from_utf8_lossy(&value[..value.len().min(200)]));
    let headers = [(&b"trace"[..], Some(&b"abc"[..])), (b"", None)];
    let mut written = broker.send(timestamp, Some(b"a key"), value, &headers);
    assert_eq!(written.key.as_deref(), Some(&b"a key"[..]), "{name:?}");
    let mut kept = headers.map(|(key, value)| (key.to_vec(), value.map(<[u8]>::to_vec))).to_vec();
    if expect == "scored" {
        assert!(["fraud", "valid"].contains(&written.topic.as_str()), "{name:?}: {written:?}");
        let (record, verdict) = unsplice(&written.value.expect("a scored record has a value"));
        assert_eq!(Some(&record[..]), value, "{name:?}");
        let verdict: serde_json::Value = serde_json::from_str(&verdict).expect("a JSON verdict");
        assert_eq!(verdict["decision"], written.topic, "{name:?}");
        let above = verdict["score"].as_f64() >= verdict["threshold"].as_f64();
        assert_eq!(above, written.topic == "fraud", "{name:?}");
    } else {
        kept.push((ERROR_HEADER.into(), Some(expect.into())));
        // A bare NaN is no JSON, and so no field's; in text, it is a field's.
        let names_field = expect == "not_a_number" && written.headers.len() > kept.len();
        if names_field || FIELD_REASONS.contains(&expect) {
            let field = written.headers.pop().expect("the field to blame");
            assert_eq!(field.0, ERROR_FIELD_HEADER.as_bytes(), "{name:?}");
        }
        assert_eq!(written.topic, "unscorable", "{name:?}");
        assert_eq!(written.value.as_deref(), value, "{name:?}");
    }
    assert_eq!(written.headers, kept, "{name:?}");
    let logs = broker.vm.take_logs();
    assert!(logs.len() <= 1, "nothing is logged but the start, least of all a record: {logs:?}");
}

/// Returns a good record with one text in it replaced.
pub fn with(from: &str, to: &str) -> String {
    assert!(GOOD.contains(from), "{from}");
    GOOD.replacen(from, to, 1)
}
