import { setImmediate as nextTurn } from 'node:timers/promises';

/**
 * Long work on the JavaScript thread, written once as a generator that yields after each bounded piece (well under a
 * millisecond or two) and run either at one go or with the event loop served in between.
 */
export type Steps<T> = Generator<void, T, void>;

export function runNow<T>(steps: Steps<T>): T {
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

export async function runInTurns<T>(steps: Steps<T>): Promise<T> {
  let step = steps.next();
  while (!step.done) {
    await nextTurn();
    step = steps.next();
  }
  return step.value;
}
