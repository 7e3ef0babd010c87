"""How large the card's partitions are."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sizes:
    """Of each partition, in MiB. Data grows to the card's end on first boot; what it has here is written as zeros."""

    selector: int
    boot: int
    root: int
    data: int = 8
