"""How a service looks to those who may call it as a tool."""

from __future__ import annotations

from typing import Any

from mcp.types import Tool, ToolAnnotations

from quickscale_services.api.auth import Caller
from quickscale_services.api.openapi import closed, offered
from quickscale_services.base import BaseService
from quickscale_services.mcp.files import with_files
from quickscale_services.models import Service
from quickscale_services.pricing.labels import price_label
from quickscale_services.schemas import output_schema

Json = dict[str, Any]


def tools(caller: Caller) -> list[Tool]:
    """What is switched on and the key may run."""
    return [_tool(service, switch) for service, switch in offered() if caller.may_run(service.name)]


def _tool(service: BaseService, switch: Service) -> Tool:
    price = f"Price: {price_label(service, switch)}."
    return Tool(
        name=service.name,
        title=str(service),
        description=" ".join(filter(None, (str(service.description), price))),
        input_schema=_input_schema(service),
        output_schema=_output_schema(service),
        annotations=ToolAnnotations(title=str(service)),
    )


def _input_schema(service: BaseService) -> Json:
    schema: Json = with_files(closed(service.Input.model_json_schema()))
    if "$defs" in schema:
        schema["$defs"] = {name: closed(inner) for name, inner in schema["$defs"].items()}
    return {"type": "object"} | schema


def _output_schema(service: BaseService) -> Json:
    """As the HTTP API answers. A replay has no output once that is no longer kept."""
    output: Json = output_schema(service) or {}
    definitions = output.pop("$defs", {})
    answer: Json = {
        "run": {"type": "object", "description": "The record of this run."},
        "cost": {"type": "string", "description": "Credits that were charged."},
        "balance": {"type": "string", "description": "Credits that are available now."},
        "output": {"anyOf": [output, {"type": "null"}]} if output else {},
    }
    return {"type": "object", "properties": answer, "required": list(answer), "$defs": definitions}
