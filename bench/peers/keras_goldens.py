"""Makes the golden data of the Keras importer: small models that together have every layer and option, with random weights.

    python bench/peers/keras_goldens.py packages/headstart/test/fixtures/keras-import

writes cases.json (configurations as Keras 3 and Keras 2 write them, without what only training needs) and tensors.safetensors (weights, inputs and outputs).
Needs keras, tensorflow-cpu, tf_keras and safetensors (requirements.txt).
"""
import json
import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["CUDA_VISIBLE_DEVICES"] = ""
import keras
import numpy as np
import tensorflow as tf
import tf_keras
from safetensors.numpy import save_file

rng = np.random.default_rng(4)
cases, tensors = [], {}
DROPPED = ("_initializer", "_regularizer", "_constraint", "_config")
TRAINING = {"dtype", "trainable", "build_config", "seed", "sparse", "ragged", "optional", "momentum", "synchronized", "renorm", "renorm_clipping", "renorm_momentum", "quantization_config", "shape", "mask"}


def short(value):
    if isinstance(value, list):
        return [short(one) for one in value]
    if not isinstance(value, dict):
        return value
    return {k: short(v) for k, v in value.items() if not k.endswith(DROPPED) and k not in TRAINING}


def layers_of(model, path=()):
    for layer in model.layers:
        here = (*path, layer.name)
        if hasattr(layer, "layers"):
            yield from layers_of(layer, here)
        elif [w for w in layer.weights if "count" not in w.name]:
            yield "/".join(here), [w for w in layer.weights if "count" not in w.name]


def add(name, model, shapes, fixed=False, scale=1.0):
    """One case: the model with random weights, and what it makes of random inputs. fixed: it cannot be run at a free size."""
    order = []
    for path, weights in layers_of(model):
        order.append(path)
        for i, weight in enumerate(weights):
            positive = any(word in weight.name for word in ("variance", "gamma"))
            values = rng.uniform(0.6, 1.4, weight.shape) if positive else rng.normal(0, 0.5, weight.shape)
            weight.assign(values.astype("float32"))
            tensors[f"{name}/{path}:{i}"] = values.astype("float32")
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()
    inputs = [(scale * rng.normal(0, 1, shape)).astype("float32") for shape in shapes]
    outputs = model(inputs[0] if len(inputs) == 1 else inputs, training=False)
    for i, value in enumerate(inputs):
        tensors[f"{name}/input:{i}"] = value
    outputs = list(outputs.values()) if isinstance(outputs, dict) else keras.tree.flatten(outputs)
    for i, value in enumerate(outputs):
        tensors[f"{name}/output:{i}"] = np.ascontiguousarray(value.numpy())
    config = short(json.loads(model.to_json()))
    cases.append({"name": name, "fixed": fixed, "layers": order, "config": config})


def fan(name, shape, make, **options):
    """A case in which many layers read one input."""
    x = keras.Input(shape[1:], name="image")
    add(name, keras.Model(x, make(x)), [shape], **options)


