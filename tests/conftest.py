"""What several test files need to know about the book's files."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted(ROOT.glob("book/*.ipynb"))


def pytest_generate_tests(metafunc):
    if "notebook" in metafunc.fixturenames:
        loaded = [json.loads(path.read_text(encoding="utf-8")) for path in NOTEBOOKS]
        metafunc.parametrize("notebook", loaded, ids=[path.name for path in NOTEBOOKS])


@pytest.fixture(scope="session")
def root():
    return ROOT
