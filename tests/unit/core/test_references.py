from __future__ import annotations

import pytest

from onehub.core.references import complete, discarded, is_fixed, may_be_pulled, previous, repository, tag

_DIGEST = "sha256:" + "a" * 64


@pytest.mark.parametrize(
    ("image", "pulled"),
    [
        ("registry.example.com/x", True),
        ("quay.io/jupyter/minimal-notebook:2025-03-14", True),
        ("localhost:5000/team/lab:1", True),
        ("127.0.0.1:5000/lab", True),
        (f"quay.io/jupyter/lab@{_DIGEST}", True),
        ("jupyterhub-user", False),
        ("jupyterhub-user:1.0", False),
        ("jupyter/minimal-notebook", False),
        ("localhost/onehub/notebook-minimal:0.1.0", False),
        ("localhost/a.b:1", False),
    ],
)
def test_only_a_name_that_says_its_registry_may_be_pulled(image, pulled):
    assert may_be_pulled(image) == pulled


@pytest.mark.parametrize(
    ("image", "whole", "parts"),
    [
        ("lab", "lab:latest", ("lab", "latest")),
        ("localhost:5000/lab", "localhost:5000/lab:latest", ("localhost:5000/lab", "latest")),
        ("localhost:5000/lab:1", "localhost:5000/lab:1", ("localhost:5000/lab", "1")),
        (f"quay.io/lab@{_DIGEST}", f"quay.io/lab@{_DIGEST}", ("quay.io/lab", _DIGEST)),
        (f"quay.io/lab:1@{_DIGEST}", f"quay.io/lab:1@{_DIGEST}", ("quay.io/lab", _DIGEST)),
    ],
)
def test_the_parts_of_a_name(image, whole, parts):
    assert complete(image) == whole
    assert (repository(image), tag(image)) == parts
    assert is_fixed(image) == ("@" in image)


def test_what_is_kept_has_names_that_no_registry_has():
    assert previous("jupyterhub-user") == "localhost/onehub/previous/jupyterhub-user:latest"
    assert previous("localhost:5000/team/lab:1") == "localhost/onehub/previous/localhost_5000/team/lab:1"
    assert discarded(_DIGEST) == "localhost/onehub/discarded:aaaaaaaaaaaa"
    assert not may_be_pulled(previous("quay.io/lab"))
