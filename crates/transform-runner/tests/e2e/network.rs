//! A network that cuts and delays: a proxy between the runner and the broker.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use crate::cluster::Cluster;
use crate::program::{COPY, Runner, module};
use crate::{SOON, exactly_once, numbers};

/// What the network does to each piece of data.
#[derive(Default)]
struct Network {
    cut: AtomicBool,
    delay_ms: AtomicU64,
}

impl Network {
    /// Passes connections to `outer` on to `inner`, as long as the process lives.
    fn between(outer: u16, inner: u16) -> Arc<Self> {
        let network = Arc::new(Self::default());
        let shared = network.clone();
        let listener = TcpListener::bind(("127.0.0.1", outer)).expect("the port is free");
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if shared.cut.load(Relaxed) {
                    continue;
                }
                let Ok(broker) = TcpStream::connect(("127.0.0.1", inner)) else { continue };
                for (from, to) in [(&client, &broker), (&broker, &client)] {
                    let (from, to) = (from.try_clone(), to.try_clone());
                    let (from, to) = (from.expect("a socket"), to.expect("a socket"));
                    let network = shared.clone();
                    std::thread::spawn(move || network.pass(from, to));
                }
            }
        });
        network
    }

    fn pass(&self, mut from: TcpStream, mut to: TcpStream) {
        let mut bytes = [0; 16 << 10];
        // A look at `cut` now and then, also where nothing comes.
        let _ = from.set_read_timeout(Some(Duration::from_millis(50)));
        while !self.cut.load(Relaxed) {
            match from.read(&mut bytes) {
                Ok(0) => break,
                Ok(count) => {
                    std::thread::sleep(Duration::from_millis(self.delay_ms.load(Relaxed)));
                    if to.write_all(&bytes[..count]).is_err() {
                        break;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
                Err(_) => break,
            }
        }
        let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
    }
}

#[test]
fn a_network_that_cuts_and_delays_loses_and_doubles_nothing() {
    let dir = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("network");
    let _ = std::fs::remove_dir_all(&dir);
    let Some(cluster) = Cluster::kafka(Some(&dir)) else { return };
    let ports = std::fs::read_to_string(dir.join("proxy-ports")).expect("two ports");
    let (inner, outer) = ports.trim().split_once(' ').expect("two ports");
    let [inner, outer] = [inner, outer].map(|port| port.parse().expect("a port"));
    let network = Network::between(outer, inner);
    cluster.topics(4, &["network-in", "network-out"], &[]);
    let address = format!("127.0.0.1:{outer}");
    let runner = Runner::start(&cluster, "network", &module(COPY), &["--brokers", &address]);
    runner.says("are assigned", SOON);
    let (rounds, round) = (6, 5_000);
    for at in 0..rounds {
        cluster.produce("network-in", 4, numbers(at * round..(at + 1) * round));
        match at % 3 {
            0 => network.cut.store(true, Relaxed),
            1 => network.delay_ms.store(30, Relaxed),
            _ => {}
        }
        // Longer than the session lasts, once.
        std::thread::sleep(Duration::from_secs(if at == 3 { 12 } else { 1 }));
        network.cut.store(false, Relaxed);
        network.delay_ms.store(0, Relaxed);
    }
    let total = rounds * round;
    exactly_once(&cluster.read("network-out", total, 4 * SOON), numbers(0..total));
    assert_eq!(runner.terminate(), Some(0));
}
