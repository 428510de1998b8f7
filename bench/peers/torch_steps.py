"""Trains a golden network in PyTorch for 20 steps of AdamW and prints the loss before each step.

Run: python torch_steps.py ../../../shared/golden/networks [NAME ...] > ../../packages/headstart/test/fixtures/torch/steps.json
with what requirements-onnx.txt pins. By default for inverted-residual and vit.

The network is the golden ONNX file itself, gone through node by node with PyTorch's functions, so that autograd differentiates exactly that
graph; it starts from the file's parameters and sees its batch (x, y of the safetensors file) in every step. Everything is float32. AdamW has
a learning rate of 0.001 and a weight decay of 0.01, which leaves out parameters with at most one dimension of more than 1.
"""

import json
import sys
from pathlib import Path

import onnx
import torch
from onnx import helper, numpy_helper
from safetensors.torch import load_file
from torch.nn import functional

STEPS = 20


def ints(tensor):
    return None if tensor is None else [int(value) for value in tensor.reshape(-1)]


def both_sides(pads):
    """ONNX's begins, then ends, as PyTorch's pairs from the last dimension on."""
    half = len(pads) // 2
    return [pad for axis in reversed(range(half)) for pad in (pads[axis], pads[half + axis])]


def conv(a, x, weight, bias=None):
    padded = functional.pad(x, both_sides(a["pads"])) if "pads" in a else x
    return functional.conv2d(padded, weight, bias, a.get("strides", 1), 0, a.get("dilations", 1), a.get("group", 1))


def gemm(a, left, right, bias):
    left = left.T if a.get("transA") else left
    right = right.T if a.get("transB") else right
    return a.get("alpha", 1.0) * (left @ right) + a.get("beta", 1.0) * bias


def normalise(a, x, scale, bias, mean, variance):
    assert not a.get("training_mode")
    return functional.batch_norm(x, mean, variance, scale, bias, False, 0.0, a.get("epsilon", 1e-5))


def pad(a, x, pads, value=None, axes=None):
    assert axes is None and a.get("mode", b"constant") == b"constant"
    return functional.pad(x, both_sides(ints(pads)), value=0.0 if value is None else float(value))


def slice_(_, x, starts, ends, axes=None, steps=None):
    begins = ints(starts)
    axes, steps = ints(axes) or range(len(begins)), ints(steps) or [1] * len(begins)
    at = [slice(None)] * x.dim()
    for axis, begin, end, step in zip(axes, begins, ints(ends), steps):
        at[axis] = slice(begin, end, step)
    return x[tuple(at)]


def reshape(_, x, shape):
    sizes = [x.shape[axis] if size == 0 else size for axis, size in enumerate(ints(shape))]
    return x.reshape(sizes)


def gather(a, x, indices):
    picked = x.index_select(a.get("axis", 0), indices.reshape(-1))
    axis = a.get("axis", 0)
    return picked.reshape(x.shape[:axis] + indices.shape + x.shape[axis + 1 :])


def cast(a, x):
    return x.to({onnx.TensorProto.FLOAT: torch.float32, onnx.TensorProto.INT64: torch.int64}[a["to"]])


OPERATORS = {
    "Add": lambda _, x, y: x + y,
    "BatchNormalization": normalise,
    "Cast": cast,
    "CastLike": lambda _, x, like: x.to(like.dtype),
    "Clip": lambda _, x, low=None, high=None: x.clamp(low, high),
    "Concat": lambda a, *parts: torch.cat(parts, a["axis"]),
    "Conv": conv,
    "Div": lambda _, x, y: x / y,
    "Erf": lambda _, x: torch.erf(x),
    "Expand": lambda _, x, shape: x.expand(torch.broadcast_shapes(x.shape, ints(shape))),
    "Gather": gather,
    "Gemm": gemm,
    "Identity": lambda _, x: x,
    "LayerNormalization": lambda a, x, scale, bias=None: functional.layer_norm(
        x, x.shape[a.get("axis", -1) :], scale, bias, a.get("epsilon", 1e-5)
    ),
    "MatMul": lambda _, x, y: x @ y,
    "Mul": lambda _, x, y: x * y,
    "Pad": pad,
    "ReduceMean": lambda a, x, axes: x.mean(ints(axes), bool(a.get("keepdims", 1))),
    "Reshape": reshape,
    "Shape": lambda a, x: torch.tensor(x.shape[a.get("start", 0) : a.get("end")]),
    "Slice": slice_,
    "Softmax": lambda a, x: torch.softmax(x, a.get("axis", -1)),
    "Squeeze": lambda _, x, axes: x.squeeze(ints(axes)),
    "Transpose": lambda a, x: x.permute(a.get("perm", list(reversed(range(x.dim()))))),
}


def read(proto):
    return torch.from_numpy(numpy_helper.to_array(proto).copy())


def answer(graph, values):
    """The network's logits; `values` holds its input and every initializer."""
    values = {"": None, **values}
    for node in graph.node:
        attributes = {one.name: helper.get_attribute_value(one) for one in node.attribute}
        if node.op_type == "Constant":
            (attribute,) = attributes.values()
            made = read(attribute) if isinstance(attribute, onnx.TensorProto) else torch.tensor(attribute)
        else:
            made = OPERATORS[node.op_type](attributes, *[values[name] for name in node.input])
        values[node.output[0]] = made
    return values["logits"]


def curve(folder, name):
    graph = onnx.load(folder / f"{name}.onnx").graph
    golden = load_file(folder / f"{name}.safetensors")
    values = {one.name: read(one) for one in graph.initializer}
    values["x"] = golden["x"]
    parameters = [values[key[5:]].requires_grad_() for key in golden if key.startswith("grad.") and key != "grad.x"]
    decays = lambda parameter: sum(size > 1 for size in parameter.shape) > 1
    groups = [
        {"params": [one for one in parameters if decays(one)], "weight_decay": 0.01},
        {"params": [one for one in parameters if not decays(one)], "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=1e-3)
    losses = []
    for _ in range(STEPS):
        optimiser.zero_grad()
        loss = functional.cross_entropy(answer(graph, values), golden["y"])
        loss.backward()
        optimiser.step()
        losses.append(loss.item())
    return losses


if __name__ == "__main__":
    torch.set_num_threads(1)
    names = sys.argv[2:] or ["inverted-residual", "vit"]
    print(json.dumps({name: curve(Path(sys.argv[1]), name) for name in names}, indent=2))
