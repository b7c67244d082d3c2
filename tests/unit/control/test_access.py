import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from strangler.control.access import AccessLog, open_log
from strangler.core.errors import UsageError
from strangler.core.model import Log, Stage
from strangler.proxy.exchange import Exchange

from .given import EXCHANGE

NOON = 1_795_348_800.25  # 2026-11-22, 12:00 UTC


def never(_: float, __: Callable[[], None]) -> None:
    """Tests flush when they want to."""


def without_query(target: str) -> str:
    return target.partition("?")[0]


def lines(*exchanges: Exchange) -> list[dict[str, Any]]:
    reading, writing = os.pipe()
    log = AccessLog(writing, never, without_query, lambda: NOON)
    for exchange in exchanges:
        log.add(exchange)
    log.flush()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        return [json.loads(line) for line in pipe]


def test_a_line_says_what_happened_and_no_query() -> None:
    assert lines(EXCHANGE) == [
        {
            "time": "2026-11-22T12:00:00.250+00:00",
            "method": "GET",
            "path": "/shop/1",
            "client": "192.0.2.7",
            "route": "shop",
            "stage": "legacy",
            "served_by": "legacy",
            "status": 200,
            "reason": None,
            "fell_back": False,
            "first_byte": 0.002,
            "seconds": 0.003,
            "bytes_in": 0,
            "bytes_out": 200,
            "request_id": "abc",
        }
    ]


def test_what_was_not_known_is_null() -> None:
    refused = EXCHANGE._replace(method="", route="", stage="", upstream="", status=0, reason="client_gone")
    (line,) = lines(refused)
    assert {key for key, value in line.items() if value is None} == {"route", "stage", "served_by", "status"}


@pytest.mark.parametrize("hostile", ['/"},{"x":"', "/\x1b[2J", "/a\nb", "/\x9b31m", "/\u2028", "/\\", "/\x00", "/é"])
def test_what_a_client_chooses_stays_one_string_of_plain_characters(hostile: str, tmp_path: Path) -> None:
    (line,) = lines(EXCHANGE._replace(target=hostile, client=hostile, request_id=hostile, method=hostile))
    assert [line[key] for key in ("path", "client", "request_id", "method")] == [hostile] * 4
    descriptor = open_log(Log(access=str(tmp_path / "log")))
    assert descriptor is not None
    log = AccessLog(descriptor, never, without_query)
    log.add(EXCHANGE._replace(target=hostile))
    log.flush()
    written = (tmp_path / "log").read_bytes()
    assert written.count(b"\n") == 1
    assert all(32 <= byte < 127 for byte in written[:-1])


def test_lines_that_share_a_part_do_not_share_a_stage() -> None:
    stages = [Stage.LEGACY, Stage.CANARY, Stage.LEGACY]
    assert [line["stage"] for line in lines(*(EXCHANGE._replace(stage=stage) for stage in stages))] == stages


def test_a_pipe_that_nobody_reads_loses_whole_lines_and_counts_them() -> None:
    reading, writing = os.pipe()
    log = AccessLog(writing, never, without_query)
    for _ in range(1000):
        log.add(EXCHANGE)
    log.flush()
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        written = pipe.read().splitlines()
    assert len(written) + log.lost == 1000
    assert log.lost > 0
    assert all(json.loads(line) for line in written)


def test_a_file_that_was_moved_away_is_opened_again(tmp_path: Path) -> None:
    where = Log(access=str(tmp_path / "log"))
    first = open_log(where)
    assert first is not None
    log = AccessLog(first, never, without_query)
    log.add(EXCHANGE)
    (tmp_path / "log").rename(tmp_path / "old")
    second = open_log(where)
    assert second is not None
    log.reopen(second)
    log.add(EXCHANGE)
    log.flush()
    assert [len((tmp_path / name).read_text().splitlines()) for name in ("old", "log")] == [1, 1]


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    for name in ("no/log", ".", "fifo"):
        with pytest.raises(UsageError, match=r"^log\.access: .* cannot be written: "):
            open_log(Log(access=str(tmp_path / name)))
    assert open_log(Log(access="off")) is None
    assert open_log(Log(access="stdout")) == 1
