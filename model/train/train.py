"""Trains the fraud model on feature files written by `fraud features`.

Writes into the model directory: fraud.onnx and golden/ (feature vectors with onnxruntime's outputs);
beside it, what the model card says of the training. No feature is computed here: the columns are the
detector's own vectors, in the order of the spec. What is fraud, `fraud tune` decides.

The shipped model learns from some simulations and is validated on another. With --split, one file is
enough: what is in it before the second time is learned from, and the rest validates.
"""

import argparse
import csv
import json
import sys
from pathlib import Path

import lightgbm as lgb
import numpy as np
import onnxruntime
import pyarrow as pa
from onnxmltools import convert_lightgbm
from onnxmltools.convert.common.data_types import FloatTensorType
from sklearn.metrics import average_precision_score, roc_auc_score

NOT_FEATURES = ["transaction_id", "timestamp", "label", "scenario"]
PARAMETERS = {
    "objective": "binary",
    "learning_rate": 0.25,
    "lambda_l2": 10,
    "min_data_in_leaf": 200,
    "min_sum_hessian_in_leaf": 20,
    # Amounts matter to the unit, and frauds are too few for a sample to place the bins by.
    "max_bin": 511,
    "bin_construct_sample_cnt": 10_000_000,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
}
TREES = 40
LEAVES = 16
# Frauds are few: each counts ten times, and of the genuine transactions that a small model finds
# easy, one in twelve stays, with twelve times the weight.
FRAUD_WEIGHT = 10
KEEP_EASY = 12
# Restarts are rarer than they are important.
WIPED_WEIGHT = 2
# Fewer frauds than this are learned by heart.
LEAST_FRAUDS = 20
# With fewer rows, all of them are learned from.
MANY_ROWS = 500_000


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--train", nargs="+", required=True, help="feature files to learn from")
    parser.add_argument("--wiped", nargs="+", required=True, help="more of them, with history wiped now and then")
    parser.add_argument("--validate", required=True, help="feature file to measure it on")
    parser.add_argument("--restarted", required=True, help="the same, with history lost every week")
    parser.add_argument("--model", required=True, type=Path, help="directory to write to")
    parser.add_argument("--metrics", required=True, type=Path, help="where the figures of the model card go")
    parser.add_argument("--split", nargs=2, type=int, default=(None, None), metavar=("TIME", "TIME"),
                        help="when learning and validation begin, milliseconds since 1970")
    parser.add_argument("--trees", type=int, default=TREES)
    parser.add_argument("--leaves", type=int, default=LEAVES, help="of a tree, at most")
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()

    learn_from, validate_from = arguments.split
    names, plain_rows, plain_labels = load(arguments.train, learn_from, validate_from)
    _, wiped_rows, wiped_labels = load(arguments.wiped, learn_from, validate_from)
    rows, labels = np.concatenate([plain_rows, wiped_rows]), np.concatenate([plain_labels, wiped_labels])
    weights = np.full(len(labels), WIPED_WEIGHT, np.float32)
    weights[: len(plain_labels)] = 1
    validation_names, validation_rows, validation_labels = load([arguments.validate], validate_from)
    if names != validation_names:
        sys.exit(f"features differ: {arguments.train[0]} has {names}, {arguments.validate} has {validation_names}")
    _, restarted_rows, restarted_labels = load([arguments.restarted], validate_from)
    for part, found in [("learn from", plain_labels), ("validate on", validation_labels)]:
        if found.sum() < LEAST_FRAUDS or found.all():
            sys.exit(f"{len(found):,} transactions to {part} have {found.sum():,} frauds; it takes {LEAST_FRAUDS} "
                     "at least, and genuine transactions: give a longer file")

    booster = fit(names, rows, labels, weights, arguments)
    path = arguments.model / "fraud.onnx"
    path.write_bytes(export(booster, len(names)))
    onnxruntime.set_default_logger_severity(3)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    scores = run(session, validation_rows)
    difference = np.abs(scores - booster.predict(validation_rows)).max()
    # LightGBM compares in double precision, ONNX in single: a few rows may fall on the other side.
    print(f"onnxruntime and LightGBM differ by at most {difference:.2g}")

    golden(session, names, rows, arguments)
    metrics = {
        "trees": arguments.trees,
        "leaves": arguments.leaves,
        "features": len(names),
        "transactions": len(labels),
        "frauds": int(labels.sum()),
        "learn_from": learn_from,
        "validate_from": validate_from,
        "validation_transactions": len(validation_labels),
        "validation_frauds": int(validation_labels.sum()),
        "auc_roc": float(roc_auc_score(validation_labels, scores)),
        "average_precision": float(average_precision_score(validation_labels, scores)),
        "average_precision_restarted": float(
            average_precision_score(restarted_labels, run(session, restarted_rows))
        ),
    }
    arguments.metrics.write_text(json.dumps(metrics, indent=2) + "\n")
    print(f"validation: AUC {metrics['auc_roc']:.3f}, average precision {metrics['average_precision']:.3f}, "
          f"{metrics['average_precision_restarted']:.3f} with history lost every week")


