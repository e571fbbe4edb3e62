"""Drives a server with the client of the PyPI package `mcp`: `python python_mcp.py PLAN` (see README.md)."""

import json
import sys

import anyio
from mcp import Client, MCPError, StdioServerParameters
from mcp_types import INVALID_PARAMS

# `auto` asks for the new protocol first and falls back by itself: that it ends at the new one is checked.
MODES = {"legacy": ("legacy", "2025-11-25"), "modern": ("auto", "2026-07-28")}
DEADLINE_SECONDS = 120


def server(plan):
    if "url" in plan:
        return plan["url"]
    command, *arguments = plan["command"]
    return StdioServerParameters(command=command, args=arguments)


def text_of(result):
    return "\n".join(block.text for block in result.content if block.type == "text")


class Failed(Exception):
    """What the server should have done and did not."""


def check(holds, message):
    if not holds:
        raise Failed(message)


async def drive(plan):
    mode, version = MODES[plan["era"]]
    async with Client(server(plan), mode=mode) as client:
        check(client.protocol_version == version, f"negotiated {client.protocol_version}, not {version}")

        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        missing = set(plan["tools"]) - set(tools)
        check(not missing, f"not listed: {sorted(missing)}; listed: {sorted(tools)}")

        call = plan["call"]
        # The client itself checks the structured result against the tool's output schema.
        result = await client.call_tool(call["name"], call["arguments"])
        check(not result.is_error, f"{call['name']} failed: {text_of(result)}")
        structured = result.structured_content
        for key, value in call["structured"].items():
            got = structured.get(key) if structured else None
            check(got == value, f"{key} is {got!r}, not {value!r}, in {structured}")
        check(call["text"] in text_of(result), f"{call['text']!r} is not in {text_of(result)!r}")

        invalid = plan["invalid"]
        result = await client.call_tool(invalid["name"], invalid["arguments"])
        check(result.is_error, f"{invalid} was accepted")
        check(invalid["text"] in text_of(result), f"{invalid['text']!r} is not in {text_of(result)!r}")

        try:
            await client.call_tool(plan["unknown"], {})
        except MCPError as error:
            check(error.code == INVALID_PARAMS, f"unknown tool: code {error.code}: {error.message}")
        else:
            check(False, f"{plan['unknown']} was called")


async def main():
    with anyio.fail_after(DEADLINE_SECONDS):
        await drive(json.loads(sys.argv[1]))


try:
    anyio.run(main)
except* Failed as group:
    # Wrapped once for each task group of the client that it passed.
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    sys.exit(f"FAILED: {group}")
print("ok")
