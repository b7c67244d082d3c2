"""Starting: one per address, everything wrong is said in words, and nothing is left behind."""

import os
import socket
from pathlib import Path

from benchmarks.crowd import Crowd
from tests.e2e.control.serving import Serving, marked


async def test_a_second_serve_on_the_same_address_is_refused_by_name(serving: Serving) -> None:
    first = await serving.start()
    second = await serving.launch()
    assert await serving.end(second) == 4
    said = await serving.complaints(second)
    assert said.count("\n") == 1
    assert f"127.0.0.1:{serving.port} is served already by strangler, pid {first.pid}" in said
    async with Crowd(serving.port, 2, "/shop/1") as crowd:
        await crowd.progress(4)
    assert crowd.failures == []


async def test_an_admin_address_that_is_taken_is_one_line(serving: Serving) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        serving.write(admin=f"127.0.0.1:{taken.getsockname()[1]}")
        process = await serving.launch()
        assert await serving.end(process) == 4
    said = await serving.complaints(process)
    assert "is in use by another program: stop it, or change admin.address" in said
    assert said.count("\n") == 1
    assert marked(serving.mark) == []


async def test_a_broken_file_starts_nothing_and_every_problem_is_said(serving: Serving) -> None:
    serving.write(stage="canry", workers="lots")
    process = await serving.launch()
    assert await serving.end(process) == 2
    said = await serving.complaints(process)
    assert said.count("\n") == 2
    assert "canry" in said
    assert "lots" in said
    assert sorted(path.name for path in serving.folder.iterdir()) == ["routes.yaml"]


async def test_a_missing_file_is_one_line(serving: Serving) -> None:
    serving.file.unlink()
    process = await serving.launch()
    assert await serving.end(process) == 2
    assert (await serving.complaints(process)).startswith(f"strangler: {serving.file} does not exist: ")


async def test_several_workers_share_a_port_that_the_system_chose(serving: Serving) -> None:
    serving.write(listen="127.0.0.1:0")
    await serving.launch()
    port = int((await serving.line("strangler serves http://127.0.0.1:")).rpartition(":")[2])
    async with Crowd(port, 8, "/shop/1") as crowd:
        await crowd.progress(50)
    assert crowd.failures == []
    assert len(serving.children("worker")) == 2


async def test_a_socket_file_that_was_left_behind_is_replaced_and_a_live_one_is_not(serving: Serving, tmp_path: Path) -> None:
    place = tmp_path / "front.sock"
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(place))
        left.listen()
        serving.write(listen=f"unix:{place}")
        refused = await serving.launch()
        assert await serving.end(refused) == 4
        assert "is in use by another program" in await serving.complaints(refused)
    await serving.start()
    assert serving.said[-1] == f"strangler serves unix:{place}\n"
    with socket.socket(socket.AF_UNIX) as client:
        client.connect(str(place))
    assert await serving.stop() == 0
    assert not place.exists()


async def test_a_file_that_is_no_socket_is_not_removed(serving: Serving, tmp_path: Path) -> None:
    place = tmp_path / "precious"
    place.write_text("x")
    serving.write(listen=f"unix:{place}")
    process = await serving.launch()
    assert await serving.end(process) == 4
    assert "a file that is not a socket is there" in await serving.complaints(process)
    assert place.read_text() == "x"


async def test_children_import_nothing_from_the_folder_they_are_started_in(serving: Serving) -> None:
    (serving.folder / "uvicorn.py").write_text("raise SystemExit('imported from the wrong place')")
    assert os.path.realpath(serving.folder) != os.getcwd()
    await serving.start()
