"""People of a collector who log in as a browser does, and the one-time codes of their applications."""

import re
import time
from dataclasses import dataclass, field

import pyotp
import requests

from simulators.running_collector import RunningCollector, collector_command

PASSWORDS = {"olga": "tulip tree", "audrey": "sea of stone", "adam": "green lamp", "other": "paper boat"}
COOKIE = "__Host-safecount"
_STEP_S = 30


@dataclass
class Visitor:
    """Somebody with a browser that keeps one cookie."""

    collector: RunningCollector
    name: str
    secret: str = ""
    cookie: str = ""
    _last_step: int = field(default=0)

    def code(self) -> str:
        """A code that was not used yet: of this step or the next, else of the one after it, which is waited for."""
        step = max(int(time.time()) // _STEP_S, self._last_step + 1)
        while step > time.time() // _STEP_S + 1:
            time.sleep(0.2)
        self._last_step = step
        return pyotp.TOTP(self.secret).generate_otp(step)

    def log_in(self, password: str | None = None, code: str | None = None) -> requests.Response:
        said = {"name": self.name, "password": PASSWORDS[self.name] if password is None else password}
        answer = self.post("/login", said | {"code": self.code() if code is None else code})
        self.cookie = answer.cookies.get(COOKIE) or self.cookie
        return answer

    def get(self, path: str) -> requests.Response:
        return self._ask("GET", path, {})

    def post(self, path: str, form: dict[str, str], **headers: str) -> requests.Response:
        return self._ask("POST", path, form, **headers)

    def form_key(self) -> str:
        found = re.search(r'name="key" value="([^"]+)"', self.get("/").text)
        return found[1] if found else ""

    def _ask(self, method: str, path: str, form: dict[str, str], **headers: str) -> requests.Response:
        cookie = {"Cookie": f"{COOKIE}={self.cookie}"} if self.cookie else {}
        return requests.request(
            method,
            self.collector.pull_url + path,
            data=form if method == "POST" else None,
            headers=cookie | {name.replace("_", "-"): value for name, value in headers.items()},
            verify=str(self.collector.ca_file),
            allow_redirects=False,
            timeout=20,
        )


def add_person(collector: RunningCollector, name: str, role: str, *more: str) -> Visitor:
    """Somebody that `add-person` has let in, with the secret that it has shown."""
    told = collector_command("add-person", collector.folder, name, "--role", role, *more)
    found = re.search(r"secret=([A-Z2-7]+)", told)
    assert found, told
    return Visitor(collector, name, found[1])
