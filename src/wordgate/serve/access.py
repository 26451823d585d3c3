"""Access control: the API key, allowed hosts, allowed origins."""

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from wordgate.errors import SettingsError
from wordgate.serve.responses import Headers, HTTPError

KEY_VARIABLE = "WORDGATE_API_KEY"
_LOOPBACK_NAMES = ("localhost", "127.0.0.1", "[::1]")


@dataclass(frozen=True)
class Access:
    """Conditions that a request must meet before it is read.

    Attributes:
        key: The key required in ``Authorization: Bearer``; None for no key.
        hosts: The allowed names in the Host header, without ports; None for any.
        origins: Origins of pages of other sites that may use the API in a browser.
    """

    key: bytes | None = None
    hosts: frozenset[str] | None = None
    origins: frozenset[bytes] = frozenset()

    def check_host(self, headers: dict[bytes, bytes]) -> None:
        """Refuse names that are not allowed.

        Otherwise, another site could resolve its name to 127.0.0.1, and its page would have access
        to this server in the browser (DNS rebinding).
        """
        host = headers.get(b"host")
        if self.hosts is None or host is None:
            return
        name = _without_port(host.decode("latin-1").lower())
        if name not in self.hosts:
            raise HTTPError(
                "unknown_host",
                "the Host header has a host that is not allowed; 'wordgate serve --allow-host NAME'"
                " allows it",
            )

    def check_key(self, headers: dict[bytes, bytes]) -> None:
        """Refuse a request without the key."""
        if self.key is None:
            return
        scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
        if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self.key):
            raise HTTPError(
                "unauthorized",
                "this server requires an API key: Authorization: Bearer KEY",
                [(b"www-authenticate", b"Bearer")],
            )

    def cors(self, headers: dict[bytes, bytes]) -> Headers:
        """Return the headers that let a page of an allowed origin read the response."""
        if not self.origins:
            return []
        origin = headers.get(b"origin", b"")
        allowed = [(b"access-control-allow-origin", origin)] if origin in self.origins else []
        return [(b"vary", b"Origin"), *allowed]


def access(
    host: str, key: str | None, allow_hosts: Sequence[str], allow_origins: Sequence[str]
) -> Access:
    """Return the access rules for the given options.

    A server on the loopback interface accepts the usual names of it and those of `allow_hosts`;
    another one accepts any name, or those of `allow_hosts`. An origin looks like
    ``https://example.com``.

    Raises:
        SettingsError: The key, a host or an origin is not valid in a header.
    """
    hosts = frozenset(map(_checked_host, allow_hosts))
    if is_loopback(host):
        hosts |= {*_LOOPBACK_NAMES, f"[{host}]" if ":" in host else host.lower()}
    return Access(
        key=None if key is None else _checked_key(key),
        hosts=hosts or None,
        origins=frozenset(map(_checked_origin, allow_origins)),
    )


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and (port.isdigit() or not port) else host


def _checked_key(key: str) -> bytes:
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise SettingsError(
            f"{KEY_VARIABLE} is {'empty' if not key else 'not a valid key'}: it must consist of"
            " visible ASCII characters; unset it to use no key"
        )
    return key.encode("ascii")


def _checked_host(host: str) -> str:
    if not host or _without_port(host) != host or set(host) & set("/@* "):
        raise SettingsError(
            f"--allow-host {host!r} is not a host name; write it without scheme and port, such as"
            " example.com or [::1]"
        )
    return host.lower()


def _checked_origin(origin: str) -> bytes:
    scheme, separator, rest = origin.partition("://")
    if scheme not in ("http", "https") or not separator or not rest or set(rest) & set("/?#@* "):
        raise SettingsError(
            f"--allow-origin {origin!r} is not an origin; write it as https://example.com"
        )
    if not origin.isascii():
        raise SettingsError(f"--allow-origin {origin!r}: write its name in ASCII (xn--...)")
    return origin.lower().encode("ascii")
