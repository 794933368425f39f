// Factories and nothing else: what is here is an optimizer, and public.
export * from './adam.js';
export * from './adaptive.js';
export * from './lbfgs.js';
export * from './sgd.js';
export * from './sign.js';
