"""A prediction source: where it is, how to ask it, and how far to trust its answers."""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator

from orderloom.signals.fields import FieldMapping
from orderloom.signals.signing import HEADER

_SECURE: Final = frozenset({"https", "wss"})
_PLAIN: Final = frozenset({"http", "ws"})


class PredictionSource(BaseModel):
    """One prediction API.

    Plain `http` and `ws` are accepted for this machine only: elsewhere they would show the key.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    url: str = Field(description="base URL, such as `https://example.org/api/v1`")
    name: str = "predictions"
    api_key: SecretStr = SecretStr("")
    api_key_header: str = "X-API-Key"
    hmac_key: SecretStr = Field(
        default=SecretStr(""), description="when given, only answers signed with it are taken"
    )
    signature_header: str = HEADER
    path: str = "prediction/latest"
    stream_path: str = "stream"
    ticker_parameter: str = "ticker"
    parameters: Mapping[str, str] = Field(default_factory=lambda: {"use_default_only": "false"})
    fields: FieldMapping = Field(default=FieldMapping())

    @field_validator("url")
    @classmethod
    def _is_private(cls, url: str) -> str:
        if any(letter.isspace() or not letter.isprintable() for letter in url):
            raise ValueError("a blank or a control character in it")
        parts = urlsplit(url)
        if parts.query or parts.fragment:
            raise ValueError("a `?` or `#` in it; the path of the request is added to it")
        if parts.port == 0:  # what is no port at all raises
            raise ValueError("port 0")
        if parts.scheme not in _SECURE | _PLAIN or not parts.hostname:
            raise ValueError("expected an https or wss URL")
        if parts.username or parts.password:
            raise ValueError("a password does not belong into the URL; use `api_key`")
        if parts.scheme in _PLAIN and not is_loopback(parts.hostname):
            raise ValueError(f"`{parts.scheme}` to another machine shows the API key; use https")
        return url.rstrip("/")

    @property
    def is_local(self) -> bool:
        """On this machine: reached directly, past any proxy of the environment."""
        return is_loopback(urlsplit(self.url).hostname or "")

    def headers(self) -> dict[str, str]:
        """Request headers, with the key in clear: for the wire, never for a message."""
        # `identity`: a compressed answer could unpack to any size.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if key := self.api_key.get_secret_value():
            headers[self.api_key_header] = key
        return headers


def is_loopback(host: str) -> bool:
    """Whether `host`, a name or an address, is this machine by definition."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def open_http(source: PredictionSource, **options: Any) -> Any:
    """An `httpx2.AsyncClient` for `source`: TLS verified, no redirects, no cookies kept by us.

    `options` go to the client (`timeout`, `limits`, `transport`, `verify` as an SSL context).

    Raises:
        ValueError: an SSL context that does not check the server's certificate and name.
    """
    import ssl  # noqa: PLC0415

    import httpx2  # noqa: PLC0415

    context = options.get("verify")
    if context is not None and not (
        isinstance(context, ssl.SSLContext)
        and context.verify_mode is ssl.CERT_REQUIRED
        and context.check_hostname
    ):
        raise ValueError("the SSL context must check the server's certificate and name")
    return httpx2.AsyncClient(
        headers=source.headers(),
        follow_redirects=False,
        trust_env=not source.is_local,
        **options,
    )
