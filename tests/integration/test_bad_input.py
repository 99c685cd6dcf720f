"""What cannot be meant is told in a sentence, with exit code 2 and without our own frames."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path

import pytest

from orderloom.cli import main

STRATEGY = Path(__file__).parents[2] / "examples" / "quickstart" / "strategy.yaml"


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--signals", "latin.csv"], "expected CSV in UTF-8"),
        (["--market", "latin.csv"], "expected CSV in UTF-8"),
        (["--market", "empty.csv"], "no kind of market data"),
        (["--out", "empty.csv/run"], "empty.csv/run"),
        (["--seed", "-1"], "--seed"),
        (["--seed", "99999999999999999999999"], "--seed"),
        (["--duration", "-1"], "--duration: expected seconds above 0"),
        (["--duration", "nan"], "--duration: expected seconds above 0"),
        (["--paper", "--until", "2020-01-01T00:00:00Z"], "--until: expected a time to come"),
        (["--from", "yesterday"], "--from: expected a date, or ISO 8601"),
        (["--script", "broken.py"], 'broken.py", line 1'),
        (["--script", "raising.py"], 'raising.py", line 2'),
    ],
)
def test_a_mistake_is_told_in_a_sentence(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    options: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "latin.csv").write_bytes(b"ts_utc,symbol,price,size\n\xe9\xff,A,1,1\n")
    (tmp_path / "empty.csv").touch()
    (tmp_path / "broken.py").write_text("def (:\n")
    (tmp_path / "raising.py").write_text("import orderloom\nraise ValueError('boom')\n")
    with pytest.raises(SystemExit) as ended:
        main(["run", str(STRATEGY), *options])
    told = capsys.readouterr().err
    assert ended.value.code == 2, told
    assert words in told
    assert "orderloom/" not in told, "no frames of ours"


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["sim", "--port", "0", "--seed", "-1"], "--seed"),
        (["sim", "--port", "0", "--speed", "inf"], "--speed: expected a number above 0"),
        (["sim", "--port", "0", "--venue", "bad"], "bad:2:1: not JSON (Expecting value)"),
        (["sim", "--port", "0", "--venue", "latin"], "latin: the byte 0xe9 in line 1 is"),
        (["sim", "--port", "0", "--venue", "."], ".: cannot be read (Is a directory)"),
        (["sim", "--port", "0", "--faults", "latin"], "latin:1: the file: the byte 0xe9 in line 1"),
        (["sim", "--port", "0", "--faults", "bad"], "bad:2: the file: not YAML"),
        (["predictions", "--tickers", " , "], "--tickers: expected names"),
        (["report", "nothing"], "nothing: no such file, expected a journal, or"),
        (
            ["sweep", str(STRATEGY), "--param", "rules.long-on-buy.cooldown=5m", "--out", "."],
            "--out",
        ),
    ],
)
def test_what_cannot_be_used_is_told_before_anything_is_done(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    command: list[str],
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "bad").write_text("[\n")
    (tmp_path / "latin").write_bytes(b"\xe9")
    with pytest.raises(SystemExit) as ended:
        main(command)
    told = capsys.readouterr()
    assert ended.value.code == 2, told.err
    assert words in told.err
    assert told.out == ""


@pytest.mark.parametrize("command", ["run", "backtest", "sweep"])
@pytest.mark.parametrize(
    ("cut", "words"),
    [
        (["--from", "2026-03-11", "--to", "2026-03-10"], "--to: expected a time after --from"),
        (["--from", "2027-01-04"], "of AAPL, MSFT, TSLA from 2027-01-04T05:00:00Z, found none"),
    ],
)
def test_a_time_in_which_nothing_is_played_is_told(
    capsys: pytest.CaptureFixture[str], command: str, cut: list[str], words: str
) -> None:
    params = ["--param", "limits.max_open_contexts=1,2"] if command == "sweep" else []
    with pytest.raises(SystemExit) as ended:
        main([command, str(STRATEGY), *params, *cut])
    told = capsys.readouterr().err
    assert ended.value.code == 2, told
    assert words in told


@pytest.mark.parametrize("command", ["backtest", "sweep"])
def test_bars_that_cannot_be_played_are_told_with_their_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    pl = pytest.importorskip("polars")
    market = tmp_path / "market.parquet"
    at = datetime(2026, 3, 10, 14, 30, tzinfo=UTC)
    bars = {"ts_utc": [at, at], "symbol": ["AAPL"] * 2}
    prices = dict.fromkeys(("open", "high", "low", "close"), [100.0] * 2)
    pl.DataFrame({**bars, **prices}).write_parquet(market)
    params = ["--param", "limits.max_open_contexts=1,2"] if command == "sweep" else []
    with pytest.raises(SystemExit) as ended:
        main([command, str(STRATEGY), "--market", str(market), *params])
    told = capsys.readouterr().err
    assert ended.value.code == 2, told
    assert told.startswith(f"{market}: ")
    assert "AAPL, row 1: a time after the row before was expected, found the same" in told


@pytest.mark.parametrize(
    ("command", "words"),
    [
        (["check", "--nope", "--json"], "No such option: --nope"),
        (["report", "--json"], "Missing argument"),
        (["sweep", "--json", str(STRATEGY), "--top", "0"], "--top"),
        (["chekc", "--json"], "chekc"),
        (["--json"], "--json"),
    ],
)
def test_a_mistake_in_the_words_of_a_command_is_json_where_json_was_asked_for(
    capsys: pytest.CaptureFixture[str], command: list[str], words: str
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(command)
    told = capsys.readouterr()
    document = json.loads(told.out)
    assert (ended.value.code, document["exit_code"], told.err) == (2, 2, "")
    assert words in document["error"]


@pytest.mark.parametrize(
    ("options", "code"), [(["--json"], 0), (["--strict", "--json"], 2), (["--json", "--help"], 0)]
)
def test_a_command_that_tells_json_ends_with_its_code(
    tmp_path: Path, options: list[str], code: int
) -> None:
    file = tmp_path / "strategy.yaml"
    file.write_text("rules: []\n")  # a warning
    with pytest.raises(SystemExit) as ended:
        main(["check", str(file), *options])
    assert ended.value.code == code
