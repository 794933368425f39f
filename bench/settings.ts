import type { Entrant } from './contenders/registry.js';
import type { Tools } from './prepare.js';

/** What a run of the bench was asked for, and what it found on the machine. */
export class Settings {
  constructor(
    readonly rounds: number,
    /** Of the native backend on this machine, best first. */
    readonly isas: readonly string[],
    readonly tools: Tools,
    /** Names of workloads and parts of contenders' names; empty for all. */
    private readonly only: readonly string[],
    private readonly contenders: readonly string[],
  ) {}

  /** Those whose peak is of interest. */
  get fastIsas(): readonly string[] {
    return this.isas.filter((isa, i) => i === 0 || isa !== 'scalar');
  }

  /** Not all was asked for. */
  get filtered(): boolean {
    return this.only.length > 0 || this.contenders.length > 0;
  }

  readonly wants = (name: string): boolean => this.only.length === 0 || this.only.includes(name);

  readonly among = <E extends Entrant>(entrants: readonly E[]): E[] => {
    const { contenders } = this;
    return entrants.filter(
      ({ contender }) => contenders.length === 0 || contenders.some((part) => contender.includes(part)),
    );
  };
}
