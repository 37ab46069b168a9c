"""Writes the model card from the decision and from the figures that train.py left."""

import argparse
import json
import tomllib
from datetime import UTC, datetime
from pathlib import Path


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--metrics", required=True, type=Path, help="what train.py left")
    parser.add_argument("--model", required=True, type=Path, help="directory of decision.toml; the card goes there")
    parser.add_argument("--data", help="file of transactions that one split made it from; without it, simulations")
    arguments = parser.parse_args()
    metrics = json.loads(arguments.metrics.read_text())
    decision = tomllib.loads((arguments.model / "decision.toml").read_text())
    (arguments.model / "README.md").write_text(card(metrics, decision, decision["expected"], origin(metrics, arguments.data)))


def origin(metrics, data):
    """Who made it of what, what it was validated on, and what that proves."""
    if data is None:
        return (
            "scripts/train", "from `fraud simulate`", "another seed",
            "The frauds are simulated: these numbers show that the pipeline works, not what a bank would catch.\n"
            "A bank trains on its own transactions: `fraud train`.",
        )
    learn, validate = (datetime.fromtimestamp(metrics[key] / 1000, UTC) for key in ("learn_from", "validate_from"))
    return (
        "fraud train", f"from {learn:%Y-%m-%d} in {data}", f"from {validate:%Y-%m-%d}",
        "It was validated on transactions later than all that it learned from.",
    )


def card(metrics, decision, expected, origin):
    by, learned, validated, proof = origin
    return f"""# Model card

Written by `{by}`; the numbers are of that run.

| | |
|---|---|
| model | LightGBM, {metrics["trees"]} trees of at most {metrics["leaves"]} leaves, {metrics["features"]} features |
| trained on | {metrics["transactions"]:,} transactions with {metrics["frauds"]:,} frauds, {learned} |
| validated on | {metrics["validation_transactions"]:,} transactions with {metrics["validation_frauds"]:,} frauds, {validated} |
| AUC ROC | {metrics["auc_roc"]:.3f} |
| average precision | {metrics["average_precision"]:.3f}; {metrics["average_precision_restarted"]:.3f} with all history lost every 7 days |
| threshold | {decision["threshold"]}: {decision["basis"]} |
| expected | precision {expected["precision"]:.2f}, recall {expected["recall"]:.2f}, {expected["amount_caught"]:.0%} of the amounts, {expected["alerts_per_day"]:.0f} alerts a day |

{proof}

- `fraud.toml`: the features, read from every transaction; `docs/spec.md` explains the format
- `fraud.onnx`: the model, lowered into the module when it is built
- `decision.toml`: calibration, threshold and baselines, written by `fraud tune`
- `golden/vectors.csv`: feature vectors with onnxruntime's output, which the compiled engine must give
"""


if __name__ == "__main__":
    main()
