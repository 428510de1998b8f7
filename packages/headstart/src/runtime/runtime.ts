import { createRequire } from "node:module";
import { Worker } from "node:worker_threads";
import { HeadstartError } from "../errors.js";
import { type Graph, rankScalars, type Tensor, toBlocked, writeModel } from "../onnx/index.js";
import { findBlock } from "./blocks.js";
import { BufferPool } from "./buffers.js";
import { type RuntimeOptions, resolveRuntimeOptions } from "./device.js";
import type { Feed, Reply, Request, Signature, WorkerSettings } from "./messages.js";

/** A tensor that stays with the worker between runs, such as a parameter; made by {@link Runtime.hold}. */
export interface Held {
  readonly held: number;
}

/** What {@link Session.run} takes for an input. */
export type Input = Tensor | Held;

/** How a graph will be run. */
export interface LoadOptions {
  /**
   * Whether it is a step of training, or another graph that computes with filters that it is given. What it computes on the way is then freed as soon
   * as it has been used, which takes a third less memory for a large network, and convolutions on a processor are put into the layout that is
   * fastest there. False by default.
   */
  readonly training?: boolean;
}

/**
 * ONNX Runtime in one worker thread. A run blocks its thread for as long as it takes, so the main thread stays free for decoding,
 * progress and signals. Requests are answered in the order they are made.
 *
 * The worker keeps the process alive only while an answer is awaited.
 */
export class Runtime {
  readonly #worker: Worker;
  readonly #pool = new BufferPool();
  readonly #waiting = new Map<number, { resolve: (reply: Reply) => void; reject: (error: Error) => void }>();
  readonly #settings: WorkerSettings;
  #block: Promise<number | undefined> | undefined;
  #count = 0;
  #ended: Error | undefined;

  private constructor(settings: WorkerSettings) {
    this.#settings = settings;
    const workerData: WorkerSettings = settings;
    // None of the program's own flags: with --input-type, as in `node --input-type=module --eval`, a worker would not start from a file.
    const execArgv: string[] = [];
    this.#worker = new Worker(createRequire(import.meta.url).resolve("#worker"), { workerData, execArgv });
    this.#worker.unref();
    this.#worker.on("message", (reply: Reply) => this.#settle(reply));
    this.#worker.on("error", (error) => this.#end(error));
    this.#worker.on("exit", (code) => this.#end(new Error(`The worker thread ended with code ${code}.`)));
  }

  /**
   * Starts a worker thread.
   *
   * @param options - device and threads
   * @throws HeadstartError `INVALID_OPTION` if an option cannot be meant
   */
  static start(options?: RuntimeOptions): Runtime {
    return new Runtime(resolveRuntimeOptions(options));
  }

  /** Threads that one operator may use. */
  get threads(): number {
    return this.#settings.threads;
  }

  /**
   * Makes a graph ready to run.
   *
   * @param model - a graph, the bytes of an `.onnx` file, or the path of one
   * @param options - how it will be run
   * @throws HeadstartError `INVALID_MODEL` if ONNX Runtime refuses it, `DEVICE` if the device is not there
   */
  async load(
    model: Graph | Uint8Array<ArrayBuffer> | string,
    { training = false }: LoadOptions = {},
  ): Promise<Session> {
    if (!training || typeof model === "string" || model instanceof Uint8Array)
      return await this.#load(model, !training);
    const block = model.nodes.some(({ op }) => op === "Conv") ? await this.#blockSize() : undefined;
    return await this.#load(rankScalars(block === undefined ? model : toBlocked(model, block)), false);
  }

