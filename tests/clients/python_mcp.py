"""Drives a server with the client of the PyPI package `mcp`: `python python_mcp.py PLAN` (see README.md)."""

from contextlib import asynccontextmanager

import steps
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import ElicitResult

# `auto` asks for the new protocol first and falls back by itself: that it ends at the new one is checked.
MODES = {"legacy": "legacy", "modern": "auto"}


class Adapter:
    def __init__(self, client):
        self.client = client

    async def tools(self):
        return [tool.name for tool in (await self.client.list_tools()).tools]

    async def call(self, name, arguments, on_progress=None):
        result = await self.client.call_tool(name, arguments, progress_callback=on_progress)
        return result.is_error, result.structured_content, result.content

    def protocol_error(self, error):
        return error.code if isinstance(error, MCPError) else None


@asynccontextmanager
async def connect(plan, person):
    if "url" in plan:
        server = plan["url"]
    else:
        command, *arguments = plan["command"]
        server = StdioServerParameters(command=command, args=arguments)

    async def asked(context, params):
        person.asked = params.message
        if person.answer is None:
            return ElicitResult(action="decline")
        return ElicitResult(action="accept", content=person.answer)

    async with Client(server, mode=MODES[plan["era"]], elicitation_callback=asked) as client:
        yield Adapter(client), client.protocol_version


steps.main("mcp", connect)
