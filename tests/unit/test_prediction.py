"""One answer of the API becomes one prediction, or is refused with its place."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from orderloom.signals import (
    FieldMapping,
    MalformedPrediction,
    Prediction,
    PredictionRecord,
    PredictionSource,
    Reason,
    RecordError,
    Refused,
    Signal,
    decode,
    iso_to_ns,
    ns_to_iso,
    parse_answer,
    read_records,
    write_records,
)

if TYPE_CHECKING:
    from pathlib import Path

AT = 1_773_149_400_000_000_000  # 2026-03-10T13:30:00Z


def documented(**changes: Any) -> dict[str, Any]:
    prediction = {
        "ticker": "SLV",
        "signal": "BUY",
        "numeric": 1,
        "confidence": 0.91,
        "probabilities": [0.03, 0.06, 0.91],
        "timestamp": 1_700_000_000_000,
        "datetime": "2026-03-10T13:30:00Z",
        "datetime_of_data": "2026-03-10T13:29:00Z",
        "prediction_time": "2026-03-10T09:30:00-04:00",
        "stock_price": 28.5,
        "feature_values": {"flow": 1.5, "gap": None},
    }
    prediction.update(changes)
    kept = {name: value for name, value in prediction.items() if value != "absent"}
    info = {"model_path": "m", "is_ticker_specific": True, "using_default_only": False}
    data = {"ticker": "SLV", "prediction": kept, "model_info": info}
    return {"status": "success", "data": data}


def refusal(document: Any, mapping: FieldMapping | None = None) -> MalformedPrediction:
    with pytest.raises(MalformedPrediction) as caught:
        parse_answer(document, mapping or FieldMapping())
    return caught.value


def test_a_documented_answer_is_read_whole() -> None:
    prediction = parse_answer(documented(), source="api", received_at=AT + 5)

    assert prediction == Prediction(
        ticker="SLV",
        signal=Signal.BUY,
        numeric=1,
        confidence=0.91,
        probabilities=(0.03, 0.06, 0.91),
        predicted_at=AT,
        stock_price=28.5,
        features={"flow": 1.5},
    )
    assert (prediction.source, prediction.received_at) == ("api", AT + 5)


def test_the_time_is_prediction_time_and_without_it_the_timestamp_to_the_millisecond() -> None:
    stamped = documented(prediction_time="absent", timestamp=1_773_149_400_123)

    assert parse_answer(documented()).predicted_at == AT
    assert parse_answer(stamped).predicted_at == AT + 123_000_000


@pytest.mark.parametrize("empty", ["absent", "", "  ", None])
def test_without_a_usable_id_ticker_time_and_signal_identify(empty: str | None) -> None:
    assert parse_answer(documented(id=empty)).key == f"SLV|{AT}|BUY"


def test_an_id_identifies_whatever_else_changes() -> None:
    first = parse_answer(documented(id=17))
    later = parse_answer(documented(id="17", signal="SELL", confidence=0.2))

    assert first.key == later.key == "17"
    assert first != later


@pytest.mark.parametrize(
    ("changes", "place"),
    [
        ({"confidence": -0.1}, "confidence"),
        ({"confidence": 1.01}, "confidence"),
        ({"confidence": True}, "confidence"),
        ({"confidence": "NaN"}, "confidence"),
        ({"confidence": "inf"}, "confidence"),
        ({"signal": "STRONG BUY"}, "signal"),
        ({"signal": 1}, "signal"),
        ({"ticker": ""}, "ticker"),
        ({"ticker": "A;DROP"}, "ticker"),
        ({"numeric": 1.5}, "numeric"),
        ({"probabilities": [0.5, 2.0, 0.1]}, "probabilities.1"),
        ({"probabilities": [0.1] * 65}, "probabilities"),
        ({"stock_price": 0}, "stock_price"),
        ({"feature_values": {"a": "x"}}, "feature_values.a"),
        ({"feature_values": {str(n): 1.0 for n in range(1_001)}}, "feature_values"),
        ({"prediction_time": "2026-03-10T09:30:00"}, "prediction_time"),
        ({"prediction_time": "yesterday"}, "prediction_time"),
        ({"prediction_time": "1970-01-01T00:00:00Z"}, "prediction_time"),
        ({"prediction_time": "absent", "timestamp": 1_773_149_400}, "timestamp"),
        ({"id": "x" * 201}, "id"),
    ],
)
def test_a_value_that_is_not_as_documented_is_refused_with_its_place(
    changes: dict[str, Any], place: str
) -> None:
    refused = refusal(documented(**changes))

    assert refused.reason is Reason.BAD_FIELD
    assert refused.field == f"data.prediction.{place}"
    assert refused.expected
    assert refused.found


@pytest.mark.parametrize("name", ["ticker", "signal", "confidence"])
def test_a_missing_value_is_not_defaulted(name: str) -> None:
    refused = refusal(documented(**{name: "absent"}))

    assert (refused.reason, refused.field) == (Reason.MISSING_FIELD, f"data.prediction.{name}")


def test_a_prediction_without_any_time_is_refused() -> None:
    refused = refusal(documented(prediction_time="absent", timestamp="absent"))

    assert refused.reason is Reason.MISSING_FIELD
    assert "data.prediction.timestamp" in refused.expected


@pytest.mark.parametrize("document", [None, [], "BUY", {}, {"status": "success"}])
def test_an_answer_of_another_shape_is_refused(document: Any) -> None:
    assert refusal(document).reason is Reason.MISSING_FIELD


@pytest.mark.parametrize(
    "body", [b"", b"{", b"<html>", b'{"a": NaN}', b'{"a": Infinity}', b"[" * 5_000, b"\xff\xfe"]
)
def test_what_is_not_json_is_refused(body: bytes) -> None:
    with pytest.raises(MalformedPrediction) as caught:
        decode(body)
    assert caught.value.reason is Reason.MALFORMED_JSON


@pytest.mark.parametrize(
    ("code", "reason"),
    [(401, Reason.UNAUTHORIZED), ("429", Reason.RATE_LIMITED), ("NO_MODEL", Reason.API_ERROR)],
)
def test_an_error_envelope_is_an_error_whatever_the_http_status(
    code: object, reason: Reason
) -> None:
    document = {"status": "error", "error": "x", "code": code, "message": "no\nmodel\x1b[31m"}

    with pytest.raises(Refused) as caught:
        parse_answer(document)

    assert caught.value.reason is reason
    assert not isinstance(caught.value, MalformedPrediction)
    assert caught.value.detail.isprintable()


def test_another_vendors_answer_is_mapped_by_configuration() -> None:
    vendor = FieldMapping(
        prediction="1.alerts.0",
        status=None,
        ticker="underlying.symbol",
        signal="direction",
        confidence="score",
        confidence_max=100,
        timestamp="created",
        timestamp_unit="us",
        words={"bullish": Signal.BUY},
    )
    alert = {
        "underlying": {"symbol": "tsla"},
        "direction": "Bullish",
        "score": "91",
        "created": 1_773_149_400_000_001,
    }

    prediction = parse_answer(["flow-alerts", {"alerts": [alert]}], vendor)

    assert (prediction.ticker, prediction.signal) == ("TSLA", Signal.BUY)
    assert (prediction.confidence, prediction.predicted_at) == (0.91, AT + 1_000)
    del alert["score"]
    assert refusal(["flow-alerts", {"alerts": [alert]}], vendor).field == "1.alerts.0.score"


def test_a_prediction_survives_being_written_and_read(tmp_path: Path) -> None:
    prediction = parse_answer(documented(id="7"))
    late = PredictionRecord(prediction, AT + 360_000_000_000)
    path = tmp_path / "p.jsonl"

    assert write_records(path, [late, PredictionRecord(prediction, AT)]) == 2

    assert read_records(path) == [PredictionRecord(prediction, AT), late]
    assert path.read_text().count("served_at") == 1


def test_envelopes_bare_objects_csv_and_parquet_read_alike(tmp_path: Path) -> None:
    pl = pytest.importorskip("polars")
    bare = documented()["data"]["prediction"] | {"feature_values": {"flow": 1.5}}
    (tmp_path / "bare.jsonl").write_text(json.dumps(bare) + "\n\n")
    (tmp_path / "whole.jsonl").write_text(json.dumps(documented()) + "\n")
    flat = bare | {name: json.dumps(bare[name]) for name in ("probabilities", "feature_values")}
    pl.DataFrame([flat]).write_csv(tmp_path / "table.csv")
    at = pl.from_epoch(pl.Series([AT]), "ns").dt.replace_time_zone("UTC").alias("prediction_time")
    pl.DataFrame([flat]).with_columns(at).write_parquet(tmp_path / "table.parquet")

    names = ("bare.jsonl", "whole.jsonl", "table.csv", "table.parquet")
    read = [read_records(tmp_path / name) for name in names]

    assert read == [[PredictionRecord(parse_answer(documented()), AT)]] * 4


@pytest.mark.parametrize(
    "line",
    [
        "not json",
        json.dumps(documented(confidence=2)),
        json.dumps(documented()["data"]["prediction"] | {"served_at": "2020-01-01T00:00:00Z"}),
        json.dumps(documented()["data"]["prediction"] | {"served_at": "soon"}),
        "[1, 2]",
    ],
)
def test_a_bad_line_is_named_with_file_and_line(tmp_path: Path, line: str) -> None:
    path = tmp_path / "bad.jsonl"
    path.write_text(json.dumps(documented()) + "\n" + line + "\n")

    with pytest.raises(RecordError, match=r"bad\.jsonl:2: "):
        read_records(path)


def test_a_file_that_is_no_parquet_is_told(tmp_path: Path) -> None:
    pytest.importorskip("polars")
    path = tmp_path / "bad.parquet"
    path.write_bytes(b"PAR1")
    with pytest.raises(RecordError, match=r"bad\.parquet: expected Parquet"):
        read_records(path)


@pytest.mark.parametrize("digits", ["", ".123", ".123456"])
def test_moments_are_written_as_they_were_read(digits: str) -> None:
    text = f"2026-03-10T13:30:00{digits}Z"

    assert ns_to_iso(iso_to_ns(text)) == text


@pytest.mark.parametrize(
    "url", ["http://example.org/api", "ws://10.0.0.8/x", "ftp://localhost", "https://a:b@h/x", "x"]
)
def test_a_url_that_would_show_the_key_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url"):
        PredictionSource(url=url)
