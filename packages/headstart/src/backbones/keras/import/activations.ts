import { z } from "zod";
import { float } from "../../../onnx/index.js";
import type { LayerCall } from "./context.js";
import { storedAxis, type Value } from "./value.js";

/** An activation by Keras's name for it, with its settings. */
export interface Activation {
  readonly name: string;
  readonly options: Readonly<Record<string, unknown>>;
}

type Rule = (
  call: LayerCall,
  input: Value,
  options: Readonly<Record<string, unknown>>,
  part: string | undefined,
) => string;

/** Layers that can stand where an activation is expected, and the activation they make. */
const LAYERS: Readonly<Record<string, string>> = {
  ELU: "elu",
  LeakyReLU: "leaky_relu",
  ReLU: "relu",
  Softmax: "softmax",
};

const Written = z.union([
  z.string(),
  z.object({
    class_name: z.string(),
    config: z.unknown(),
    module: z.string().nullish(),
    registered_name: z.string().nullish(),
  }),
]);

/**
 * The activation that a configuration names: a string, or an object for a layer or one of Keras's functions.
 * `undefined` is the linear one, which does nothing.
 *
 * @throws HeadstartError `UNSUPPORTED` naming an activation that is not Keras's own
 */
export function readActivation(call: LayerCall, written: unknown): Activation | undefined {
  if (written === undefined || written === null) return undefined;
  const parsed = Written.safeParse(written);
  if (!parsed.success) throw call.invalid("its activation is neither a name nor an object");
  const { data } = parsed;
  const found = typeof data === "string" ? { name: data, options: {} } : ofObject(call, data);
  if (!Object.hasOwn(RULES, found.name)) throw call.unsupported(`its activation ${found.name} is not known`);
  return found.name === "linear" ? undefined : found;
}

function ofObject(
  call: LayerCall,
  { class_name, config, module }: Exclude<z.infer<typeof Written>, string>,
): Activation {
  const own = module === undefined || module === null || /^(tf_)?keras(\.|$)/.test(module);
  const name =
    class_name === "function" ? config : Object.hasOwn(LAYERS, class_name) ? LAYERS[class_name] : class_name;
  if (!own || typeof name !== "string" || !Object.hasOwn(RULES, name))
    throw call.unsupported(
      `its activation ${typeof config === "string" ? config : class_name} is a function or layer of the model's author`,
    );
  const options = z.record(z.string(), z.unknown()).safeParse(config).data ?? {};
  return { name, options };
}

/**
 * Writes an activation behind a value.
 *
 * @param call - the layer it belongs to
 * @param activation - which one; `undefined` returns the value as it is
 * @param input - what it reads
 * @param part - what to call its result within the layer; by default the result of the layer
 */
export function activate(
  call: LayerCall,
  activation: Activation | undefined,
  input: Value,
  part?: string,
): Value {
  if (activation === undefined) return input;
  const rule = RULES[activation.name];
  if (rule === undefined) throw call.unsupported(`its activation ${activation.name} is not known`);
  return { ...input, name: rule(call, input, activation.options, part) };
}

function number(
  call: LayerCall,
  options: Readonly<Record<string, unknown>>,
  names: readonly string[],
  fallback: number,
): number {
  for (const name of names) {
    const value = options[name];
    if (typeof value === "number") return value;
    // Keras 2 writes some settings as arrays without dimensions.
    const wrapped = z.object({ value: z.number() }).safeParse(value);
    if (wrapped.success) return wrapped.data.value;
    if (value !== undefined && value !== null) throw call.invalid(`its ${name} is not a number`);
  }
  return fallback;
}

/** One operator of ONNX that does what Keras does. */
function operator(op: string, attributes: Readonly<Record<string, number>> = {}): Rule {
  const floats = Object.fromEntries(Object.entries(attributes).map(([key, value]) => [key, float(value)]));
  return (call, input, _, part) => call.node(op, [input.name], floats, part);
}

const inner = (part: string | undefined, name: string): string =>
  part === undefined ? name : `${part}/${name}`;

/** `max_value` above, the line of `negative_slope` through `threshold` below it. */
const relu: Rule = (call, { name }, options, part) => {
  const slope = number(call, options, ["negative_slope", "alpha"], 0);
  const threshold = number(call, options, ["threshold", "theta"], 0);
  const most = number(call, options, ["max_value"], Number.POSITIVE_INFINITY);
  const capped = most !== Number.POSITIVE_INFINITY;
  if (threshold === 0 && slope === 0)
    return capped
      ? call.node("Clip", [name, call.scalar(0), call.scalar(most)], {}, part)
      : call.node("Relu", [name], {}, part);
  const step = capped ? inner(part, "below") : part;
  let result: string;
  if (threshold === 0) result = call.node("LeakyRelu", [name], { alpha: float(slope) }, step);
  else {
    const above = call.node("GreaterOrEqual", [name, call.scalar(threshold)], {}, inner(part, "above"));
    const shifted = call.node("Sub", [name, call.scalar(threshold)], {}, inner(part, "shifted"));
    const line = call.node("Mul", [shifted, call.scalar(slope)], {}, inner(part, "line"));
    result = call.node("Where", [above, name, line], {}, step);
  }
  return capped ? call.node("Min", [result, call.scalar(most)], {}, part) : result;
};

