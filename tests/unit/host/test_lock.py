from __future__ import annotations

import os
import subprocess
import sys

import pytest

from onehub.core.errors import Busy, HostNotReady
from onehub.host.lock import operation

HOLD = """
import sys, pathlib, onehub.host.lock
with onehub.host.lock.operation(pathlib.Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def assert_busy(directory):
    with pytest.raises(Busy) as caught, operation(directory):
        pass
    assert str(caught.value) == f"another onehub command is at work in {directory}"
    assert (caught.value.hint, caught.value.exit_code) == ("wait until it has ended, then repeat", 6)


def test_one_operation_at_a_time(tmp_path):
    with operation(tmp_path):
        assert_busy(tmp_path)
    with operation(tmp_path):
        pass


def test_the_lock_holds_against_other_processes_and_dies_with_them(tmp_path):
    argv = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdout.readline() == "held\n"
        assert_busy(tmp_path)
        other.kill()
    with operation(tmp_path):
        pass


def test_a_failure_lets_go(tmp_path):
    with pytest.raises(ZeroDivisionError), operation(tmp_path):
        raise ZeroDivisionError
    with operation(tmp_path):
        pass


def test_a_folder_of_somebody_else_is_told(tmp_path):
    tmp_path.chmod(0o500)
    me = os.geteuid()
    if me == 0:
        os.seteuid(65534)
    try:
        with pytest.raises(HostNotReady) as caught, operation(tmp_path):
            pass
    finally:
        os.seteuid(me)
        tmp_path.chmod(0o700)
    assert str(caught.value) == f"{tmp_path} is not writable for you"
    assert caught.value.hint == "run onehub as the owner of that folder, or as root"
