"""parse_command behind a good checksum; the input is what stands between head and checksum: type, length and data."""

from safecount.provisioning.improv import HEAD, Join, parse_command

SEEDS = [
    bytes([3, 23, 1, 21, 6]) + b"street" + bytes([13]) + b"correct horse",
    bytes([3, 2, 2, 0]),
    bytes([3, 2, 3, 0]),
]


def one_input(data: bytes) -> None:
    body = HEAD + data
    command = parse_command(body + bytes([sum(body) & 0xFF]))
    if isinstance(command, Join):
        name, password = command.network.name.encode(), command.network.password.encode()
        inner = bytes([len(name)]) + name + bytes([len(password)]) + password
        assert data == bytes([3, len(inner) + 2, 1, len(inner)]) + inner
