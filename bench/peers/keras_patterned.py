"""What Keras makes of a patterned photo with patterned weights, for networks of keras.applications: golden data.

    python keras_patterned.py OUT.safetensors NAME:SIZE... NAME:SIZE:top...

Each weight and each pixel is a formula of its place (see `pattern`), which packages/headstart/test/support/keras-pattern.ts
repeats. Writes the first 256 features of each network (include_top=False, pooling="avg") as NAME.SIZE, and
the probabilities of one with top as NAME.top. The fixture holds: ResNet50:33 ResNet50V2:40 VGG16:32 MobileNet:224:top
MobileNetV2:43 InceptionV3:75 Xception:71 DenseNet121:33 EfficientNetB0:45 EfficientNetV2B0:33 NASNetMobile:47
NASNetMobile:64 ConvNeXtTiny:32

    python keras_patterned.py narrow FOLDER

Writes narrow.json, narrow.h5 and narrow.safetensors: the architecture of a narrow ConvNeXt, its weights as the
published files hold them, but under the names of another session, and its probabilities.
"""

import importlib
import json
import os
import sys

from keras_architectures import fetched, reduced_config

import h5py
import keras
import numpy
from keras.src.applications.convnext import ConvNeXt
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group
from safetensors.numpy import save_file


def pattern(seed, count):
    """Numbers from 0 to 1 that look random; they repeat after 65,521, a prime number, so that long ones are made quickly."""
    x = numpy.arange(min(count, 65521), dtype=numpy.uint32) * numpy.uint32(2654435761) + numpy.uint32(seed * 40503 % 2**32)
    x ^= x >> 15
    x *= numpy.uint32(2246822519)
    x ^= x >> 13
    x *= numpy.uint32(3266489917)
    x ^= x >> 16
    return numpy.resize(x.astype(numpy.float64) / 2**32, count)


# From and to which value the arrays of a layer go, by their names.
RANGES = {
    "gamma": (0.7, 1.3),
    "beta": (-0.1, 0.1),
    "bias": (-0.1, 0.1),
    "moving_mean": (-0.1, 0.1),
    "moving_variance": (0.5, 1.5),
    "mean": (0.4, 0.6),
    "variance": (0.04, 0.06),
}


def patterned(seed, kind, name, shape):
    u = pattern(seed, int(numpy.prod(shape))).reshape(shape)
    if name in RANGES and kind != "LayerScale":
        low, high = RANGES[name]
    elif kind == "LayerScale":
        low, high = 0.1, 0.3
    else:
        depthwise = kind == "DepthwiseConv2D" or "depthwise" in name
        high = (4 / numpy.prod(shape[:2] if depthwise else shape[:-1])) ** 0.5
        low = -high
    return (low + (high - low) * u).astype(numpy.float32)


def assign(model):
    layers = [inner for layer in model.layers for inner in getattr(layer, "layers", [layer]) if inner.weights]
    for number, layer in enumerate(layers):
        for index, weight in enumerate(w for w in layer.weights if w.name != "count"):
            weight.assign(patterned(number * 8 + index, type(layer).__name__, weight.name, tuple(weight.shape)))
        if hasattr(layer, "finalize_state"):  # Normalization works with copies
            layer.finalize_state()


def photo_of(size):
    return numpy.floor(256 * pattern(7, size * size * 3)).reshape(1, size, size, 3).astype("float32")


def main(out, *wanted):
    made = {}
    for name, size, *top in (entry.split(":") for entry in wanted):
        build = getattr(keras.applications, name)
        prepare = importlib.import_module(build.__module__).preprocess_input
        shape = (int(size), int(size), 3)
        more = {"include_top": True} if top else {"include_top": False, "pooling": "avg", "input_shape": shape}
        model, _ = fetched(build, **more)
        assign(model)
        result = numpy.asarray(model(prepare(photo_of(int(size))), training=False))[0]
        key = f"{name.lower()}.{'top' if top else size}"
        made[key] = numpy.ascontiguousarray(result if top else result[:256])
        print(key, result.std(), numpy.abs(result).max(), flush=True)
    save_file(made, out)


def narrow(folder):
    def build(name):
        small = {"depths": [1] * 4, "projection_dims": [2] * 4, "classes": 3, "input_shape": (32, 32, 3)}
        return ConvNeXt(**small, name=name, include_top=True, weights=None)

    model, other = build("narrow"), build("other")
    for network in (model, other):
        assign(network)
    config = reduced_config(json.loads(model.to_json())["config"], False)
    network = {"trunk": "narrow_head_layernorm", "pool": False, "paddingFollowsSize": False, "config": config}
    with open(os.path.join(folder, "narrow.json"), "w") as file:
        json.dump(network, file)
    with h5py.File(os.path.join(folder, "narrow.h5"), "w") as file:
        save_weights_to_hdf5_group(file, other)
        del file["top_level_model_weights"]  # which Keras 2 did not write
    save_file({"probabilities": numpy.asarray(model(photo_of(32)))[0]}, os.path.join(folder, "narrow.safetensors"))


if __name__ == "__main__":
    narrow(*sys.argv[2:]) if sys.argv[1] == "narrow" else main(*sys.argv[1:])
