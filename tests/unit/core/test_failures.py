from __future__ import annotations

import dataclasses

import pytest

from onehub.core.causes import EXITED, Evidence
from onehub.core.failures import Answer, Failure, Question, choose, container_argv
from tests.unit.examples import make_settings


def make_failure(reference: str = "0000aaaa", person: str = "alice", **changes) -> Failure:
    seen = Evidence(image="jupyterhub-user", exit_code=3, log=("the licence server is down",))
    return Failure(reference, "2026-11-23T09:12:01+00:00", person, "", EXITED, dataclasses.replace(seen, **changes))


NEWEST, OTHER, OLDEST = make_failure("2222cccc"), make_failure("1111bbbb", "bob"), make_failure("0000aaaa")
KEPT = (NEWEST, OTHER, OLDEST)


@pytest.mark.parametrize(
    ("question", "failures"),
    [
        (Question("alice"), (NEWEST,)),
        (Question(" Alice"), (NEWEST,)),
        (Question("alice", every=True), (NEWEST, OLDEST)),
        (Question("0000AAAA"), (OLDEST,)),
        (Question("carol"), ()),
        (Question("ali"), ()),
        (Question(every=True), KEPT),
        (Question(), tuple(failure.without_log() for failure in KEPT)),
    ],
)
def test_a_question_chooses_its_records(question, failures):
    assert choose(question, KEPT) == failures


def test_a_list_has_no_logs():
    assert [failure.evidence.log for failure in choose(Question(), KEPT)] == [(), (), ()]


def test_what_is_said_is_what_is_heard():
    answer = Answer(KEPT, ("half.json",))
    assert Answer.from_json(answer.to_json()) == answer
    assert Question.from_json(Question("bjørn", every=True).to_json()) == Question("bjørn", every=True)
    assert Failure.from_json(NEWEST.to_json()) == NEWEST


def test_a_record_of_an_older_version_is_read_and_half_of_one_is_not():
    text = NEWEST.to_json()
    assert Failure.from_json(text.replace('"oom_killed": false,', '"of_old": 1,')) == NEWEST
    with pytest.raises(ValueError, match="Invalid JSON"):
        Failure.from_json(text[: len(text) // 2])


def test_the_person_reads_the_words_and_the_reference():
    assert NEWEST.sentence == (
        "The server ended while it started. Please tell the people who run this service. "
        "Until then, a rescue server gets you to your files. Reference: 2222cccc"
    )


def test_the_container_that_reads_can_do_nothing_else():
    assert container_argv(make_settings()) == (
        *("docker", "run", "--rm", "--interactive", "--network", "none", "--user", "65532:65532", "--read-only"),
        *("--cap-drop", "ALL", "--security-opt", "no-new-privileges"),
        *("--mount", "type=volume,source=jupyterhub-data,target=/data,readonly,volume-nocopy"),
        *("--label", "com.onehub.kind=probe", "--entrypoint", "python", "localhost/onehub/hub:0.1.0"),
        *("-m", "onehub.hub.records"),
    )
