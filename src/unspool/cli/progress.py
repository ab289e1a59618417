"""How training goes, for a person: a live bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from time import monotonic

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as Bar

from unspool import native
from unspool.training.hooks import Encoding, Ending, Hook, Progress

SECONDS_BETWEEN_LINES = 10.0

_ENDINGS: dict[Ending, str] = {"early": "stopped: no improvement any more", "finished": "finished"}


class ProgressHook(Hook):
    """A bar where `console` is a terminal, lines where it is not."""

    def __init__(self, console: Console | None = None, clock: Callable[[], float] = monotonic):
        console = Console() if console is None else console
        self._shown: Hook = LiveBar(console) if console.is_terminal else PlainLines(console, clock)

    def encoding(self, progress: Encoding) -> None:
        self._shown.encoding(progress)

    def started(self, progress: Progress, notes: Sequence[str]) -> None:
        self._shown.started(progress, (*notes, *_about_engine()))

    def stepped(self, progress: Progress) -> None:
        self._shown.stepped(progress)

    def judged(self, progress: Progress) -> None:
        self._shown.judged(progress)

    def stopped(self, progress: Progress, ending: Ending) -> None:
        self._shown.stopped(progress, ending)


class LiveBar(Hook):
    """One bar over all epochs, with the numbers of the moment beside it."""

    def __init__(self, console: Console):
        self.console = console
        self._bar = Bar(TextColumn("epoch {task.fields[epoch]}"), BarColumn(), TextColumn("{task.description}"), console=console)
        self._task = self._bar.add_task("", start=True, total=None, epoch="")
        self._texts = Bar(TextColumn("texts"), BarColumn(), TextColumn("{task.description}"), console=console)

    def encoding(self, progress: Encoding) -> None:
        if not self._texts.task_ids:
            self._texts.add_task("")
            self._texts.start()
        self._texts.update(self._texts.task_ids[0], completed=progress.done, total=progress.texts, description=_texts(progress))
        if progress.ended:
            self._texts.stop()

    def started(self, progress: Progress, notes: Sequence[str]) -> None:
        _tell(self.console, notes)
        self._bar.start()
        self._show(progress)

    def stepped(self, progress: Progress) -> None:
        self._show(progress)

    def judged(self, progress: Progress) -> None:
        self._show(progress)

    def stopped(self, progress: Progress, ending: Ending) -> None:
        self._show(progress)
        self._bar.stop()
        if ending in _ENDINGS:
            _write(self.console, _ended(progress, ending))

    def _show(self, progress: Progress) -> None:
        self._bar.update(
            self._task,
            completed=(progress.epoch - 1) * progress.steps + progress.step,
            total=progress.epochs * progress.steps,
            description=_numbers(progress),
            epoch=f"{progress.epoch}/{progress.epochs}",
        )


class PlainLines(Hook):
    """A line an epoch, and within a long epoch one every so often."""

    def __init__(self, console: Console, clock: Callable[[], float] = monotonic):
        self.console = console
        self._clock = clock
        self._last = 0.0

    def encoding(self, progress: Encoding) -> None:
        if progress.ended or self._clock() - self._last >= SECONDS_BETWEEN_LINES:
            self._line(f"vectors in context: {_texts(progress)}")

    def started(self, progress: Progress, notes: Sequence[str]) -> None:
        self._last = self._clock()
        _tell(self.console, notes)

    def stepped(self, progress: Progress) -> None:
        if self._clock() - self._last >= SECONDS_BETWEEN_LINES:
            self._line(f"epoch {progress.epoch}/{progress.epochs}  batch {progress.step}/{progress.steps}  {_numbers(progress)}")

    def judged(self, progress: Progress) -> None:
        self._line(f"epoch {progress.epoch}/{progress.epochs}  {_numbers(progress)}")

    def stopped(self, progress: Progress, ending: Ending) -> None:
        if ending in _ENDINGS:
            self._line(_ended(progress, ending))

    def _line(self, text: str) -> None:
        self._last = self._clock()
        _write(self.console, text)


def duration(seconds: float) -> str:
    """8 s, 3:08 or 1:03:08."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    hours, minutes, rest = whole // 3600, whole // 60 % 60, whole % 60
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def _numbers(progress: Progress) -> str:
    parts = [f"loss {progress.loss:.4g}"]
    # The first metric is the one that decides.
    parts += [f"{name} {'-' if value is None else format(value, '.4g')}" for name, value in list(progress.metrics.items())[:1]]
    parts += [f"rate {progress.rate:.3g}"]
    parts += [f"{duration(progress.remaining)} left"] if progress.remaining else []
    return "  ".join(parts)


def _texts(progress: Encoding) -> str:
    left = f", {duration(progress.remaining)} left" if progress.remaining else ""
    return f"{progress.done:,} of {progress.texts:,} texts{left}"


def _ended(progress: Progress, ending: Ending) -> str:
    return f"{_ENDINGS[ending]} after epoch {progress.epoch} of {progress.epochs}, {duration(progress.seconds)}"


def _about_engine() -> tuple[str, ...]:
    problem = native.why_not()
    return (f"the native engine is not there, and recurrent layers run several times slower: {problem}",) if problem else ()


def _tell(console: Console, notes: Sequence[str]) -> None:
    for note in notes:
        _write(console, f"note: {note}")


def _write(console: Console, text: str) -> None:
    console.print(text, markup=False, highlight=False, soft_wrap=True)
