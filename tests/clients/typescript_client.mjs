// Drives a server with the npm package `@modelcontextprotocol/client`:
// `node typescript_client.mjs NODE_MODULES PLAN` (see README.md).

import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { pathToFileURL } from 'node:url';

const [nodeModules, planText] = process.argv.slice(2);
const plan = JSON.parse(planText);

// Imported by its folder: Node looks for a package's name beside this file only.
const library = (file) =>
  import(pathToFileURL(join(resolve(nodeModules), '@modelcontextprotocol/client/dist', file)));
const { Client, StreamableHTTPClientTransport } = await library('index.mjs');
const { StdioClientTransport } = await library('stdio.mjs');

// `auto` asks for the new protocol first and falls back by itself: that it ends at the new one is checked.
const [mode, version] = { legacy: ['legacy', '2025-11-25'], modern: ['auto', '2026-07-28'] }[plan.era];

function transport() {
  if (plan.url) return new StreamableHTTPClientTransport(new URL(plan.url));
  const [command, ...args] = plan.command;
  return new StdioClientTransport({ command, args });
}

function check(holds, message) {
  if (!holds) {
    console.error(`FAILED: ${message}`);
    process.exit(1);
  }
}

const textOf = (result) =>
  result.content
    .filter((block) => block.type === 'text')
    .map((block) => block.text)
    .join('\n');

const deadline = setTimeout(() => check(false, 'no end after 120 s'), 120_000);

const client = new Client({ name: 'toolward-tests', version: '0' }, { versionNegotiation: { mode } });
await client.connect(transport());
const negotiated = client.getNegotiatedProtocolVersion();
check(negotiated === version, `negotiated ${negotiated}, not ${version}`);

const listed = (await client.listTools()).tools.map((tool) => tool.name);
const missing = plan.tools.filter((name) => !listed.includes(name));
check(missing.length === 0, `not listed: ${missing}; listed: ${listed}`);

// The client itself checks the structured result against the tool's output schema.
const { name, arguments: values, structured, text } = plan.call;
const result = await client.callTool({ name, arguments: values });
check(!result.isError, `${name} failed: ${textOf(result)}`);
for (const [key, value] of Object.entries(structured)) {
  const got = result.structuredContent?.[key];
  check(isDeepStrictEqual(got, value), `${key} is ${JSON.stringify(got)}, not ${JSON.stringify(value)}`);
}
check(textOf(result).includes(text), `"${text}" is not in "${textOf(result)}"`);

const refused = await client.callTool({ name: plan.invalid.name, arguments: plan.invalid.arguments });
check(refused.isError === true, `${JSON.stringify(plan.invalid)} was accepted`);
check(textOf(refused).includes(plan.invalid.text), `"${plan.invalid.text}" is not in "${textOf(refused)}"`);

const error = await client.callTool({ name: plan.unknown, arguments: {} }).then(
  () => undefined,
  (error) => error,
);
check(error !== undefined, `${plan.unknown} was called`);
check(error.code === -32602, `unknown tool: code ${error.code}: ${error.message}`);

await client.close();
clearTimeout(deadline);
console.log('ok');
