"""The OpenAPI document of both ports in one; each operation names the server that it is of."""

import tempfile
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi import FastAPI

from safecount_ops.collector.authority import Authority
from safecount_ops.collector.database import Database
from safecount_ops.collector.enrolling import enrolment_router
from safecount_ops.collector.intake import Intake
from safecount_ops.collector.limits import Exclusions
from safecount_ops.collector.metrics import Metrics
from safecount_ops.collector.pages import Pages, pages_router
from safecount_ops.collector.people import People
from safecount_ops.collector.registry import Registry
from safecount_ops.collector.web import device_app, people_app
from safecount_ops.enrolment.tokens import Tokens

_DEVICES = {"url": "https://collector.example:8443", "description": "devices, with their certificates (TLS 1.3)"}
_PEOPLE = {"url": "https://collector.example:8444", "description": "controllers, Prometheus and people"}


def document() -> dict[str, Any]:
    """The document, the same each time."""
    devices, people = _apps()
    merged: dict[str, Any] = {
        "openapi": "3.1.0",
        "info": {
            "title": "safecount collector",
            "version": "1",
            "description": "docs/formats.md tells what the bodies hold.",
        },
        "servers": [_DEVICES, _PEOPLE],
        "paths": {},
    }
    for app, server in ((devices, _DEVICES), (people, _PEOPLE)):
        made = app.openapi()
        for path, operations in made["paths"].items():
            for operation in operations.values():
                operation["servers"] = [server]
                operation["responses"].pop("422", None)  # parameters that are none are answered 400
            merged["paths"].setdefault(path, {}).update(operations)
    return merged


def _apps() -> tuple[FastAPI, FastAPI]:
    """Both applications over a database that nobody opens."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        authority = Authority.create(folder, "none")
    database, metrics = Database(folder / "none.db"), Metrics()
    registry = Registry(database)
    enrolment = enrolment_router(authority, registry, Tokens(database))
    pages = Pages(database, People(database, lambda _name, _password: False), Exclusions(database))
    intake = Intake(database, Ed25519PrivateKey.generate())
    return device_app(intake, metrics, 1, enrolment), people_app(database, metrics, 1, pages_router(pages))
