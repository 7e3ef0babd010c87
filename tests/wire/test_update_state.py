"""The update report: every state and reason survives the way, and nothing else does."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.encoding import decode, encode
from safecount.wire.errors import UntrustedInput
from safecount.wire.update_state import (
    MAX_REPORT_BYTES,
    Failure,
    Refusal,
    UpdateReport,
    UpdateState,
    decode_report,
    encode_report,
    reason_of,
)

RELEASES = st.one_of(st.just(""), st.from_regex(r"[0-9]{1,4}\.[0-9]{1,4}\.[0-9]{1,4}", fullmatch=True))
REPORTS = st.one_of(
    st.builds(
        UpdateReport, st.just(UpdateState.REFUSED), st.sampled_from(Refusal), RELEASES, st.integers(0, 2**40 - 1)
    ),
    st.builds(UpdateReport, st.just(UpdateState.FELL_BACK), st.sampled_from(Failure), RELEASES),
    st.builds(
        UpdateReport,
        st.sampled_from([UpdateState.NOTHING_NEW, UpdateState.UPDATED, UpdateState.TRIAL]),
        st.none(),
        RELEASES,
    ),
)


@given(REPORTS)
def test_a_report_survives_the_way(report: UpdateReport) -> None:
    raw = encode_report(report)
    assert len(raw) <= MAX_REPORT_BYTES
    assert decode_report(raw) == report


@given(st.binary(max_size=300))
def test_other_bytes_are_refused_and_nothing_else_happens(untrusted: bytes) -> None:
    with suppress(UntrustedInput):
        assert encode_report(decode_report(untrusted)) == untrusted


@given(st.integers(0, 8), st.integers(0, 90))
def test_only_states_and_reasons_of_the_list_that_fit_together_are_read(state: int, reason: int) -> None:
    raw = encode({1: 1, 2: state, 3: reason, 4: "1.2.3", 5: 7})
    fits = {0: {0}, 1: {int(one) for one in Refusal}, 2: {0}, 3: {int(one) for one in Failure}, 4: {0}}
    if reason in fits.get(state, set()):
        assert decode_report(raw).reason_number == reason
    else:
        with pytest.raises(UntrustedInput):
            decode_report(raw)


def test_no_number_means_two_things() -> None:
    numbers = [int(one) for one in (*Refusal, *Failure)]
    assert len(set(numbers)) == len(numbers)
    assert 0 not in numbers
    assert [reason_of(number) for number in numbers] == [*Refusal, *Failure]


def test_the_bytes_are_those_of_the_page() -> None:
    report = UpdateReport(UpdateState.REFUSED, Refusal.FROZEN, "1.4.0", 1_800_000_000)
    assert decode(encode_report(report), 256) == {1: 1, 2: 1, 3: 11, 4: "1.4.0", 5: 1_800_000_000}
