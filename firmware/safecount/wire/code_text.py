"""How the texts begin that a device reads before its camera and on its console, and how long they may be.

Apart from what reads them, since the counting process hands them on unread: it loads no cryptography for that.
"""

SITE_CODE_PREFIX = "SC1:"
MAX_SITE_CODE_BYTES = 700
MAX_SITE_CODE_CHARACTERS = len(SITE_CODE_PREFIX) + MAX_SITE_CODE_BYTES * 3 // 2
WIFI_PREFIX = "WIFI:"
MAX_WIFI_CHARACTERS = 256
