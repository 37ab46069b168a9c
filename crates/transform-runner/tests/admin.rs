//! The admin API, asked by a real HTTP client with requests as rpk sends them.

use std::io::{Cursor, Read};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex};

use serde_json::{Value, json};
use transform_host::{Limits, State};
use transform_runner::admin::{self, Access, Admin, Partition};
use transform_runner::deployments::Deployments;

const CREDENTIAL: &str = "admin:sécret:with:colons";

struct Api {
    /// Dropped first: it stops the service.
    _runtime: tokio::runtime::Runtime,
    at: SocketAddr,
    deployments: Arc<Deployments>,
    /// The partitions that the runner has.
    partitions: Arc<Mutex<Vec<Partition>>>,
    credential: Option<&'static str>,
    client: ureq::Agent,
}

/// Serves the API of a cluster with the topics `in` (two partitions), `out`, `fraud` and `valid`.
fn api(dir: Option<&Path>, credential: Option<&'static str>) -> Api {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let deployments = Arc::new(Deployments::open(dir, Limits::stock()).unwrap());
    let partitions = Arc::<Mutex<Vec<Partition>>>::default();
    let here = partitions.clone();
    let admin = Admin {
        deployments: deployments.clone(),
        partitions: Arc::new(move |_| here.lock().unwrap().clone()),
        topics: Arc::new(|| {
            let topics = [("in", 2), ("out", 2), ("fraud", 2), ("valid", 1)];
            Ok(topics.map(|(topic, count)| (topic.to_owned(), count)).into())
        }),
        node_id: 7,
    };
    let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
    let at = listener.local_addr().unwrap();
    let access = Access::new(at, credential, credential.is_none()).unwrap();
    runtime.spawn(async { axum::serve(listener, admin::router(admin, access)).await });
    let client = ureq::Agent::config_builder().http_status_as_error(false).build().new_agent();
    Api { _runtime: runtime, at, deployments, partitions, credential, client }
}

impl Api {
    /// Sends a request with the headers that rpk sends with each; returns status and body.
    fn ask(&self, method: &str, path: &str, body: &[u8]) -> (u16, Value) {
        let authorization = self.credential.map(basic);
        self.ask_as(authorization.as_deref(), method, path, body)
    }

    fn ask_as(
        &self,
        authorization: Option<&str>,
        method: &str,
        path: &str,
        body: &[u8],
    ) -> (u16, Value) {
        let mut request = ureq::http::Request::builder()
            .method(method)
            .uri(format!("http://{}{path}", self.at))
            .header("Accept", "application/json")
            .header("Content-Type", "application/json");
        if let Some(authorization) = authorization {
            request = request.header("Authorization", authorization);
        }
        // Of unknown length, and so in chunks, as rpk deploys.
        let reader = Cursor::new(body.to_vec()).take(u64::MAX);
        let request = request.body(ureq::SendBody::from_owned_reader(reader)).unwrap();
        let mut response = self.client.run(request).unwrap();
        let text = response.body_mut().read_to_string().unwrap();
        let status = response.status().as_u16();
        (status, if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() })
    }

    fn deploy(&self, metadata: Value, wasm: &[u8]) -> (u16, Value) {
        let body = [metadata.to_string().as_bytes(), wasm].concat();
        self.ask("POST", "/v1/transform/deploy", &body)
    }

    fn list(&self) -> Value {
        let (status, list) = self.ask("GET", "/v1/transform/", b"");
        assert_eq!(status, 200, "{list}");
        list
    }
}

fn basic(credential: &str) -> String {
    use base64::Engine;
    format!("Basic {}", base64::prelude::BASE64_STANDARD.encode(credential))
}

fn module() -> Vec<u8> {
    wat::parse_str(
        r#"(module (import "redpanda_transform" "check_abi_version_1" (func))
            (memory (export "memory") 1) (func (export "_start")))"#,
    )
    .unwrap()
}

/// The metadata as rpk sends it without flags.
fn metadata(name: &str) -> Value {
    json!({"name": name, "input_topic": "in", "output_topics": ["out"], "compression": "none"})
}

