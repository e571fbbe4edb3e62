"""{{name}}: a plugin for toolward. The class `Tools` is what the component exports as `tools`."""

import json

import wit_world.exports
from componentize_py_types import Err
from wit_world.exports.tools import Hints, JobSupport, Listing, Outcome_Done, Tool
from wit_world.imports.values import (
    Cause_NotFound,
    Content,
    Failure_Request,
    Failure_Tool,
    Item_Text,
    Output,
    RequestError,
    ToolError,
    Trouble,
)

import logic


def closed_object(properties):
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


GREET = Tool(
    name="{{tool}}_greet",
    title=None,
    description="Greets a person by name.",
    input_schema=json.dumps(
        closed_object({"name": {"type": "string", "description": "The person's name; not empty."}})
    ),
    output_schema=json.dumps(closed_object({"text": {"type": "string"}})),
    hints=Hints(read_only=True, destructive=False, idempotent=True, open_world=False),
    jobs=JobSupport.NEVER,
    icons=[],
    meta=[],
    extras=[],
)


def done(structured):
    text = json.dumps(structured)
    content = Content(item=Item_Text(text), annotations=None, meta=[])
    return Outcome_Done(Output(content=[content], structured=text, meta=[], extras=[]))


class Tools(wit_world.exports.Tools):
    def list_tools(self, cx):
        return Listing(tools=[GREET], freshness=None)

    def call_tool(self, cx, name, arguments):
        if name != GREET.name:
            raise Err(Failure_Request(RequestError(Cause_NotFound(), f"no tool `{name}`", None)))
        try:
            return done({"text": logic.greet(**json.loads(arguments))})
        except ValueError as error:
            raise Err(Failure_Tool(ToolError(Trouble.INVALID_INPUT, str(error), [], None, None, [])))