def keras3():
    L = keras.layers
    fan("convolution", (1, 7, 6, 4), lambda x: [
        L.Conv2D(3, 3)(x), L.Conv2D(2, 3, padding="same", activation="relu")(x), L.Conv2D(2, 3, strides=2, padding="same")(x),
        L.Conv2D(2, (2, 5), strides=(3, 2), padding="same", use_bias=False)(x), L.Conv2D(2, 2, strides=2, padding="same")(x),
        L.Conv2D(4, 3, groups=2, padding="same")(x), L.Conv2D(2, 3, dilation_rate=2, padding="same")(x),
        L.Conv2D(2, 2, dilation_rate=(1, 2), activation="silu")(x), L.Conv2D(2, 1, strides=2, padding="same")(x),
        L.Conv2D(2, 3, strides=2, activation=L.LeakyReLU(negative_slope=0.1))(x), L.Conv2D(3, 1, activation="softmax")(x)])
    fan("depthwise", (1, 6, 7, 3), lambda x: [
        L.DepthwiseConv2D(3)(x), L.DepthwiseConv2D(3, depth_multiplier=2, padding="same", activation="relu6")(x),
        L.DepthwiseConv2D(3, strides=2, padding="same", use_bias=False)(x), L.DepthwiseConv2D(3, dilation_rate=2, padding="same")(x),
        L.SeparableConv2D(2, 3)(x), L.SeparableConv2D(2, (3, 2), strides=2, padding="same", depth_multiplier=2, activation="tanh")(x),
        L.SeparableConv2D(2, 3, padding="same", use_bias=False)(x)])
    fan("transposed", (1, 3, 4, 3), lambda x: [
        L.Conv2DTranspose(2, 3)(x), L.Conv2DTranspose(2, 3, strides=2, padding="same", activation="relu")(x),
        L.Conv2DTranspose(2, 2, strides=2)(x), L.Conv2DTranspose(2, 4, strides=(2, 3), padding="same", use_bias=False)(x),
        L.Conv2DTranspose(2, 1, strides=2, padding="same")(x), L.Conv2DTranspose(2, 2, strides=3)(x)])
    fan("pooling", (1, 7, 6, 3), lambda x: [
        L.MaxPooling2D()(x), L.MaxPooling2D(3, strides=2, padding="same")(x), L.MaxPooling2D((2, 3), strides=1)(x),
        L.AveragePooling2D(2)(x), L.AveragePooling2D(3, strides=2, padding="same")(x), L.AveragePooling2D(3, strides=1, padding="same")(x),
        L.AveragePooling2D(1, strides=2)(x), L.GlobalAveragePooling2D()(x), L.GlobalMaxPooling2D()(x),
        L.GlobalAveragePooling2D(keepdims=True)(x), L.GlobalMaxPooling2D(keepdims=True)(x)])
    # All numbers are negative, so that a maximum over zeros around them is zero.
    fan("padding", (1, 5, 6, 2), lambda x: [
        L.MaxPooling2D(3, strides=2)(L.ZeroPadding2D(1)(L.Rescaling(-0.1, -9)(L.Activation("relu")(x)))),
        L.MaxPooling2D(3, strides=2)(L.ZeroPadding2D(1)(L.ReLU(max_value=2)(x))), L.AveragePooling2D(2)(L.ZeroPadding2D(((1, 0), (0, 2)))(x)),
        L.Conv2D(2, 3, strides=2)(L.ZeroPadding2D(((0, 1), (0, 1)))(x)), L.ZeroPadding2D((1, 2))(x), L.Cropping2D(((1, 0), (0, 2)))(x),
        L.Conv2D(2, 3, strides=2, padding="same")(L.ZeroPadding2D(1)(x)), L.Cropping2D(1)(x)])
    fan("dense", (2, 5), lambda x: [
        L.Dense(3)(x), L.Dense(3, activation="softmax")(x), L.Dense(2, use_bias=False)(x), L.BatchNormalization()(x),
        L.LayerNormalization()(x), L.PReLU()(x), L.Dense(4, activation="gelu")(L.Dropout(0.4)(x)), L.Softmax()(x), L.Rescaling(2.0)(x)])
    fan("normalisation", (2, 5, 4, 6), lambda x: [
        L.BatchNormalization(epsilon=1e-2)(x), L.BatchNormalization(center=False, scale=False)(x), L.BatchNormalization(axis=2)(x),
        L.LayerNormalization()(x), L.LayerNormalization(axis=[1, 2, 3], center=False)(x), L.LayerNormalization(scale=False, epsilon=0.1)(x),
        L.GroupNormalization(groups=2)(x), L.GroupNormalization(groups=-1, scale=False)(x), L.Normalization()(x),
        L.Normalization(mean=[1, 2, 3, 4, 5, 6], variance=[1, 4, 9, 1, 4, 0])(x), L.Normalization(axis=None, mean=2.0, variance=9.0, invert=True)(x),
        L.Dense(3)(x), L.Dense(3, activation="relu")(L.LayerNormalization()(x)), L.BatchNormalization()(L.Reshape((20, 6))(x)),
        L.Rescaling(1 / 127.5, -1)(x), L.Rescaling([1, 2, 3, 4, 5, 6], [0, 1, 0, 1, 0, 1])(x), L.PReLU(shared_axes=[1, 2])(x), L.PReLU()(x)],
        fixed=True)
    names = ["relu", "relu6", "elu", "selu", "gelu", "silu", "swish", "hard_silu", "hard_swish", "hard_sigmoid", "sigmoid", "tanh",
             "softmax", "softplus", "softsign", "exponential", "linear", "leaky_relu", "mish", "log_softmax", "celu", "hard_tanh",
             "log_sigmoid", "tanh_shrink", "hard_shrink", "soft_shrink", "squareplus", "sparse_plus", "sparse_sigmoid"]
    fan("activations", (2, 2, 1, 4), lambda x: [L.Activation(name)(x) for name in names] + [
        L.ReLU(max_value=1.5, negative_slope=0.1, threshold=0.5)(x), L.ReLU(negative_slope=0.2)(x), L.ReLU(threshold=0.3)(x),
        L.ReLU(6)(x), L.LeakyReLU()(x), L.ELU(alpha=0.5)(x), L.Softmax(axis=1)(x)], scale=3.0)
    a, b, c = (keras.Input(shape, name=name) for shape, name in (((4, 3, 2), "a"), ((4, 3, 2), "b"), ((1, 1, 2), "c")))
    add("merge", keras.Model([a, b, c], [
        L.Add()([a, b]), L.Subtract()([a, b]), L.Multiply()([a, c]), L.Average()([a, b, c]), L.Maximum()([a, b]), L.Minimum()([a, b]),
        L.Concatenate()([a, b]), L.Concatenate(axis=1)([a, b]), L.Concatenate(axis=2)([a, b, a]), L.Add()([a, b, a]),
        L.Add()([a, L.Dense(2)(L.LayerNormalization()(b))])]), [(1, 4, 3, 2), (1, 4, 3, 2), (1, 1, 1, 2)], fixed=True)
    fan("shapes", (2, 4, 3, 2), lambda x: [
        L.Flatten()(x), L.Reshape((6, -1))(x), L.Reshape((2, 3, 4))(x), L.Permute((3, 1, 2))(x), L.Permute((2, 1, 3))(x),
        L.UpSampling2D((2, 3))(x), L.UpSampling2D(2, interpolation="bilinear")(x), L.Resizing(5, 7)(x), L.Resizing(3, 2, interpolation="nearest")(x),
        L.CenterCrop(2, 2)(x), L.Multiply()([x, L.Conv2D(2, 1, activation="sigmoid")(L.Reshape((1, 1, 2))(L.GlobalAveragePooling2D()(x)))]),
        L.Reshape((3,))(L.Conv2D(3, 1)(L.GlobalAveragePooling2D(keepdims=True)(x))), L.Flatten()(L.MaxPooling2D((4, 3))(x)),
        L.Dense(3)(L.Flatten()(L.Conv2D(2, 2)(x))), L.Conv2D(2, 2)(L.Reshape((4, 6, 1))(x))], fixed=True)
    fan("training-only", (1, 4, 4, 3), lambda x: [L.Conv2D(2, 3)(L.GaussianNoise(0.1)(L.RandomRotation(0.1)(L.RandomFlip()(
        L.SpatialDropout2D(0.2)(L.ActivityRegularization(l2=0.1)(L.AlphaDropout(0.1)(L.GaussianDropout(0.1)(L.Identity()(x)))))))))], )
    fan("operators", (2, 4, 3, 3), lambda x: [
        x[..., ::-1] - np.array([1.0, 2.0, 3.0], "float32"), x / 127.5 - 1, 2.0 - x, -x, x * x, x[:, 1:, :-1, :2], x[:, ::2],
        keras.ops.relu6(x + 3.0) * (1 / 6), keras.ops.mean(x, axis=[1, 2]), keras.ops.mean(x, axis=-1, keepdims=True), keras.activations.relu(x),
        keras.ops.maximum(x, 0.5), keras.ops.sigmoid(x)])

    # Models in models: shared layers, a model that is used twice, one with two inputs, one inside of another.
    one = keras.Input((5, 5, 2), name="one")
    shared = L.Conv2D(2, 3, padding="same", name="shared")
    inner_in = keras.Input((5, 5, 2), name="inner_in")
    inner = keras.Model(inner_in, [L.Conv2D(2, 3, name="conv")(inner_in), L.MaxPooling2D(name="pool")(inner_in)], name="inner")
    left, right = keras.Input((3, 3, 2), name="left"), keras.Input((3, 3, 2), name="right")
    joined = keras.Model([left, right], L.Add(name="sum")([left, L.BatchNormalization(name="bn")(right)]), name="joined")
    chain = keras.Sequential([L.Conv2D(3, 1, name="conv"), L.ReLU()], name="chain")
    deep_in, deepest_in = keras.Input((3, 3, 2), name="deep_in"), keras.Input((3, 3, 2), name="deepest_in")
    deepest = keras.Model(deepest_in, L.DepthwiseConv2D(2, name="dw")(deepest_in), name="deepest")
    deep = keras.Model(deep_in, keras.Sequential([deepest, L.ReLU()], name="wrapped")(deep_in), name="deep")
    h = shared(shared(one))
    p, _ = inner(h)
    q, r = inner(one * 2)
    add("nested", keras.Model(one, {"z": deep(joined([p, q])), "a": r, "m": joined([q, p]), "c": chain(p)}), [(1, 5, 5, 2)])
    base_in = keras.Input((6, 5, 3), name="photo")
    base = keras.Model(base_in, L.Conv2D(2, 3, strides=2, padding="same", name="stem")(base_in), name="base")
    add("transfer", keras.Sequential([base, L.GlobalAveragePooling2D(), L.Dense(2, activation="softmax")], name="transfer"), [(2, 6, 5, 3)])
    plain = keras.Sequential([keras.Input((6, 6, 1)), L.Conv2D(2, 3, activation="relu"), L.Flatten(), L.Dense(3)], name="plain")
    add("plain", plain, [(2, 6, 6, 1)], fixed=True)


