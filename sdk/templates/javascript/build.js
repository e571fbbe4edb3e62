// Build the component: `node build.js`, after `npm install`. No network.

import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { componentize } from '@bytecodealliance/componentize-js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));
const { component } = await componentize({
  sourcePath: here('plugin.js'),
  witPath: here('wit'),
  worldName: 'pure-tool',
  // What the plugin needs no permission for: the clock and random numbers stay, `fetch` and the console go.
  disableFeatures: ['stdio', 'http', 'fetch-event'],
});
await writeFile(here('{{name}}.component'), component);
