"""What can be decided about a server without Docker."""

from __future__ import annotations

import pytest

from onehub.hub.ownership import Account, find_account

PASSWD = "root:x:0:0::/root:/bin/sh\njovyan:x:1000:100::/home/jovyan:/bin/bash\n"


@pytest.mark.parametrize(
    ("user", "account"),
    [
        ("jovyan", Account(1000, 100)),
        ("1000", Account(1000, 100)),
        ("1000:50", Account(1000, 50)),
        ("0", Account(0, 0)),
        ("4711", Account(4711, 0)),
        ("4711:12", Account(4711, 12)),
    ],
)
def test_the_images_user_is_read_as_docker_reads_it(user, account):
    assert find_account(user, PASSWD) == account


def test_a_user_that_the_image_does_not_know_is_an_error():
    with pytest.raises(ValueError, match="'worker'"):
        find_account("worker", PASSWD)
