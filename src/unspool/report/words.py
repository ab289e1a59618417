"""How numbers, names and metrics are written for a reader."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

MINUS, THIN = "\N{MINUS SIGN}", "\N{NARROW NO-BREAK SPACE}"


@dataclass(frozen=True, slots=True)
class MetricWords:
    """`lower` is True where lower is better, False where higher is, None where neither; `unit` may hold `{unit}`, the target's own."""

    short: str
    full: str
    lower: bool | None
    unit: str = ""


METRICS = {
    "mae": MetricWords("MAE", "mean absolute error", True, "{unit}"),
    "rmse": MetricWords("RMSE", "root mean squared error", True, "{unit}"),
    "mase": MetricWords("MASE", "mean absolute scaled error", True, "naive = 1"),
    "mape": MetricWords("MAPE", "mean absolute percentage error", True, "%"),
    "smape": MetricWords("sMAPE", "symmetric percentage error", True, "%"),
    "pinball": MetricWords("Pinball", "pinball loss", True, "{unit}"),
    "crps": MetricWords("CRPS", "continuous ranked probability score", True, "{unit}"),
    "accuracy": MetricWords("Accuracy", "accuracy", False, "share"),
    "balanced_accuracy": MetricWords("Balanced accuracy", "balanced accuracy", False, "share"),
    "precision": MetricWords("Precision", "precision", False, "share"),
    "precision_macro": MetricWords("Macro precision", "macro precision", False, "share"),
    "recall": MetricWords("Recall", "recall", False, "share"),
    "recall_macro": MetricWords("Macro recall", "macro recall", False, "share"),
    "f1": MetricWords("F1", "F1", False, "0 to 1"),
    "f1_macro": MetricWords("Macro F1", "macro F1", False, "0 to 1"),
    "f1_micro": MetricWords("Micro F1", "micro F1", False, "0 to 1"),
    "f1_samples": MetricWords("F1 by record", "F1 of each record's labels, averaged", False, "0 to 1"),
    "precision_micro": MetricWords("Micro precision", "micro precision", False, "share"),
    "recall_micro": MetricWords("Micro recall", "micro recall", False, "share"),
    "subset_accuracy": MetricWords("Subset accuracy", "share of records with all labels right", False, "share"),
    "hamming_loss": MetricWords("Hamming loss", "share of labels that are wrong", True, "share"),
    "mean_average_precision": MetricWords("MAP", "mean average precision", False, "0 to 1"),
    "span_precision": MetricWords("Span precision", "precision of spans", False, "share"),
    "span_recall": MetricWords("Span recall", "recall of spans", False, "share"),
    "span_f1": MetricWords("Span F1", "F1 of spans", False, "0 to 1"),
    "roc_auc": MetricWords("ROC AUC", "area under the ROC curve", False, "0 to 1"),
    "log_loss": MetricWords("Log loss", "log loss", True, "nats"),
    "brier": MetricWords("Brier", "Brier score", True, "0 to 2"),
    "brier_score": MetricWords("Brier", "Brier score", True, "0 to 2"),
    "calibration_error": MetricWords("Calibration error", "expected calibration error", True, "0 to 1"),
    "perplexity": MetricWords("Perplexity", "perplexity", True, "words"),
    "bits_per_character": MetricWords("Bits", "bits per character", True, "a character"),
    "unknown": MetricWords("Unknown", "share of tokens that the train part lacks", None, "share"),
    "loss": MetricWords("Loss", "loss", True),
}
_FAMILIES = (
    (re.compile(r"(?:interval_)?coverage_?(.*)"), MetricWords("coverage", "interval coverage", None, "share")),
    (re.compile(r"(?:interval_)?width_?(.*)"), MetricWords("width", "mean interval width", None, "{unit}")),
    (re.compile(r"interval_score_?(.*)"), MetricWords("interval score", "interval score", True, "{unit}")),
)


def metric_words(name: str) -> MetricWords:
    """What a metric is called; one that is not known goes by its own name and is better in neither direction."""
    if name in METRICS:
        return METRICS[name]
    for pattern, words in _FAMILIES:
        match = pattern.fullmatch(name)
        if match:
            of = f"{match[1].replace('_', '.')}{THIN}% " if match[1] else ""
            return MetricWords(of + words.short, of + words.full, words.lower, words.unit)
    return MetricWords(plain(name), plain(name), None)


def plain(name: str) -> str:
    """A key as words."""
    return name.replace("_", " ").strip()


def number(value: float, digits: int = 4) -> str:
    """A number with `digits` significant digits, thousands apart; whole numbers in full."""
    if isinstance(value, int) or (float(value).is_integer() and abs(value) < 1e15):
        return signed(f"{int(value):,}")
    if not math.isfinite(value):
        return "\N{EN DASH}"
    size = abs(value)
    if size >= 1e15 or size < 1e-3:
        mantissa, exponent = f"{value:.{max(digits - 2, 0)}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{signed(mantissa)}{THIN}\N{MULTIPLICATION SIGN}{THIN}10{_superscript(int(exponent))}"
    return signed(f"{value:,.{_decimals(size, digits)}f}")


def _decimals(size: float, digits: int) -> int:
    return max(0, digits - 1 - math.floor(math.log10(size))) if size else 0


def _superscript(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def signed(text: str) -> str:
    """The text of a number with a true minus sign."""
    return text.replace("-", MINUS)


def column(values: Sequence[float | None], digits: int = 4) -> list[str]:
    """Numbers of one column with as many decimals each, so that they can be compared at a glance; a dash for None."""
    known = [abs(value) for value in values if value is not None and value != 0]
    if not known or not 1e-4 <= min(known) <= max(known) < 1e15:
        return ["\N{EN DASH}" if value is None else number(value, digits) for value in values]
    whole = all(size.is_integer() for size in map(float, known))
    decimals = 0 if whole else min(6, _decimals(float(np.median(known)), digits))
    return ["\N{EN DASH}" if value is None else signed(f"{value:,.{decimals}f}") for value in values]


def percent(share: float, decimals: int = 1) -> str:
    return signed(f"{100 * share:.{decimals}f}") + THIN + "%"


def duration(seconds: float) -> str:
    """A time span in its two largest units."""
    if seconds < 60:
        return f"{seconds:.{1 if seconds < 10 else 0}f}{THIN}s"
    parts, rest = [], round(seconds)
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        count, rest = divmod(rest, size)
        if count:
            parts.append(f"{count}{THIN}{unit}")
    return " ".join(parts[:2])


def counted(count: int, one: str, many: str = "") -> str:
    """A count and its noun."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def listed(names: Sequence[str], most: int = 8) -> str:
    """Names as a phrase, those after the first `most` as a count."""
    shown = list(names[:most])
    if len(names) > most:
        return ", ".join(shown) + f" and {len(names) - most:,} more"
    return " and ".join([", ".join(shown[:-1]), shown[-1]]) if len(shown) > 1 else "".join(shown)


def cut(text: str, longest: int = 60) -> str:
    return text if len(text) <= longest else text[: longest - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"


def chart_text(text: str, longest: int = 40) -> str:
    """Text for a chart, which reads tags and entities in it; they come out as they were written."""
    return escape(" ".join(cut(text, longest).split()), quote=False)
