"""The kept OpenAPI document is what the collector offers, and whatever it lets in is answered as it says."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import status_code_conformance

from safecount_ops.collector.openapi import document
from simulators.running_collector import RunningCollector, collector_command, running_collector

KEPT = Path(__file__).parents[2] / "docs" / "collector-openapi.json"


@schemathesis.serializer("application/cbor", "application/pkcs10")
def as_it_is(_context: object, value: object) -> bytes:
    return value if isinstance(value, bytes) else str(value).encode("utf-8", "surrogatepass")


schema = schemathesis.openapi.from_dict(document())


def test_the_kept_document_is_the_newest() -> None:
    assert json.loads(KEPT.read_text()) == document(), (
        "renew it: safecount-ops collector openapi > docs/collector-openapi.json"
    )


@pytest.fixture(scope="module")
def collector(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    limits = "[limits]\noffences = 1000000\naddress_per_minute = 1000000\naddress_burst = 1000000\n"
    with running_collector(tmp_path_factory.mktemp("openapi") / "c", limits) as running:
        running.token_file("pull")
        (running.folder / "metrics.token").write_text(collector_command("token", running.folder, "m", "--metrics"))
        running.add_device("someone")
        yield running


@schema.parametrize()
@settings(max_examples=8, deadline=None, phases=[Phase.generate], suppress_health_check=list(HealthCheck))
def test_whatever_comes_is_answered_as_the_document_says(
    case: schemathesis.Case,  # type: ignore[type-arg]
    collector: RunningCollector,
) -> None:
    of_devices = case.path.startswith(("/v1/envelopes", "/.well-known")) or (case.method, case.path) == (
        "GET",
        "/v1/keyset",
    )
    name = "metrics" if case.path == "/metrics" else "pull"
    token = (collector.folder / f"{name}.token").read_text().strip()
    certificate = (str(collector.folder / "someone.pem"), str(collector.folder / "someone.key"))
    case.call_and_validate(
        base_url=collector.devices_url if of_devices else collector.pull_url,
        headers={} if of_devices else {"Authorization": f"Bearer {token}"},
        cert=certificate if of_devices else None,
        verify=str(collector.ca_file),
        allow_redirects=False,
        checks=[not_a_server_error, status_code_conformance],
    )
