"""The same job as a Quix Streams application: JSON, state per customer, a model, two topics.

Usage: app.py BROKERS GROUP INPUT FRAUD VALID MODEL STATE_DIR COMMIT_INTERVAL. ./scripts/peers runs it.

The features are those of model/fraud.toml, without those of fraud reports, of which there are none here."""

import sys
from datetime import datetime

import numpy as np
import onnxruntime
from quixstreams import Application

brokers, group, source, fraud, valid, model, state_dir, interval = sys.argv[1:]
options = onnxruntime.SessionOptions()
options.intra_op_num_threads = 1
options.inter_op_num_threads = 1
session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
feature_input = session.get_inputs()[0].name
output = session.get_outputs()[-1].name
HALF_LIFE = 7 * 86_400
PRIOR, CLIP = 50.0, 2.5


def score(transaction, state):
    amount = transaction["amount"]
    now = datetime.fromisoformat(transaction["timestamp"]).timestamp()
    count, total, peak_ratio, peak_amount, last = state.get("customer") or (0, 0.0, 0.0, 0.0, now)
    mean = total / count if count else PRIOR
    decay = 0.5 ** (max(now - last, 0) / HALF_LIFE)
    ratio = amount / mean if mean else 0.0
    peak_ratio, peak_amount = peak_ratio * decay, peak_amount * decay
    features = [amount, ratio, mean, peak_ratio, peak_amount, min(count, 200), 0, np.nan, np.nan, np.nan]
    raw = session.run([output], {feature_input: np.array([features], dtype=np.float32)})[0]
    state.set("customer", (
        count + 1,
        total + min(amount, CLIP * mean),
        max(peak_ratio, ratio),
        max(peak_amount, amount),
        max(last, now),
    ))
    probability = float(np.ravel(raw)[-1])
    decision = "fraud" if probability >= 0.5 else "valid"
    return {**transaction, "fraud": {"decision": decision, "score": probability}}


app = Application(
    broker_address=brokers,
    consumer_group=group,
    auto_offset_reset="earliest",
    processing_guarantee="exactly-once",
    commit_interval=float(interval),
    state_dir=f"{state_dir}/{group}",
    # As transform-runner's.
    consumer_extra_config={
        "fetch.message.max.bytes": 1048576,
        "fetch.queue.backoff.ms": 5,
        "fetch.wait.max.ms": 100,
    },
    producer_extra_config={"linger.ms": 5, "batch.size": 1000000},
)
transactions = app.topic(source, key_deserializer="bytes", value_deserializer="json")
frauds = app.topic(fraud, key_serializer="bytes", value_serializer="json")
valids = app.topic(valid, key_serializer="bytes", value_serializer="json")
scored = app.dataframe(transactions).apply(score, stateful=True)
scored.filter(lambda value: value["fraud"]["decision"] == "fraud").to_topic(frauds)
scored.filter(lambda value: value["fraud"]["decision"] == "valid").to_topic(valids)
app.run()
