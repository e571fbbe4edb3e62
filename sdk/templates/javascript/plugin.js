// {{name}}: a plugin for toolward. The object `tools` is what the component exports under that name.

import { greet } from './logic.js';

function closedObject(properties) {
  return { type: 'object', properties, required: Object.keys(properties), additionalProperties: false };
}

const GREET = {
  name: '{{tool}}_greet',
  description: 'Greets a person by name.',
  inputSchema: JSON.stringify(
    closedObject({ name: { type: 'string', description: "The person's name; not empty." } }),
  ),
  outputSchema: JSON.stringify(closedObject({ text: { type: 'string' } })),
  hints: { readOnly: true, destructive: false, idempotent: true, openWorld: false },
  jobs: 'never',
  icons: [],
  meta: [],
  extras: [],
};

function done(result) {
  const structured = JSON.stringify(result);
  const content = [{ item: { tag: 'text', val: structured }, meta: [] }];
  return { tag: 'done', val: { content, structured, meta: [], extras: [] } };
}

export const tools = {
  listTools(_cx) {
    return { tools: [GREET] };
  },

  callTool(_cx, name, argumentsText) {
    if (name !== GREET.name) {
      throw { tag: 'request', val: { cause: { tag: 'not-found' }, message: `no tool \`${name}\`` } };
    }
    let result;
    try {
      result = greet(JSON.parse(argumentsText));
    } catch (error) {
      throw { tag: 'tool', val: { kind: 'invalid-input', message: error.message, content: [], meta: [] } };
    }
    return done(result);
  },
};
