"""Every claim of a document that names a test names one that pytest collects."""

from pathlib import Path

import pytest

from safecount_ops.proof.claims import bare_rows, broken_links, claims_in, collected_in

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
TESTS = collected_in(ROOT)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_claim_names_a_test_that_is_run(document: Path) -> None:
    missing = [
        f"{claim.document}:{claim.line}: {claim.test}" for claim in claims_in(document, ROOT) if claim.test not in TESTS
    ]
    assert not missing, "claims whose test pytest does not collect"
    assert not bare_rows(document), 'rows of "held up by" that say nothing'
    assert not broken_links(document), "links to files that are not there"


def test_this_very_test_is_found_and_the_privacy_page_has_claims() -> None:
    assert f"{Path(__file__).relative_to(ROOT).as_posix()}::test_a_claim_names_a_test_that_is_run" in TESTS
    assert claims_in(ROOT / "docs" / "privacy.md", ROOT)


def test_what_pytest_collects_is_what_is_found(request: pytest.FixtureRequest) -> None:
    collected = {item.nodeid.split("[")[0] for item in request.session.items}
    assert collected <= TESTS


def made(folder: Path, text: str) -> Path:
    (folder / "tests").mkdir()
    (folder / "tests" / "test_a.py").write_text(
        "import pytest\ndef test_there(): ...\nclass TestIt:\n    async def test_within(self): ...\n"
        "@pytest.mark.skip\ndef test_skipped(): ...\ndef helper(): ...\n",
        encoding="utf-8",
    )
    (folder / "docs").mkdir()
    page = folder / "docs" / "page.md"
    page.write_text(text, encoding="utf-8")
    return page


@pytest.mark.parametrize("name", ["test_gone", "test_skipped", "helper"])
def test_a_claim_without_a_test_is_found(tmp_path: Path, name: str) -> None:
    page = made(tmp_path, f"It holds [test](../tests/test_a.py#test_there), [test](../tests/test_a.py#{name}).\n")
    named = [claim.test for claim in claims_in(page, tmp_path)]
    assert named == ["tests/test_a.py::test_there", f"tests/test_a.py::{name}"]
    assert collected_in(tmp_path) == {"tests/test_a.py::test_there", "tests/test_a.py::test_within"}


def test_a_row_that_names_nothing_is_found(tmp_path: Path) -> None:
    row = "| it is safe | really |"
    page = made(
        tmp_path,
        "| claim | Held up by |\n|---|---|\n| a | [test](../tests/test_a.py#test_there) |\n| b | open: no board yet |\n"
        f"{row}\n\n| claim | why |\n|---|---|\n| c | no such column |\n",
    )
    assert bare_rows(page) == [(5, row)]


def test_a_link_to_nothing_is_found(tmp_path: Path) -> None:
    page = made(
        tmp_path,
        "[a](gone.md), [b](page.md), [c](https://example.org/x), [d](../tests/test_b.py#test_x), `[e](no.md)`\n",
    )
    assert broken_links(page) == [(1, "gone.md"), (1, "../tests/test_b.py")]
