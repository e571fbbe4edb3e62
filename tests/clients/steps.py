"""The steps of a plan (README.md), for Python libraries: `python_mcp.py` and `python_fastmcp.py` adapt theirs to it.

A library's own warnings count as failures: somebody who uses it would see them.
"""

import importlib.metadata
import json
import logging
import sys
import warnings

import anyio

DEADLINE_SECONDS = 120
INVALID_PARAMS = -32602


class Failed(Exception):
    """What the server should have done and did not."""


def check(holds, message):
    if not holds:
        raise Failed(message)


def text_of(content):
    return "\n".join(block.text for block in content if block.type == "text")


def same(got, expected, what):
    for key, value in expected.items():
        have = got.get(key) if got else None
        check(have == value, f"{what}: {key} is {have!r}, not {value!r}, in {got}")


class Heard(logging.Handler):
    """What the library and Python's own `warnings` complain about."""

    def __init__(self):
        super().__init__(logging.WARNING)
        self.records = []

    def emit(self, record):
        self.records.append(f"{record.name}: {record.getMessage()}")


class Steps:
    """`client` has `tools()`, `call(name, arguments, on_progress)` -> (is_error, structured, content), and
    `protocol_error(error)` -> code or None. `person` answers what is asked; the adapter calls it."""

    def __init__(self, plan, person):
        self.plan = plan
        self.person = person

    async def list(self, client):
        listed = await client.tools()
        missing = set(self.plan["tools"]) - set(listed)
        check(not missing, f"not listed: {sorted(missing)}; listed: {sorted(listed)}")

    async def call(self, client):
        call = self.plan["call"]
        # The client itself checks the structured result against the tool's output schema.
        is_error, structured, content = await client.call(call["name"], call["arguments"])
        check(not is_error, f"{call['name']} failed: {text_of(content)}")
        same(structured, call["structured"], call["name"])
        check(call["text"] in text_of(content), f"{call['text']!r} is not in {text_of(content)!r}")

        invalid = self.plan["invalid"]
        is_error, _, content = await client.call(invalid["name"], invalid["arguments"])
        check(is_error, f"{invalid} was accepted")
        check(invalid["text"] in text_of(content), f"{invalid['text']!r} is not in {text_of(content)!r}")

        try:
            await client.call(self.plan["unknown"], {})
        except Exception as error:
            code = client.protocol_error(error)
            check(code == INVALID_PARAMS, f"unknown tool: {code}: {error!r}")
        else:
            check(False, f"{self.plan['unknown']} was called")

    async def progress(self, client):
        step = self.plan["progress"]
        told = []

        async def on_progress(done, total, message):
            told.append([done, total, message])

        is_error, structured, content = await client.call(step["name"], step["arguments"], on_progress)
        check(not is_error, text_of(content))
        same(structured, step["structured"], step["name"])
        check(told == step["told"], f"progress was {told}, not {step['told']}")

    async def cancel(self, client):
        step = self.plan["cancel"]
        ended = []
        with anyio.CancelScope() as scope:

            async def on_progress(done, total, message):
                # It runs: whoever called it changes their mind.
                scope.cancel()

            ended.append(await client.call(step["name"], step["arguments"], on_progress))
        check(not ended, f"the cancelled call ended with {ended}")
        # One instance at a time: this one has its turn when the cancelled one is gone.
        then = step["then"]
        is_error, structured, content = await client.call(then["name"], then["arguments"])
        check(not is_error, text_of(content))
        same(structured, then["structured"], then["name"])

    async def elicit(self, client):
        step = self.plan["elicit"]
        self.person.answer = step["answer"]
        is_error, structured, content = await client.call(step["name"], step["arguments"])
        check(not is_error, text_of(content))
        check(structured == step["answer"], f"{structured} came back, not {step['answer']}")
        check(step["message"] in self.person.asked, f"asked was {self.person.asked!r}")
        self.person.answer = None
        is_error, _, content = await client.call(step["name"], step["arguments"])
        check(is_error and step["declined"] in text_of(content), text_of(content))


class Person:
    """Answers a form with `answer`, or declines."""

    def __init__(self):
        self.answer = None
        self.asked = ""


def main(package, connect):
    """`connect(plan, person)` is an asynchronous context manager with a client as above, and its protocol version."""
    plan = json.loads(sys.argv[1])
    heard = Heard()
    logging.getLogger().addHandler(heard)
    logging.captureWarnings(True)
    warnings.simplefilter("default")

    async def drive():
        with anyio.fail_after(DEADLINE_SECONDS):
            person = Person()
            async with connect(plan, person) as (client, version):
                check(version == plan["version"], f"negotiated {version}, not {plan['version']}")
                steps = Steps(plan, person)
                for name in plan["steps"]:
                    try:
                        await getattr(steps, name)(client)
                    except Failed as error:
                        raise Failed(f"{name}: {error}") from None

    try:
        anyio.run(drive)
    except* Failed as group:
        # Wrapped once for each task group of the client that it passed.
        while isinstance(group, BaseExceptionGroup):
            group = group.exceptions[0]
        sys.exit(f"FAILED: {group}")
    if heard.records:
        sys.exit("FAILED: the client warned:\n" + "\n".join(heard.records))
    print(json.dumps({"version": importlib.metadata.version(package), "did": plan["steps"]}))
