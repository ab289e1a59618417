"""From errors to messages and exit codes."""

from __future__ import annotations

import errno
import subprocess
import sys

import pytest

from unspool import errors
from unspool.cli import main


def raising(error):
    def load(folder):
        raise error

    return load


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.UnspoolError("a b c"), 1),
        (errors.TrainingError("a b c"), 1),
        (errors.VerificationError("a b c"), 1),
        (errors.Interrupted("a b c"), 130),
        (errors.InputError("a b c"), 2),
        (errors.SpecError("a b c"), 2),
        (errors.DataError("a b c"), 2),
        (errors.BundleError("a b c"), 2),
        (errors.LiveError("a b c"), 2),
        (errors.MissingExtra("a b c"), 2),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else str(value),
)
def test_an_error_is_one_message_and_its_exit_code(fake_run, capsys, error, code):
    fake_run.load = raising(error)
    assert main(["evaluate", "run"]) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "unspool: a b c\n"


def test_every_error_there_is_stands_in_the_table_above():
    tree = {errors.UnspoolError, *_below(errors.UnspoolError)}
    (mark,) = test_an_error_is_one_message_and_its_exit_code.pytestmark
    assert {type(error) for error, _ in mark.args[1]} == {kind for kind in tree if kind.__module__ == "unspool.errors"}


def _below(kind):
    return [found for child in kind.__subclasses__() for found in (child, *_below(child))]


def test_a_defect_is_a_short_line_without_a_traceback(fake_run, capsys):
    fake_run.load = raising(KeyError("horizon"))
    assert main(["evaluate", "run"]) == 1
    assert capsys.readouterr().err == "unspool: KeyError: 'horizon' (a defect of unspool; `unspool --debug ...` shows where)\n"


@pytest.mark.parametrize("error", [KeyError("horizon"), errors.DataError("a b c")])
def test_debug_shows_the_traceback(fake_run, capsys, error):
    fake_run.load = raising(error)
    main(["--debug", "evaluate", "run"])
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_an_operating_system_error_names_the_file(fake_run, capsys):
    fake_run.load = raising(OSError(errno.ENOSPC, "No space left on device", "run/weights.safetensors"))
    assert main(["evaluate", "run"]) == 1
    assert capsys.readouterr().err == "unspool: run/weights.safetensors: No space left on device\n"


def test_control_c_is_130(fake_run, capsys):
    fake_run.load = raising(KeyboardInterrupt())
    assert main(["evaluate", "run"]) == 130
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [["fly"], ["train"], ["train", "spec.yaml"], ["train", "spec.yaml", "--out"], ["check", "a", "b"], ["evaluate", "run", "--speed"],
     ["train", "s", "--out", "d", "--seed", "one"], ["init", "--task", "dance"], ["--loud"], []],
    ids=" ".join,
)  # fmt: skip
def test_a_wrong_command_line_is_exit_code_2_and_stdout_stays_empty(fake_run, capsys, arguments):
    assert main(arguments) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert "Usage: unspool" in printed.err or printed.err.startswith("Error: ")
    assert fake_run.calls == []


@pytest.mark.parametrize("verb", ["evaluate", "verify"])
def test_a_folder_that_is_not_there_is_named(fake_run, capsys, verb, tmp_path):
    assert main([verb, str(tmp_path / "nowhere")]) == 2
    assert str(tmp_path / "nowhere") in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["--version"], ["init"]], ids=" ".join)
def test_a_reader_that_leaves_early_is_told_nothing(arguments, tmp_path):
    arguments = [*arguments, *([str(tmp_path)] if arguments == ["init"] else [])]
    code = f"import sys; from unspool.cli import main; sys.exit(main({arguments!r}))"
    running = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    running.stdout.close()
    told = running.stderr.read()
    running.stderr.close()
    assert running.wait(timeout=60) == 1
    assert told == b""
