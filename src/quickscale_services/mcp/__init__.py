"""The services as tools of the Model Context Protocol, over streamable HTTP: `path("mcp", endpoint)`.

A call of a tool is a run like any other: the same keys, scopes, prices and charges. Each request is an exchange of its
own, without a session, so that any number of processes may answer.
"""

from quickscale_services.mcp.calls import IDEMPOTENCY_KEY
from quickscale_services.mcp.exchanges import endpoint

__all__ = ["IDEMPOTENCY_KEY", "endpoint"]
