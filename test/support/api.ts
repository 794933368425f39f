import { expect } from 'vitest';
import type { Backend } from '../../src/backend/backend.js';
import { availableBackends } from '../../src/backend/select.js';
import { type ErrorCode, Network, type NetworkOptions } from '../../src/index.js';

/** Every backend this machine has, with the name its suites go by. */
export const backends: [string, Backend][] = availableBackends().map((backend) => [
  backend.name === 'native' ? `native ${backend.isa}` : backend.name,
  backend,
]);

/** A network on exactly this backend and instruction set. */
export function createNetwork(backend: Backend, options: Omit<NetworkOptions, 'backend'>): Network {
  const before = process.env.CHAINRULE_ISA;
  if (backend.name === 'native') process.env.CHAINRULE_ISA = backend.isa;
  try {
    const network = new Network({ ...options, backend: backend.name });
    expect([network.backend.name, network.backend.isa]).toEqual([backend.name, backend.isa]);
    return network;
  } finally {
    if (before === undefined) delete process.env.CHAINRULE_ISA;
    else process.env.CHAINRULE_ISA = before;
  }
}

/** Throws or rejects with a ChainruleError of this code and a message of the one shape that matches. */
export async function expectError(run: () => unknown, code: ErrorCode, message: RegExp): Promise<void> {
  const error = await Promise.resolve()
    .then(run)
    .then(
      () => undefined,
      (reason: unknown) => reason,
    );
  expect(error).toMatchObject({ name: 'ChainruleError', code });
  expect((error as Error).message).toMatch(/^expected .+ for .+, got .+$/);
  expect((error as Error).message).toMatch(message);
}

/** Rows of pseudo-random numbers in (−1, 1): a fixed sequence, for data that only has to be varied. */
export function someNumbers(length: number, start = 1): Float32Array {
  const numbers = new Float32Array(length);
  let state = start;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) >>> 0;
    numbers[i] = (state >>> 8) / 2 ** 23 - 1;
  }
  return numbers;
}

/** All parameters of a network as one list, in the order in which each layer has them. */
export function allParameters(network: Network): number[] {
  return network.parameters().flatMap((layer) => Object.values(layer).flatMap((values) => [...values]));
}
