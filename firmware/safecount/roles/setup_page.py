"""Answers the requests of the set-up page: decides by `setting_up`, and does the little that there is to do."""

import json
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.resources import files
from pathlib import Path
from typing import assert_never

from safecount.edges.clock import SystemClock, file_date_s
from safecount.edges.durable_file import replace_file
from safecount.edges.setup_server import Answer
from safecount.edges.small_file import read_small
from safecount.errors import UsageError
from safecount.roles.code_lines import code_lines
from safecount.setting_up.access import Access, Admitted, Denial
from safecount.setting_up.desk import Objection, SetupDesk
from safecount.setting_up.page_rules import Head, judge, token_in
from safecount.setting_up.requests import (
    API,
    BadRequest,
    Do,
    Draft,
    Enter,
    Look,
    Press,
    Request,
    ShowLess,
    parse_request,
)
from safecount.settings import Settings, SiteSettings, read_site
from safecount.wire.enrolment import fingerprint_text
from safecount.wire.errors import UntrustedInput
from safecount.wire.scene import Scene, SilhouetteLevel, Wish
from safecount.wire.setup_session import Proposal, encode_proposal
from safecount.wire.validation import MAX_CERTIFICATE_BYTES, Validation, encode_validation, parse_certificate
from safecount.wire.values import ClockQuality

WAIT_FOR_SCENE_S = 1.0
WAIT_FOR_OTHERS_S = 5.0
LOOK_EVERY_S = 0.1
_READABLE = 0o644
_PLAIN, _JSON, _COSE = "text/plain; charset=utf-8", "application/json", "application/cose"
_FILES = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/drawing.js": ("drawing.js", "text/javascript; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}


