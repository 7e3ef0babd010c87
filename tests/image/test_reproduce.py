from pathlib import Path

from safecount_image.reproduce import compare


def test_what_differs_or_is_missing_on_one_side_is_named(tmp_path: Path) -> None:
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
        (folder / "same").write_bytes(b"same")
    (first / "other").write_bytes(b"\0")
    (second / "other").write_bytes(b"\1")
    (second / "more").write_bytes(b"")
    assert compare(first, second) == ["more", "other"]
