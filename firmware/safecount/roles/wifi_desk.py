"""Takes the Wi-Fi that is named at the device, as a line or by Improv, and tells how joining it goes."""

from safecount.edges.wifi_file import put_wifi
from safecount.edges.wifi_link import WifiLink
from safecount.provisioning.enrolment_flow import TOLD, State
from safecount.provisioning.wifi_state import Wifi
from safecount.roles.enrolment_teller import EnrolmentTeller
from safecount.roles.improv_desk import ImprovDesk
from safecount.settings import FolderSettings
from safecount.wire.errors import UntrustedInput
from safecount.wire.wifi_code import WifiCode, parse_wifi


class WifiDesk:
    """Remembers nothing itself: the network is in a file, how it is joined in the link and in the Improv desk."""

    def __init__(self, folders: FolderSettings, serial: str, link: WifiLink, teller: EnrolmentTeller) -> None:
        """`serial` is the device's."""
        self._folders = folders
        self._link = link
        self._teller = teller
        self._improv = ImprovDesk(serial, teller.send, self._keep)

    @property
    def state(self) -> Wifi:
        return self._link.state

    def look(self) -> bool:
        """Tell what has become of joining since the last look; whether the network has just been joined."""
        is_news = self._link.look()
        if is_news:
            self.tell()
        self._improv.look(self._link.state)
        return is_news and self._link.state is Wifi.JOINED

    def tell(self) -> None:
        self._teller.say(f"wifi: {self._link.state.value}")

    def answer_improv(self, untrusted: bytes) -> None:
        self._improv.answer(untrusted, self._link.state)

    def join(self, untrusted: str) -> None:
        """Another network, as the text of its QR code; the device's own service joins it when its file has changed."""
        try:
            network = parse_wifi(untrusted)
        except UntrustedInput as refused:
            self._teller.refuse(str(refused))
        else:
            self._keep(network)

    def _keep(self, network: WifiCode) -> bool:
        """Whether the disk has taken it."""
        try:
            put_wifi(self._folders.wifi, network, self._folders.wifi_control)
        except OSError:
            self._teller.refuse(TOLD[State.DISK_FAILED])
            return False
        self._link.forget()
        self._teller.say("The Wi-Fi network is kept, and joined when it is in reach.")
        return True
