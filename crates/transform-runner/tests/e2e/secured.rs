//! A broker that asks for TLS and a password, as Redpanda Serverless does.

use std::path::PathBuf;

use crate::cluster::Cluster;
use crate::program::{COPY, Runner, module};
use crate::{SOON, exactly_once, numbers};

#[test]
fn a_runner_speaks_tls_and_names_what_is_wrong_with_its_password() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("secured");
    let _ = std::fs::remove_dir_all(&dir);
    let Some(cluster) = Cluster::kafka(Some(&dir)) else { return };
    cluster.topics(2, &["tls-in", "tls-out"], &[]);
    cluster.produce("tls-in", 2, numbers(0..1_000));
    let port = std::fs::read_to_string(dir.join("tls-port")).expect("a port");
    let address = format!("127.0.0.1:{}", port.trim());
    let authority = dir.join("ca.pem").display().to_string();
    let start = |password: &str, authority: &str| {
        let kafka = format!(
            "security.protocol=SASL_SSL,sasl.mechanism=SCRAM-SHA-256,sasl.username=runner,\
             sasl.password={password},ssl.ca.location={authority}"
        );
        Runner::start(&cluster, "tls", &module(COPY), &["--brokers", &address, "--kafka", &kafka])
    };
    start("wrong", &authority).says("Authentication failed", SOON);
    start("secret", "/etc/ssl/certs").says("certificate verify failed", SOON);
    let runner = start("secret", &authority);
    exactly_once(&cluster.read("tls-out", 1_000, SOON), numbers(0..1_000));
    assert_eq!(runner.terminate(), Some(0));
}
