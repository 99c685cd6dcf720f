"""Receives predictions from a push transport and keeps it connected."""

from __future__ import annotations

import asyncio
import logging
import time
from typing import TYPE_CHECKING, Final

from pydantic import SecretStr

from orderloom.signals.parse import DOCUMENTED, decode, parse_message
from orderloom.signals.refusal import Reason, Refused, shown
from orderloom.signals.signing import FORGED, unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable

    from orderloom.signals.client import OnAlarm, OnPrediction, OnRejected
    from orderloom.signals.fields import FieldMapping
    from orderloom.signals.transports import Transport

_log: Final = logging.getLogger(__name__)


class PredictionPush:
    """Feeds the callbacks of `PredictionClient` from a transport.

    A lost connection is opened again with exponential back-off and jitter, for as long as it
    takes; a bad message is reported and skipped; a refused key ends it with an alarm. With an
    `hmac_key`, only messages of `signing.wrapped` are taken.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        name: str = "push",
        fields: FieldMapping = DOCUMENTED,
        hmac_key: SecretStr | str = "",
        on_prediction: OnPrediction,
        on_rejected: OnRejected = lambda source, code, detail: None,
        on_alarm: OnAlarm = _log.error,
        now: Callable[[], int] = time.time_ns,
        backoff_initial: float = 0.5,
        backoff_max: float = 30.0,
    ) -> None:
        self._transport = transport
        self._name = name
        self._fields = fields
        self._hmac_key = hmac_key if isinstance(hmac_key, SecretStr) else SecretStr(hmac_key)
        self._on_prediction = on_prediction
        self._on_rejected = on_rejected
        self._on_alarm = on_alarm
        self._now = now
        self._backoff_initial = backoff_initial
        self._backoff_max = backoff_max
        self._is_forged_told = False

    async def run(self) -> None:
        """Receive until cancelled, until nothing more can come, or until the key is refused."""
        import stamina  # noqa: PLC0415

        while True:
            try:
                async for attempt in stamina.retry_context(
                    on=_is_worth_retrying,
                    attempts=None,
                    timeout=None,
                    wait_initial=self._backoff_initial,
                    wait_max=self._backoff_max,
                    wait_jitter=self._backoff_initial,
                ):
                    with attempt:
                        if await self._receive():
                            return
            except Refused:
                self._call(self._on_alarm, f"{self._name}: the API key was refused (401)")
                return
            # It had worked, so the next failure starts its back-off from the beginning.
            await asyncio.sleep(self._backoff_initial)

    async def _receive(self) -> bool:
        """One connection. True: nothing more will come; False: lost after it had worked."""
        has_received = False
        try:
            async for message in self._transport.messages():
                has_received = True
                self._take(message)
        except Refused as refused:
            self._reject(refused)
            if not has_received or refused.reason is Reason.UNAUTHORIZED:
                raise
            return False
        except Exception as error:
            detail = f"{type(error).__name__}: {shown(str(error))}"
            self._reject(Refused(Reason.INTERNAL, detail))
            raise Refused(Reason.INTERNAL, detail) from error
        return True

    def _take(self, message: str) -> None:
        received_monotonic_ns, received_at = time.monotonic_ns(), self._now()
        try:
            if self._hmac_key.get_secret_value():
                message = unwrapped(self._hmac_key, message)
            prediction = parse_message(
                decode(message),
                self._fields,
                source=self._name,
                received_at=received_at,
                received_monotonic_ns=received_monotonic_ns,
            )
        except Refused as refused:
            self._reject(refused)
            if refused.reason in FORGED and not self._is_forged_told:
                self._is_forged_told = True
                self._call(self._on_alarm, f"{self._name}: {refused.detail}; none is taken without")
            return
        self._is_forged_told = False
        self._call(self._on_prediction, prediction)

    def _reject(self, refused: Refused) -> None:
        self._call(self._on_rejected, self._name, str(refused.reason), refused.detail)

    def _call(self, callback: Callable[..., object], *arguments: object) -> None:
        try:
            callback(*arguments)
        except Exception as error:
            _log.exception("a callback of %s failed", self._name)
            if callback is not self._on_alarm:
                what = f"{type(error).__name__}: {shown(str(error))}"
                self._call(self._on_alarm, f"{self._name}: a callback failed: {what}")


def _is_worth_retrying(error: Exception) -> bool:
    return isinstance(error, Refused) and error.reason is not Reason.UNAUTHORIZED
