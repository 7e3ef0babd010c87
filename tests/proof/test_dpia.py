"""The draft says what the device is set to, and nothing that a name could put into it."""

from math import exp
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from safecount.wire.code_line import CodeLine, Side
from safecount.wire.site_code import SiteCode, sign_site_code
from safecount.wire.values import Profile
from safecount_ops.proof.dpia import command, within

SITE = """\
device = "sc-1"
site = "Shop | <b>one</b>"
zone = "Europe/Berlin"
collector = "https://collector.example:8443"
profile = "strict"
[[line]]
name = "main"
door = "north"
start = [0.0, 0.5]
end = [1.0, 0.5]
in_side = "down"
"""


def run(folder: Path, *more: str, site: str = "site.toml") -> Result:
    basic = ("--site", str(folder / site), "--controller", "Shop Ltd, Main St 1", "--purpose", "to plan staff")
    return CliRunner().invoke(command, [*basic, "--out", str(folder / "dpia.md"), *more])


def test_the_draft_holds_the_configuration(tmp_path: Path) -> None:
    (tmp_path / "site.toml").write_text(SITE, encoding="utf-8")
    result = run(tmp_path, "--sign", str(tmp_path / "sign.md"))
    assert result.exit_code == 0, result.exception
    draft = (tmp_path / "dpia.md").read_text(encoding="utf-8")
    for fact in (
        "`strict`: ε = 0.25 a visit; an hour is right within 20",
        "gains 0.124",
        "Europe/Berlin",
        "exits are not counted",
    ):
        assert fact in draft
    assert "| main | north | 0.0, 0.5 | 1.0, 0.5 | down |" in draft
    assert "Shop \\| &lt;b>one" in draft, "a name does not break the table"
    assert "places to finish" in result.output
    assert draft.count("**To do**") > 15
    sign = (tmp_path / "sign.md").read_text(encoding="utf-8")
    assert "Shop Ltd, Main St 1" in sign
    assert "counts who comes in." in sign
    assert "wer hineingeht" in sign


def test_a_site_code_will_do_and_gives_no_secret_away(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    raw = key.public_key().public_bytes_raw()
    line = CodeLine("south", (0, 500), (1000, 500), Side.DOWN)
    token = bytes(range(16))
    code = SiteCode(
        "https://c.example",
        bytes(32),
        raw,
        raw,
        token,
        2_000_000_000,
        "Depot",
        "UTC",
        (line,),
        Profile.ACCURATE,
        exits=True,
    )
    (tmp_path / "site.txt").write_text(sign_site_code(code, key) + "\n", encoding="utf-8")
    result = run(tmp_path, site="site.txt")
    assert result.exit_code == 0, result.exception
    draft = (tmp_path / "dpia.md").read_text(encoding="utf-8")
    assert "entries and exits" in draft
    assert "`accurate`: ε = 1 a visit; an hour is right within 10" in draft, "exits halve each number's share"
    assert token.hex() not in draft


@pytest.mark.parametrize(
    ("content", "says"),
    [("SC1:ABC", "no site code"), ("site = 3", "site"), ("= ", "not valid TOML"), (None, "cannot be read")],
)
def test_what_is_no_configuration_is_told(tmp_path: Path, content: str | None, says: str) -> None:
    if content is not None:
        (tmp_path / "site.toml").write_text(content, encoding="utf-8")
    assert says in str(run(tmp_path).exception)
    assert not (tmp_path / "dpia.md").exists()


@pytest.mark.parametrize("epsilon", [0.05, 0.15, 0.3, 0.6, 1.0])
def test_the_interval_is_the_least_that_holds(epsilon: float) -> None:
    a = exp(-epsilon)

    def covered(k: int) -> float:
        return sum((1 - a) / (1 + a) * a ** abs(n) for n in range(-k, k + 1))

    assert covered(within(epsilon)) >= 0.95 > covered(within(epsilon) - 1)
