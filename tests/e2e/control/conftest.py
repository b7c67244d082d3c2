from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.e2e.control.serving import Serving, Upstream
from tests.e2e.running import free_port


@pytest.fixture
async def serving(tmp_path: Path) -> AsyncIterator[Serving]:
    """A file with two workers that is not served yet."""
    legacy, modern = await Upstream("legacy").open(), await Upstream("modern").open()
    made = Serving(tmp_path, legacy, modern, free_port(), free_port(), str(tmp_path))
    made.write()
    yield made
    await made.close()
