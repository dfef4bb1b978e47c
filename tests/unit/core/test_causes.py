"""What was seen → why. The logs are real ones: tests/e2e/test_failed_starts.py gets them anew."""

from __future__ import annotations

import pytest

from onehub.core import causes
from onehub.core.causes import CAUSES, Cause, Evidence, diagnose
from onehub.core.names import RESCUE_IMAGE

NO_PROGRAM = (
    "failed to create shim task: OCI runtime create failed: runc create failed: unable to start container process: "
    'exec: "jupyterhub-singleuser": executable file not found in $PATH: unknown'
)
UNREACHED = (
    "[E 2026-11-23 09:03:29.347 JupyterHubSingleUser] Failed to connect to my Hub at http://hub:8081/hub/api "
    "(attempt 1/5). Is it running?",
    "    Traceback (most recent call last):",
    '      File "/opt/jupyter/lib/python3.13/site-packages/jupyterhub/singleuser/extension.py", line 370, in check',
    "        resp = await fetch(",
    "    aiohttp.client_exceptions.ClientConnectorDNSError: Cannot connect to host hub:8081 ssl:default",
)
TOO_OLD = (
    "Traceback (most recent call last):",
    '  File "/opt/jupyter/lib/python3.13/site-packages/jupyterhub/spawner.py", line 9, in <module>',
    "    import pipes",
    "ModuleNotFoundError: No module named 'pipes'",
)
NOT_JUPYTERHUBS = (
    '  File "/opt/jupyter/lib/python3.13/site-packages/jupyterhub/singleuser/app.py", line 9, in <module>',
    "    from .extension import x",
    '  File "/home/jovyan/.jupyter/jupyter_config.py", line 1, in <module>',
    "ValueError: a slip",
    "ImportError: told later",
)


@pytest.mark.parametrize(
    ("seen", "cause"),
    [
        (Evidence(missing=True, error="404 Client Error"), causes.IMAGE_MISSING),
        (Evidence(oom_killed=True, exit_code=137), causes.OUT_OF_MEMORY),
        (Evidence(exit_code=1, log=("MemoryError",)), causes.OUT_OF_MEMORY),
        (Evidence(error=NO_PROGRAM, exit_code=127), causes.NO_SINGLEUSER),
        (Evidence(error='exec: "/start.sh": permission denied: unknown'), causes.NO_SINGLEUSER),
        (Evidence(error="invalid mount config: /srv/data: no such file or directory"), causes.DOCKER),
        (Evidence(error="write /home/jovyan/work: no space left on device"), causes.HOME_FULL),
        (Evidence(error="500 Server Error: driver failed"), causes.DOCKER),
        (Evidence(error='could not select device driver "" with capabilities: [[gpu]]'), causes.NO_GPU),
        (Evidence(error="failed to discover GPU vendor from CDI: no known GPU vendor found"), causes.NO_GPU),
        (Evidence(error="nvidia-container-cli: initialization error: nvml error: driver not loaded"), causes.NO_GPU),
        (
            Evidence(
                exit_code=127, log=("[FATAL tini (7)] exec jupyterhub-singleuser failed: No such file or directory",)
            ),
            causes.NO_SINGLEUSER,
        ),
        (Evidence(exit_code=127, command="lab.sh --x", log=("tini: exec lab.sh failed",)), causes.NO_SINGLEUSER),
        (Evidence(exit_code=1, log=("ModuleNotFoundError: No module named 'jupyterhub'",)), causes.NO_SINGLEUSER),
        (Evidence(exit_code=1, log=("OSError: [Errno 28] No space left on device",)), causes.HOME_FULL),
        (Evidence(exit_code=1, log=("OSError: [Errno 122] Disk quota exceeded",)), causes.HOME_FULL),
        (Evidence(log=UNREACHED), causes.HUB_OUT_OF_REACH),
        (Evidence(exit_code=1, log=UNREACHED), causes.HUB_OUT_OF_REACH),
        (Evidence(exit_code=1, log=TOO_OLD), causes.VERSION_MISMATCH),
        (
            Evidence(exit_code=1, log=("jupyterhub version 6.1.1 != jupyterhub-singleuser version 0.9.6.",)),
            causes.VERSION_MISMATCH,
        ),
        (Evidence(log=("waiting for Godot",)), causes.SILENT),
        (Evidence(exit_code=137), causes.KILLED),
        (Evidence(exit_code=143), causes.KILLED),
    ],
)
def test_what_was_seen_tells_the_cause(seen: Evidence, cause: Cause):
    assert diagnose(seen) == cause


@pytest.mark.parametrize(
    ("seen", "words"),
    [
        (Evidence(exit_code=3), "with exit code 3 and without a word"),
        (
            Evidence(exit_code=3, log=("first", "the licence server\x1b[31m is down  ", " ")),
            "with exit code 3 and these last words: the licence server [31m is down",
        ),
        (Evidence(exit_code=1, log=("x" * 300,)), f"with exit code 1 and these last words: {'x' * 200}"),
        (
            Evidence(exit_code=127, log=("/start.sh: 3: module: not found",)),
            "with exit code 127 and these last words: /start.sh: 3: module: not found",
        ),
        (
            Evidence(exit_code=1, log=NOT_JUPYTERHUBS),
            "with exit code 1 and these last words: ImportError: told later",
        ),
    ],
)
def test_an_exit_that_nothing_explains_is_told_in_the_images_own_words(seen, words):
    cause = diagnose(seen)
    assert cause.kind == "exited"
    assert cause.words == (
        f"The server ended while it started, {words} – Please tell the people who run this service. "
        "Until then, a rescue server gets you to your files."
    )


def test_every_cause_has_words_and_a_fix_of_its_own():
    every = [value for value in vars(causes).values() if isinstance(value, Cause)]
    assert sorted(cause.kind for cause in CAUSES) == sorted(cause.kind for cause in every)
    assert len({cause.kind for cause in CAUSES}) == len({cause.words for cause in CAUSES}) == len(CAUSES)
    assert all(cause.words.endswith(".") and cause.fix for cause in CAUSES)


def test_a_rescue_image_that_is_missing_is_built_by_another_command():
    cause = diagnose(Evidence(image=RESCUE_IMAGE, missing=True))
    assert (cause.kind, cause.fix) == ("image-missing", "`make build` builds it")
    assert cause.words == (
        "The image of the rescue server is not installed. Please tell the people who run this service."
    )


def test_a_pull_that_failed_is_told_in_the_registrys_words():
    cause = diagnose(Evidence(image="quay.io/lab:1", missing=True, pull="unauthorized:\nwho are you?"))
    assert cause.kind == "image-missing"
    assert cause.words.startswith("The server image quay.io/lab:1 could not be had: unauthorized: who are you?")
    assert cause.fix == "`onehub images pull quay.io/lab:1`, with this host's docker login"
