"""A recording is known by what is in it, and what cannot be read is refused in one line."""

from __future__ import annotations

import gzip
import os
import threading
from pathlib import Path

import pytest

from strangler.core.errors import UsageError
from strangler.traffic import har
from strangler.traffic.entry import Entry
from strangler.traffic.reading import read

DATA = Path(__file__).parents[2] / "data"


def har_file(path, *targets):
    with path.open("wb") as file:
        har.write([Entry("GET", target, "shop.example.org", status=200) for target in targets], file)
    return path


def test_a_har_by_any_name(tmp_path):
    recording = read(har_file(tmp_path / "saved.txt", "/a", "/b"))
    assert [entry.target for entry in recording] == ["/a", "/b"]
    assert (recording.kind, recording.number, recording.warnings()) == ("HAR", 2, [])


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b"", "is empty"),
        (b"\x1f\x8b\x08\x00", "cannot be read: Compressed file ended"),
        (b"PK\x03\x04...", "is compressed"),
        (b"\x7fELF\x02\x01\x01\0\0\0", "is none of what can be read: a HAR, flows of mitmproxy, or an access log"),
    ],
)
def test_what_is_no_recording_is_refused(tmp_path, data, why):
    path = tmp_path / "x.har"
    path.write_bytes(data)
    with pytest.raises(UsageError, match=r"^.*x\.har ") as told:
        list(read(path))
    assert why in str(told.value)
    assert "\n" not in str(told.value)


def test_a_file_that_cannot_be_opened_says_so(tmp_path):
    with pytest.raises(UsageError, match=r"nowhere\.har cannot be read: No such file"):
        read(tmp_path / "nowhere.har")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read(tmp_path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"log": {"version": "1.2", "entries": []}}', "no exchange in it that can be used (HAR; it is empty)"),
        ('{"log": {"version": "1.2", "entries": [', "no exchange in it that can be used (HAR; it ends too early)"),
        ('{"log": {"entries": [1, 2]}}', "no exchange in it that can be used (HAR; 2 left out: entry 1: not an object)"),
        ('{\n"openapi": "3.1.0"}', "no exchange in it that can be used (HAR; it has no log.entries)"),
        ('{"log": {"entries": {}}}', "no exchange in it that can be used (HAR; it has no log.entries)"),
    ],
)
def test_a_har_in_which_nothing_is_left_is_refused(tmp_path, text, why):
    path = tmp_path / "x.har"
    path.write_text(text)
    with pytest.raises(UsageError) as told:
        list(read(path))
    assert why in str(told.value)


def test_a_part_is_not_taken_for_the_whole(tmp_path):
    path = har_file(tmp_path / "x.har", "/a", "/b")
    path.write_bytes(path.read_bytes()[:-200])
    recording = read(path)
    assert [entry.target for entry in recording] == ["/a"]
    assert recording.warnings() == [f"{path}: only its first 1 exchanges were read: behind entry 1, it ends too early"]


def test_what_was_left_out_is_counted_and_the_first_are_told(tmp_path):
    path = har_file(tmp_path / "x.har", "/a")
    path.write_bytes(path.read_bytes().replace(b'"entries": [', b'"entries": [1, 2, 3, 4,'))
    recording = read(path)
    assert len(list(recording)) == 1
    told = "entry 1: not an object; entry 2: not an object; entry 3: not an object; …"
    assert recording.warnings() == [f"{path}: 4 left out: {told}"]


def test_flows_by_any_name():
    recording = read(DATA / "mitmdump-11.flows")
    assert [entry.target for entry in recording] == ["/gz/1?x=a%20b", "/bin", "/form", "/nowhere"]
    assert recording.kind == "flows of mitmproxy"


LINE = '2001:0:db8::1 - - [10/Oct/2025:13:55:36 +0000] "GET /a HTTP/1.1" 200 7 "-" "curl"'


LOGGED = '{"log": {"file": "x"}, "request": "GET /a HTTP/1.1", "status": 200, "time_iso8601": "2025-10-10T13:55:36+00:00"}'


@pytest.mark.parametrize("line", [LINE, LOGGED])
def test_an_access_log(tmp_path, line):
    path = tmp_path / "access.log"
    path.write_text(f"{line}\nnonsense\nnonsense\n")
    recording = read(path)
    assert [entry.target for entry in recording] == ["/a"]
    assert recording.kind == "access log"
    assert recording.warnings() == [f"{path}: 2 left out: 2 of its lines: not a line of an access log"]


def test_text_that_is_none_of_it(tmp_path):
    path = tmp_path / "notes.txt"
    path.write_text("Dear diary,\n<script>alert(1)</script>\n")
    with pytest.raises(UsageError, match=r"no exchange in it that can be used \(access log; 2 left out"):
        list(read(path))


def test_from_a_pipe(tmp_path):
    """As from ``zcat saved.har.gz | strangler replay /dev/stdin``."""
    data = har_file(tmp_path / "x.har", "/a", "/b").read_bytes()
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = threading.Thread(target=pipe.write_bytes, args=(data,))
    writing.start()
    assert [entry.target for entry in read(pipe)] == ["/a", "/b"]
    writing.join()


def test_a_log_that_was_rotated_and_packed_is_unpacked_on_the_way(tmp_path: Path) -> None:
    line = b'10.0.0.1 - - [22/Oct/2026:15:00:00 +0200] "GET /%d HTTP/1.1" 200 512\n'
    file = tmp_path / "access.log.2.gz"
    whole = gzip.compress(b"".join(line % number for number in range(5_000)))
    file.write_bytes(whole)
    assert [entry.target for entry in read(file)] == [f"/{number}" for number in range(5_000)]
    file.write_bytes(whole[: len(whole) // 2])
    recording = read(file)
    assert 0 < len(list(recording)) < 5_000
    assert "only its first" in recording.warnings()[0]