  /** What `findBlock` finds, looked for once. */
  async #blockSize(): Promise<number | undefined> {
    if (this.#settings.device !== "cpu") return undefined;
    this.#block ??= findBlock(async (graph, inputs) => {
      const session = await this.#load(graph, true);
      const outputs = await session.run(inputs);
      await session.close();
      return outputs;
    });
    return await this.#block;
  }

  async #load(model: Graph | Uint8Array<ArrayBuffer> | string, memoryPattern: boolean): Promise<Session> {
    const session = ++this.#count;
    // A copy of bytes that belong to the caller: a view would drag its whole buffer along. (A Buffer's slice() is such a view.)
    const bytes =
      typeof model === "string"
        ? model
        : model instanceof Uint8Array
          ? new Uint8Array(model)
          : writeModel(model);
    const moved = typeof bytes === "string" ? [] : [bytes.buffer];
    const { signature } = await this.#ask(
      { kind: "load", session, model: bytes, memoryPattern },
      moved,
      (message) => loadError(message, this.#settings.device),
    );
    return new Session(
      signature ?? { inputs: [], outputs: [] },
      (inputs, fetch, into) => this.#run(session, inputs, fetch, into),
      async () => void (await this.#ask({ kind: "release", session })),
    );
  }

  /**
   * Memory for a tensor that will be an input of a run: that run moves it to the worker instead of copying it, and the memory is used again afterwards.
   * After the run the array is empty.
   *
   * @param bytes - its size
   */
  allocate(bytes: number): Uint8Array<ArrayBuffer> {
    return this.#pool.take(bytes);
  }

  /** Leaves a tensor with the worker, to be an input of many runs or to be written by {@link Session.run}. */
  async hold(tensor: Tensor): Promise<Held> {
    const held = ++this.#count;
    const { tensor: sent, moved } = this.#pack(tensor);
    await this.#ask({ kind: "hold", held, tensor: sent }, moved);
    return { held };
  }

  /** A copy of what a held tensor has become. */
  async read({ held }: Held): Promise<Tensor> {
    const { tensors } = await this.#ask({ kind: "read", held });
    const value = tensors?.value;
    if (value === undefined) throw new HeadstartError("INVALID_MODEL", "The worker sent no tensor.");
    return value;
  }

  /** Lets the memory of held tensors go. */
  async drop(...tensors: readonly Held[]): Promise<void> {
    await Promise.all(tensors.map(({ held }) => this.#ask({ kind: "drop", held })));
  }

  /** Ends the worker thread; what is still under way fails. */
  async close(): Promise<void> {
    this.#ended ??= new Error("The runtime was closed.");
    await this.#worker.terminate();
  }

  async #run(
    session: number,
    inputs: Readonly<Record<string, Input>>,
    fetch: readonly string[],
    into: Readonly<Record<string, Held>>,
  ): Promise<Record<string, Tensor>> {
    const moved: ArrayBuffer[] = [];
    const feeds = Object.entries(inputs).map(([name, input]): Feed => {
      if ("held" in input) return { name, held: input.held };
      const packed = this.#pack(input);
      moved.push(...packed.moved);
      return { name, tensor: packed.tensor };
    });
    const targets = Object.entries(into).map(([name, { held }]) => ({ name, held }));
    const reply = await this.#ask({ kind: "run", session, feeds, fetch, into: targets }, moved);
    for (const buffer of reply.returned ?? []) this.#pool.give(buffer);
    return reply.tensors ?? {};
  }

  /** A tensor ready to travel: on its own memory where the pool gave that out, otherwise as an exact copy. */
  #pack(tensor: Tensor): { tensor: Tensor; moved: ArrayBuffer[] } {
    if (this.#pool.owns(tensor.data.buffer)) return { tensor, moved: [tensor.data.buffer] };
    const data = this.#pool.take(tensor.data.byteLength);
    data.set(tensor.data);
    return { tensor: { ...tensor, data }, moved: [data.buffer] };
  }

  #ask(
    request: Request,
    moved: readonly ArrayBuffer[] = [],
    describe: (message: string) => HeadstartError = runError,
  ): Promise<Reply> {
    if (this.#ended !== undefined) return Promise.reject(endedError(this.#ended));
    const id = ++this.#count;
    return new Promise<Reply>((resolve, reject) => {
      this.#waiting.set(id, {
        resolve: (reply) => (reply.error === undefined ? resolve(reply) : reject(describe(reply.error))),
        reject,
      });
      this.#worker.ref();
      this.#worker.postMessage({ id, request }, [...new Set(moved)]);
    });
  }

  #settle(reply: Reply): void {
    const waiting = this.#waiting.get(reply.id);
    this.#waiting.delete(reply.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    waiting?.resolve(reply);
  }

  #end(error: Error): void {
    this.#ended ??= error;
    for (const { reject } of this.#waiting.values()) reject(endedError(this.#ended));
    this.#waiting.clear();
  }
}

/** A graph that is ready to run; made by {@link Runtime.load}. */
export class Session {
  /** Names of the inputs. */
  readonly inputs: readonly string[];
  /** Names of the outputs. */
  readonly outputs: readonly string[];
  readonly #run: RunFunction;
  readonly #close: () => Promise<void>;

  /** Not to be called: {@link Runtime.load} makes sessions. */
  constructor(signature: Signature, run: RunFunction, close: () => Promise<void>) {
    this.inputs = signature.inputs;
    this.outputs = signature.outputs;
    this.#run = run;
    this.#close = close;
  }

  /**
   * Runs the graph once.
   *
   * @param inputs - a tensor or a held tensor for each input. Memory from {@link Runtime.allocate} is moved away, any other is copied
   * @param options - `fetch`: the outputs to return, by default all that are not in `into`; `into`: held tensors that outputs are
   *   written to. A held tensor may not be input and target of the same run
   * @returns the fetched outputs by name
   */
  async run<Name extends string = string>(
    inputs: Readonly<Record<string, Input>>,
    options: { readonly fetch?: readonly Name[]; readonly into?: Readonly<Record<string, Held>> } = {},
  ): Promise<Record<Name, Tensor>> {
    const { into = {} } = options;
    const fetch = options.fetch ?? this.outputs.filter((name) => !Object.hasOwn(into, name));
    return (await this.#run(inputs, fetch, into)) as Record<Name, Tensor>;
  }

  /** Frees the graph's memory. */
  async close(): Promise<void> {
    await this.#close();
  }
}

type RunFunction = (
  inputs: Readonly<Record<string, Input>>,
  fetch: readonly string[],
  into: Readonly<Record<string, Held>>,
) => Promise<Record<string, Tensor>>;

function loadError(message: string, device: string): HeadstartError {
  if (device !== "cpu" && /provider|backend|device|adapter|cuda|webgpu|library/i.test(message))
    return new HeadstartError(
      "DEVICE",
      `The device ${device} cannot be used on this machine: ${firstLine(message)}`,
      "Leave --device out to run on the processor.",
    );
  return new HeadstartError("INVALID_MODEL", `ONNX Runtime refuses the model: ${firstLine(message)}`);
}

function runError(message: string): HeadstartError {
  return new HeadstartError("INVALID_MODEL", `ONNX Runtime could not run the model: ${firstLine(message)}`);
}

function endedError(error: Error): HeadstartError {
  return new HeadstartError("DEVICE", `ONNX Runtime has stopped: ${error.message}`, "", { cause: error });
}

/** The first line, without the place in ONNX Runtime's sources that it may begin with. */
function firstLine(message: string): string {
  const [line = ""] = message.split("\n", 1);
  return /^(\/|\w+: )/.test(line) ? (/Failed to .*/.exec(line)?.[0] ?? line) : line;
}
