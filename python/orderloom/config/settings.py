"""The whole configuration, checked, and the engine's configuration made from it."""

import json
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Annotated, Any, TypeVar

from pydantic import BeforeValidator, Field, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from orderloom.config.schema import RULES_SCHEMA, TEMPLATES_SCHEMA
from orderloom.config.sections import (
    BrokerSettings,
    EndOfDaySettings,
    ExecutionSettings,
    JournalSettings,
    LimitSettings,
    MarketSettings,
    Section,
    SignalSettings,
    as_section,
)
from orderloom.rules import Rule
from orderloom.units import Span, decimal_text

ENV_PREFIX = "ORDERLOOM_"
ENV_DELIMITER = "__"

_DEFAULT_TICK = Decimal("0.01")
_T = TypeVar("_T")
_Given = Annotated[_T, BeforeValidator(as_section)]


class Settings(BaseSettings):
    """Everything that a strategy file says, with defaults filled in.

    Built from a file by `orderloom.config.load_settings`, which also applies the environment; made
    directly it takes only its arguments.

    Example:
        >>> settings = Settings(broker={"mode": "paper"})
        >>> settings.broker.port, str(settings.signals.max_age)
        (7497, '2m')
    """

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_prefix=ENV_PREFIX,
        env_nested_delimiter=ENV_DELIMITER,
        arbitrary_types_allowed=True,
        use_attribute_docstrings=True,
    )

    broker: _Given[BrokerSettings] = Field(default_factory=BrokerSettings)
    """Where orders go."""
    market: _Given[MarketSettings] = Field(default_factory=MarketSettings)
    """Trading hours, data and instruments."""
    signals: _Given[SignalSettings] = Field(default_factory=SignalSettings)
    """Where predictions come from."""
    limits: _Given[LimitSettings] = Field(default_factory=LimitSettings)
    """The last gate before an order."""
    execution: _Given[ExecutionSettings] = Field(default_factory=ExecutionSettings)
    """Patience and tolerances towards the broker."""
    end_of_day: EndOfDaySettings | None = None
    """What happens before the close; absent: positions stay overnight."""
    journal: _Given[JournalSettings] = Field(default_factory=JournalSettings)
    """What becomes of the record of a run."""
    rules: Annotated[tuple[Rule, ...], WithJsonSchema(RULES_SCHEMA)] = ()
    """In order of definition; rules made from templates come last."""
    templates: Annotated[tuple[()], WithJsonSchema(TEMPLATES_SCHEMA)] = ()
    """Ready-made rules; `rules` holds what they expand to."""

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Only arguments: the loader applies the environment, to know where each value is from."""
        return (init_settings,)

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that is named anywhere, in order of appearance."""
        named = [symbol for rule in self.rules for symbol in rule.symbols]
        return tuple(
            dict.fromkeys(
                [
                    *named,
                    *self.market.symbols,
                    *self.market.instruments,
                    *self.signals.tickers.values(),
                ]
            )
        )

    def instruments(self) -> list[dict[str, Any]]:
        """What the engine needs to know of each symbol, as far as the configuration tells."""
        records = []
        for symbol in self.symbols:
            given = self.market.instruments.get(symbol)
            tick = (given and given.tick) or _DEFAULT_TICK
            records.append(
                {
                    "symbol": symbol,
                    "tick": decimal_text(tick),
                    "multiplier": given.multiplier if given else 1,
                    "currency": given.currency if given else "USD",
                }
            )
        return records

    def engine_config(
        self, run_name: str, instruments: Sequence[Mapping[str, Any]] | None = None
    ) -> str:
        """The native engine's configuration as JSON.

        Args:
            run_name: Names the run in every `orderRef`; unique over restarts, up to 24 characters.
            instruments: Records of `symbol`, `tick` (decimal text), `multiplier` and `currency` in
                the order of the engine's symbol numbers; `self.instruments()` if left out.

        Example:
            >>> json.loads(Settings().engine_config("run-1"))["signals"]
            {'max_age': 120000000000, 'max_future': 5000000000}
        """
        records = self.instruments() if instruments is None else [dict(r) for r in instruments]
        config = {
            "run": run_name,
            "instruments": records,
            "signals": {
                "max_age": int(self.signals.max_age),
                "max_future": int(self.signals.max_future),
            },
            "limits": _plain(self.limits.in_force(is_signed=self.signals.is_signed)),
            "end_of_day": None if self.end_of_day is None else int(self.end_of_day.close),
            "execution": _plain(self.execution),
            "rules": [rule.as_dict() for rule in self.rules],
        }
        return json.dumps(config, allow_nan=False)


class _SchemaWriter(GenerateJsonSchema):
    """Writes spans among the defaults as the file writes them."""

    def encode_default(self, dft: Any) -> Any:
        return str(dft) if isinstance(dft, Span) else super().encode_default(dft)


def settings_schema() -> dict[str, Any]:
    """The JSON Schema of the configuration, for editors.

    Example:
        >>> settings_schema()["$defs"]["SignalSettings"]["properties"]["max_age"]["default"]
        '2m'
    """
    return {
        "$schema": GenerateJsonSchema.schema_dialect,
        **Settings.model_json_schema(schema_generator=_SchemaWriter),
        "title": "orderloom strategy",
    }


def _plain(section: Section) -> dict[str, Any]:
    """Spans in nanoseconds, decimals as text, the rest as it is."""
    return {name: _plain_value(value) for name, value in section}


def _plain_value(value: object) -> object:
    if isinstance(value, Span):
        return int(value)
    if isinstance(value, Decimal):
        return decimal_text(value)
    return list(value) if isinstance(value, tuple) else value
