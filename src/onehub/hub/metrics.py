"""What the hub counts about sign-ins and the directory, on its `/metrics`."""

from __future__ import annotations

from prometheus_client import Counter, Gauge, Histogram

from onehub.core.obstacles import Obstacle

DIRECTORY_SECONDS = Histogram(
    "onehub_directory_seconds",
    "How long the directory took, from the first server tried to the last answer",
    ["question"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30),
)
DIRECTORY_FAILURES = Counter(
    "onehub_directory_failures", "Questions that the directory could not be asked, by kind", ["kind"]
)
DIRECTORY_SERVER_UP = Gauge(
    "onehub_directory_server_up", "Whether a server answered when it was last tried", ["server"]
)
SIGN_INS = Counter("onehub_sign_ins", "Sign-ins by what came of them: `admitted`, or the reason against", ["result"])
# From zero: whoever draws a rate must not miss the first event.
for _obstacle in Obstacle:
    SIGN_INS.labels(result=_obstacle.kind)
SIGN_INS.labels(result="admitted")
for _kind in ("busy", "silent", "refused", "tls", "dns", "lookup", "base", "down", "broken", "protocol"):
    DIRECTORY_FAILURES.labels(kind=_kind)
EXPELLED = Counter("onehub_expelled", "People who lost access while they were signed in")
