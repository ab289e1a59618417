import re
from pathlib import Path

import numpy as np
import pytest

from unspool import report
from unspool.report.classify import TURN

STYLE = (Path(report.__file__).parent / "style.css").read_text()
LIGHT, DARK = (dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6})", part)) for part in STYLE.split("@media (prefers-color-scheme: dark)")[:2])
SCHEMES = pytest.mark.parametrize("scheme", [LIGHT, DARK], ids=["light", "dark"])
AA = 4.5


def channels(colour):
    return np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255


def contrast(one, other):
    """WCAG 2: the ratio of relative luminances."""
    linear = [np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4) for c in (one, other)]
    low, high = sorted(float(c @ [0.2126, 0.7152, 0.0722]) + 0.05 for c in linear)
    return high / low


@SCHEMES
@pytest.mark.parametrize("name", ["--ink", "--soft", "--good", "--bad", "--even", "--model", *(f"--base-{i}" for i in range(6))])
def test_every_ink_stands_out_from_the_paper(scheme, name):
    assert contrast(channels(scheme[name]), channels(scheme["--paper"])) >= AA


@SCHEMES
def test_numbers_stand_out_from_every_shade_of_the_matrix(scheme):
    low, middle, high = (channels(scheme[f"--heat-{i}"]) for i in range(3))
    for share in np.linspace(0, 1, 201):
        shade = low + (middle - low) * 2 * share if share <= 0.5 else middle + (high - middle) * (2 * share - 1)
        ink = scheme["--heat-ink-high" if share > TURN else "--heat-ink-low"]
        assert contrast(shade, channels(ink)) >= AA, share