def keras2():
    L = tf_keras.layers
    x = tf_keras.Input((6, 5, 3), name="image")
    inner_in = tf_keras.Input((6, 5, 3))
    inner = tf_keras.Model(inner_in, L.Conv2D(2, 3, activation=L.LeakyReLU(0.1), name="conv")(inner_in), name="inner")
    seq = tf_keras.Sequential([L.Rescaling(2.0), L.DepthwiseConv2D(3, padding="same", activation=tf.nn.relu6, name="dw")], name="seq")
    h = seq(x[..., ::-1] / 127.5 - 1)
    h = tf.nn.bias_add(h, [1.0, 2.0, 3.0])
    y, z = inner(h), inner(1 - h * 2)
    merged = L.Concatenate()([y, z])
    add("keras2", tf_keras.Model(x, [merged, tf.nn.relu(merged + y[:, :, :, :1]), seq(x), inner(h)]), [(1, 6, 5, 3)])
    x = tf_keras.Input((3, 4, 2), name="image")
    make = [L.Activation("hard_sigmoid"), L.LeakyReLU(0.2), L.LeakyReLU(), L.ELU(0.5), L.ReLU(6.0, 0.1, 0.5), L.ThresholdedReLU(0.7), L.PReLU(shared_axes=[1, 2]),
            L.Softmax(axis=2), L.Activation(tf.nn.silu), L.Activation("gelu"), L.BatchNormalization(axis=3), L.LayerNormalization(), L.Normalization(),
            L.SeparableConv2D(2, 2), L.GlobalAveragePooling2D(keepdims=True), L.UpSampling2D(2, interpolation="bilinear"), L.RandomFlip(), L.RandomZoom(0.1),
            L.Conv2D(2, 3, strides=2, padding="same", activation="hard_sigmoid")]
    add("keras2-layers", tf_keras.Model(x, [one(x) for one in make]), [(1, 3, 4, 2)], fixed=True)
    base = tf_keras.Sequential([L.Conv2D(2, 3, padding="same", input_shape=(5, 4, 2), name="stem"), L.MaxPooling2D()], name="base")
    top = tf_keras.Sequential([base, L.Flatten(), L.Dense(4, activation="relu"), L.Dropout(0.5), L.Dense(2, activation="softmax")], name="top")
    add("keras2-transfer", top, [(2, 5, 4, 2)], fixed=True)


folder = sys.argv[1]
keras3()
keras2()
os.makedirs(folder, exist_ok=True)
with open(f"{folder}/cases.json", "w") as file:
    json.dump({"made_by": f"bench/peers/keras_goldens.py, Keras {keras.__version__}, tf_keras {tf_keras.__version__}", "cases": cases}, file, separators=(",", ":"))
save_file(tensors, f"{folder}/tensors.safetensors")
print(len(cases), "cases,", len(tensors), "tensors,", os.path.getsize(f"{folder}/cases.json"), "+", os.path.getsize(f"{folder}/tensors.safetensors"), "bytes")
