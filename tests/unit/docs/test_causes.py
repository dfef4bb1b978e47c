"""The table of causes says what core/causes.py says, and each cause is provoked for real."""

from __future__ import annotations

import re
from pathlib import Path

from onehub.core.causes import CAUSES

ROOT = Path(__file__).parents[3]
PAGE = ROOT / "docs" / "how-to" / "why-a-server-did-not-start.md"
FAULTS = ROOT / "tests" / "e2e" / "test_failed_starts.py"
_ROW = re.compile(r"^\| `([a-z-]+)` \| (.*?) \| (.*?) \| `(test_[a-z_]+)` \|$", re.MULTILINE)


def test_the_table_has_every_cause_with_its_words_and_its_fix():
    rows = [row[:3] for row in _ROW.findall(PAGE.read_text(encoding="utf-8"))]
    assert rows == [(cause.kind, cause.words, cause.fix) for cause in CAUSES]


def test_every_cause_is_provoked_by_a_test_with_real_containers():
    tests = FAULTS.read_text(encoding="utf-8")
    for kind, _, _, test in _ROW.findall(PAGE.read_text(encoding="utf-8")):
        body = re.search(rf"^def {test}\(.*?(?=^def |\Z)", tests, re.MULTILINE | re.DOTALL)
        assert body, test
        assert f'"{kind}"' in body[0], kind