const elu: Rule = (call, { name }, options, part) =>
  call.node("Elu", [name], { alpha: float(number(call, options, ["alpha"], 1)) }, part);

const leakyRelu: Rule = (call, { name }, options, part) =>
  call.node(
    "LeakyRelu",
    [name],
    { alpha: float(number(call, options, ["negative_slope", "alpha"], 0.2)) },
    part,
  );

const gelu: Rule = (call, { name }, options, part) =>
  call.node("Gelu", [name], { approximate: options.approximate === true ? "tanh" : "none" }, part);

const silu: Rule = (call, { name }, _, part) =>
  call.node("Mul", [name, call.node("Sigmoid", [name], {}, inner(part, "sigmoid"))], {}, part);

/** Keras 2 has 0.2 x + 0.5, Keras 3 relu6(x + 3) / 6. */
const hardSigmoid: Rule = (call, { name }, _, part) => {
  const alpha = call.state.kerasVersion < 3 ? 0.2 : 1 / 6;
  return call.node("HardSigmoid", [name], { alpha: float(alpha), beta: float(0.5) }, part);
};

function softmax(op: "Softmax" | "LogSoftmax"): Rule {
  return (call, input, options, part) => {
    const { axis } = options;
    const [one, ...more] = Array.isArray(axis) ? axis : [axis ?? -1];
    if (typeof one !== "number" || more.length > 0)
      throw call.unsupported("it works along several axes at once");
    const stored = storedAxis(input, call.axis(one, input.shape.length));
    return call.node(op, [input.name], { axis: stored }, part);
  };
}

const hardTanh: Rule = (call, { name }, _, part) =>
  call.node("Clip", [name, call.scalar(-1), call.scalar(1)], {}, part);

const logSigmoid: Rule = (call, { name }, _, part) => {
  const negative = call.node("Neg", [name], {}, inner(part, "negative"));
  return call.node("Neg", [call.node("Softplus", [negative], {}, inner(part, "softplus"))], {}, part);
};

const tanhShrink: Rule = (call, { name }, _, part) =>
  call.node("Sub", [name, call.node("Tanh", [name], {}, inner(part, "tanh"))], {}, part);

/** (x + sqrt(x^2 + 4)) / 2. */
const squareplus: Rule = (call, { name }, _, part) => {
  const square = call.node("Mul", [name, name], {}, inner(part, "square"));
  const shifted = call.node("Add", [square, call.scalar(4)], {}, inner(part, "shifted"));
  const root = call.node("Sqrt", [shifted], {}, inner(part, "root"));
  const sum = call.node("Add", [name, root], {}, inner(part, "sum"));
  return call.node("Mul", [sum, call.scalar(0.5)], {}, part);
};

/** 0 up to -1, then ((x + 1) / 2)^2, and x from 1 on. */
const sparsePlus: Rule = (call, { name }, _, part) => {
  const half = call.node("HardSigmoid", [name], { alpha: float(0.5), beta: float(0.5) }, inner(part, "half"));
  const square = call.node("Mul", [half, half], {}, inner(part, "square"));
  const beyond = call.node("Sub", [name, call.scalar(1)], {}, inner(part, "beyond"));
  const rest = call.node("Relu", [beyond], {}, inner(part, "rest"));
  return call.node("Add", [square, rest], {}, part);
};

/** What each of Keras's activations is in ONNX, by the names that Keras has for it. */
const RULES: Readonly<Record<string, Rule>> = {
  celu: operator("Celu"),
  elu,
  exponential: operator("Exp"),
  gelu,
  hard_shrink: operator("Shrink", { lambd: 0.5, bias: 0 }),
  hard_sigmoid: hardSigmoid,
  hard_silu: operator("HardSwish"),
  hard_swish: operator("HardSwish"),
  hard_tanh: hardTanh,
  leaky_relu: leakyRelu,
  linear: (_, { name }) => name,
  log_sigmoid: logSigmoid,
  log_softmax: softmax("LogSoftmax"),
  mish: operator("Mish"),
  relu,
  relu6: (call, input, _, part) => relu(call, input, { max_value: 6 }, part),
  selu: operator("Selu", { alpha: 1.6732632423543772, gamma: 1.0507009873554805 }),
  sigmoid: operator("Sigmoid"),
  silu,
  soft_shrink: operator("Shrink", { lambd: 0.5, bias: 0.5 }),
  softmax: softmax("Softmax"),
  softplus: operator("Softplus"),
  softsign: operator("Softsign"),
  sparse_plus: sparsePlus,
  sparse_sigmoid: operator("HardSigmoid", { alpha: 0.5, beta: 0.5 }),
  squareplus,
  swish: silu,
  tanh: operator("Tanh"),
  tanh_shrink: tanhShrink,
};
