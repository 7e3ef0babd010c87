"""The journal: a closed list of sentences, so that no log line can tell of anybody who passed.

Each is written to stderr with the priority prefix of sd-daemon(3), which journald reads; no number, name, time or size
is ever put into one, and its only variable part is a member of another closed list.
"""

import os
from contextlib import suppress
from enum import Enum

_STDERR = 2
_ERROR, _WARNING, _NOTICE, _INFO = 3, 4, 5, 6


class Event(Enum):
    """Everything that the device's processes ever log."""

    COUNTING = (_NOTICE, "Frames are being counted.")
    RELEASING = (_NOTICE, "The device belongs to a site: its counts are released.")
    NOT_ENROLLED = (_NOTICE, "The device belongs to no site yet: nothing is released.")
    SITE_UNREADABLE = (_ERROR, "The site file cannot be used; what was there before stays.")
    CAMERA_FAILED = (_ERROR, "The camera cannot be used; it is tried again.")
    CAMERA_HUNG = (_ERROR, "The camera gives no more frames; it is opened anew.")
    CAMERA_STUCK = (_ERROR, "The camera can no longer be closed; the process starts anew.")
    ACCELERATOR_LOST = (_WARNING, "The accelerator is gone; the processor does its work.")
    MODEL_FAILED = (_ERROR, "The model cannot be used; nothing is counted.")
    QUEUE_FULL = (_ERROR, "The seal process has been away for too long: new records are given up.")
    SEALING = (_NOTICE, "Records are being sealed.")
    KEYSET_TAKEN = (_NOTICE, "A newer keyset is in use.")
    KEYSET_REFUSED = (_WARNING, "A keyset was offered that is not a newer one of this device's controller.")
    SPOOL_NO_ROOM = (_ERROR, "The disk takes no more records; they wait.")
    SPOOL_DAMAGED = (_ERROR, "The spool was damaged; it is set aside and another one is begun.")
    SPOOL_UNUSABLE = (_ERROR, "The spool cannot be read or written; what it holds is tried again later.")
    KEYSET_UNKEPT = (_ERROR, "The disk does not take a newer keyset; it is fetched again later.")
    UPDATE_REPORT_UNREADABLE = (_WARNING, "The update process has left a report that cannot be read.")
    UPLOADING = (_NOTICE, "The collector is known; records are on their way.")
    VISIT_FAILED = (_WARNING, "The collector took nothing:")
    CERTIFICATES_UNUSABLE = (_ERROR, "The certificates for the collector cannot be used; waiting for others.")
    UPDATE_NO_TRUST = (_ERROR, "This image holds no root of trust for releases: none is asked for.")
    UPDATE_REFUSED = (_WARNING, "A release was refused; the health record tells why.")
    UPDATE_RESTARTS = (_NOTICE, "The device restarts for an update, or to leave one.")
    SETUP_OPEN = (_NOTICE, "The set-up page is open.")
    SETUP_OVER = (_NOTICE, "The set-up page is closed.")
    CERTIFIED = (_NOTICE, "A validation certificate was signed.")
    OWNER_FORGOTTEN = (_NOTICE, "The device was reset: what it held for its owner is gone.")
    ORDER_UNKEPT = (_ERROR, "The disk does not take an order of the collector; it comes again.")
    STOPPING = (_INFO, "Stopping in an orderly way.")


def tell(event: Event, of: Enum | None = None) -> None:
    """Write the event's sentence, with the value of a member of another closed list behind it.

    A journal that takes nothing stops nobody: what is wrong is also in the health record.
    """
    priority, sentence = event.value
    detail = "" if of is None else f" {of.value}."
    with suppress(OSError):
        os.write(_STDERR, f"<{priority}>{sentence}{detail}\n".encode())
