"""Every error that Unspool raises on purpose.

    UnspoolError              our failure, exit code 1
    |-- TrainingError         training cannot go on (a loss that is not finite)
    |-- VerificationError     two ways of running one model disagree
    |-- Interrupted           stopped by the user, resumable, exit code 130
    `-- InputError            the user's input, exit code 2
        |-- SpecError         a run's YAML file
        |-- DataError         raw data
        |-- BundleError       a run folder or one of its files
        |-- LiveError         what is asked of a live session
        `-- MissingExtra      an optional package that is not installed

A message says what is wrong, where, what was got, what was wanted, and how to mend it.
"""

from __future__ import annotations


class UnspoolError(Exception):
    """The root of the tree; its exit code is what the command line returns."""

    exit_code = 1


class TrainingError(UnspoolError):
    """Training cannot go on."""


class VerificationError(UnspoolError):
    """Two ways of running one model gave different answers."""


class Interrupted(UnspoolError):
    """The user stopped the work; the message says how to go on."""

    exit_code = 130


class InputError(UnspoolError):
    """Something the user gave cannot be used as it is."""

    exit_code = 2


class SpecError(InputError):
    """A run's specification is wrong; the message names the key and the line."""


class DataError(InputError):
    """Raw data is wrong; the message names the file, row and column where there is one."""


class BundleError(InputError):
    """A run folder is missing, damaged or of another version."""


class LiveError(InputError):
    """A live session was asked for something that its model cannot do."""


class MissingExtra(InputError):
    """An optional package is needed; the message names the extra to install."""
