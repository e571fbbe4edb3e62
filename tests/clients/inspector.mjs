// Drives a server with the two command lines of the npm package `@modelcontextprotocol/inspector`:
// `node inspector.mjs NODE_MODULES PLAN` (see README.md). `inspector --cli` is one process for each request; `mcpdo` keeps
// connections in a daemon, and so can be asked something, and can change its mind.

import { execFile, spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';

import { Failed, carryOut, check, main, textOf } from './steps.mjs';

const [nodeModules, planText] = process.argv.slice(2);
const plan = JSON.parse(planText);
const folder = join(resolve(nodeModules), '@modelcontextprotocol/inspector');
const program = (name) => join(folder, 'clients', name);
const { version } = JSON.parse(await readFile(join(folder, 'package.json'), 'utf8'));

// They keep catalogs, secrets and sockets in the home folder, and one daemon for each user.
const home = await mkdtemp(join(tmpdir(), 'inspector-'));
const env = {
  ...process.env,
  HOME: home,
  MCP_INSPECTOR_SECRET_STORE: 'memory',
  MCP_INSPECTOR_DAEMON_DIR: join(home, 'daemon'),
  MCP_INSPECTOR_DAEMON_TOKEN: 'for-this-test-only',
};
const options = { env, timeout: 120_000, maxBuffer: 64 * 1024 * 1024 };

function run(...args) {
  return new Promise((done) => {
    execFile(process.execPath, args, options, (error, stdout, stderr) =>
      done({ code: error ? (error.code ?? error.signal) : 0, stdout, stderr }),
    );
  });
}

const said = ({ code, stdout, stderr }) => `\n  exit code: ${code}\n  stdout: ${stdout}\n  stderr: ${stderr}`;

function inspect(method, ...args) {
  const target = plan.url ? ['--transport', 'http', '--server-url', plan.url] : ['--', ...plan.command];
  const common = ['--cli', '--format', 'json', '--quiet', '--protocol-era', plan.era, '--method', method];
  return run(program('launcher/build/index.js'), ...common, ...args, ...target);
}

const call = ({ name, arguments: values }) =>
  inspect('tools/call', '--tool-name', name, '--tool-args-json', JSON.stringify(values));

const mcpdo = [program('mcpdo/build/mcp-bin.js'), '--format', 'json'];
let connection;

/** `mcpdo` with these arguments; what it printed. */
async function ask(...args) {
  const ran = await run(...mcpdo, ...args);
  check(ran.code === 0, `mcpdo ${args.join(' ')}${said(ran)}`);
  // What it says of its own store of secrets is not about the server.
  const warnings = ran.stderr.split('\n').filter((line) => line && !/secret/i.test(line));
  check(warnings.length === 0, `mcpdo ${args.join(' ')} warned${said(ran)}`);
  return JSON.parse(ran.stdout);
}

const callArguments = ({ name, arguments: values }) => [
  '--connection',
  connection,
  'tools/call',
  name,
  '--tool-args-json',
  JSON.stringify(values),
];

async function connect() {
  if (connection) return;
  const target = plan.url ? [plan.url] : ['--', ...plan.command];
  const connected = await ask('connect', '--era', plan.era, ...target);
  check(connected.protocolEra === plan.era, `connected as ${connected.protocolEra}`);
  connection = connected.name;
}

/** `mcpdo` at a terminal, which is where it takes Ctrl-C for a cancellation. */
function atTerminal(args) {
  const quoted = [process.execPath, mcpdo[0], ...args].map((part) => `'${part.replaceAll("'", `'\\''`)}'`);
  return spawn('script', ['-qefc', quoted.join(' '), '/dev/null'], { env, stdio: ['pipe', 'ignore', 'inherit'] });
}

// The command line's own exit code for a tool that answered with an error, or that is not there.
const TOOL_FAILED = 5;

const steps = {
  async list() {
    const list = await inspect('tools/list');
    check(list.code === 0, `cannot list${said(list)}`);
    const listed = JSON.parse(list.stdout).result.tools.map((tool) => tool.name);
    const missing = plan.tools.filter((name) => !listed.includes(name));
    check(missing.length === 0, `not listed: ${missing}${said(list)}`);
  },

  async call() {
    const good = await call(plan.call);
    check(good.code === 0, `${plan.call.name} failed${said(good)}`);
    const { result } = JSON.parse(good.stdout);
    for (const [key, value] of Object.entries(plan.call.structured)) {
      const got = result.structuredContent?.[key];
      check(isDeepStrictEqual(got, value), `${key} is not ${JSON.stringify(value)}${said(good)}`);
    }
    check(textOf(result).includes(plan.call.text), `"${plan.call.text}" is not in the text${said(good)}`);

    const bad = await call(plan.invalid);
    check(bad.code === TOOL_FAILED, `invalid arguments were accepted${said(bad)}`);
    const refusal = JSON.parse(bad.stdout).result;
    check(refusal.isError === true, `the result does not say that it is an error${said(bad)}`);
    check(textOf(refusal).includes(plan.invalid.text), `"${plan.invalid.text}" is not in the text${said(bad)}`);

    const unknown = await call({ name: plan.unknown, arguments: {} });
    check(unknown.code === TOOL_FAILED, `${plan.unknown} was called${said(unknown)}`);
  },

  async cancel() {
    await connect();
    const waiting = atTerminal(callArguments(plan.cancel));
    const ended = new Promise((done) => waiting.once('exit', done));
    // Nothing is shown of a call that runs. Calls of a connection take turns: when the next one has to wait, it runs.
    const { then } = plan.cancel;
    let next;
    for (let runs = false; !runs; ) {
      check(waiting.exitCode === null, 'the call ended by itself');
      next = ask(...callArguments(then));
      const soon = new Promise((done) => setTimeout(done, 3_000, 'it waits'));
      runs = (await Promise.race([next, soon])) === 'it waits';
    }
    waiting.stdin.write('\u0003');
    await ended;
    // One instance at a time: the next has its turn when the cancelled one is gone.
    const result = await next;
    check(!result.isError, textOf(result));
    check(isDeepStrictEqual(result.structuredContent, then.structured), JSON.stringify(result));
  },

  async elicit() {
    await connect();
    const { answer, declined, message } = plan.elicit;
    const pending = async () => {
      const { elicitationPending: asked } = await ask(...callArguments(plan.elicit));
      check(asked?.message.includes(message), `asked was ${JSON.stringify(asked)}`);
      return asked.elicitationId;
    };
    const respond = async (...with_) =>
      ask('--connection', connection, 'elicitation/respond', await pending(), ...with_);
    const accepted = await respond(JSON.stringify(answer));
    check(isDeepStrictEqual(accepted.structuredContent, answer), JSON.stringify(accepted));
    const ran = await run(...mcpdo, '--connection', connection, 'elicitation/respond', await pending(), '--decline');
    check(ran.stdout.includes(declined) || ran.stderr.includes(declined), `declined${said(ran)}`);
  },
};

await main(
  async () => {
    const missing = plan.steps.filter((name) => !(name in steps));
    if (missing.length > 0) throw new Failed(`this client cannot ${missing}`);
    await carryOut(plan, steps, version);
  },
  async () => {
    if (connection) await run(...mcpdo, 'daemon', 'stop');
    await rm(home, { recursive: true, force: true });
  },
);
