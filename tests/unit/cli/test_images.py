from __future__ import annotations

import time

import pytest

from onehub.cli.images import _age, _chosen, _tried
from onehub.core.catalogue import Entry
from onehub.core.errors import OneHubError
from onehub.core.trials import Trial
from tests.unit.examples import OWN

TRIAL = Trial("lab", "1", "2026-01-01T00:00:00+00:00", "6.1.1", "6.1.1")


@pytest.mark.parametrize(("days", "words"), [(0, "today"), (1, "a day"), (40, "40 days")])
def test_an_age_is_in_days(days, words):
    assert _age(int(time.time()) - days * 86400 - 60) == words


@pytest.mark.parametrize(
    ("trial", "words"),
    [
        (None, "not yet"),
        (TRIAL, "passed"),
        (Trial("lab", "1", TRIAL.when, "6.1.1", problem="it has no kernel"), "failed: it has no kernel"),
    ],
)
def test_what_a_trial_said(trial, words):
    assert _tried(Entry("lab", ("default",), None, trial, "")) == words


def test_an_image_that_nobody_would_run_is_refused():
    assert _chosen(OWN, ("jupyterhub-user",)) == ["jupyterhub-user"]
    with pytest.raises(OneHubError, match="no profile and no setting names the image jupyterhub-usr") as caught:
        _chosen(OWN, ("jupyterhub-usr",))
    assert "jupyterhub-user" in caught.value.hint
