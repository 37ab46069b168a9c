//! The deployment of transforms over the admin API, by its requests, while records flow.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::cluster::Cluster;
use crate::program::{CHATTY, Runner, module};
use crate::{SOON, exactly_once, numbers};

/// Requests to a runner as rpk sends them.
struct Api(String);

impl Api {
    fn start(cluster: &Cluster, state: &Path) -> (Runner, Self) {
        let state = state.display().to_string();
        let args = ["--admin", "127.0.0.1:0", "--state-dir", &state, "--metrics", "127.0.0.1:0"];
        let runner = Runner::spawn(cluster, &args);
        let address = runner.says("the admin API is at ", SOON);
        (runner, Self(address))
    }

    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
        // The credential of `Runner::spawn`.
        let request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.0))
            .header("Content-Type", "application/json")
            .header("Authorization", "Basic YWRtaW46c2VjcmV0")
            .body(body)
            .expect("a request");
        let client: ureq::Agent =
            ureq::Agent::config_builder().http_status_as_error(false).build().into();
        let mut answer = client.run(request).expect("an answer");
        let text = answer.body_mut().read_to_string().expect("text");
        (answer.status().as_u16(), serde_json::from_str(&text).unwrap_or_default())
    }

    fn deploy(&self, name: &str, wasm: &[u8]) -> (u16, Value) {
        let metadata = json!({
            "name": name,
            "input_topic": format!("{name}-in"),
            "output_topics": [format!("{name}-out")],
            "compression": "none",
            "offset": {"format": "from_start", "value": 0},
        });
        let body = [metadata.to_string().as_bytes(), wasm].concat();
        self.ask("POST", "/v1/transform/deploy", &body)
    }

    fn pause(&self, name: &str, paused: bool) {
        let body = json!({"is_paused": paused}).to_string();
        let answer = self.ask("PUT", &format!("/v1/transform/{name}/meta"), body.as_bytes());
        assert_eq!(answer, (200, Value::Null));
    }

    /// Waits until each of the transform's partitions has this state.
    fn wait_for(&self, state: &str) {
        let deadline = Instant::now() + SOON;
        loop {
            let (_, list) = self.ask("GET", "/v1/transform/", b"");
            let partitions = list[0]["status"].as_array();
            if partitions.is_some_and(|all| all.iter().all(|each| each["status"] == state)) {
                return;
            }
            assert!(Instant::now() < deadline, "not {state}, but {list}");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

#[test]
fn a_transform_is_deployed_paused_resumed_and_deleted_while_records_flow() {
    let cluster = Cluster::shared();
    cluster.topics(2, &["deployed-in", "deployed-out"], &[]);
    cluster.topics(1, &["_redpanda.transform_logs"], &[]);
    let state = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("deployed");
    let _ = std::fs::remove_dir_all(&state);
    let (runner, api) = Api::start(cluster, &state);
    assert_eq!(api.ask("GET", "/v1/transform/", b""), (200, json!([])));
    let unknown = api.deploy("nowhere", &module(CHATTY));
    assert_eq!((unknown.0, &unknown.1["code"]), (400, &json!(400)), "{}", unknown.1);

    std::thread::scope(|scope| {
        let produce = |range: std::ops::Range<usize>| {
            for at in range.step_by(500) {
                cluster.produce("deployed-in", 2, numbers(at..at + 500));
            }
        };
        let flow = scope.spawn(move || produce(0..8_000));
        assert_eq!(api.deploy("deployed", &module(CHATTY)), (200, Value::Null));
        api.wait_for("running");
        api.pause("deployed", true);
        api.wait_for("inactive");
        let before = cluster.read("deployed-out", usize::MAX, Duration::from_secs(1)).len();
        let after = cluster.read("deployed-out", usize::MAX, Duration::from_secs(1)).len();
        assert_eq!(before, after, "records written by a paused transform");
        api.pause("deployed", false);
        api.wait_for("running");
        flow.join().expect("records");
    });
    cluster.produce("deployed-in", 2, ["!loud".to_string()]);
    let mut expect = numbers(0..8_000);
    expect.insert(0, "!loud".into());
    exactly_once(&cluster.read("deployed-out", expect.len(), SOON), expect.clone());

    let lines = cluster.read("_redpanda.transform_logs", 1, SOON);
    let line: Value = serde_json::from_str(&lines[0].value).expect("JSON");
    assert_eq!(lines[0].key.as_deref(), Some("deployed"));
    assert_eq!(
        (&line["body"]["stringValue"], &line["severityNumber"]),
        (&json!("hello\n"), &json!(9))
    );

    // What was deployed is there after a kill, and goes on where it was.
    runner.kill();
    let (runner, api) = Api::start(cluster, &state);
    api.wait_for("running");
    cluster.produce("deployed-in", 2, numbers(8_000..8_100));
    expect.extend(numbers(8_000..8_100));
    exactly_once(&cluster.read("deployed-out", expect.len(), SOON), expect.clone());
    let probes = runner.says("/metrics is at ", SOON);
    let ask = |path: &str| {
        let mut answer = ureq::get(format!("http://{probes}{path}")).call().expect("status 200");
        answer.body_mut().read_to_string().expect("text")
    };
    assert_eq!((ask("/healthz"), ask("/readyz")), ("ok\n".into(), "ok\n".into()));
    let metrics = ask("/metrics");
    for line in [
        "transform_runner_records_total{function_name=\"deployed\"} 100\n",
        "redpanda_transform_state{function_name=\"deployed\",state=\"running\"} 2\n",
        "transform_runner_written_records_total{function_name=\"deployed\",output_topic=\"deployed-out\"} 100\n",
        "transform_runner_in_group{function_name=\"deployed\"} 1\n",
    ] {
        assert!(metrics.contains(line), "no {line} in {metrics}");
    }

    assert_eq!(api.ask("DELETE", "/v1/transform/deployed", b""), (200, Value::Null));
    assert_eq!(api.ask("GET", "/v1/transform/", b""), (200, json!([])));
    assert_eq!(runner.terminate(), Some(0));
    // Nothing is deployed after a restart either.
    let (runner, api) = Api::start(cluster, &state);
    assert_eq!(api.ask("GET", "/v1/transform/", b""), (200, json!([])));
    cluster.produce("deployed-in", 2, numbers(20_000..20_010));
    exactly_once(&cluster.read("deployed-out", expect.len(), SOON), expect);
    assert_eq!(runner.terminate(), Some(0));
}
