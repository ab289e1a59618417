"""Numbers about a result, from numpy arrays alone: how far, how sure, how often right.

Every metric takes the truth first and leaves out what is unknown in it: NaN for numbers, -1 for classes. No metric
answers NaN: what it cannot judge is a `DataError` that says why.
"""

from unspool.metrics.classify import (
    ClassScores,
    ReliabilityBin,
    accuracy,
    balanced_accuracy,
    brier_score,
    calibration_error,
    confusion_matrix,
    f1,
    log_loss,
    per_class,
    precision,
    recall,
    reliability,
    roc_auc,
)
from unspool.metrics.forecast import mae, mape, mase, rmse, seasonal_scale, smape
from unspool.metrics.language import bits_per_character, perplexity
from unspool.metrics.probabilistic import (
    coverage,
    crps_from_quantiles,
    interval_score,
    interval_width,
    pinball,
    pinball_by_level,
)
from unspool.metrics.sequences import SpanScores, span_scores, token_accuracy

__all__ = [
    "ClassScores",
    "ReliabilityBin",
    "SpanScores",
    "accuracy",
    "balanced_accuracy",
    "bits_per_character",
    "brier_score",
    "calibration_error",
    "confusion_matrix",
    "coverage",
    "crps_from_quantiles",
    "f1",
    "interval_score",
    "interval_width",
    "log_loss",
    "mae",
    "mape",
    "mase",
    "per_class",
    "perplexity",
    "pinball",
    "pinball_by_level",
    "precision",
    "recall",
    "reliability",
    "rmse",
    "roc_auc",
    "seasonal_scale",
    "smape",
    "span_scores",
    "token_accuracy",
]
