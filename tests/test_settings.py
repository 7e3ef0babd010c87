from pathlib import Path

import pytest

from safecount.errors import UsageError
from safecount.settings import Settings, read_settings
from safecount.settings.table import MAX_FILE_BYTES

LINE = """
[[line]]
name = "street"
door = "front"
start = [0.5, 0.0]
end = [0.5, 1.0]
in_side = "right"
"""


def read(tmp_path: Path, text: str) -> Settings:
    path = tmp_path / "safecount.toml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path)


def test_a_line_alone_is_enough(tmp_path: Path) -> None:
    settings = read(tmp_path, LINE)
    assert settings.line[0].in_side == "right"
    assert settings.line[0].anchor == "centre"
    assert settings.camera.frames_per_second == 10


def test_several_lines_and_tables_are_read(tmp_path: Path) -> None:
    settings = read(tmp_path, "[camera]\nframes_per_second = 5\n" + LINE + LINE.replace("street", "yard"))
    assert [line.name for line in settings.line] == ["street", "yard"]
    assert settings.camera.frames_per_second == 5.0


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[camera]\nframes_per_secnd = 5\n" + LINE, "did you mean 'frames_per_second'"),
        ("[camara]\n" + LINE, "unknown key 'camara'"),
        (LINE.replace('"right"', '"sideways"'), "may only be one of 'right', 'left', 'down', 'up'"),
        (LINE.replace("[0.5, 0.0]", "[0.5]"), "has 1 values, but needs 2"),
        (LINE.replace("[0.5, 0.0]", '["a", 0.0]'), "must be of type float"),
        ("[camera]\nframes_per_second = true\n" + LINE, "must be of type float"),
        ('[model]\nthreads = "two"\n' + LINE, "must be of type int"),
        ("line = 3", "must be a list"),
        ("[[line]]\nname = 'a'", "lacks 'door'"),
        ("", "lacks 'line'"),
        ("model = 3\n" + LINE, "must be a table"),
        ("[model", "not valid TOML"),
        ("#" * (MAX_FILE_BYTES + 1), "is over 64 KiB"),
    ],
)
def test_what_is_wrong_is_named(tmp_path: Path, text: str, says: str) -> None:
    with pytest.raises(UsageError, match=says) as caught:
        read(tmp_path, text)
    assert "safecount.toml" in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.toml cannot be read"):
        read_settings(tmp_path / "none.toml")


def test_what_ships_can_be_read() -> None:
    settings = read_settings(Path(__file__).parents[1] / "config/etc/safecount/safecount.toml")
    assert settings.lamp.folder
    assert settings.provision.serial_port