class SetupPage:
    """Remembers the desk of one session. Its methods are called in the threads of the servers."""

    def __init__(self, settings: Settings, access: Access) -> None:
        self.host = ""
        self.ended = False
        self._folders = settings.folders
        self._access = access
        self._clock = SystemClock(file_date_s(Path(settings.clock.floor_file)), Path(settings.clock.synchronized_file))
        self._changed = threading.Condition()
        site = self._site()
        lines = code_lines(settings.line if site is None else site.line)
        self._desk = SetupDesk(lines, SilhouetteLevel.OUTLINES if site is None else site.silhouette_level)

    def take(self, scene: Scene) -> Wish:
        """The counting process shows the door."""
        with self._changed:
            self._desk.take(scene, time.monotonic())
            self._changed.notify_all()
            return self._desk.wish

    def handle(self, head: Head, untrusted_body: bytes) -> Answer:
        """Answer one request."""
        refused = judge(head, self.host)
        if refused is not None:
            status, sentence = refused.value
            return _text(status, sentence)
        if head.method == "GET" and not head.target.startswith(API):
            return _file(head.target)
        try:
            request = parse_request(head.method, head.target, untrusted_body)
        except BadRequest as error:
            return _text(400, str(error))
        if isinstance(request, Enter):
            return self._enter(request)
        if not self._access.allows(token_in(head), time.monotonic()):
            return _text(401, Denial.OVER.value)
        return self._answer(request)

    def _enter(self, request: Enter) -> Answer:
        with self._changed:
            match self._access.enter(request.code, time.monotonic()):
                case Admitted(token):
                    return _json({"token": token})
                case denial:
                    return _text(403, denial.value)

    def _answer(self, request: Request) -> Answer:
        match request:
            case Look(after):
                return self._look(after)
            case Draft(lines):
                return self._at_desk(lambda desk, _: desk.draft(lines))
            case ShowLess(level):
                return self._at_desk(lambda desk, _: desk.show_less(level))
            case Press(line, inward):
                return self._at_desk(lambda desk, now_s: desk.press((line, inward), now_s))
            case Do():
                return self._do(request)
            case Enter():
                return self._enter(request)
            case _:
                assert_never(request)

    def _do(self, what: Do) -> Answer:  # noqa: PLR0911 - one a deed
        match what:
            case Do.START_ROUND:
                return self._at_desk(lambda desk, now_s: desk.start_round(now_s))
            case Do.UNDO_PRESS:
                return self._at_desk(lambda desk, _: desk.undo_press())
            case Do.FINISH_ROUND:
                return self._at_desk(lambda desk, now_s: desk.finish_round(now_s))
            case Do.DROP_ROUND:
                return self._at_desk(lambda desk, _: desk.drop_round())
            case Do.SAVE:
                return self._save()
            case Do.CERTIFY:
                return self._certify()
            case Do.END:
                self.ended = True
                return _json({})
            case _:
                assert_never(what)

    def _at_desk(self, deed: Callable[[SetupDesk, float], Objection | None]) -> Answer:
        with self._changed:
            objection = deed(self._desk, time.monotonic())
            self._changed.notify_all()
        return _json({}) if objection is None else _text(409, objection.value)

    def _look(self, after: int) -> Answer:
        with self._changed:
            self._changed.wait_for(lambda: self._desk.scenes != after, WAIT_FOR_SCENE_S)
            now_s = time.monotonic()
            view = self._desk.view(now_s) | {"left_s": self._access.left_s(now_s)}
        site = self._site()
        key = self._read(self._folders.device_key_file, 32)
        return _json(
            view
            | {
                "site": site.site if site else None,
                "device": site.device if site else None,
                "fingerprint": fingerprint_text(key) if key else None,
            }
        )

    def _save(self) -> Answer:
        """Ask provisioning to keep the lines, and see whether it has."""
        with self._changed:
            lines, level = self._desk.lines, self._desk.wish.level
        if not lines:
            return _text(409, Objection.NO_LINES.value)
        if self._site() is None:
            return _text(409, "The device belongs to no site yet: enrol it first, and save then.")
        try:
            replace_file(self._folders.proposal_file, encode_proposal(Proposal(lines, level)), _READABLE)
        except OSError:
            return _text(503, "The lines could not be handed over.")
        until_s = time.monotonic() + WAIT_FOR_OTHERS_S
        while time.monotonic() < until_s:
            site = self._site()
            if site is not None and code_lines(site.line) == lines:
                with self._changed:
                    self._desk.saved(lines)
                return _json({})
            time.sleep(LOOK_EVERY_S)
        return _text(503, "The device did not keep the lines: look at what its serial console says.")

    def _certify(self) -> Answer:
        """Ask the seal process to sign the rates of the round that was finished last."""
        site = self._site()
        key = self._read(self._folders.device_key_file, 32)
        with self._changed:
            validation = self._validation(site, key)
        if validation is None:
            return _text(409, "There is nothing to certify: finish a round with at least 30 passings first.")
        try:
            replace_file(self._folders.certify_file, encode_validation(validation), _READABLE)
        except OSError:
            return _text(503, "The rates could not be handed over.")
        until_s = time.monotonic() + WAIT_FOR_OTHERS_S
        while time.monotonic() < until_s:
            signed = self._read(self._folders.certificate_file, MAX_CERTIFICATE_BYTES)
            if signed is not None and _says(signed, validation):
                return Answer(200, _COSE, signed, f"validation-{validation.device}.cose")
            time.sleep(LOOK_EVERY_S)
        return _text(503, "The device has not signed: look at what its lamp says.")

    def _validation(self, site: SiteSettings | None, key: bytes | None) -> Validation | None:
        result = self._desk.result
        if site is None or key is None or result is None or result.whole is None:
            return None
        now = self._clock.now()
        return Validation(
            device=site.device,
            key=key,
            site=site.site,
            day=None if now.clock is ClockQuality.UNSET else datetime.fromtimestamp(now.utc_s, UTC).date(),
            minutes=result.minutes,
            rule=self._desk.rule,
            lines=self._desk.lines,
            all_passings=result.whole,
            rows=result.rows,
        )

    def _site(self) -> SiteSettings | None:
        try:
            return read_site(self._folders.site_file)
        except UsageError:
            return None

    def _read(self, path: Path, limit: int) -> bytes | None:
        try:
            return read_small(path, limit)
        except OSError:
            return None


def _says(signed: bytes, validation: Validation) -> bool:
    try:
        return parse_certificate(signed) == validation
    except UntrustedInput:
        return False


def _file(target: str) -> Answer:
    name, kind = _FILES.get(target, ("", ""))
    if not name:
        return _text(404, "There is no such page.")
    return Answer(200, kind, files("safecount.setting_up").joinpath("page", name).read_bytes())


def _text(status: int, sentence: str) -> Answer:
    return Answer(status, _PLAIN, f"{sentence}\n".encode())


def _json(value: dict[str, object]) -> Answer:
    return Answer(200, _JSON, json.dumps(value, separators=(",", ":")).encode())
