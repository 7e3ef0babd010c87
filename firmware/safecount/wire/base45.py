"""Base45 (RFC 9285): bytes as the 45 characters that a QR code packs two into 11 bits."""

from safecount.wire.errors import Reason, UntrustedInput

ALPHABET = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:"
_VALUE = {character: value for value, character in enumerate(ALPHABET)}


def encode45(raw: bytes) -> str:
    """Three characters for two bytes, two for a last odd one; the least significant first (RFC 9285, section 4)."""
    text = []
    for start in range(0, len(raw), 2):
        pair = raw[start : start + 2]
        number = int.from_bytes(pair, "big")
        for _ in range(len(pair) + 1):
            number, digit = divmod(number, 45)
            text.append(ALPHABET[digit])
    return "".join(text)


def decode45(untrusted: str, limit: int) -> bytes:
    """The bytes of a base45 text of at most `limit` characters.

    Raises:
        UntrustedInput: TOO_LARGE, or MALFORMED for another character or a group that no bytes have.
    """
    if len(untrusted) > limit:
        raise UntrustedInput(Reason.TOO_LARGE, f"The code has {len(untrusted)} characters where {limit} are taken.")
    if len(untrusted) % 3 == 1:  # no bytes end so, not even in a zero
        raise UntrustedInput(Reason.MALFORMED, "The code is not base45 (RFC 9285): its end is missing.")
    try:
        digits = [_VALUE[character] for character in untrusted]
        groups = [digits[start : start + 3] for start in range(0, len(digits), 3)]
        return b"".join(
            sum(digit * 45**place for place, digit in enumerate(group)).to_bytes(len(group) - 1, "big")
            for group in groups
        )
    except (KeyError, OverflowError) as error:
        raise UntrustedInput(Reason.MALFORMED, "The code is not base45 (RFC 9285).") from error
