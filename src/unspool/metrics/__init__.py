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
from unspool.metrics.multilabel import (
    average_precision,
    hamming_loss,
    mean_average_precision,
    multilabel_f1,
    multilabel_log_loss,
    multilabel_precision,
    multilabel_recall,
    multilabel_roc_auc,
    per_label,
    subset_accuracy,
)
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
    "average_precision",
    "balanced_accuracy",
    "bits_per_character",
    "brier_score",
    "calibration_error",
    "confusion_matrix",
    "coverage",
    "crps_from_quantiles",
    "f1",
    "hamming_loss",
    "interval_score",
    "interval_width",
    "log_loss",
    "mae",
    "mape",
    "mase",
    "mean_average_precision",
    "multilabel_f1",
    "multilabel_log_loss",
    "multilabel_precision",
    "multilabel_recall",
    "multilabel_roc_auc",
    "per_class",
    "per_label",
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
    "subset_accuracy",
    "token_accuracy",
]
