"""The rescue server: what it is started with, whose the home is, and what the person sees of it."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from onehub.core.names import RESCUE_IMAGE
from onehub.core.profiles import Folder, Profile
from onehub.core.settings import Settings
from onehub.hub.cards import read_form
from onehub.hub.ownership import Account
from onehub.hub.rescue import NOBODYS, first_owner, plan_rescue, read_owner, run_as, wants_rescue

IMAGES = Path(__file__).parents[3] / "images"
CLOSED = Settings(
    profile=(Profile(name="GPU", image="gpu:1", allowed_groups=("staff",)),),
    folder=(Folder(name="course", everybody="write"),),
)


@pytest.mark.parametrize("options", [{}, {"rescue": False}, {"rescue": "true"}, {"rescue": 1}, {"profile": "rescue"}])
def test_it_is_asked_for_in_one_way_only(options):
    assert not wants_rescue(options)
    assert wants_rescue({"rescue": True})


def test_the_button_asks_for_it():
    assert read_form({"rescue": ["true"], "_xsrf": ["x"]}) == {"rescue": True}
    assert read_form({"rescue": ["no"], "profile": ["GPU"]}) == {"profile": "GPU"}


def test_everybody_gets_the_same_one_with_the_home_and_nothing_else():
    launch = plan_rescue(CLOSED)
    assert launch == plan_rescue(Settings())
    assert (launch.image, launch.mounts) == (RESCUE_IMAGE, ())
    assert launch.promise < launch.memory < Settings().limits.promise
    assert launch.host_config["read_only"]
    assert launch.host_config["cap_drop"] == ["ALL"]


def archive(uid: int, gid: int, name: str = "work") -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as tar:
        folder = tarfile.TarInfo(name)
        folder.type, folder.uid, folder.gid = tarfile.DIRTYPE, uid, gid
        tar.addfile(folder)
        file = tarfile.TarInfo(f"{name}/thesis")
        file.size = 100_000
        tar.addfile(file, io.BytesIO(bytes(file.size)))
    return buffer.getvalue()


class Client:
    """As far as `read_owner` calls Docker's client; counts what is read."""

    def __init__(self, text: bytes) -> None:
        self.text, self.read = text, 0

    def get_archive(self, container: str, path: str, chunk_size: int):
        assert (container, path) == ("c0ffee", "/home/jovyan/work")
        return self._chunks(chunk_size), {}

    def _chunks(self, size: int):
        for start in range(0, len(self.text), size):
            self.read += size
            yield self.text[start : start + size]


@pytest.mark.parametrize(
    ("owner", "name", "read"),
    [
        (Account(1000, 100), "work", 512),
        # More than the old format holds: in a header of its own.
        (Account(1_234_567_890, 100), "work", 1536),
        (Account(1000, 100), "ö" * 120, 1536),
    ],
)
def test_the_owner_is_read_from_the_beginning_of_an_archive(owner, name, read):
    client = Client(archive(owner.uid, owner.gid, name))
    assert read_owner(client, "c0ffee", "/home/jovyan/work") == owner
    assert client.read == read


def test_what_is_no_archive_is_an_error():
    assert first_owner(b"") is None
    with pytest.raises(ValueError, match="does not begin with a folder"):
        read_owner(Client(b"x" * 100_000), "c0ffee", "/home/jovyan/work")


def test_it_never_runs_as_root():
    assert run_as(Account(1234, 1235)) == Account(1234, 1235)
    assert run_as(Account(0, 0)) == NOBODYS


def test_its_image_has_its_first_layers_in_common_with_the_hubs():
    """Word by word, or Docker makes and keeps them twice."""
    shared = [(IMAGES / image / "Dockerfile").read_text(encoding="utf-8") for image in ("hub", "rescue")]
    layers = [text[text.index("ENV LANG") : text.index("onehub\n\n", text.index("useradd"))] for text in shared]
    assert layers[0] == layers[1]
