import { dense, Network } from '../../../src/index.js';
import type { Case } from '../../tasks.js';
import { readParameters } from '../program.js';

/** The instruction set is what CHAINRULE_ISA names; here it is what must run. */
export interface Options {
  readonly backend: 'native' | 'typescript';
  readonly isa: string;
  readonly threads: number;
}

/** The case's network, with parameters from its seed, on exactly this backend and instruction set. */
export function seedNetwork({ inputs, layers }: Case, { backend, isa, threads }: Options): Network {
  const specs = layers.map(({ units, activation }) => dense(units, { activation }));
  const network = new Network({ inputs, layers: specs, backend, threads });
  const { name, isa: got } = network.backend;
  if (name !== backend || got !== isa) throw new Error(`expected ${backend} ${isa} for the bench, got ${name} ${got}`);
  return network;
}

/** The same with the case's parameters. */
export function createNetwork(given: Case, options: Options): Network {
  const network = seedNetwork(given, options);
  network.setParameters(readParameters(given));
  return network;
}
