"""Takes down the stages of a rehearsal while they happen, each with its time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from onehub.core.rehearsal import Level, Stage

from .directory.session import DirectoryDown


class Ended(Exception):
    """Nothing after this stage can be asked. `because` is set where it is the person's fault, not the directory's."""

    def __init__(self, because: str = "") -> None:
        super().__init__(because)
        self.because = because


@dataclass
class Draft:
    """A stage that goes on."""

    about: str
    subject: str = ""
    level: Level = "ok"
    text: str = ""
    details: tuple[str, ...] = ()
    fix: str = ""
    begun: float = 0.0

    def warn(self, text: str, fix: str) -> None:
        """It does, but not for long or not well."""
        self.level, self.text, self.fix = "warning", text, fix

    def fail(self, text: str, fix: str = "") -> Ended:
        """It does not. The answer is to be raised."""
        self.level, self.text, self.fix = "failed", text, fix
        return Ended()

    def refuse(self, because: str, text: str = "", fix: str = "") -> Ended:
        """The directory answers, and this person may not. The answer is to be raised."""
        self.fail(text or because, fix)
        return Ended(because)


class Notes:
    """The stages so far. `fail` and `stages` may be used from another thread, when time is over."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self.stages: list[Stage] = []
        self._clock = clock
        self._open: Draft | None = None

    @contextmanager
    def stage(self, about: str, subject: str = "", fix: str = "") -> Iterator[Draft]:
        """One stage. Where the directory fails in it, `fix` is what to type. Raises Ended then."""
        draft = self._open = Draft(about, subject, begun=self._clock())
        try:
            yield draft
        except DirectoryDown as error:
            ended = draft.fail(str(error), fix)
            self._close()
            raise ended from error
        except Ended:
            self._close()
            raise
        self._close()

    def _close(self) -> None:
        draft, self._open = self._open, None
        if draft:
            took = round((self._clock() - draft.begun) * 1000)
            self.stages.append(
                Stage(draft.about, draft.level, draft.text, draft.subject, took, draft.details, draft.fix)
            )

    def fail(self, about: str, text: str, fix: str = "") -> None:
        """End the open stage, or else one called `about`: the conversation broke off in the middle."""
        self._open = self._open or Draft(about, begun=self._clock())
        self._open.fail(text, fix)
        self._close()

    def soften(self) -> None:
        """Failures so far do not matter much: another server answers."""
        self.stages = [
            replace(stage, level="warning", text=f"{stage.text}; another server answers")
            if stage.level == "failed"
            else stage
            for stage in self.stages
        ]

    def skip(self, *abouts: str, subject: str = "") -> None:
        """These were not reached."""
        self.stages += [Stage(about, "not reached", subject=subject) for about in abouts]
