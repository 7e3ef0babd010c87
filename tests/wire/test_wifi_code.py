import pytest
from hypothesis import given
from hypothesis import strategies as st

from safecount.wire.code_text import MAX_WIFI_CHARACTERS
from safecount.wire.errors import UntrustedInput
from safecount.wire.wifi_code import WifiCode, parse_wifi
from safecount_ops.enrolment.site_qr import wifi_text

names = st.text(min_size=1, max_size=32).filter(lambda name: len(name.encode()) <= 32 and name.isprintable())
passwords = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=8, max_size=63)


@given(names, st.one_of(st.just(""), passwords))
def test_what_the_desk_writes_is_read_back_whatever_is_in_it(name: str, password: str) -> None:
    text = wifi_text(name, password)
    if len(text) <= MAX_WIFI_CHARACTERS:
        assert parse_wifi(text) == WifiCode(name, password)


@given(st.text(max_size=300).map(lambda text: f"WIFI:{text}"))
def test_anything_else_is_refused_or_is_a_network_that_can_be(untrusted: str) -> None:
    try:
        code = parse_wifi(untrusted)
    except UntrustedInput:
        return
    assert 1 <= len(code.name.encode()) <= 32
    assert code.name.isprintable()
    assert code.password == "" or (8 <= len(code.password) <= 63 and code.password.isprintable())


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("WIFI:T:WPA;P:12345678;;", "no Wi-Fi code"),
        ("WIFI:S:name;T:WEP;P:12345678;;", "kind WPA"),
        ("WIFI:S:name;T:WPA;P:short;;", "8 to 63"),
        ("WIFI:S:name;T:WPA;P:1234567\n8;;", "8 to 63"),
        ("WIFI:S:" + "n" * 33 + ";T:nopass;;", "1 to 32 bytes"),
        ("WIFI:S:" + "n" * 300 + ";;", "at most 256"),
        ("SC1:ABC", "no Wi-Fi code"),
    ],
)
def test_what_is_wrong_is_told(text: str, says: str) -> None:
    with pytest.raises(UntrustedInput, match=says):
        parse_wifi(text)


def test_the_order_of_its_fields_is_free_and_a_hidden_network_is_told() -> None:
    assert parse_wifi(r"WIFI:S:a\;b;H:true;P:pass\:word;T:SAE;;") == WifiCode("a;b", "pass:word", hidden=True)
    assert "password" not in repr(parse_wifi("WIFI:S:a;T:WPA;P:password;;"))
