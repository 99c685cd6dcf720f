"""Every reply but those of orders and contract details, encoded with its exact field count.

Clients unpack most messages into fixed tuples and drop a message with one field too many, so each
layout stands here once. Source: TWS API, server versions 157 to 178.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .wire import UNSET_FLOAT, UNSET_INTEGER, escaped, message, number_text, plain

if TYPE_CHECKING:
    from collections.abc import Sequence

    from .bars import Bar
    from .contracts import SimInstrument
    from .schedule import Session
    from .times import Zone

_SIDES = {"BUY": "BOT", "SELL": "SLD"}


def error(version: int, request_id: int, code: int, text: str) -> bytes:
    """Error or notice; id -1 concerns no request."""
    fields = ["4", "2", str(request_id), str(code), escaped(text)]
    if version >= 166:
        fields.append("")
    return message(*fields)


def handshake(version: int, time: str) -> bytes:
    """Answer the greeting: two fields, no id."""
    return message(str(version), time)


def managed_accounts(account: str) -> bytes:
    """Name the account."""
    return message("15", "1", account)


def next_valid_id(order_id: int) -> bytes:
    """Name the first order id that is free."""
    return message("9", "1", str(order_id))


def current_time(at: int) -> bytes:
    """Tell the time in epoch seconds."""
    return message("49", "1", str(at // 1_000_000_000))


def order_status(event: dict[str, Any]) -> bytes:
    """Status of an order, with filled and remaining quantity."""
    return message(
        "3",
        str(event["order_id"]),
        event["status"],
        plain(event["filled"]),
        plain(event["remaining"]),
        plain(event["avg_fill_price"]),
        str(event["perm_id"]),
        str(event["parent_id"]),
        plain(event["last_fill_price"]),
        str(event["client_id"]),
        event["why_held"],
        "0",
    )


def order_bound(perm_id: int, client_id: int, order_id: int) -> bytes:
    """Tell which id an order placed by hand got."""
    return message("100", str(perm_id), str(client_id), str(order_id))


def open_order_end() -> bytes:
    """End of a list of open orders."""
    return message("53", "1")


def completed_orders_end() -> bytes:
    """End of a list of completed orders."""
    return message("102")


def contract_fields(instrument: SimInstrument, exchange: str) -> tuple[str, ...]:
    """Return the eleven contract fields of most replies."""
    return (
        str(instrument.con_id),
        instrument.symbol,
        instrument.sec_type,
        instrument.last_trade_date,
        instrument.strike,
        instrument.right,
        instrument.multiplier,
        exchange,
        instrument.currency,
        instrument.local_symbol,
        instrument.trading_class,
    )


def execution(
    version: int, request_id: int, event: dict[str, Any], instrument: SimInstrument, time: str
) -> bytes:
    """One fill; live fills carry request id -1."""
    exchange = instrument.primary_exchange
    fields = [
        "11",
        str(request_id),
        str(event["order_id"]),
        *contract_fields(instrument, exchange),
        event["exec_id"],
        time,
        event["account"],
        exchange,
        _SIDES[event["side"]],
        plain(event["quantity"]),
        plain(event["price"]),
        str(event["perm_id"]),
        str(event["client_id"]),
        "0",
        plain(event["cum_quantity"]),
        plain(event["avg_price"]),
        event["order_ref"],
        "",
        "",
        "",
        str(event["liquidity"]),
    ]
    if version >= 178:
        fields.append("0")
    return message(*fields)


def execution_end(request_id: int) -> bytes:
    """End of a list of executions."""
    return message("55", "1", str(request_id))


def commission(event: dict[str, Any]) -> bytes:
    """Commission of one fill; an opening fill realises nothing, so that is unset."""
    realized = event["realized_pnl"]
    return message(
        "59",
        "1",
        event["exec_id"],
        event["amount"],
        event["currency"],
        UNSET_FLOAT if realized is None else realized,
        UNSET_FLOAT,
        "",
    )


def position(account: str, instrument: SimInstrument, quantity: str, average_cost: str) -> bytes:
    """One position; quantity 0 tells of its end."""
    return message(
        "61",
        "3",
        account,
        *contract_fields(instrument, instrument.primary_exchange),
        plain(quantity),
        plain(average_cost),
    )


def position_end() -> bytes:
    """End of the first list of positions."""
    return message("62", "1")


def account_value(key: str, value: str, currency: str, account: str) -> bytes:
    """One account value."""
    return message("6", "2", key, value, currency, account)


def portfolio(
    account: str, instrument: SimInstrument, holding: dict[str, Any], market_value: str
) -> bytes:
    """One line of the portfolio; the exchange field holds the primary exchange."""
    return message(
        "7",
        "8",
        *contract_fields(instrument, instrument.primary_exchange),
        plain(holding["quantity"]),
        plain(holding["market_price"]),
        market_value,
        plain(holding["avg_cost"]),
        plain(holding["unrealized_pnl"]),
        plain(holding["realized_pnl"]),
        account,
    )


def account_time(time: str) -> bytes:
    """Time of the account values, ``HH:MM``."""
    return message("8", "1", time)


def account_download_end(account: str) -> bytes:
    """End of the first list of account values."""
    return message("54", "1", account)


def account_summary(request_id: int, account: str, tag: str, value: str, currency: str) -> bytes:
    """One value of an account summary."""
    return message("63", "1", str(request_id), account, tag, value, currency)


def account_summary_end(request_id: int) -> bytes:
    """End of the first list of an account summary."""
    return message("64", "1", str(request_id))


def account_update_multi(
    request_id: int, account: str, model_code: str, key: str, value: str, currency: str
) -> bytes:
    """One account value by request id."""
    return message("73", "1", str(request_id), account, model_code, key, value, currency)


def account_update_multi_end(request_id: int) -> bytes:
    """End of the first list of account values by request id."""
    return message("74", "1", str(request_id))


def pnl(request_id: int, daily: str, unrealized: str, realized: str) -> bytes:
    """Profit and loss of the account."""
    return message("94", str(request_id), daily, unrealized, realized)


def pnl_single(
    request_id: int, quantity: str, daily: str, unrealized: str, realized: str, value: str
) -> bytes:
    """Profit and loss of one position, with its market value."""
    return message("95", str(request_id), quantity, daily, unrealized, realized, value)


def market_rule(rule_id: int, increments: Sequence[tuple[str, str]]) -> bytes:
    """Price increments, each from its lowest price upwards."""
    edges = [field for increment in increments for field in increment]
    return message("93", str(rule_id), str(len(increments)), *edges)


def tick_parameters(request_id: int, tick: str) -> bytes:
    """Minimum tick of a stream, its best-bid-and-offer exchange map and permissions."""
    return message("81", str(request_id), tick, "9c0001", "3")


def market_data_type(request_id: int, data_type: int) -> bytes:
    """Tell whether a stream is live (1), frozen (2), delayed (3) or delayed and frozen (4)."""
    return message("58", "1", str(request_id), str(data_type))


def snapshot_end(request_id: int) -> bytes:
    """End of a snapshot."""
    return message("57", "1", str(request_id))


def historical_data(
    request_id: int, start: str, end: str, bars: Sequence[tuple[str, Bar]], *, has_volume: bool
) -> bytes:
    """Past bars with their dates; the end of the message ends the answer."""
    fields = ["17", str(request_id), start, end, str(len(bars))]
    for date, bar in bars:
        fields += (
            date,
            number_text(bar.open),
            number_text(bar.high),
            number_text(bar.low),
            number_text(bar.close),
        )
        if has_volume:
            fields += (number_text(bar.volume), _average(bar), str(bar.count))
        else:
            fields += ("-1", "-1", "-1")
    return message(*fields)


def historical_schedule(request_id: int, zone: Zone, sessions: Sequence[Session]) -> bytes:
    """Past sessions in local time, each with the date on which it ends."""
    fields = ["106", str(request_id), zone.dashed(sessions[0].open)]
    fields += (zone.dashed(sessions[-1].close), zone.name, str(len(sessions)))
    for session in sessions:
        fields += (
            zone.dashed(session.open),
            zone.dashed(session.close),
            zone.date(session.close - 1),  # midnight ends a day
        )
    return message(*fields)


def head_timestamp(request_id: int, time: str) -> bytes:
    """The start of what is known of a contract's past."""
    return message("88", str(request_id), time)


