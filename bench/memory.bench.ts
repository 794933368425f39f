import { withCase } from './cases.js';
import { chainrule } from './contenders/programs.js';
import { ours, pytorch, trainingEntrants } from './contenders/registry.js';
import { allCores } from './machine.js';
import { run } from './processes.js';
import type { Settings } from './settings.js';
import { workloadNamed } from './shapes.js';
import { type Spread, spreadOf } from './statistics.js';
import type { EpochsTask, LargeTask, ManyNetworksTask } from './tasks.js';

export interface MemoryResult {
  /** The largest resident set of a process that trains `wide`, data and runtime included. */
  readonly wide: readonly { readonly contender: string; readonly peakBytes: number }[];
  /** The resident set after each of equal parts of so many networks made, trained and dropped. */
  readonly networks: { readonly made: number; readonly bytes: readonly number[] };
  readonly large: {
    readonly rows: number;
    readonly dataBytes: number;
    readonly grownBytes: number;
    readonly rowsPerSecond: Spread;
    readonly smallRows: number;
    /** Of the small data set's rows per second, each time taken right after the other. */
    readonly share: Spread;
  };
}

/** All that tfjs trains on in time. */
const fewRows = 1024;
/** Of the large data set and the small one. */
const turnsInRound = 2;

export async function benchMemory(settings: Settings): Promise<MemoryResult[]> {
  return [
    {
      wide: await measureWide(settings),
      networks: await measureNetworks(settings),
      large: await measureLarge(settings),
    },
  ];
}

async function measureWide({ isas, tools, among }: Settings): Promise<MemoryResult['wide']> {
  const workload = workloadNamed('wide');
  const entrants = among(trainingEntrants(workload, isas, tools));
  const compared = [ours.best, pytorch, 'tfjs wasm'].flatMap(
    (name) => entrants.find(({ contender }) => contender === name) ?? [],
  );
  return withCase(workload, async ({ given }) => {
    const results: { contender: string; peakBytes: number }[] = [];
    for (const { contender, program } of compared) {
      const rows = contender === 'tfjs wasm' ? fewRows : given.rows;
      const task: EpochsTask = { kind: 'epochs', case: { ...given, rows }, epochs: 1 };
      const { peakBytes } = await run(program, task);
      results.push({ contender, peakBytes });
    }
    return results;
  });
}

async function measureNetworks({ isas }: Settings): Promise<MemoryResult['networks']> {
  const workload = { ...workloadNamed('mnistSmall'), rows: 64 };
  const made = 10_000;
  const task = (given: ManyNetworksTask['case']): ManyNetworksTask => ({
    kind: 'manyNetworks',
    case: given,
    networks: made,
    reports: 10,
  });
  const { bytes } = await withCase(workload, ({ given }) => run(chainrule(isas[0], 1), task(given)));
  return { made, bytes };
}

async function measureLarge({ isas, rounds }: Settings): Promise<MemoryResult['large']> {
  const [rows, smallRows] = [2_000_000, 20_000];
  const program = chainrule(isas[0], allCores);
  const [speeds, shares, grown]: number[][] = [[], [], []];
  let dataBytes = 0;
  for (let turn = 0; turn < rounds * turnsInRound; turn++) {
    const one = await run(program, { kind: 'large', rows, fits: 1 } satisfies LargeTask);
    const other = await run(program, { kind: 'large', rows: smallRows, fits: rows / smallRows } satisfies LargeTask);
    speeds.push(one.rowsPerSecond);
    shares.push(one.rowsPerSecond / other.rowsPerSecond);
    grown.push(one.grownBytes);
    dataBytes = one.dataBytes;
  }
  return {
    rows,
    smallRows,
    dataBytes,
    grownBytes: Math.max(...grown),
    rowsPerSecond: spreadOf(speeds),
    share: spreadOf(shares),
  };
}
