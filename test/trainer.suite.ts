import { describe } from 'vitest';
import type { Backend, Dtype } from '../src/backend/backend.js';
import { nameOf } from './support/backends.js';
import { recordOf } from './support/record.js';
import { determinismSuite } from './trainers/determinism.suite.js';
import { gradientSuite } from './trainers/gradients.suite.js';
import { jobSuite } from './trainers/jobs.suite.js';
import { layerSuite } from './trainers/layers.suite.js';
import { passSuite } from './trainers/passes.suite.js';
import { updateSuite } from './trainers/updates.suite.js';

/** What every implementation of the trainer must do. */
export function trainerSuite(backend: Backend, dtype: Dtype): void {
  describe(`trainer on ${nameOf(backend, dtype)}`, () => {
    const record = recordOf(backend, dtype);
    describe('gradients', () => gradientSuite(backend, dtype, record));
    describe('updates', () => updateSuite(backend, dtype, record));
    describe('layers', () => layerSuite(backend, dtype, record));
    describe('passes', () => passSuite(backend, dtype, record));
    describe('jobs', () => jobSuite(backend, dtype, record));
    describe('the same seed', () => determinismSuite(backend, dtype, record));
  });
}
