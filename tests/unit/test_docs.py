"""The generated pages of the documentation are those that the code would write today."""

import runpy
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"


def test_the_reference_of_the_model_is_current() -> None:
    generator = runpy.run_path(str(DOCS / "generate.py"))
    assert (DOCS / "model.md").read_text() == generator["reference"](), "run `make docs`"
