"""A process of its own that reads the records of failed starts: the question on stdin, the answer on stdout."""

from __future__ import annotations

import sys
from pathlib import Path

from onehub.core.failures import FOLDER, MOUNT, Answer, Question, choose

from .failures import Failures


def answer(question: Question, folder: Path) -> Answer:
    """What is asked for; the folder is there only after a start has failed."""
    kept, unreadable = Failures(folder).kept()
    return Answer(choose(question, kept), unreadable)


def main() -> None:
    """Ask and answer."""
    question = Question.from_json(sys.stdin.read())
    sys.stdout.write(answer(question, Path(MOUNT, FOLDER)).to_json())


if __name__ == "__main__":
    main()
