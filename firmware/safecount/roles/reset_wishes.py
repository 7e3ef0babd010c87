"""Who may have a device forget its owner: a hand on its button for ten seconds, or the site's signer, by an order that the
uplink has brought from the collector.
"""

from collections.abc import Callable, Sequence

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from safecount.edges.small_file import WatchedFiles, read_small
from safecount.roles.factory_reset import SIGNER_FILE
from safecount.settings import FolderSettings
from safecount.wire.errors import UntrustedInput
from safecount.wire.reset_order import MAX_RESET_BYTES, verify_reset

SHORTEST_S, LONGEST_S = 10.0, 60.0
"""How long the button is held; whatever holds it longer leans on it."""


class ResetWishes:
    """Remembers the stamp of the newest order."""

    def __init__(self, folders: FolderSettings, device: str, say: Callable[[str], None]) -> None:
        """`device` is the name that an order must name; `say` speaks on the serial console."""
        self._device = device
        self._order = folders.reset_order_file
        self._signer = folders.provision / SIGNER_FILE
        self._orders = WatchedFiles(self._order)
        self._say = say

    def why(self, presses: Sequence[float]) -> str:
        """Why the device is to be reset now, for people; "" if it is not. The button was held for these seconds."""
        if any(SHORTEST_S <= held_s <= LONGEST_S for held_s in presses):
            return "its button was held for ten seconds"
        if self._orders.changed() and self._is_ordered():
            return "its owner's collector has said so"
        return ""

    def _is_ordered(self) -> bool:
        try:
            untrusted, signer = read_small(self._order, MAX_RESET_BYTES), read_small(self._signer, 32)
            if untrusted is None or signer is None:
                return False
            verify_reset(untrusted, self._device, Ed25519PublicKey.from_public_bytes(signer))
        except (OSError, ValueError, UntrustedInput):
            self._say("An order to forget the owner is refused: it is not signed by the site's signer for this device.")
            return False
        return True
