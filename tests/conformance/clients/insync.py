# mypy: ignore-errors
"""The family of ib_insync: ib_insync 0.9 and ib_async 2, one asyncio facade."""

import asyncio
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

try:
    import ib_async as api
except ImportError:
    import ib_insync as api

from vocabulary import commands, fill_contract, fill_order, tell

TICKS = {1: "bid", 2: "ask", 4: "last"}


class Peer:
    """Tells the facade's events as facts."""

    def __init__(self):
        self.ib = api.IB()
        self.tasks = set()
        ib = self.ib
        ib.errorEvent += lambda request_id, code, *_: tell("error", id=request_id, code=code)
        ib.disconnectedEvent += lambda: tell("closed")
        ib.openOrderEvent += self.open_order
        ib.orderStatusEvent += self.status
        ib.execDetailsEvent += lambda trade, fill: self.fill(fill)
        ib.commissionReportEvent += lambda trade, fill, report: self.commission(report)
        ib.positionEvent += self.position
        ib.accountValueEvent += self.value
        ib.pnlEvent += lambda pnl: tell(
            "pnl", unrealized=pnl.unrealizedPnL, realized=pnl.realizedPnL
        )
        ib.pendingTickersEvent += self.ticks

    def open_order(self, trade):
        order = trade.order
        tell(
            "open",
            id=order.orderId,
            perm_id=order.permId,
            type=order.orderType,
            quantity=float(order.totalQuantity),
            limit=float(order.lmtPrice),
            aux=float(order.auxPrice),
            tif=order.tif,
            ref=order.orderRef,
            status=trade.orderStatus.status,
        )

    def status(self, trade):
        status = trade.orderStatus
        tell(
            "status",
            id=trade.order.orderId,
            status=status.status,
            filled=float(status.filled),
            remaining=float(status.remaining),
        )

    def fill(self, fill):
        execution = fill.execution
        tell(
            "fill",
            id=execution.orderId,
            exec_id=execution.execId,
            side=execution.side,
            quantity=float(execution.shares),
            price=float(execution.price),
            total=float(execution.cumQty),
            ref=execution.orderRef,
        )

    def commission(self, report):
        tell("commission", exec_id=report.execId, amount=float(report.commission))

    def position(self, position):
        tell(
            "position",
            symbol=position.contract.symbol,
            quantity=float(position.position),
            cost=float(position.avgCost),
        )

    def value(self, value):
        if value.tag == "NetLiquidation":
            tell("value", key=value.tag, value=float(value.value))

    def ticks(self, tickers):
        for ticker in tickers:
            for tick in ticker.ticks:
                if tick.tickType in TICKS:
                    tell("tick", kind=TICKS[tick.tickType], price=tick.price)

    async def carry_out(self, command):
        ib = self.ib
        contract = fill_contract(api.Contract(), command.get("symbol", "AAPL"))
        match command["do"]:
            case "connect":
                try:
                    await ib.connectAsync(
                        "127.0.0.1", command["port"], clientId=command["client_id"], timeout=3
                    )
                except (OSError, asyncio.TimeoutError):  # noqa: UP041 - two classes before Python 3.11
                    return
                tell(
                    "connected",
                    version=ib.client.serverVersion(),
                    account=",".join(ib.managedAccounts()),
                    next_id=ib.client.getReqId(),
                )
            case "disconnect":
                ib.disconnect()
            case "contract":
                for details in await ib.reqContractDetailsAsync(contract):
                    tell(
                        "contract",
                        con_id=details.contract.conId,
                        name=details.longName,
                        tick=float(details.minTick),
                    )
                tell("contract_end")
            case "ticks":
                await ib.qualifyContractsAsync(contract)  # the facade keys tickers by conId
                ib.reqMktData(contract)
            case "history":
                bars = await ib.reqHistoricalDataAsync(
                    contract, "", command["duration"], command["size"], "TRADES", False
                )
                for bar in bars:
                    tell("bar", close=float(bar.close), volume=float(bar.volume))
                tell("history_end")
            case "live_bars":
                bars = ib.reqRealTimeBars(contract, 5, "TRADES", False)
                bars.updateEvent += lambda bars, _new: tell(
                    "live_bar", time=int(bars[-1].time.timestamp()), close=bars[-1].close
                )
            case "place":
                order = fill_order(api.Order(), command)
                if command.get("what_if"):
                    state = await ib.whatIfOrderAsync(contract, order)
                    tell(
                        "what_if",
                        id=command["id"],
                        margin=float(state.initMarginChange),
                        commission=float(state.commission),
                    )
                elif command.get("bare"):
                    ib.client.placeOrder(command["id"], contract, order)
                else:
                    ib.placeOrder(contract, order)
            case "cancel":
                trades = [each for each in ib.openTrades() if each.order.orderId == command["id"]]
                if trades:
                    ib.cancelOrder(trades[0].order)
                else:
                    ib.client.send(4, 1, command["id"], *self.cancel_time())
            case "open_orders":
                for trade in await ib.reqAllOpenOrdersAsync():
                    self.open_order(trade)
                tell("open_end")
            case "executions":
                for fill in await ib.reqExecutionsAsync():
                    self.fill(fill)
                    self.commission(fill.commissionReport)
                tell("executions_end")
            case "positions":
                for position in await ib.reqPositionsAsync():
                    self.position(position)
                tell("positions_end")
            case "account":
                for value in ib.accountValues():
                    self.value(value)
                tell("account_end")
            case "pnl":
                ib.reqPnL(ib.managedAccounts()[0])

    def cancel_time(self):
        return ("",) if self.ib.client.serverVersion() >= 169 else ()


async def main():
    peer = Peer()
    loop = asyncio.get_running_loop()
    lines = commands()
    while (command := await loop.run_in_executor(None, next, lines, None)) is not None:
        task = asyncio.ensure_future(peer.carry_out(command))
        peer.tasks.add(task)
        task.add_done_callback(peer.tasks.discard)
        await asyncio.sleep(0)


asyncio.run(main())
