"""jupyterhub-singleuser without what a server of one person has no use for, in place of pip's script.

`import jupyterhub.singleuser` brings the hub along: its database models, SQLAlchemy and alembic, for the sake of one
class that log lines are compared with. jsonschema builds a grammar for IRIs, which no schema of Jupyter's holds. Both
together are more than half of a start. Nothing is taken away: what is put off is imported as soon as it is wanted.
Only this process is concerned; kernels, terminals and other programs import what they like. ONEHUB_PLAIN_START=1 in
the environment does without.
"""

import atexit
import contextlib
import importlib
import importlib.util
import os
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

_PLAIN = "ONEHUB_PLAIN_START"

_HUB_ONLY: dict[str, dict[str, object]] = {
    "sqlalchemy": {},
    # For a decorator of the hub's handlers.
    "sqlalchemy.exc": {"SQLAlchemyError": type("SQLAlchemyError", (Exception,), {})},
    "jupyterhub.orm": {},
    "jupyterhub.roles": {},
    # For log_request: requests to this handler are not worth a line, and only the hub has it.
    "jupyterhub.handlers.pages": {"HealthCheckHandler": type("HealthCheckHandler", (), {})},
}
"""What jupyterhub's modules for servers import of the hub, and what they read of it while they are imported."""


class StandIn(ModuleType):
    """In `sys.modules` in place of a module, which it imports when asked for anything that it was not given."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # the import system's own questions
            raise AttributeError(name)
        self.step_aside()
        return getattr(importlib.import_module(self.__name__), name)

    def step_aside(self) -> None:
        """Let the real module be found."""
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]


def import_without_the_hub() -> None:
    """Import what a server needs of jupyterhub, and none of what only the hub needs."""
    with _standing_in():
        importlib.import_module("jupyterhub.log")
        importlib.import_module("jupyterhub.services.auth")


@contextlib.contextmanager
def _standing_in() -> Iterator[None]:
    stand_ins = [StandIn(name) for name in _HUB_ONLY if name not in sys.modules]
    for stand_in in stand_ins:
        vars(stand_in).update(_HUB_ONLY[stand_in.__name__])
        sys.modules[stand_in.__name__] = stand_in
    try:
        yield
    finally:
        for stand_in in stand_ins:
            stand_in.step_aside()


def postpone_iri_grammar() -> None:
    """jsonschema imports rfc3987_syntax for the formats `iri` and `iri-reference`: 1.4 s, before any is checked."""
    name = "rfc3987_syntax"
    spec = importlib.util.find_spec(name)
    if spec is None or name in sys.modules:
        return
    stand_in = StandIn(name)

    def is_valid_syntax(term: str, value: str) -> bool:
        stand_in.step_aside()
        return bool(importlib.import_module(name).is_valid_syntax(term, value))

    given = {"is_valid_syntax": is_valid_syntax, "__spec__": spec, "__path__": spec.submodule_search_locations}
    vars(stand_in).update(given)
    sys.modules[name] = stand_in


def prepare() -> None:
    """Put off what can be put off."""
    postpone_iri_grammar()
    import_without_the_hub()


def end_at_once() -> None:
    """Leave the interpreter as it is: to take it apart is most of a stop, and twenty may stop together.

    For `atexit`, which calls it last, as the first that was registered: all else that has to end has ended.
    """
    with contextlib.suppress(OSError, ValueError):  # nobody reads any more
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(0)


if __name__ == "__main__":
    if not os.environ.pop(_PLAIN, ""):
        atexit.register(end_at_once)
        try:
            prepare()
        except Exception as error:  # noqa: BLE001 - a release unlike those that this was made for must start, too
            sys.stderr.write(f"jupyterhub-singleuser: starting without short cuts, as one failed: {error!r}\n")
            os.environ[_PLAIN] = "1"
            os.execv(sys.executable, [sys.executable, *sys.argv])  # noqa: S606 - itself, in a clean process
    from jupyterhub.singleuser import main

    status: object = "it did not end by itself"
    try:
        status = main()
    finally:
        if status:
            atexit.unregister(end_at_once)  # which knows of no status but 0
    sys.exit(status)
