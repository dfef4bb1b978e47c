from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onehub.core.quantities import format_duration, format_size, parse_duration, parse_size


@pytest.mark.parametrize(
    ("written", "count"),
    [("0", 0), ("512M", 512 * 1024**2), ("8G", 8 * 1024**3), ("1.5G", 1536 * 1024**2), (1024, 1024), ("1T", 1024**4)],
)
def test_sizes_as_people_write_them(written, count):
    assert parse_size(written) == count


@pytest.mark.parametrize("written", ["8Q", "8GB", "8g", "-1", "", " 8G", "8G\n", ".5G", "1e3", True, None, [1]])
def test_what_is_not_a_size(written):
    with pytest.raises(ValueError, match=r"is not a size \(try '8G'\)"):
        parse_size(written)


@pytest.mark.parametrize(("written", "seconds"), [("30s", 30), ("90m", 5400), ("8h", 28800), ("7d", 604800)])
def test_durations_as_people_write_them(written, seconds):
    assert parse_duration(written) == seconds


@pytest.mark.parametrize("written", ["0s", "30", 30, "1.5h", "1w", "-1s", "", "1h30m", None])
def test_what_is_not_a_duration(written):
    with pytest.raises(ValueError, match=r"is not a duration \(try '30m' or '8h'\)"):
        parse_duration(written)


@pytest.mark.parametrize(
    ("count", "written"), [(0, "0"), (2 * 1024**3, "2G"), (1536, "1536"), (1536 * 1024, "1536K")]
)
def test_sizes_are_spelt_short_and_exact(count, written):
    assert format_size(count) == written


@pytest.mark.parametrize(("seconds", "written"), [(5400, "90m"), (86400, "1d"), (61, "61s")])
def test_durations_are_spelt_in_the_largest_exact_unit(seconds, written):
    assert format_duration(seconds) == written


@given(count=st.integers(0, 2**80))
def test_sizes_survive_being_written(count):
    assert parse_size(format_size(count)) == count


@given(seconds=st.integers(1, 2**80))
def test_durations_survive_being_written(seconds):
    assert parse_duration(format_duration(seconds)) == seconds
