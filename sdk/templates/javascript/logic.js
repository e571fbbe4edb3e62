// What the tools do. Nothing here knows of the host, so tests run it as it is.

/** The greeting; throws an `Error` with words for the model. */
export function greet({ name }) {
  if (name.trim() === '') {
    throw new Error('there is nobody to greet: give a name');
  }
  return { text: `Hello, ${name}!` };
}
