//! Shows which records a broker writes twice, and how a record that traps stalls its partition.
//!
//! `cargo run --target host-tuple --example crash_and_replay`

mod support;

use std::error::Error;

use transform_host::{
    BatchBuilder, Deployment, Engine, FromOffset, Limits, Shard, ShardOptions, State,
};

fn main() -> Result<(), Box<dyn Error>> {
    let engine = Engine::new(&Limits::stock())?;
    let deployment = Deployment::new("copy", "in", ["out"])
        .with(|deployment| deployment.from_offset = FromOffset::Start(0));
    let mut shard = Shard::new(ShardOptions::default().with(|options| options.partitions = 2));

    // The first version of the transform panics on "!".
    let fragile = support::transform(
        "(if (i32.eq (i32.load8_u (i32.const 1026)) (i32.const 33)) (then unreachable))
         (drop (call $write (i32.const 1024) (local.get $len)))",
    );
    shard.deploy(engine.compile(&fragile), &deployment);

    produce(&mut shard, 0, "a");
    assert!(shard.run_until_idle(60_000));
    println!("a is written and committed:        {:?}", written(&shard));

    // A commit is kept three seconds later. The broker dies before.
    produce(&mut shard, 0, "b");
    shard.advance(1_500);
    println!("b is written, not committed yet:   {:?}", written(&shard));
    shard.crash();
    assert!(shard.run_until_idle(60_000));
    println!("after a crash b comes once more:   {:?}", written(&shard));
    assert_eq!(written(&shard), ["a", "b", "b"]);

    // A record that traps is tried again and again, with pauses of 1, 2, 4, 8, 16, 30, 30… seconds.
    produce(&mut shard, 0, "!");
    produce(&mut shard, 0, "c");
    produce(&mut shard, 1, "d");
    shard.advance(120_000);
    println!("! stalls its partition, not d's:   {:?}", written(&shard));
    for status in shard.status() {
        let error = status.error.as_deref().unwrap_or("no error");
        println!("  partition {}: {:?}, {error}", status.partition, status.state);
    }
    assert_eq!(shard.status()[0].state, State::Errored);

    // A redeployment keeps the offsets, so the second version goes on at "!".
    let mended = support::transform("(drop (call $write (i32.const 1024) (local.get $len)))");
    shard.deploy(engine.compile(&mended), &deployment);
    assert!(shard.run_until_idle(60_000));
    println!("a mended version goes on from it:  {:?}", written(&shard));
    Ok(())
}

/// Appends a record of this value to an input partition.
fn produce(shard: &mut Shard, partition: usize, value: &str) {
    let batch =
        BatchBuilder::new(0).push(shard.now_ms(), None, Some(value.as_bytes()), &[]).build();
    shard.produce(partition, batch);
}

/// Returns the values in the output topic, partition after partition.
fn written(shard: &Shard) -> Vec<String> {
    let text = |value: Vec<u8>| String::from_utf8_lossy(&value).into_owned();
    shard.values(0).into_iter().map(text).collect()
}
