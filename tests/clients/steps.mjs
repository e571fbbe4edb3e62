// What the JavaScript programs share: checks, and the end.

export class Failed extends Error {}

export function check(holds, message) {
  if (!holds) throw new Failed(message);
}

export const textOf = (result) =>
  result.content
    .filter((block) => block.type === 'text')
    .map((block) => block.text)
    .join('\n');

/** Carries the steps of the plan out, one after the other; says what was done. */
export async function carryOut(plan, steps, version) {
  for (const name of plan.steps) {
    try {
      await steps[name]();
    } catch (error) {
      throw error instanceof Failed ? new Failed(`${name}: ${error.message}`) : error;
    }
  }
  console.log(JSON.stringify({ version, did: plan.steps }));
}

/** Runs `drive`; a step that failed is said in one line. */
export async function main(drive, cleanUp = async () => {}) {
  try {
    await drive();
  } catch (error) {
    if (!(error instanceof Failed)) throw error;
    console.error(`FAILED: ${error.message}`);
    process.exitCode = 1;
  } finally {
    await cleanUp();
  }
}