def load(paths, since=None, before=None):
    """Feature names, rows (float32, NaN missing) and labels of feature files, one after the other."""
    tables = [pa.ipc.open_file(pa.memory_map(str(path))).read_all() for path in paths]
    names = [name for name in tables[0].column_names if name not in NOT_FEATURES]
    table = pa.concat_tables(tables)
    if since is not None:
        times = table["timestamp"].to_numpy()
        table = table.filter(pa.array((times >= since) & (times < (before or np.iinfo(np.int64).max))))
    rows = np.column_stack([table[name].to_numpy().astype(np.float32) for name in names])
    return names, rows, table["label"].to_numpy()


def fit(names, rows, labels, weights, arguments):
    parameters = PARAMETERS | {"num_leaves": arguments.leaves, "seed": arguments.seed}
    if len(labels) < MANY_ROWS:
        # What is right for millions would leave few leaves.
        least = max(20, PARAMETERS["min_data_in_leaf"] * len(labels) // MANY_ROWS)
        parameters |= {"min_data_in_leaf": least, "min_sum_hessian_in_leaf": least / 10}
    weights = np.where(labels == 1, FRAUD_WEIGHT, 1) * weights
    scout = lgb.train(parameters, lgb.Dataset(rows, labels, weight=weights), num_boost_round=10)
    scores = scout.predict(rows)
    easy = (labels == 0) & (scores < np.quantile(scores[labels == 0], 0.85))
    random = np.random.default_rng(arguments.seed)
    keep = KEEP_EASY if len(labels) >= MANY_ROWS else 1
    kept = ~easy | (random.random(len(labels)) < 1 / keep)
    weights[easy] *= keep
    # Without the features' names: LightGBM refuses some that a category's values make.
    data = lgb.Dataset(rows[kept], labels[kept], weight=weights[kept])
    print(f"{len(labels):,} transactions, {labels.sum():,} frauds; {kept.sum():,} rows after thinning")
    return lgb.train(parameters, data, num_boost_round=arguments.trees)


def export(booster, inputs):
    types = [("features", FloatTensorType([None, inputs]))]
    # Without a name it would get a random one.
    model = convert_lightgbm(booster, "fraud", types, target_opset=15, zipmap=False)
    model.doc_string = ""
    # They come out of a set, in an order that differs from run to run.
    opsets = sorted(model.opset_import, key=lambda opset: opset.domain)
    del model.opset_import[:]
    model.opset_import.extend(opsets)
    return model.SerializeToString()


def run(session, rows):
    """The probability of fraud for each row: the model's raw output, before calibration."""
    name = session.get_inputs()[0].name
    return session.run(None, {name: rows.astype(np.float32)})[1][:, 1]


def golden(session, names, rows, arguments):
    """Vectors to hold the detector's engine to: seen ones, ones with holes, and extremes."""
    random = np.random.default_rng(arguments.seed)
    seen = rows[random.choice(len(rows), 400, replace=False)]
    holes = np.where(random.random((100, len(names))) < 0.3, np.nan, seen[:100])
    extremes = random.choice(np.float32([0, -1, 1e-30, 1e9, -1e9, 3e38, np.nan]), (100, len(names)))
    vectors = np.vstack([seen, holes, extremes]).astype(np.float32)
    directory = arguments.model / "golden"
    directory.mkdir(exist_ok=True)
    with open(directory / "vectors.csv", "w", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerow(names + ["output"])
        for vector, output in zip(vectors, run(session, vectors)):
            cells = ["" if np.isnan(value) else str(value) for value in (*vector, output)]
            file.write(",".join(cells) + "\n")


if __name__ == "__main__":
    main()