/// Returns the value with some members replaced.
fn with(mut value: Value, members: Value) -> Value {
    let members = members.as_object().unwrap().clone();
    value.as_object_mut().unwrap().extend(members);
    value
}

fn refusal(status: u16, message: &str) -> (u16, Value) {
    (status, json!({"message": message, "code": status}))
}

const DONE: (u16, Value) = (200, Value::Null);

#[test]
fn a_transform_is_deployed_listed_paused_changed_and_deleted() {
    let api = api(None, Some(CREDENTIAL));
    assert_eq!(api.list(), json!([]));
    let named = "a b/ü";
    let sent = with(
        metadata(named),
        json!({
            "output_topics": ["fraud", "valid"],
            "environment": [{"key": "B", "value": "1"}, {"key": "A", "value": "2"}, {"key": "B", "value": "3"}],
            "compression": "zstd",
            "offset": {"format": "from_start", "value": 0},
        }),
    );
    assert_eq!(api.deploy(sent, &module()), DONE);
    let deployed = api.deployments.get()[named].clone();
    assert_eq!(deployed.wasm[..], module()[..]);
    assert_eq!(deployed.metadata.deployment().environment.len(), 2);

    *api.partitions.lock().unwrap() = vec![Partition { number: 1, state: State::Running, lag: 5 }];
    let mut listed = json!([{
        "name": named,
        "input_topic": "in",
        "output_topics": ["fraud", "valid"],
        "status": [
            {"node_id": 7, "partition": 0, "status": "unknown", "lag": 0},
            {"node_id": 7, "partition": 1, "status": "running", "lag": 5},
        ],
        "environment": [{"key": "A", "value": "2"}, {"key": "B", "value": "3"}],
        "compression": "zstd",
    }]);
    assert_eq!(api.list(), listed);

    let path = "/v1/transform/a%20b%2F%C3%BC";
    let meta = format!("{path}/meta");
    assert_eq!(api.ask("PUT", &meta, br#"{"is_paused":true}"#), DONE);
    assert!(api.deployments.get()[named].paused);
    api.partitions.lock().unwrap().clear();
    listed[0]["status"] = json!([
        {"node_id": 7, "partition": 0, "status": "inactive", "lag": 0},
        {"node_id": 7, "partition": 1, "status": "inactive", "lag": 0},
    ]);
    assert_eq!(api.list(), listed);

    let changes = br#"{"env":[{"key":"C","value":"4"}],"compression":"lz4"}"#;
    assert_eq!(api.ask("PUT", &meta, changes), DONE);
    assert_eq!(api.ask("PUT", &meta, b"{}"), DONE);
    listed[0]["environment"] = json!([{"key": "C", "value": "4"}]);
    listed[0]["compression"] = json!("lz4");
    assert_eq!(api.list(), listed);

    assert_eq!(api.ask("PUT", &meta, br#"{"is_paused":false}"#), DONE);
    assert!(!api.deployments.get()[named].paused);
    assert_eq!(api.ask("DELETE", path, b""), DONE);
    assert_eq!(api.list(), json!([]));
    assert_eq!(api.ask("DELETE", path, b""), refusal(400, "Transform does not exist"));
}

#[test]
fn a_deployment_is_refused_with_the_broker_s_texts() {
    let api = api(None, Some(CREDENTIAL));
    let create = "Invalid create transform configuration";
    let environment = "Invalid transform environment";
    let large = vec![0; 12 << 20];
    let large = [module(), vec![0], leb(large.len()), large].concat();
    for (members, wasm, status, text) in [
        (json!({}), &b"\0asm"[..], 400, "invalid WebAssembly module"),
        (
            json!({}),
            b"\0asm\x01\0\0\0",
            400,
            "invalid WebAssembly - missing required WASI functions",
        ),
        (json!({}), &large, 500, "Unexpected cluster error: Invalid request"),
        (json!({"name": ""}), &module(), 400, create),
        (json!({"output_topics": []}), &module(), 400, create),
        (json!({"output_topics": ["in"]}), &module(), 400, create),
        (json!({"input_topic": "none"}), &module(), 400, "Topic does not exists"),
        (
            json!({"offset": {"format": "from_end", "value": -5}}),
            &module(),
            400,
            "Bad offset: expected value >= 0, got -5",
        ),
        (json!({"environment": [{"key": "A", "value": ""}]}), &module(), 400, environment),
        (
            json!({"environment": [{"key": "REDPANDA_X", "value": "1"}]}),
            &module(),
            400,
            environment,
        ),
    ] {
        let sent = with(metadata("t"), members.clone());
        assert_eq!(api.deploy(sent, wasm), refusal(status, text), "{members}");
    }
    for (body, text) in [
        (&b"{"[..], "JSON parse error: "),
        (b"", "JSON parse error: "),
        (b"[]", "Request body is not a JSON object"),
        (br#"{"name":"t"}"#, "invalid JSON request body: missing field `input_topic`"),
        (br#"{"nome":"t"}"#, "invalid JSON request body: unknown field `nome`"),
        (
            br#"{"name":"t","input_topic":"in","output_topics":["out"],"compression":"brotli"}"#,
            "invalid JSON request body: unknown variant `brotli`",
        ),
    ] {
        let (status, answer) = api.ask("POST", "/v1/transform/deploy", body);
        let message = answer["message"].as_str().unwrap();
        assert!(status == 400 && message.starts_with(text), "{status} {answer}, expected {text}");
    }
    assert_eq!(api.list(), json!([]));
}

#[test]
fn a_change_is_refused_with_the_broker_s_texts() {
    let api = api(None, Some(CREDENTIAL));
    assert_eq!(api.deploy(metadata("t"), &module()), DONE);
    let other = with(metadata("t"), json!({"output_topics": ["fraud"]}));
    let text = "Invalid update to transform, topic configuration cannot change";
    assert_eq!(api.deploy(other, &module()), refusal(400, text));
    let back =
        json!({"name": "u", "input_topic": "out", "output_topics": ["in"], "compression": "none"});
    assert_eq!(
        api.deploy(back, &module()),
        refusal(400, "Invalid create transform configuration"),
        "a cycle"
    );
    let meta = |body: &str| api.ask("PUT", "/v1/transform/t/meta", body.as_bytes());
    let text = "Invalid transform environment";
    assert_eq!(meta(r#"{"env":[{"key":"=","value":"1"}]}"#), refusal(400, text));
    assert_eq!(meta("7"), refusal(400, "Request body is not a JSON object"));
    assert_eq!(meta(r#"{"paused":true}"#).0, 400);
    assert_eq!(meta("{} {}").0, 400);
    let text = "Transform does not exist";
    assert_eq!(api.ask("PUT", "/v1/transform/u/meta", b"{\"is_paused\":true}"), refusal(400, text));
    assert_eq!(api.ask("GET", "/v1/features/enterprise", b""), refusal(404, "Not found"));
}

#[test]
fn who_has_no_credential_is_refused() {
    let api = api(None, Some(CREDENTIAL));
    let asked = |authorization: Option<&str>| {
        let path = "/v1/transform/deploy";
        let body = [metadata("t").to_string().as_bytes(), &module()].concat();
        [("GET", "/v1/transform", vec![]), ("POST", path, body)]
            .map(|(method, path, body)| api.ask_as(authorization, method, path, &body))
    };
    for (authorization, status, text) in [
        (None, 401, "Forbidden (authentication is required)"),
        (Some(basic("admin:sécret:with:colonz")), 401, "Unauthorized"),
        (Some(basic("admin:")), 401, "Unauthorized"),
        (Some("Basic x".into()), 401, "Unauthorized"),
        (Some("Bearer x".into()), 400, "Unsupported Authorization method"),
    ] {
        for answer in asked(authorization.as_deref()) {
            assert_eq!(answer, refusal(status, text), "{authorization:?}");
        }
    }
    assert!(api.deployments.get().is_empty());
}

#[test]
fn a_web_page_cannot_deploy() {
    let api = api(None, None);
    let send = |host: &str, content_type: &str| {
        let request = ureq::http::Request::builder()
            .method("PUT")
            .uri(format!("http://{}/v1/transform/t/meta", api.at))
            .header("Host", host)
            .header("Content-Type", content_type);
        api.client.run(request.body("{}").unwrap()).unwrap().status().as_u16()
    };
    let json = "application/json";
    assert_eq!(send(&format!("localhost:{}", api.at.port()), json), 200);
    assert_eq!(send(&api.at.to_string(), json), 200);
    assert_eq!(send("rebound.example", json), 403);
    assert_eq!(send("localhost", "text/plain"), 415);
}

#[test]
fn an_address_that_others_reach_needs_a_credential() {
    let access = |at: &str, credential, anonymous| {
        Access::new(at.parse().unwrap(), credential, anonymous).map(drop).map_err(|e| e.to_string())
    };
    assert_eq!(access("0.0.0.0:9644", Some("a:b\n"), false), Ok(()));
    assert_eq!(access("[::1]:9644", None, true), Ok(()));
    for (at, credential, anonymous, text) in [
        ("0.0.0.0:9644", None, true, "--admin-anonymous is for loopback addresses"),
        ("127.0.0.1:9644", None, false, "the admin API on 127.0.0.1:9644 deploys code"),
        ("127.0.0.1:9644", Some("secret"), false, "not of the form user:password"),
        ("127.0.0.1:9644", Some("secret:"), true, "not of the form user:password"),
    ] {
        let error = access(at, credential, anonymous).unwrap_err();
        assert!(error.contains(text), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}

#[test]
fn transforms_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let files = || {
        let files = std::fs::read_dir(dir.path()).unwrap().map(|file| file.unwrap().path());
        let transforms = files.filter(|file| file.extension().is_some_and(|x| x == "transform"));
        transforms.collect::<Vec<_>>()
    };
    let open = || Deployments::open(Some(dir.path()), Limits::stock());
    let first = api(Some(dir.path()), None);
    assert_eq!(first.deploy(metadata("kept"), &module()), DONE);
    assert_eq!(first.deploy(metadata("gone"), &module()), DONE);
    assert_eq!(first.ask("PUT", "/v1/transform/kept/meta", br#"{"is_paused":true}"#), DONE);
    assert_eq!(first.ask("DELETE", "/v1/transform/gone", b""), DONE);
    let kept = first.deployments.get();
    assert!(open().unwrap_err().to_string().contains("in use by another runner"));
    drop(first);

    // A crash in the middle of a write leaves this behind.
    let half = files()[0].with_extension("new");
    std::fs::write(&half, "{").unwrap();
    let second = open().unwrap();
    assert_eq!(second.get(), kept);
    assert!(kept["kept"].paused && kept.len() == 1 && !half.exists());

    let changed = second.watch();
    second
        .deploy(
            vec!["in".into(), "out".into()],
            kept["kept"].metadata.clone(),
            b"".as_slice().into(),
        )
        .unwrap_err();
    assert!(!changed.has_changed().unwrap(), "a refused deployment changes nothing");
    drop((second, changed));

    let mut bytes = std::fs::read(&files()[0]).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    std::fs::write(&files()[0], bytes).unwrap();
    assert!(open().unwrap_err().to_string().contains("is damaged"));
}

#[test]
fn a_new_deployment_keeps_its_beginning_and_a_deleted_one_does_not() {
    let deployments = Deployments::open(None, Limits::stock()).unwrap();
    let deploy = |offset| {
        let sent =
            with(metadata("t"), json!({"offset": {"format": "from_start", "value": offset}}));
        let metadata = serde_json::from_value(sent).unwrap();
        deployments.deploy(vec!["in".into(), "out".into()], metadata, module().into()).unwrap();
        deployments.get()["t"].clone()
    };
    let first = deploy(1);
    std::thread::sleep(std::time::Duration::from_millis(2));
    assert_eq!(deploy(2), first);
    deployments.delete("t").unwrap();
    let afresh = deploy(3);
    assert!(afresh.since_ms > first.since_ms);
    assert_ne!(afresh.metadata.offset, first.metadata.offset);
    assert_eq!(deployments.get().len(), 1);
}

/// Returns a length as WebAssembly writes it.
fn leb(mut length: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    while length > 0x7f {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
    bytes
}
