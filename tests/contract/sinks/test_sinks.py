"""Every sink of ours through the suite that ships."""

from pathlib import Path

import pytest

from reconcile.sinks.contract import SinkContract
from tests.contract.sinks.stands import FileStand, HttpStand, MemoryStand


class TestMemory(SinkContract):
    @pytest.fixture
    def stand(self) -> MemoryStand:
        return MemoryStand()


class TestFile(SinkContract):
    @pytest.fixture
    def stand(self, tmp_path: Path) -> FileStand:
        return FileStand(tmp_path)


class TestHttp(SinkContract):
    @pytest.fixture(params=["structured", "binary"])
    def stand(self, request: pytest.FixtureRequest) -> HttpStand:
        return HttpStand(request.param)
