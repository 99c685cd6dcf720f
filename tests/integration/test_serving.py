"""Commands that listen: what they say when they cannot, and what they write down when they can."""

from __future__ import annotations

import asyncio
import json
import socket
import subprocess
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
from ib_async import IB

from orderloom.cli import main
from orderloom.sim import differ
from orderloom.sim.recording import read_recording

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

Said = tuple[int, list[str]]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """Run a command that must end by itself; return its exit code and what it complained of."""

    def run(*arguments: str) -> Said:
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert isinstance(ended.value.code, int)
        return ended.value.code, capsys.readouterr().err.splitlines()

    return run


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.mark.parametrize(
    ("command", "option"), [("sim", "--port"), ("sim", "--fault-port"), ("predictions", "--port")]
)
def test_a_port_that_cannot_be_had_is_one_sentence(
    command: str, option: str, taken: int, said: Callable[..., Said]
) -> None:
    free = [] if option == "--port" else ["--port", "0"]
    assert said(command, *free, option, str(taken)) == (
        2,
        [
            f"{option}: cannot listen on port {taken}: it is in use, "
            f"hint: stop what listens there, or say `{option} 0` for a free one"
        ],
    )
    for port in ("65536", "-1"):
        assert said(command, *free, f"{option}={port}") == (
            2,
            [f"{option}: expected a port from 0 to 65535, found `{port}`"],
        )


@pytest.mark.parametrize(
    ("name", "content", "complaint"),
    [
        ("none.csv", None, "expected a file, found none"),
        ("prices.csv", b"\xff\xfe\x00\x01", "expected CSV in UTF-8"),
        ("columns.csv", b"a,b\n1,2\n", "no kind of market data has the columns a, b"),
        ("prices.parquet", b"PAR1 and no more", "expected Parquet"),
        ("prices.txt", b"AAPL 100", "expected a .parquet, .csv, .jsonl or .ndjson file"),
    ],
)
def test_a_market_that_cannot_be_read_is_told_with_its_file(
    name: str, content: bytes | None, complaint: str, tmp_path: Path, said: Callable[..., Said]
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    code, lines = said("sim", "--port", "0", "--market", str(path))
    assert code == 2
    assert lines[0].startswith(f"{path}: ")
    assert complaint in lines[0]
    assert all(line.startswith("hint: ") for line in lines[1:])


async def net_liquidation(port: int) -> tuple[str, float]:
    """Return the account that a client finds, and what it is worth."""
    ib = IB()
    await ib.connectAsync("127.0.0.1", port, clientId=3)
    (value,) = (each for each in ib.accountValues() if each.tag == "NetLiquidation")
    ib.disconnect()
    return value.account, float(value.value)


def test_a_recorded_session_reads_back_without_its_account(
    start_sim: Callable[..., int], said: Callable[..., Said], tmp_path: Path
) -> None:
    file = tmp_path / "session.jsonl"
    port = start_sim("--record", str(file))
    assert asyncio.run(net_liquidation(port)) == ("DU0000001", 1_000_000)
    messages = list(read_recording(file))
    assert {"startApi", "managedAccounts", "accountDownloadEnd"} <= {each.name for each in messages}
    assert {each.connection for each in messages} == {1}
    with pytest.raises(SystemExit) as compared:
        differ.main([str(file), str(file)])
    assert compared.value.code == 0
    assert said("sim", "--port", "0", "--record", str(tmp_path)) == (
        2,
        [f"--record: cannot write {tmp_path}: Is a directory"],
    )


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ('{"latency": {"order_ms": 5}}', "`latency`: unknown key `order_ms`, expected one of"),
        ('{"commission": "free"}', "`commission`: found `free`, expected one of `fixed`"),
        ('{"account": "DU2"}', "always the same"),
        ("[]", "found `[]`, expected a mapping"),
        ("{", "Expecting property name"),
    ],
)
def test_what_the_exchange_cannot_do_is_told_with_its_file(
    text: str, complaint: str, tmp_path: Path, said: Callable[..., Said]
) -> None:
    file = tmp_path / "venue.json"
    file.write_text(text)
    code, (line,) = said("sim", "--port", "0", "--venue", str(file))
    assert code == 2
    assert line.startswith(f"{file}:")
    assert complaint in line


def test_the_exchange_does_what_its_file_says(
    start_sim: Callable[..., int], tmp_path: Path
) -> None:
    file = tmp_path / "venue.json"
    file.write_text('{"cash": 1234}')
    assert asyncio.run(net_liquidation(start_sim("--venue", file))) == ("DU0000001", 1234)


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (("sim", "--fault-port", "0"), {"port", "fault_port", "account", "seed", "symbols"}),
        (("predictions",), {"url", "predictions", "tickers"}),
    ],
)
def test_a_program_learns_from_one_line_where_it_is_listened(
    arguments: tuple[str, ...], names: set[str], orderloom: Path
) -> None:
    command = [str(orderloom), *arguments, "--port", "0", "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        told = json.loads(serving.stdout.readline())
        assert set(told) == names
        port = told["port"] if "port" in told else urlsplit(told["url"]).port
        socket.create_connection(("127.0.0.1", port), timeout=5).close()
        serving.terminate()
        assert serving.stdout.read() == ""
    assert serving.returncode == 0
