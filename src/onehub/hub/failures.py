"""Records of starts that failed: the whole evidence, for the operator, for a while."""

from __future__ import annotations

import dataclasses
import json
import re
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from onehub.core.causes import Cause, Evidence

_UNSAFE = re.compile(r"[^a-z0-9_.-]")


class Failures:
    """A folder with a file for each failed start."""

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = folder
        self._keep = keep

    def record(self, reference: str, name: str, server: str, cause: Cause, seen: Evidence) -> None:
        """Write one down, and forget those that are too old."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        for old in self._folder.glob("*.json"):
            if time.time() - old.stat().st_mtime > self._keep:
                old.unlink(missing_ok=True)
        when = datetime.now(UTC)
        record: dict[str, Any] = {
            "reference": reference,
            "when": when.isoformat(timespec="seconds"),
            "person": name,
            "server": server,
            "cause": dataclasses.asdict(cause),
            "evidence": dataclasses.asdict(seen),
        }
        file = self._folder / f"{when:%Y%m%dT%H%M%S}-{_UNSAFE.sub('_', name)}-{reference}.json"
        temporary = file.with_suffix(".new")
        temporary.touch(mode=0o600)
        temporary.write_text(json.dumps(record, indent=1, ensure_ascii=False), encoding="utf-8")
        temporary.replace(file)
