import type { Plan, Trainer } from './backend/backend.js';
import type { ParameterShape } from './parameters.js';
import type { Progress } from './progress.js';
import type { SampleShape } from './samples.js';

/** What a network consists of. */
export interface Parts {
  readonly plan: Plan;
  readonly trainer: Trainer;
  readonly parameters: readonly ParameterShape[];
  readonly shape: SampleShape;
  readonly progress: Progress;
  /** Layers as the user counts them. */
  readonly layers: number;
}
