import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.errors import UntrustedInput
from safecount.wire.release import PLACES, Release, Version, custom_of, parse_release, place_of

DIGEST = "ab" * 32
CUSTOM: dict[str, object] = {
    "format": 1,
    "version": "1.2.3",
    "board": "rpi",
    "data": 1,
    "share": 50,
    "signature": "cd" * 32,
    "index": "rpi/1.2.3.index",
}

numbers = st.integers(0, 999_999)
versions = st.builds(Version, numbers, numbers, numbers)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.floats(allow_nan=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)


@given(versions, versions)
def test_versions_are_ordered_as_numbers(a: Version, b: Version) -> None:
    assert Version.parse(str(a)) == a
    assert (a < b) == ((a.major, a.minor, a.patch) < (b.major, b.minor, b.patch))


@pytest.mark.parametrize("text", ["", "1", "1.2", "1.2.3.4", "v1.2.3", "01.2.3", "1.2.3-rc1", "1.2.3\n", "1.2.٣"])
def test_what_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="version"):
        Version.parse(text)


@given(versions, st.integers(0, PLACES), st.integers(0, 9))
def test_a_release_is_read_as_it_was_written(version: Version, share: int, data: int) -> None:
    release = Release("rpi/x.raucb", version, "rpi", data, share, bytes(32), "", 5, bytes(32))
    custom = json.loads(json.dumps(custom_of(release)))
    assert parse_release(release.path, release.length, release.digest.hex(), custom) == release


@given(st.sampled_from(sorted(CUSTOM)), json_values)
def test_any_field_is_read_or_refused(field: str, value: object) -> None:
    try:
        release = parse_release("rpi/x.raucb", 5, DIGEST, {**CUSTOM, field: value})
    except UntrustedInput:
        return
    assert custom_of(release) == {**CUSTOM, field: value}


@pytest.mark.parametrize("untrusted", [None, [], "x", {}, {"format": 1}, {**CUSTOM, "format": 2}, {**CUSTOM, "x": 1}])
def test_what_does_not_describe_a_release_is_refused(untrusted: object) -> None:
    with pytest.raises(UntrustedInput):
        parse_release("rpi/x.raucb", 5, DIGEST, untrusted)


def test_a_roll_out_grows_over_the_same_devices_and_meets_its_share() -> None:
    names = [f"door-{number}" for number in range(10_000)]
    for share in (10, 50, 500):
        part = sum(place_of(name) < share for name in names) / len(names)
        assert abs(part - share / PLACES) < 0.02
    assert all(0 <= place_of(name) < PLACES for name in names)
