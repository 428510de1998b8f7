"""Makes the golden figures of packages/headstart/src/evaluation: what scikit-learn and SciPy say of small made-up answers.

    python bench/peers/sklearn_goldens.py packages/headstart/test/fixtures/evaluation

writes measures.json. A case's probabilities are whole numbers, each divided by the sum of its row, so that both sides compute the same doubles.
Of equal probabilities Headstart prefers the first class and top_k_accuracy_score the last, so that one is asked with the classes reversed.
Needs scikit-learn and scipy.
"""
import json
import os
import sys
import warnings

import numpy as np
from scipy.optimize import brentq
from scipy.special import log_softmax, softmax
from scipy.stats import binomtest
from sklearn import metrics
from sklearn.calibration import calibration_curve

warnings.filterwarnings("ignore")
rng = np.random.default_rng(6)


def number(value):
    value = float(value)
    return value if np.isfinite(value) else None


def numbers(values):
    return [number(value) for value in values]


def areas(p, y, weights=None):
    """Each class against the others; None where scikit-learn has no figure."""
    roc, precision = [], []
    for c in range(p.shape[1]):
        own = y == c
        roc.append(metrics.roc_auc_score(own, p[:, c], sample_weight=weights) if 0 < own.sum() < len(y) else None)
        precision.append(metrics.average_precision_score(own, p[:, c], sample_weight=weights) if own.any() else None)
    return roc, precision


def mean(values):
    return float(np.mean([value for value in values if value is not None]))


def figures(p, y, weights=None):
    classes = np.arange(p.shape[1])
    predicted = p.argmax(1)
    confidence, correct = p.max(1), predicted == y
    shares = metrics.precision_recall_fscore_support(y, predicted, labels=classes, zero_division=np.nan, sample_weight=weights)
    macro = metrics.precision_recall_fscore_support(y, predicted, labels=classes, average="macro", zero_division=np.nan, sample_weight=weights)
    roc, precision = areas(p, y, weights)
    onehot = np.eye(len(classes))[y]
    clipped = np.maximum(p, 1e-7)
    found = {
        "confusion": metrics.confusion_matrix(y, predicted, labels=classes, sample_weight=weights).tolist(),
        "accuracy": metrics.accuracy_score(y, predicted, sample_weight=weights),
        "balancedAccuracy": metrics.balanced_accuracy_score(y, predicted, sample_weight=weights),
        "perClass": [{"precision": number(a), "recall": number(b), "f1": number(c)} for a, b, c in zip(*shares[:3])],
        "macro": {"precision": number(macro[0]), "recall": number(macro[1]), "f1": number(macro[2])},
        "rocAreas": roc,
        "rocArea": mean(roc) if any(value is not None for value in roc) else None,
        "averagePrecisions": precision,
        "averagePrecision": mean(precision),
        "logLoss": metrics.log_loss(onehot, clipped, sample_weight=weights) if len(classes) > 2 else metrics.log_loss(y, clipped, labels=classes, sample_weight=weights),
        "brier": metrics.brier_score_loss(y, p[:, 1] if len(classes) == 2 else p, labels=classes, scale_by_half=False, sample_weight=weights),
    }
    if len(classes) > 2:
        for k in (2, 3):
            if k < len(classes):
                found[f"top{k}"] = metrics.top_k_accuracy_score(len(classes) - 1 - y, p[:, ::-1], k=k, labels=classes, sample_weight=weights)
    if weights is None:
        share, middle = calibration_curve(correct, confidence, n_bins=10, strategy="uniform")
        count = np.bincount(np.searchsorted(np.linspace(0, 1, 11)[1:-1], confidence), minlength=10)
        filled = iter(zip(share, middle))
        bins = [(int(n), *(numbers(next(filled)) if n else (None, None))) for n in count]
        found["bins"] = [{"photos": n, "accuracy": a, "confidence": c} for n, a, c in bins]
        found["calibrationError"] = sum(n * abs(a - c) for n, a, c in bins if n) / len(y)
    return found


def curves(p, y):
    false, true, at = metrics.roc_curve(y == 1, p[:, 1], drop_intermediate=False)
    precision, recall, thresholds = metrics.precision_recall_curve(y == 1, p[:, 1])
    return {
        "roc": [[number(a), number(b), number(c)] for a, b, c in zip(false, true, at)],
        "precisionRecall": [[number(a), number(b), number(c)] for a, b, c in zip(precision, recall, [*thresholds, np.inf])][::-1],
    }


def case(name, parts, y, weights=None):
    parts = np.asarray(parts)
    p = parts / parts.sum(1, keepdims=True)
    y = np.asarray(y)
    made = {"name": name, "parts": parts.tolist(), "labels": y.tolist(), "figures": figures(p, y)}
    if weights is not None:
        made["weights"] = np.asarray(weights).tolist()
        made["weighted"] = figures(p, y, weights)
    if (y == 1).any() and (y != 1).any():
        made["curves"] = curves(p, y)
    return made


def drawn(photos, classes, most):
    """Answers that are right more often than not."""
    y = rng.integers(0, classes, photos)
    parts = rng.integers(1, most, (photos, classes))
    parts[np.arange(photos), y] += rng.integers(0, 2 * most, photos)
    return parts, y


binary, ten, ties = drawn(60, 2, 1000), drawn(80, 10, 1000), drawn(50, 3, 4)
absent = drawn(40, 4, 500)
absent[1][absent[1] == 2] = 0
sure = np.array([[10**15, 1, 0], [1, 10**12, 3], [0, 5, 10**14], [10**9, 7, 1], [2, 1, 10**10], [1, 10**13, 0]])
edges = np.array([[i, 10 - i] for i in range(11)])
cases = [
    case("two classes", *binary, rng.integers(0, 4, 60)),
    case("ten classes", *ten, rng.integers(0, 3, 80)),
    case("ties", *ties),
    case("a class without photos", *absent),
    case("equal probabilities", np.ones((9, 3), int), [0, 1, 2] * 3),
    case("tiny probabilities", sure, [0, 1, 2, 1, 0, 2]),
    case("confidences on the edges of bins", edges, [1, 0, 1, 0, 1, 1, 0, 1, 0, 0, 0]),
    case("one photo", [[3, 1, 4]], [2]),
]

bounds = [[k, n, c, float(binomtest(k, n, alternative="greater").proportion_ci(c, method="exact").low)]
          for k, n, c in [(0, 5, 0.95), (1, 1, 0.95), (5, 5, 0.95), (59, 59, 0.95), (99, 100, 0.95), (145, 153, 0.99), (3, 200, 0.9), (19_500, 20_000, 0.997), (19_999, 20_000, 0.95)]]


def temperature(photos, classes, scale):
    y = rng.integers(0, classes, photos)
    z = rng.normal(size=(photos, classes)) + 2 * np.eye(classes)[y]
    z = np.round(z * scale, 3)
    own = z[np.arange(photos), y]
    slope = lambda b: ((softmax(z * b, 1) * z).sum(1) - own).mean()
    found = brentq(slope, 0.05, 20, xtol=1e-15, rtol=1e-15)
    return {"logits": z.tolist(), "labels": y.tolist(), "temperature": 1 / found, "loss": -log_softmax(z * found, 1)[np.arange(photos), y].mean()}


fits = [temperature(40, 2, 1), temperature(50, 5, 3), temperature(30, 3, 0.2)]
os.makedirs(sys.argv[1], exist_ok=True)
with open(f"{sys.argv[1]}/measures.json", "w") as file:
    json.dump({"cases": cases, "bounds": bounds, "temperatures": fits}, file, separators=(",", ":"))
    file.write("\n")
