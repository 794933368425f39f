/** onnxruntime-node, for inference only, on an ONNX model (opset 13) of one Gemm and one activation for each layer. */
import { createRequire } from 'node:module';
import { env, InferenceSession, Tensor } from 'onnxruntime-node';
import protobuf from 'protobufjs';
import type { Case, InferenceTask, Laps, Ran } from '../tasks.js';
import { answer, readData, readParameters, writeOutputs } from './program.js';
import { warmUpInference } from './timing.js';

interface Options {
  readonly threads: number;
}

async function measureInference(task: InferenceTask, { threads }: Options): Promise<Laps<Ran>> {
  const { rows, inputs, layers } = task.case;
  env.logLevel = 'error';
  const session = await InferenceSession.create(encodeModel(task.case), {
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    graphOptimizationLevel: 'all',
  });
  const feeds = { x: new Tensor('float32', readData(task.case).x, [rows, inputs]) };
  const output = `y${layers.length - 1}`;
  const predict = () => session.run(feeds);
  writeOutputs(task.case, (await predict())[output].data as Float32Array);
  const ran = `onnxruntime-node ${version}, ${threads} threads`;
  return { lap: await warmUpInference(predict), answer: () => ({ ran }) };
}

const { version } = createRequire(import.meta.url)('onnxruntime-node/package.json') as { version: string };

/** What is used of https://github.com/onnx/onnx/blob/main/onnx/onnx.proto. */
const schema = `
syntax = "proto3";
message Model { int64 ir_version = 1; Graph graph = 7; repeated OperatorSet opset_import = 8; }
message OperatorSet { string domain = 1; int64 version = 2; }
message Graph {
  repeated Node node = 1; string name = 2; repeated Initializer initializer = 5; repeated Value input = 11; repeated Value output = 12;
}
message Node { repeated string input = 1; repeated string output = 2; string op_type = 4; }
message Initializer { repeated int64 dims = 1; int32 data_type = 2; string name = 8; bytes raw_data = 9; }
message Value { string name = 1; Type type = 2; }
message Type { TensorType tensor_type = 1; }
message TensorType { int32 elem_type = 1; Shape shape = 2; }
message Shape { repeated Dimension dim = 1; }
message Dimension { int64 dim_value = 1; }
`;
const float = 1; // TensorProto.DataType.FLOAT
const operators: Readonly<Record<string, string>> = {
  relu: 'Relu',
  tanh: 'Tanh',
  sigmoid: 'Sigmoid',
  softmax: 'Softmax',
};

function encodeModel(given: Case): Uint8Array {
  const { rows, inputs, layers } = given;
  const { root } = protobuf.parse(schema, { keepCase: true });
  const value = (name: string, columns: number) => ({
    name,
    type: { tensor_type: { elem_type: float, shape: { dim: [{ dim_value: rows }, { dim_value: columns }] } } },
  });
  const initializer = (name: string, dims: number[], { buffer, byteOffset, byteLength }: Float32Array) => ({
    name,
    dims,
    data_type: float,
    raw_data: new Uint8Array(buffer, byteOffset, byteLength),
  });
  const graph = {
    name: 'network',
    node: layers.flatMap(({ activation }, i) => [
      { op_type: 'Gemm', input: [i === 0 ? 'x' : `y${i - 1}`, `w${i}`, `b${i}`], output: [`z${i}`] },
      { op_type: operators[activation] ?? 'Identity', input: [`z${i}`], output: [`y${i}`] },
    ]),
    initializer: readParameters(given).flatMap(({ weights, bias }, i) => [
      initializer(`w${i}`, [weights.length / bias.length, bias.length], weights),
      initializer(`b${i}`, [bias.length], bias),
    ]),
    input: [value('x', inputs)],
    output: [value(`y${layers.length - 1}`, layers[layers.length - 1].units)],
  };
  const Model = root.lookupType('Model');
  return Model.encode(Model.create({ ir_version: 8, graph, opset_import: [{ domain: '', version: 13 }] })).finish();
}

await answer<Options>({ inference: measureInference });
