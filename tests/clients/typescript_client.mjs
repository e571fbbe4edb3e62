// Drives a server with the npm package `@modelcontextprotocol/client`:
// `node typescript_client.mjs NODE_MODULES PLAN` (see README.md).

import { readFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { pathToFileURL } from 'node:url';

import { carryOut, check, main, textOf } from './steps.mjs';

const [nodeModules, planText] = process.argv.slice(2);
const plan = JSON.parse(planText);
const folder = join(resolve(nodeModules), '@modelcontextprotocol/client');

// Imported by its folder: Node looks for a package's name beside this file only.
const library = (file) => import(pathToFileURL(join(folder, 'dist', file)));

// Somebody who uses the library would see what it complains about.
const complaints = [];
for (const name of ['warn', 'error']) {
  const say = console[name];
  console[name] = (...parts) => {
    const text = parts.join(' ');
    if (!text.startsWith('FAILED:')) complaints.push(text);
    say(...parts);
  };
}
process.on('warning', (warning) => complaints.push(String(warning)));

const { Client, StreamableHTTPClientTransport } = await library('index.mjs');
const { StdioClientTransport } = await library('stdio.mjs');
const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));

// `auto` asks for the new protocol first and falls back by itself: that it ends at the new one is checked.
const mode = { legacy: 'legacy', modern: 'auto' }[plan.era];

function transport() {
  if (plan.url) return new StreamableHTTPClientTransport(new URL(plan.url));
  const [command, ...args] = plan.command;
  return new StdioClientTransport({ command, args });
}

const client = new Client(
  { name: 'toolward-tests', version: '0' },
  { versionNegotiation: { mode }, capabilities: { elicitation: { form: {} } } },
);
// Where a call is cancelled by going away, and when it is closed, the client may complain of its own stream that it broke
// off, sooner or later: that is what was wanted. What a server breaks off has other names (`TypeError: terminated`).
let breaksOff = false;
client.onerror = (error) => {
  if (!(breaksOff && error.name === 'AbortError')) {
    complaints.push(`onerror: ${error}`);
  }
};

const person = { answer: undefined, asked: '' };
client.setRequestHandler('elicitation/create', async (request) => {
  person.asked = request.params.message;
  return person.answer ? { action: 'accept', content: person.answer } : { action: 'decline' };
});

const call = ({ name, arguments: values }, options) => client.callTool({ name, arguments: values }, options);

function same(result, structured, name) {
  check(!result.isError, `${name} failed: ${textOf(result)}`);
  for (const [key, value] of Object.entries(structured)) {
    const got = result.structuredContent?.[key];
    check(isDeepStrictEqual(got, value), `${key} is ${JSON.stringify(got)}, not ${JSON.stringify(value)}`);
  }
}

const steps = {
  async list() {
    const listed = (await client.listTools()).tools.map((tool) => tool.name);
    const missing = plan.tools.filter((name) => !listed.includes(name));
    check(missing.length === 0, `not listed: ${missing}; listed: ${listed}`);
  },

  async call() {
    // The client itself checks the structured result against the tool's output schema.
    const result = await call(plan.call);
    same(result, plan.call.structured, plan.call.name);
    check(textOf(result).includes(plan.call.text), `"${plan.call.text}" is not in "${textOf(result)}"`);

    const refused = await call(plan.invalid);
    check(refused.isError === true, `${JSON.stringify(plan.invalid)} was accepted`);
    check(textOf(refused).includes(plan.invalid.text), `"${plan.invalid.text}" is not in "${textOf(refused)}"`);

    const error = await call({ name: plan.unknown, arguments: {} }).then(
      () => undefined,
      (error) => error,
    );
    check(error !== undefined, `${plan.unknown} was called`);
    check(error.code === -32602, `unknown tool: code ${error.code}: ${error.message}`);
  },

  async progress() {
    const told = [];
    const onprogress = ({ progress, total, message }) => told.push([progress, total, message]);
    same(await call(plan.progress, { onprogress }), plan.progress.structured, plan.progress.name);
    check(isDeepStrictEqual(told, plan.progress.told), `progress was ${JSON.stringify(told)}`);
  },

  async cancel() {
    const changed = new AbortController();
    const onprogress = () => {
      breaksOff = true;
      changed.abort('changed my mind');
    };
    const options = { onprogress, signal: changed.signal, timeout: 600_000 };
    const ended = await call(plan.cancel, options).then(
      (result) => result,
      () => undefined,
    );
    check(ended === undefined, `the cancelled call ended with ${JSON.stringify(ended)}`);
    // One instance at a time: this one has its turn when the cancelled one is gone.
    const { then } = plan.cancel;
    same(await call(then, { timeout: 600_000 }), then.structured, then.name);
  },

  async elicit() {
    person.answer = plan.elicit.answer;
    same(await call(plan.elicit), plan.elicit.answer, plan.elicit.name);
    check(person.asked.includes(plan.elicit.message), `asked was "${person.asked}"`);
    person.answer = undefined;
    const declined = await call(plan.elicit);
    check(declined.isError === true && textOf(declined).includes(plan.elicit.declined), textOf(declined));
  },
};

const deadline = setTimeout(() => {
  console.error('FAILED: no end after 120 s');
  process.exit(1);
}, 120_000);

await main(
  async () => {
    await client.connect(transport());
    const negotiated = client.getNegotiatedProtocolVersion();
    check(negotiated === plan.version, `negotiated ${negotiated}, not ${plan.version}`);
    await carryOut(plan, steps, version);
    breaksOff = true;
    await client.close();
    check(complaints.length === 0, `the client warned:\n${complaints.join('\n')}`);
  },
  async () => clearTimeout(deadline),
);
