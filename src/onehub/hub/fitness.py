"""The record of trials, as the hub reads it: which images may be offered."""

from __future__ import annotations

from pathlib import Path

from onehub.core.trials import FILE, Trials, read_trials


def recorded_trials(directory: Path) -> Trials:
    """What the command line wrote, as it is now. Raises OSError, ValueError for what cannot be read."""
    try:
        return read_trials((directory / FILE).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