def historical_update(request_id: int, date: str, bar: Bar, *, has_volume: bool) -> bytes:
    """A new or changed last bar. Here close stands before high and low."""
    return message(
        "90",
        str(request_id),
        str(bar.count) if has_volume else "-1",
        date,
        number_text(bar.open),
        number_text(bar.close),
        number_text(bar.high),
        number_text(bar.low),
        _average(bar) if has_volume else "-1",
        number_text(bar.volume) if has_volume else "-1",
    )


def real_time_bar(request_id: int, bar: Bar, *, has_volume: bool) -> bytes:
    """A finished bar of five seconds, labelled by its start in epoch seconds."""
    return message(
        "50",
        "3",
        str(request_id),
        str(bar.start // 1_000_000_000),
        number_text(bar.open),
        number_text(bar.high),
        number_text(bar.low),
        number_text(bar.close),
        number_text(bar.volume) if has_volume else "-1",
        _average(bar) if has_volume else "-1",
        str(bar.count) if has_volume else "-1",
    )


def contract_details(version: int, request_id: int, instrument: SimInstrument, at: int) -> bytes:
    """Everything about a contract."""
    trading_hours, liquid_hours = instrument.hours(at)
    exchanges = instrument.valid_exchanges
    fields = ["10"]
    if version < 164:
        fields.append("8")
    fields += [
        str(request_id),
        instrument.symbol,
        instrument.sec_type,
        instrument.last_trade_date,
        instrument.strike,
        instrument.right,
        instrument.exchange,
        instrument.currency,
        instrument.local_symbol,
        instrument.trading_class,
        instrument.trading_class,
        str(instrument.con_id),
        instrument.tick,
    ]
    if version < 164:
        fields.append("100")
    fields += [
        instrument.multiplier,
        instrument.order_types,
        ",".join(exchanges),
        "1",
        "0",
        escaped(instrument.long_name),
        instrument.primary_exchange,
        instrument.last_trade_date[:6],
        "",
        "",
        "",
        instrument.time_zone,
        trading_hours,
        liquid_hours,
        "",
        "",
        "0",
        "1" if instrument.sec_type == "STK" else UNSET_INTEGER,
        "",
        "",
        ",".join(str(instrument.market_rule) for _ in exchanges),
        instrument.last_trade_date,
        "COMMON" if instrument.sec_type == "STK" else "",
    ]
    if version == 163:
        fields.append("100")
    elif version >= 164:
        # Fractions are for shares alone.
        fields += ["0.0001", "0.0001", "100"] if instrument.sec_type == "STK" else ["1", "1", "1"]
    return message(*fields)


def contract_details_end(request_id: int) -> bytes:
    """End of the contracts that a description fits."""
    return message("52", "1", str(request_id))


def _average(bar: Bar) -> str:
    return number_text(round(bar.average, 6))
