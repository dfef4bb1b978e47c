"""One running demo for all tests with Docker; its logs appear where a test fails."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from tests.contract.ds389 import ds389  # noqa: F401
from tests.contract.samba import samba, second_dc  # noqa: F401
from tests.e2e.deployment import TestDeployment


@pytest.fixture(scope="session")
def deployment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestDeployment]:
    """`onehub demo` in a directory of its own; installs Docker where there is none."""
    made = TestDeployment.create(tmp_path_factory.mktemp("hub"), f"onehub-test-{os.getpid()}")
    try:
        made.onehub("demo")
        yield made
    finally:
        made.remove()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = yield
    if report.failed:
        for made in getattr(item, "funcargs", {}).values():
            if isinstance(made, TestDeployment):
                report.sections.append((f"containers of {made.project}", made.logs()))
    return report
