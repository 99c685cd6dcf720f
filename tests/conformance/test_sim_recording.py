"""Sessions written down, by the server and between client and server, and compared."""

import io
import json
from pathlib import Path

import pytest

from orderloom.sim import differ
from orderloom.sim.differ import differences
from orderloom.sim.proxy import RecordingProxy
from orderloom.sim.recording import Message, Recorder, read_recording, replies
from orderloom.sim.wire import message

from .rig import Exchange, Raw, opened, order


async def session(exchange: Exchange, port: int) -> None:
    raw = Raw(port)
    await raw.write(b"API\0\0\0\0\x09v157..178")
    assert await raw.read()
    await raw.write(message("71", "2", "9", ""), order(1, "BUY", "10", "MKT"))
    assert await raw.told("commissionReport")
    await raw.write(message("61", "1"))
    assert await raw.told("positionEnd")
    raw.close()


def recorded(file: io.StringIO, path: Path) -> list[Message]:
    path.write_text(file.getvalue())
    return list(read_recording(path))


async def test_server_and_proxy_write_the_same_session_without_its_account(tmp_path: Path) -> None:
    inside, between = io.StringIO(), io.StringIO()
    options = {"account": "U7654321", "recorder": Recorder(inside)}
    async with opened('{"account": "U7654321"}', **options) as exchange:
        proxy = RecordingProxy(
            Recorder(between), "127.0.0.1", exchange.tws.port, lambda: exchange.now
        )
        await proxy.start()
        await session(exchange, proxy.port)
        await proxy.stop()
    ours = recorded(inside, tmp_path / "inside.jsonl")
    theirs = recorded(between, tmp_path / "between.jsonl")
    assert len(ours) > 15
    for stream in ("requests", "replies"):
        assert [each.fields for each in ours if each.stream == stream] == [
            each.fields for each in theirs if each.stream == stream
        ]
    assert "7654321" not in inside.getvalue() + between.getvalue()
    assert "U0000001" in inside.getvalue()


async def test_sessions_of_two_seeds_agree_but_for_what_was_traded(tmp_path: Path) -> None:
    told = []
    for seed, ask in ((1, 100.01), (2, 100.01), (3, 100.02)):
        file = io.StringIO()
        async with opened(json.dumps({"seed": seed}), recorder=Recorder(file)) as exchange:
            exchange.quote(99.99, ask)
            await session(exchange, exchange.tws.port)
        told.append(replies(recorded(file, tmp_path / f"{seed}.jsonl")))
    assert list(differences(told[0], told[1])) == []
    found = list(differences(told[0], told[2]))
    assert {each.name for each in found} == {"execDetails", "orderStatus", "position"}
    assert list(differences(told[0], told[2], has_values=False)) == []
    shorter = [each for each in told[0] if each.name != "execDetails"]
    assert [str(each) for each in differences(told[0], shorter)] == ["execDetails: only left"]


def test_the_command_ends_with_5_where_sessions_differ(tmp_path: Path) -> None:
    lines = {
        "left": ["x", "y"],
        "right": ["x", "z"],
    }
    for name, values in lines.items():
        data = [
            {"at": 0, "connection": 1, "stream": "replies", "name": "tickString", "fields": [value]}
            for value in values
        ]
        (tmp_path / name).write_text("".join(json.dumps(each) + "\n" for each in data))
    with pytest.raises(SystemExit) as ended:
        differ.main([str(tmp_path / "left"), str(tmp_path / "right")])
    assert ended.value.code == 5
    with pytest.raises(SystemExit) as ended:
        differ.main([str(tmp_path / "left"), str(tmp_path / "left")])
    assert ended.value.code == 0
    (tmp_path / "left").write_text("[]\n")
    with pytest.raises(ValueError, match="left:1: expected a recorded message"):
        list(read_recording(tmp_path / "left"))
