import { parentPort, workerData } from "node:worker_threads";
import * as ort from "onnxruntime-node";
import { aligned, elementBytes, isDataType, type Tensor } from "../onnx/tensor.js";
import { holdFloat16AsUint16 } from "./float16.js";
import { ELEMENT_ARRAYS, type Reply, type Request, type Signature, type WorkerSettings } from "./messages.js";

interface Loaded {
  readonly session: ort.InferenceSession;
  /** Dimensions that each output had the last time, by output and input dimensions: the next run of the same sizes writes into memory of ours. */
  readonly outputDims: Map<string, readonly number[]>;
}

/** Sizes that are remembered; photos of any size would make them grow without end. */
const KNOWN_SIZES = 256;

type Answer = Omit<Reply, "id" | "error">;

// What goes wrong is thrown and said once; ONNX Runtime need not print it too.
ort.env.logLevel = "fatal";
holdFloat16AsUint16();

const port = parentPort;
if (port === null) throw new Error("This file runs as a worker thread.");
const settings = workerData as WorkerSettings;
const sessions = new Map<number, Loaded>();
const held = new Map<number, ort.Tensor>();

// One request after another: a run blocks this thread, and later requests may use what earlier ones made.
let last: Promise<void> = Promise.resolve();
port.on("message", ({ id, request }: { id: number; request: Request }) => {
  last = last.then(async () => {
    let reply: Reply;
    try {
      reply = { id, ...(await answer(request)) };
    } catch (error) {
      reply = { id, error: error instanceof Error ? error.message : String(error) };
    }
    const moved = Object.values(reply.tensors ?? {}).map(({ data }) => data.buffer);
    port.postMessage(reply, [...new Set([...moved, ...(reply.returned ?? [])])]);
  });
});

async function answer(request: Request): Promise<Answer> {
  switch (request.kind) {
    case "load":
      return { signature: await load(request) };
    case "run":
      return await run(request);
    case "hold":
      held.set(request.held, wrap(request.tensor));
      return {};
    case "read":
      return { tensors: { value: copy(known(held, request.held)) } };
    case "drop":
      held.delete(request.held);
      return {};
    case "release":
      await sessions.get(request.session)?.session.release();
      sessions.delete(request.session);
      return {};
  }
}

async function load({
  session: id,
  model,
  memoryPattern,
}: Extract<Request, { kind: "load" }>): Promise<Signature> {
  const options: ort.InferenceSession.SessionOptions = {
    executionProviders: settings.device === "cpu" ? ["cpu"] : [settings.device, "cpu"],
    intraOpNumThreads: settings.threads,
    interOpNumThreads: 1,
    executionMode: "sequential",
    enableMemPattern: memoryPattern,
    // Every session has threads of its own, which would otherwise spin after a run and take the processor from the next session's and
    // from decoding.
    extra: { session: { intra_op: { allow_spinning: "0" } } },
    logSeverityLevel: 4,
  };
  // Two overloads, one call each: a path lets ONNX Runtime read the file itself.
  const session =
    typeof model === "string"
      ? await ort.InferenceSession.create(model, options)
      : await ort.InferenceSession.create(model, options);
  sessions.set(id, { session, outputDims: new Map() });
  return { inputs: session.inputNames, outputs: session.outputNames };
}

async function run(request: Extract<Request, { kind: "run" }>): Promise<Answer> {
  const { session, outputDims } = known(sessions, request.session);
  const feeds: Record<string, ort.Tensor> = {};
  const returned = new Set<ArrayBuffer>();
  for (const feed of request.feeds) {
    if ("held" in feed) feeds[feed.name] = known(held, feed.held);
    else {
      feeds[feed.name] = wrap(feed.tensor);
      returned.add(feed.tensor.data.buffer);
    }
  }
  const sizes = Object.entries(feeds)
    .map(([name, { dims }]) => `${name}:${dims}`)
    .join(" ");
  const fetches: Record<string, ort.Tensor | null> = {};
  for (const { name, held: target } of request.into) fetches[name] = known(held, target);
  for (const name of request.fetch) {
    const dims = outputDims.get(`${name} ${sizes}`);
    const type = outputType(session, name);
    fetches[name] = dims === undefined || type === undefined ? null : wrap(allocate(type, dims));
  }
  const results = await session.run(feeds, fetches);
  const tensors: Record<string, Tensor> = {};
  if (outputDims.size > KNOWN_SIZES) outputDims.clear();
  for (const name of request.fetch) {
    const result = known(new Map(Object.entries(results)), name);
    outputDims.set(`${name} ${sizes}`, result.dims);
    tensors[name] = fetches[name] == null ? copy(result) : unwrap(result);
  }
  for (const { name, held: target } of request.into) {
    const result = known(new Map(Object.entries(results)), name);
    if (result !== fetches[name] && result.data !== known(held, target).data)
      held.set(target, wrap(copy(result)));
  }
  return { tensors, returned: [...returned] };
}

function outputType(session: ort.InferenceSession, name: string): Tensor["type"] | undefined {
  const metadata = session.outputMetadata.find((output) => output.name === name);
  return metadata?.isTensor && isDataType(metadata.type) ? metadata.type : undefined;
}

function allocate(type: Tensor["type"], dims: readonly number[]): Tensor {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return { type, dims, data: new Uint8Array(count * elementBytes(type)) };
}

/** A tensor of ours as one of ONNX Runtime's, on the same memory. */
function wrap({ type, dims, data }: Tensor): ort.Tensor {
  const bytes = aligned(data, elementBytes(type));
  const values = new ELEMENT_ARRAYS[type](
    bytes.buffer,
    bytes.byteOffset,
    bytes.byteLength / elementBytes(type),
  );
  // The constructor's overloads pair each type with its array; the table above does the same.
  return new ort.Tensor(type as "float32", values as Float32Array, dims);
}

function unwrap(tensor: ort.Tensor): Tensor {
  if (!isDataType(tensor.type)) throw new Error(`An output of type ${tensor.type} cannot be read.`);
  const values = tensor.data as Float32Array<ArrayBuffer>;
  return {
    type: tensor.type,
    dims: tensor.dims,
    data: new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
  };
}

function copy(tensor: ort.Tensor): Tensor {
  const { type, dims, data } = unwrap(tensor);
  return { type, dims, data: data.slice() };
}

function known<K, V>(map: ReadonlyMap<K, V>, key: K): V {
  const value = map.get(key);
  if (value === undefined) throw new Error(`${String(key)} is not known to the worker.`);
  return value;
}
