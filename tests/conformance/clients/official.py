# mypy: ignore-errors
# ruff: noqa: N802 - the callbacks are named by IB
"""The family of IB's own client: ibapi 9.81 and 10.x, callbacks in a thread."""

import inspect
import sys
import threading
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from ibapi.client import EClient
from ibapi.contract import Contract
from ibapi.execution import ExecutionFilter
from ibapi.order import Order
from ibapi.wrapper import EWrapper
from vocabulary import commands, fill_contract, fill_order, tell

TICKS = {1: "bid", 2: "ask", 4: "last"}


class Peer(EWrapper, EClient):
    """Tells every callback as a fact."""

    def __init__(self):
        EClient.__init__(self, self)
        self.account = ""

    def managedAccounts(self, accounts):
        self.account = accounts

    def nextValidId(self, order_id):
        tell("connected", version=self.serverVersion(), account=self.account, next_id=int(order_id))

    def error(self, request_id, *rest):
        # 9.81: code, text. 10.x: time, code, text, advanced.
        code = rest[0] if len(rest) < 3 else rest[1]
        tell("error", id=request_id, code=code)

    def connectionClosed(self):
        tell("closed")

    def contractDetails(self, request_id, details):
        tell(
            "contract",
            con_id=details.contract.conId,
            name=details.longName,
            tick=float(details.minTick),
        )

    def contractDetailsEnd(self, request_id):
        tell("contract_end")

    def tickPrice(self, request_id, tick, price, attribs):
        if tick in TICKS:
            tell("tick", kind=TICKS[tick], price=price)

    def historicalData(self, request_id, bar):
        tell("bar", close=float(bar.close), volume=float(bar.volume))

    def historicalDataEnd(self, request_id, start, end):
        tell("history_end")

    def realtimeBar(self, request_id, time, open_, high, low, close, volume, wap, count):
        tell("live_bar", time=time, close=close)

    def openOrder(self, order_id, contract, order, state):
        if order.whatIf:
            margin, commission = state.initMarginChange, self._commission(state)
            tell("what_if", id=order_id, margin=float(margin), commission=float(commission))
            return
        tell(
            "open",
            id=order_id,
            perm_id=order.permId,
            type=order.orderType,
            quantity=float(order.totalQuantity),
            limit=float(order.lmtPrice),
            aux=float(order.auxPrice),
            tif=order.tif,
            ref=order.orderRef,
            status=state.status,
        )

    @staticmethod
    def _commission(state):
        return getattr(state, "commissionAndFees", None) or state.commission

    def openOrderEnd(self):
        tell("open_end")

    def orderStatus(self, order_id, status, filled, remaining, average, *_rest):
        tell(
            "status",
            id=order_id,
            status=status,
            filled=float(filled),
            remaining=float(remaining),
        )

    def execDetails(self, request_id, contract, execution):
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

    def execDetailsEnd(self, request_id):
        tell("executions_end")

    def commissionReport(self, report):
        tell("commission", exec_id=report.execId, amount=float(report.commission))

    def commissionAndFeesReport(self, report):
        tell("commission", exec_id=report.execId, amount=float(report.commissionAndFees))

    def position(self, account, contract, quantity, average_cost):
        tell("position", symbol=contract.symbol, quantity=float(quantity), cost=float(average_cost))

    def positionEnd(self):
        tell("positions_end")

    def updateAccountValue(self, key, value, currency, account):
        if key == "NetLiquidation":
            tell("value", key=key, value=float(value))

    def accountDownloadEnd(self, account):
        tell("account_end")

    def pnl(self, request_id, daily, unrealized, realized):
        tell("pnl", unrealized=unrealized, realized=realized)


def main():
    peer = Peer()
    takes_options = len(inspect.signature(EClient.cancelOrder).parameters) > 2
    if takes_options:
        from ibapi.order_cancel import OrderCancel
    request = 9000
    for command in commands():
        request += 1
        match command["do"]:
            case "connect":
                peer.connect("127.0.0.1", command["port"], command["client_id"])
                threading.Thread(target=peer.run, daemon=True).start()
            case "disconnect":
                peer.disconnect()
            case "contract":
                peer.reqContractDetails(request, fill_contract(Contract(), command["symbol"]))
            case "ticks":
                contract = fill_contract(Contract(), command["symbol"])
                peer.reqMktData(request, contract, "", False, False, [])
            case "history":
                contract = fill_contract(Contract(), command["symbol"])
                peer.reqHistoricalData(
                    request,
                    contract,
                    "",
                    command["duration"],
                    command["size"],
                    "TRADES",
                    0,
                    1,
                    False,
                    [],
                )
            case "live_bars":
                contract = fill_contract(Contract(), command["symbol"])
                peer.reqRealTimeBars(request, contract, 5, "TRADES", False, [])
            case "place":
                contract = fill_contract(Contract(), command.get("symbol", "AAPL"))
                peer.placeOrder(command["id"], contract, fill_order(Order(), command))
            case "cancel":
                if takes_options:
                    peer.cancelOrder(command["id"], OrderCancel())
                else:
                    peer.cancelOrder(command["id"])
            case "open_orders":
                peer.reqAllOpenOrders()
            case "executions":
                peer.reqExecutions(request, ExecutionFilter())
            case "positions":
                peer.reqPositions()
            case "account":
                peer.reqAccountUpdates(True, peer.account)
            case "pnl":
                peer.reqPnL(request, peer.account, "")


main()
