import pytest

from safecount.updating.update_settings import UpdateSettings


@pytest.mark.parametrize(
    ("start", "end", "inside", "outside"),
    [
        ("23:20", "23:40", [1400, 1419], [1399, 1420, 0]),
        ("23:50", "00:10", [1430, 0, 9], [10, 1429]),
        ("00:00", "00:00", [0, 700, 1439], []),
        ("03:00", "03:00", [0, 180, 1439], []),
    ],
)
def test_restarts_keep_to_their_hours(start: str, end: str, inside: list[int], outside: list[int]) -> None:
    settings = UpdateSettings(restart_from=start, restart_until=end)
    assert all(settings.may_restart(minute) for minute in inside)
    assert not any(settings.may_restart(minute) for minute in outside)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"restart_from": "24:00"}, "restart_from"),
        ({"restart_until": "7:00"}, "restart_until"),
        ({"repository": "http://updates.example"}, "https"),
        ({"ask_every_s": 0.0}, "ask_every_s"),
        ({"metered_limit_bytes": -1}, "metered_limit_bytes"),
        ({"trial_s": 100.0, "settle_s": 100.0}, "settle_s"),
    ],
)
def test_values_that_cannot_work_are_named(wrong: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        UpdateSettings(**wrong)  # type: ignore[arg-type]
