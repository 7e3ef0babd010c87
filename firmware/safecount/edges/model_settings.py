"""Which detector runs, and on what. Apart from the code that runs it: every process reads settings, one loads a detector."""

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class EdgeTpuSettings:
    """What the Edge TPU's compiler made of the card's model: a file in the folder of models, and its sha256. `file` "": no
    stick is looked for. `library` is the stick's driver; one that takes longer than `hung_after_s` over a frame is given up.
    """

    file: str = ""
    sha256: str = ""
    library: str = "libedgetpu.so.1"
    hung_after_s: float = 2.0

    def __post_init__(self) -> None:
        if self.hung_after_s <= 0:
            raise ValueError("hung_after_s must be above 0.")
        if self.file and (len(self.sha256) != 64 or set(self.sha256) - set("0123456789abcdef")):
            raise ValueError("a file must come with its sha256, 64 hexadecimal digits.")


@dataclass(frozen=True, slots=True)
class ModelSettings:
    """Which detector runs: the name of its card, the folder of its file, and how many threads it may have.

    `card` "" takes the default of the cards that ship. `threads` 0 leaves one core of the board free.
    """

    card: str = ""
    folder: str = "/usr/share/safecount/models"
    threads: int = 0
    edge_tpu: EdgeTpuSettings = field(default_factory=EdgeTpuSettings)
