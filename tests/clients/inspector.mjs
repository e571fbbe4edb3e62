// Drives a server with the command line of the npm package `@modelcontextprotocol/inspector`, one process for
// each request: `node inspector.mjs NODE_MODULES PLAN` (see README.md).

import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

const [nodeModules, planText] = process.argv.slice(2);
const plan = JSON.parse(planText);
const launcher = join(
  resolve(nodeModules),
  '@modelcontextprotocol/inspector/clients/launcher/build/index.js',
);

// It keeps a catalog of servers in the home folder.
const home = await mkdtemp(join(tmpdir(), 'inspector-'));

function inspect(method, ...options) {
  const target = plan.url ? ['--transport', 'http', '--server-url', plan.url] : ['--', ...plan.command];
  const args = [launcher, '--cli', '--format', 'json', '--quiet', '--protocol-era', plan.era];
  return new Promise((done) => {
    execFile(
      process.execPath,
      [...args, '--method', method, ...options, ...target],
      { env: { ...process.env, HOME: home }, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 },
      (error, stdout, stderr) => done({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr }),
    );
  });
}

const call = ({ name, arguments: values }) =>
  inspect('tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(values));

class Failed extends Error {}

function check(holds, message, { code, stdout, stderr }) {
  if (!holds) throw new Failed(`${message}\n  exit code: ${code}\n  stdout: ${stdout}\n  stderr: ${stderr}`);
}

const textOf = (result) =>
  result.content
    .filter((block) => block.type === 'text')
    .map((block) => block.text)
    .join('\n');

// The command line's own exit code for a tool that answered with an error, or that is not there.
const TOOL_FAILED = 5;

async function drive() {
  const list = await inspect('tools/list');
  check(list.code === 0, 'cannot list', list);
  const listed = JSON.parse(list.stdout).result.tools.map((tool) => tool.name);
  const missing = plan.tools.filter((name) => !listed.includes(name));
  check(missing.length === 0, `not listed: ${missing}`, list);

  const good = await call(plan.call);
  check(good.code === 0, `${plan.call.name} failed`, good);
  const { result } = JSON.parse(good.stdout);
  for (const [key, value] of Object.entries(plan.call.structured)) {
    check(isDeepStrictEqual(result.structuredContent?.[key], value), `${key} is not ${JSON.stringify(value)}`, good);
  }
  check(textOf(result).includes(plan.call.text), `"${plan.call.text}" is not in the text`, good);

  const bad = await call(plan.invalid);
  check(bad.code === TOOL_FAILED, 'invalid arguments were accepted', bad);
  const refusal = JSON.parse(bad.stdout).result;
  check(refusal.isError === true, 'the result does not say that it is an error', bad);
  check(textOf(refusal).includes(plan.invalid.text), `"${plan.invalid.text}" is not in the text`, bad);

  const unknown = await call({ name: plan.unknown, arguments: {} });
  check(unknown.code === TOOL_FAILED, `${plan.unknown} was called`, unknown);
}

try {
  await drive();
  console.log('ok');
} catch (error) {
  if (!(error instanceof Failed)) throw error;
  console.error(`FAILED: ${error.message}`);
  process.exitCode = 1;
} finally {
  await rm(home, { recursive: true, force: true });
}
