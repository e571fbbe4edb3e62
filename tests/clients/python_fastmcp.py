"""Drives a server with the client of the PyPI package `fastmcp`: `python python_fastmcp.py PLAN` (see README.md)."""

from contextlib import asynccontextmanager

import steps
from fastmcp import Client
from fastmcp.client.elicitation import ElicitResult
from fastmcp.client.transports import StdioTransport
from mcp import MCPError

MODES = {"legacy": "legacy", "modern": "auto"}


class Adapter:
    def __init__(self, client):
        self.client = client

    async def tools(self):
        return [tool.name for tool in await self.client.list_tools()]

    async def call(self, name, arguments, on_progress=None):
        result = await self.client.call_tool(
            name, arguments, progress_handler=on_progress, raise_on_error=False
        )
        return result.is_error, result.structured_content, result.content

    def protocol_error(self, error):
        return error.code if isinstance(error, MCPError) else None


@asynccontextmanager
async def connect(plan, person):
    if "url" in plan:
        server = plan["url"]
    else:
        command, *arguments = plan["command"]
        server = StdioTransport(command, arguments, keep_alive=False)

    async def asked(message, response_type, params, context):
        person.asked = message
        if person.answer is None:
            return ElicitResult(action="decline")
        # What it makes of the schema takes the answer, as its users would give it.
        return response_type(**person.answer)

    async with Client(server, mode=MODES[plan["era"]], elicitation_handler=asked) as client:
        yield Adapter(client), client.protocol_version


steps.main("fastmcp", connect)
