"""Records to send about, valid in every field."""

from datetime import date

from safecount.wire.values import (
    Accelerator,
    CameraState,
    ClockQuality,
    CountRecord,
    HealthRecord,
    Node,
    Profile,
    State,
    Trouble,
    UpdateState,
)

HOUR_RECORD = CountRecord(
    site="station",
    door="north",
    node=Node.HOUR,
    state=State.RELEASED,
    start_s=1_781_082_000,
    length_s=3600,
    day=date(2026, 6, 10),
    zone="Europe/Berlin",
    entered=-3,
    exited=None,
    exits=False,
    profile=Profile.STANDARD,
    coverage_s=3600,
    accelerator=Accelerator.CPU,
    clock=ClockQuality.SYNCED,
    rule="line-1",
    boot=bytes(range(16)),
    closed_monotonic_s=86_400,
)

HEALTH_RECORD = HealthRecord(
    at_s=1_781_082_000,
    version="1.0.0",
    slot="A",
    temperature_c=50,
    disk_free_percent=85,
    camera=CameraState.WORKING,
    accelerator=Accelerator.CPU,
    clock=ClockQuality.SYNCED,
    dropped=0,
    keyset=1,
    boot=bytes(range(16)),
    troubles=Trouble.CAMERA_HUNG | Trouble.NETWORK,
    update=UpdateState.UPDATED,
    update_reason=0,
)
