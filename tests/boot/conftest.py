from collections.abc import Iterator

import pytest

from boot.bench import Bench, open_bench
from debian import need


@pytest.fixture(scope="session")
def enrolled(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """An enrolled device, the same for all tests: to make one takes minutes."""
    for program in ("mmdebstrap", "bwrap"):
        need(program)
    with open_bench(tmp_path_factory.mktemp("bench")) as made:
        made.begin()
        yield made


@pytest.fixture(scope="module")
def bench(enrolled: Bench) -> Bench:
    """That device, in hours that no other module's tests have begun."""
    enrolled.count_hours_anew()
    return enrolled
