"""parse_label; the input is what the label's text holds."""

from safecount.wire.base45 import decode45, encode45
from safecount.wire.enrolment import LABEL_PREFIX, encode_label, parse_label
from simulators.enrolment import LABEL

SEEDS = [decode45(encode_label(LABEL).removeprefix(LABEL_PREFIX), 4096)]


def one_input(data: bytes) -> None:
    text = LABEL_PREFIX + encode45(data)
    assert encode_label(parse_label(text)) == text
