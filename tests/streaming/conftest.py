"""What tests of live models share."""

import pytest

from unspool import native


@pytest.fixture(params=["native", "interpreter"])
def engine(request, monkeypatch):
    if request.param == "interpreter":
        monkeypatch.setattr("unspool.native.library", lambda: None)
    elif native.library() is None:
        pytest.skip(native.why_not())
    return request.param
