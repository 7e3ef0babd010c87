"""What is in an image, as CycloneDX 1.6 JSON: Debian's packages, wheels with what is bundled in them, the model and we.

Everything in it comes from the locks and from the finished root, never from this machine.
"""

import json
import uuid
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from safecount_image.board import Board
from safecount_image.packages import Package
from safecount_image.wheels import SITE, locked

_NAMESPACE = uuid.UUID("6a4f3f0e-6b1f-4a53-9d0b-5afec0470002")
# Of the components that a wheel tells of, what is true outside its build machine.
_TAKEN = ("type", "name", "version", "purl", "hashes", "licenses")

Component = dict[str, Any]


def make_sbom(
    board: Board, version: str, roothash: str, packages: Iterable[Package], root: Path, model: Component
) -> str:
    """The bill as text: the same for the same image.

    Args:
        board: which board the image is for.
        version: of safecount.
        roothash: of the image's root; the bill's serial number is made from it.
        packages: of the board's lock.
        root: the finished root; the wheels in it tell what they bundle.
        model: the component of the detector.
    """
    ours = {
        "type": "firmware",
        "name": f"safecount-{board.name}",
        "version": version,
        "bom-ref": "image",
        "hashes": [{"alg": "SHA-256", "content": roothash}],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    components = [
        *(debian_component(package, vendors=board.is_vendors(package.name)) for package in packages),
        *wheel_components(locked(board.wheels).items(), root / SITE),
        model,
    ]
    return _bill(ours, components, roothash)


def make_wheel_sbom(name: str, version: str, sha256: str, wheels: Iterable[tuple[str, str]]) -> str:
    """The bill of one of our wheels (its name, version and hash) and of the locked `wheels` that it is tested with."""
    ours = {
        "type": "application",
        "name": name,
        "version": version,
        "bom-ref": f"pkg:pypi/{name}@{version}",
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "licenses": [{"license": {"id": "Apache-2.0"}}],
    }
    return _bill(ours, wheel_components(wheels), sha256)


def _bill(ours: Component, components: list[Component], made_from: str) -> str:
    bill = {
        "$schema": "http://cyclonedx.org/schema/bom-1.6.schema.json",
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "serialNumber": f"urn:uuid:{uuid.uuid5(_NAMESPACE, made_from)}",
        "version": 1,
        "metadata": {"component": ours},
        "components": components,
    }
    return json.dumps(bill, indent=1, ensure_ascii=False) + "\n"


def debian_component(package: Package, *, vendors: bool = False) -> Component:
    """A package by its purl, with the hash of its file; `vendors` for one of the board's maker."""
    version, name = (text.replace(":", "%3A").replace("+", "%2B") for text in (package.version, package.name))
    purl = f"pkg:deb/{'vendor' if vendors else 'debian'}/{name}@{version}?arch={package.architecture}&distro=debian-13"
    return {
        "type": "firmware"
        if package.place == "firmware"
        else "operating-system"
        if package.place == "kernel"
        else "library",
        "bom-ref": purl,
        "name": package.name,
        "version": package.version,
        "purl": purl,
        "hashes": [{"alg": "SHA-256", "content": package.sha256}],
    }


def wheel_components(wheels: Iterable[tuple[str, str]], site: Path | None = None) -> list[Component]:
    """The wheels, by name and version; each with the components of the bills that it carries itself (PEP 770), where they are
    installed in a folder `site`.
    """
    found = []
    for name, version in wheels:
        purl = f"pkg:pypi/{name}@{version}"
        component: Component = {"type": "library", "bom-ref": purl, "name": name, "version": version, "purl": purl}
        bills = sorted(site.glob(f"{name.replace('-', '_')}-*.dist-info/sboms/*.json")) if site is not None else []
        if bundled := [part for bill in bills for part in _bundled(bill)]:
            component["components"] = bundled
        found.append(component)
    return found


def _bundled(bill: Path) -> list[Component]:
    told = json.loads(bill.read_text(encoding="utf-8")).get("components", [])
    return [{key: part[key] for key in _TAKEN if key in part} for part in told]


def model_component(name: str, sha256: str, licence: str) -> Component:
    """The detector, as a component."""
    return {
        "type": "machine-learning-model",
        "bom-ref": f"model:{name}",
        "name": name,
        "version": sha256[:12],
        "hashes": [{"alg": "SHA-256", "content": sha256}],
        "licenses": [{"license": {"name": licence}}],
    }
