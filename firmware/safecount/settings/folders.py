"""Where the parts of a device leave things for each other, seen from two folders."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class FolderSettings:
    """Where a device keeps what it has: `state` is the data partition, `run` a folder in memory for sockets."""

    state: str = "/var/lib/safecount"
    run: str = "/run/safecount"

    @property
    def seal(self) -> Path:
        return Path(self.state, "seal")

    @property
    def forget_file(self) -> Path:
        """There as long as the spool is a former owner's: the seal process empties it."""
        return Path(self.state, "seal", "forget")

    @property
    def spool_file(self) -> Path:
        return Path(self.state, "spool", "spool.db")

    @property
    def uplink(self) -> Path:
        return Path(self.state, "uplink")

    @property
    def reset_order_file(self) -> Path:
        """Where the uplink leaves an order of the collector's to forget the owner."""
        return Path(self.state, "uplink", "reset.order")

    @property
    def site_file(self) -> Path:
        return Path(self.state, "site", "site.toml")

    @property
    def update(self) -> Path:
        return Path(self.state, "update")

    @property
    def provision(self) -> Path:
        return Path(self.state, "provision")

    @property
    def wifi(self) -> Path:
        return Path(self.state, "wifi")

    @property
    def wifi_control(self) -> Path:
        """Where wpa_supplicant has its control sockets."""
        return Path(self.run, "wifi")

    @property
    def session_file(self) -> Path:
        return Path(self.run, "session", "session")

    @property
    def enrolment_file(self) -> Path:
        """Where an enrolment stands, for the lamp."""
        return Path(self.run, "session", "enrolment")

    @property
    def code_socket(self) -> Path:
        """Where the counting process hands on the text of a QR code before the camera."""
        return Path(self.run, "code", "code.sock")

    @property
    def scene_socket(self) -> Path:
        return Path(self.run, "scene", "scene.sock")

    @property
    def proposal_file(self) -> Path:
        return Path(self.run, "setup", "proposal")

    @property
    def certify_file(self) -> Path:
        """What the set-up page would have signed."""
        return Path(self.run, "setup", "validation")

    @property
    def certificate_file(self) -> Path:
        return Path(self.run, "certificate", "validation.cose")

    @property
    def device_key_file(self) -> Path:
        """The public half of the envelope key, for people to compare."""
        return Path(self.run, "certificate", "device.pub")

    @property
    def vitals_file(self) -> Path:
        return Path(self.run, "vitals", "counting")

    @property
    def record_socket(self) -> Path:
        return Path(self.run, "seal", "record.sock")
