"""One initialised workspace for all tests that pack trees."""

import pytest

from tests.zip.workspace import Pack, packer

pytest.register_assert_rewrite("tests.zip.archive")


@pytest.fixture(scope="session")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Pack:
    """Return a function that packs trees, all in one run, and returns the package of each."""
    return packer(tmp_path_factory.mktemp("trees"))
