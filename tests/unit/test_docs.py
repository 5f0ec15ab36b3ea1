"""The generated pages of the documentation are those that the code would write today."""

import re
import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_the_reference_of_the_model_is_current() -> None:
    generator = runpy.run_path(str(DOCS / "generate.py"))
    assert (DOCS / "model.md").read_text() == generator["reference"](), "run `make docs`"


def test_links_between_pages_lead_somewhere() -> None:
    pages = [page for page in DOCS.parent.glob("**/*.md") if ".venv" not in page.parts]
    for page in pages:
        for target, anchor in re.findall(r"\]\(([^)#:]*)(?:#([^)]+))?\)", page.read_text()):
            linked = page.parent / target if target else page
            assert linked.exists(), f"{page.name} links to {target}"
            assert not anchor or anchor in anchors(linked), f"{page.name} links to {target}#{anchor}"


def test_every_test_that_shows_parity_is_there() -> None:
    for row in (DOCS / "parity.md").read_text().splitlines():
        folder = Path()
        for name in re.findall(r"`([\w/.-]+\.(?:py|yaml))`", row) if row.startswith("|") else ():
            folder = Path(name).parent if "/" in name else folder
            assert (DOCS.parent / "tests" / folder / Path(name).name).exists(), f"{name} in {row}"
