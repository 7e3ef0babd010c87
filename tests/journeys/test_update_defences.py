"""Each defence is needed: with it taken out, a test of the attacks, the cuts or the decisions fails."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TESTS = (
    *(f"tests/journeys/test_update_{name}.py" for name in ("attacks", "downloads", "power_cuts")),
    "tests/updating",
)

HANGS_S = 120
"""Many times what the tests take: a device that hangs without a defence was missed as well."""

# name: (file below firmware/safecount, what stands there, what is put in its place)
DEFENCES = {
    "redirects are not followed": ("edges/web.py", "allow_redirects=False", "allow_redirects=True"),
    "no more than is listed": ("edges/web.py", "if at + len(piece) > length:", "if at < 0:"),
    "a server has a pace to keep": ("edges/web.py", "if in_window < self._pace.least_bytes:", "if in_window < 0:"),
    "the whole digest": (
        "edges/bundle_download.py",
        'if hashlib.file_digest(file, "sha256").digest() != self.release.digest:',
        "if file.closed:",
    ),
    "room is left": ("edges/bundle_download.py", "< self.release.length - has + self.keep_free", "< 0"),
    "what came is not fetched again": (
        "edges/bundle_download.py",
        "if block_hash(file.read(end - start)) != expected",
        "if True",
    ),
    "frozen is told from expired": (
        "edges/tuf_client.py",
        "frozen = isinstance(error, ExpiredMetadataError)",
        "frozen = False",
    ),
    "roots are followed": ("edges/tuf_client.py", "MAX_ROTATIONS = 256", "MAX_ROTATIONS = 4"),
    "rauc's signature": ("edges/rauc.py", '"info", f"--keyring={keyring}"', '"info", "--no-verify"'),
    "rauc's board": ("edges/rauc.py", "if compatible != _COMPATIBLE + board:", "if not compatible:"),
    "the listed board": (
        "updating/update_policy.py",
        "if any(one.board != device.board for one in mine):",
        "if not device:",
    ),
    "never older": ("updating/update_policy.py", "if newest.version < device.version:", "if not device:"),
    "only newer": (
        "updating/update_policy.py",
        "one.version > device.version and",
        "one.version != device.version and",
    ),
    "the share": ("updating/update_policy.py", "and one.is_for(device.name)]", "]"),
    "the data's layout": ("updating/update_policy.py", "if release.data < device.data", "if release.data < -1"),
    "the clock is not before the image": ("updating/update_policy.py", "or utc_s < floor_s", ""),
    "the clock is not years ahead": (
        "updating/update_policy.py",
        "ahead = floor_s > 0 and",
        "ahead = floor_s > 1e12 and",
    ),
    "given up what failed": ("updating/update_policy.py", "if memory.given_up(release.digest):", "if not device:"),
    "an interrupted check is left": (
        "updating/update_policy.py",
        "if trial.stage is Stage.CHECKING else Check()",
        "if not trial else Check()",
    ),
    "a trial that nobody knows is left": (
        "updating/update_policy.py",
        "restart=True)\n    return RollBack",
        "restart=False)\n    return RollBack",
    ),
    "the memory is written before the restart": (
        "updating/rounds.py",
        "self._world.store.save(replace(memory, trial=trial))\n        self._leaving",
        "self._leaving",
    ),
    "what the slot held is forgotten before it is overwritten": (
        "updating/rounds.py",
        "self._world.store.save(replace(memory, trial=None))  # what",
        "pass  # what",
    ),
    "the commit is read back": ("edges/autoboot.py", "return self._read_from_disk() == content(slot)", "return True"),
    "the file is one sector": ("edges/autoboot.py", "if os.fstat(descriptor).st_size != SECTOR:", "if not descriptor:"),
    "a damaged file is no choice": (
        "edges/autoboot.py",
        "if not found or found[1] == found[2]:",
        "if not found:\n        return 'A'\n    if found[1] == found[2]:",
    ),
    "nothing is written that is so": ("edges/autoboot.py", "if self.committed() == slot:", "if not slot:"),
}


@pytest.mark.soak
@pytest.mark.parametrize("name", DEFENCES)
def test_a_defence_that_is_taken_out_is_missed(name: str, tmp_path: Path) -> None:
    file, stands, instead = DEFENCES[name]
    firmware = tmp_path / "firmware"
    shutil.copytree(ROOT / "firmware", firmware, ignore=shutil.ignore_patterns("__pycache__", "*.egg-info"))
    source = firmware / "safecount" / file
    text = source.read_text()
    assert text.count(stands) == 1, f"{file} no longer holds what this test takes out"
    source.write_text(text.replace(stands, instead))
    line = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *TESTS]
    environment = {**os.environ, "PYTHONPATH": str(firmware), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        ran = subprocess.run(
            line, cwd=ROOT, env=environment, check=False, capture_output=True, text=True, timeout=HANGS_S
        )
    except subprocess.TimeoutExpired:
        return  # data without end was taken without end
    assert ran.returncode == 1, f"no test misses: {name}\n{ran.stdout[-500:]}"
