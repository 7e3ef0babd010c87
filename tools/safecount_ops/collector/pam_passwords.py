"""PAM: whether a password is somebody's, by the service that the settings name (`/etc/pam.d/`)."""

from dataclasses import dataclass

import pam

_LONGEST = 512


@dataclass(frozen=True, slots=True)
class PamPasswords:
    """Asks the PAM service `service`. Blocks for as long as PAM does, which is some seconds for a wrong password."""

    service: str

    def __call__(self, name: str, password: str) -> bool:
        if not name or len(password) > _LONGEST or "\0" in name + password:
            return False
        return bool(pam.PamAuthenticator().authenticate(name, password, service=self.service))
