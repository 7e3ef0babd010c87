"""Fuzzes the targets, one line each: `make fuzz` for FUZZ_S seconds a target, FUZZ=name for one of them.

What it learns stays in build/fuzz/NAME/corpus; `--keep` brings the least of it that covers the same code to
tests/fuzz/corpus/NAME.hex, one a line, where every run and every test starts from. Ends with 1 if a target was broken.
"""

# ruff: noqa: T201 - a command prints

import argparse
import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from importlib import import_module
from pathlib import Path

HERE = Path(__file__).parent
BUILD = HERE.parents[1] / "build" / "fuzz"
CORPUS = HERE / "corpus"
KEPT_BYTES = 16 * 1024
"""At most so much is kept of a target in the repository; the smallest inputs first."""


def targets() -> list[str]:
    return sorted(path.stem for path in (HERE / "targets").glob("*.py"))


def kept(name: str) -> list[bytes]:
    """What the repository keeps of a target."""
    path = CORPUS / f"{name}.hex"
    return [bytes.fromhex(line) for line in path.read_text(encoding="ascii").splitlines()] if path.exists() else []


def seeded(name: str) -> Path:
    """The target's working corpus, with its seeds and what is kept of it."""
    sys.path.insert(0, str(HERE.parent))
    folder = BUILD / name / "corpus"
    folder.mkdir(parents=True, exist_ok=True)
    for data in [*import_module(f"fuzz.targets.{name}").SEEDS, *kept(name)]:
        (folder / sha256(data).hexdigest()[:16]).write_bytes(data)
    return folder


def libfuzzer(name: str, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, HERE / "worker.py", name, *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)


def fuzz(name: str, seconds: int) -> bool:
    """Fuzz one target; True if nothing was found."""
    corpus = seeded(name)
    findings = BUILD / name / "findings"
    findings.mkdir(exist_ok=True)
    before = set(findings.iterdir())
    limits = (f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=1024", "-max_len=20000")
    done = libfuzzer(name, *limits, f"-artifact_prefix={findings}/", corpus)
    (BUILD / name / "log").write_text(done.stdout, encoding="utf-8")
    runs, covered = re.findall(r"#(\d+)\s", done.stdout), re.findall(r"cov: (\d+)", done.stdout)
    print(
        f"{name:16} {int(runs[-1]) if runs else 0:>10} inputs in {seconds} s, {covered[-1] if covered else '?':>4} edges, "
        f"corpus of {len(list(corpus.iterdir()))}: {'nothing found' if done.returncode == 0 else 'BROKEN'}",
        flush=True,
    )
    for path in sorted(set(findings.iterdir()) - before):
        print(f"  an input that breaks it: {path}; what happened: {BUILD / name / 'log'}", flush=True)
    return done.returncode == 0


def keep(name: str) -> None:
    """Bring the least inputs that cover all that the working corpus covers to the repository."""
    least = BUILD / name / "least"
    shutil.rmtree(least, ignore_errors=True)
    least.mkdir()
    libfuzzer(name, "-merge=1", "-max_len=20000", least, seeded(name)).check_returncode()
    inputs: list[bytes] = []
    for data in sorted((path.read_bytes() for path in least.iterdir()), key=len):
        if sum(map(len, inputs)) + len(data) <= KEPT_BYTES:
            inputs.append(data)
    CORPUS.mkdir(exist_ok=True)
    (CORPUS / f"{name}.hex").write_text("".join(f"{data.hex()}\n" for data in inputs), encoding="ascii")
    print(f"{name:16} {len(inputs)} inputs kept")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=int, default=600, help="for each target (default: %(default)s)")
    parser.add_argument("--target", action="append", choices=targets(), help="only this one (may be repeated)")
    parser.add_argument("--keep", action="store_true", help="bring what was learnt to tests/fuzz/corpus")
    chosen = parser.parse_args()
    names = chosen.target or targets()
    if chosen.keep:
        for name in names:
            keep(name)
        return 0
    with ThreadPoolExecutor(os.cpu_count()) as at_once:
        return 0 if all(list(at_once.map(lambda name: fuzz(name, chosen.seconds), names))) else 1


if __name__ == "__main__":
    sys.exit(main())
