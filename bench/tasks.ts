/**
 * What a contender's process is asked, as JSON, and what it answers, as the last line of its output. What is measured in laps, with
 * other contenders' between them, has the process print a line when it is ready, and for each line that it reads run a lap and print
 * how fast it was; it answers when there is nothing more to read.
 */
import type { GemmShape, Workload } from './shapes.js';

/** A workload as a contender finds it: with files of numbers, little-endian. */
export interface Case extends Workload {
  readonly files: {
    /** float32, (rows, inputs). */
    readonly x: string;
    /** float32, (rows, 1), or for crossEntropy int32, (rows): classes. */
    readonly y: string;
    /** float32: weights (inputs, units) and bias (units) of each layer in turn. */
    readonly parameters: string;
    /** float32, (rows, outputs): what the contender writes. */
    readonly outputs: string;
  };
}

/** The first rows of a workload, so many times over. */
export interface Share {
  readonly rows: number;
  readonly epochs: number;
}

export interface TrainingTask {
  readonly kind: 'training';
  readonly case: Case;
  /** Trained in this order of rows, unshuffled; then judged by the outputs for the first `judgedRows`. */
  readonly compared: Share;
  readonly judgedRows: number;
  /** Of the training that is timed, before time is taken: so many updates, for at least and at most so long. */
  readonly warmUp: { readonly updates: number; readonly leastSeconds: number; readonly mostSeconds: number };
  /** Of a lap, whose speed is in rows per second. */
  readonly seconds: number;
}

/** What really ran: versions, kernels, threads. */
export interface Ran {
  readonly ran: string;
}

/** The largest resident set of the process, its runtime and the data included. */
interface Footprint {
  readonly peakBytes: number;
}

export interface TrainingAnswer extends Ran, Footprint {}

/** Speed in calls per second, each for all rows at once. */
export interface InferenceTask {
  readonly kind: 'inference';
  readonly case: Case;
}

/** Speed in floating-point operations per second. */
export interface GemmTask {
  readonly kind: 'gemm';
  readonly shape: GemmShape;
}

/** Multiply-adds in registers: speed in floating-point operations per second. */
export interface PeakTask {
  readonly kind: 'peak';
  readonly isa: string;
}

/** One fit, from parameters of the contender's own choice. */
export interface EpochsTask {
  readonly kind: 'epochs';
  readonly case: Case;
  readonly epochs: number;
}

export interface EpochsAnswer extends Ran, Footprint {
  /** Of each epoch. */
  readonly seconds: readonly number[];
}

/** Fits of so many networks at once in one process, one thread each. */
export interface TogetherTask {
  readonly kind: 'together';
  readonly case: Case;
  readonly networks: number;
  readonly seconds: number;
}

export interface TogetherAnswer {
  /** Rows per second, of each network. */
  readonly speeds: readonly number[];
}

/** Networks made, trained for one update and dropped without `dispose`. */
export interface ManyNetworksTask {
  readonly kind: 'manyNetworks';
  readonly case: Case;
  readonly networks: number;
  readonly reports: number;
}

export interface ManyNetworksAnswer {
  /** The resident set at equal distances, from behind the first part on. */
  readonly bytes: readonly number[];
}

/** Fits of one epoch on so many rows that the process makes itself, of 128 inputs and 10 classes. */
export interface LargeTask {
  readonly kind: 'large';
  readonly rows: number;
  readonly fits: number;
}

export interface LargeAnswer {
  readonly rowsPerSecond: number;
  readonly dataBytes: number;
  /** By how much the resident set grew from when the data was there to its largest during the fit. */
  readonly grownBytes: number;
}

interface LapAnswers {
  training: [TrainingTask, TrainingAnswer];
  inference: [InferenceTask, Ran];
  gemm: [GemmTask, Ran];
  peak: [PeakTask, Ran];
}

interface Answers extends LapAnswers {
  epochs: [EpochsTask, EpochsAnswer];
  together: [TogetherTask, TogetherAnswer];
  manyNetworks: [ManyNetworksTask, ManyNetworksAnswer];
  large: [LargeTask, LargeAnswer];
}

export type Task = Answers[keyof Answers][0];
/** What is measured in laps. */
export type LapTask = LapAnswers[keyof LapAnswers][0];
export type Answer<T extends Task> = Answers[T['kind']][1];

/** How a contender that is ready goes on. */
export interface Laps<A> {
  /** Returns its speed. */
  readonly lap: () => number | Promise<number>;
  /** After the last lap. */
  readonly answer: () => A;
}

type Reply<K extends keyof Answers> = K extends keyof LapAnswers ? Laps<Answers[K][1]> : Answers[K][1];
/** What a program can be asked, by kind. */
export type Handlers<Options> = {
  [K in keyof Answers]?: (task: Answers[K][0], options: Options) => Reply<K> | Promise<Reply<K>>;
};
