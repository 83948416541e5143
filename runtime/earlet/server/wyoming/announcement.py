"""Where Wyoming is spoken, told to the network: Home Assistant finds it by itself.

Multicast DNS and DNS-SD (RFC 6762, RFC 6763), with the service type of the package `wyoming`.
"""

import logging
import platform
import socket
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from ipaddress import ip_address

log = logging.getLogger("earlet.serve")

SERVICE = "_wyoming._tcp.local."
MULTICAST = ("224.0.0.251", 5353)  # RFC 6762, section 3


@asynccontextmanager
async def announced(host: str, port: int) -> AsyncIterator[None]:
    """Announce an address, and take that back at the end; where it cannot be, the log says why."""
    from zeroconf import Error
    from zeroconf.asyncio import AsyncServiceInfo, AsyncZeroconf

    async with AsyncExitStack() as stack:
        try:
            name = f"earlet-{platform.node().partition('.')[0]}.{SERVICE}"
            service = AsyncServiceInfo(
                SERVICE, name, parsed_addresses=[_reachable(host)], port=port
            )
            zeroconf = await stack.enter_async_context(AsyncZeroconf())
            # Under another name where a second server of this machine has it.
            await zeroconf.async_register_service(service, allow_name_change=True)
        except (OSError, Error) as problem:
            log.warning("Wyoming is not announced: %s", problem)
        else:
            log.info("Wyoming is announced as %s", service.name)
        yield


def _reachable(host: str) -> str:
    """The address under which others reach what listens on `host`; raises OSError."""
    if not ip_address(host).is_unspecified:
        return host
    # That of this machine towards those who listen to announcements; nothing is sent.
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.connect(MULTICAST)
        return str(probe.getsockname()[0])
