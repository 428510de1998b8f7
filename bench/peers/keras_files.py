"""Makes the small Keras files that the tests read, one for each layout that Keras has written, and some that are no Keras files.

    pip install keras tensorflow-cpu h5py
    python bench/peers/keras_files.py packages/headstart/test/fixtures/keras-files

Every array of every file is filled by pattern(layer, array): its elements are h, h + 1, h + 2, ... where h is 100 times the sum of the
characters of the layer's own name plus the sum of those of the array's name, modulo 1000. So a test can tell which array it was given.
"""

import io
import json
import os
import sys
import zipfile
from pathlib import Path

import h5py
import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras import layers
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group

CONV = {"kernel": (1, 1, 3, 2), "bias": (2,)}
NORM = {name: (2,) for name in ("gamma", "beta", "moving_mean", "moving_variance")}


def pattern(layer, array, shape, dtype="float32"):
    start = (100 * sum(map(ord, layer)) + sum(map(ord, array))) % 1000
    return (start + np.arange(np.prod(shape, dtype=int))).astype(dtype).reshape(shape)


def fill(model):
    for layer in model.layers:
        if isinstance(layer, keras.Model):
            fill(layer)
        elif layer.weights:
            layer.set_weights([pattern(layer.name, w.name, w.shape, w.dtype) for w in layer.weights])


def example():
    """Two convolutions of one class, a nested model, and a layer with a counter that is no weight."""
    base = keras.Sequential(
        [
            layers.Input((4, 4, 3)),
            layers.Conv2D(2, 1, name="inner_conv"),
            layers.BatchNormalization(name="inner_norm"),
            layers.SeparableConv2D(3, 1, name="inner_separable"),
        ],
        name="base",
    )
    model = keras.Sequential(
        [
            layers.Input((4, 4, 3)),
            layers.Normalization(name="scale"),
            base,
            layers.Conv2D(2, 1, name="first"),
            layers.Dropout(0.5, name="drop"),
            layers.Conv2D(3, 1, name="second"),
            layers.GlobalAveragePooling2D(name="pool"),
            layers.Dense(2, name="top"),
        ],
        name="example",
    )
    fill(model)
    return model


def legacy(file, names, groups, attributes=("layer_names", "weight_names")):
    """The layout of Keras 1 and 2: groups maps a layer to its arrays (name in the file, array)."""
    file.attrs[attributes[0]] = np.array([name.encode() for name in names])
    for name, arrays in groups.items():
        group = file.create_group(name)
        group.attrs[attributes[1]] = np.array([array.encode() for array, _ in arrays])
        for array, values in arrays:
            group.create_dataset(array, data=values)


def of(layer, shapes, form, own=None):
    return [(form.format(name), pattern(own or layer, name, shape)) for name, shape in shapes.items()]


def keras_1(group, layer, shapes):
    """Arrays under the names of Keras 1."""
    names = {"kernel": "W", "bias": "b", "moving_mean": "running_mean", "moving_variance": "running_std"}
    return [(f"{group}_{names.get(name, name)}:0", pattern(layer, name, shape)) for name, shape in shapes.items()]


def by_name(folder):
    config = {"class_name": "Sequential", "config": {"name": "model", "layers": []}}
    with h5py.File(folder / "keras2.h5", "w") as file:
        file.attrs["keras_version"] = b"2.2.4"
        file.attrs["backend"] = b"tensorflow"
        file.attrs["model_config"] = json.dumps(config).encode()
        legacy(
            file.create_group("model_weights"),
            ["input", "conv", "norm", "block/conv", "base"],
            {
                "input": [],
                # A scope of its own, a name made unique, a name with a slash in it, and a nested model.
                "conv": of("conv", CONV, "model/conv/{}_1:0"),
                "norm": of("norm", NORM, "norm/{}:0"),
                "block/conv": of("block/conv", CONV, "block/conv/{}:0"),
                "base": of("a", CONV, "a/{}:0") + of("b", CONV, "b/{}:0"),
            },
        )
    with h5py.File(folder / "keras1.h5", "w") as file:
        legacy(
            file,
            ["input_1", "convolution2d_1", "zeropadding2d_1", "batchnormalization_1", "convolution2d_2"],
            {
                "input_1": [],
                "convolution2d_1": keras_1("convolution2d_1", "one", CONV),
                "zeropadding2d_1": [],
                "batchnormalization_1": keras_1("batchnormalization_1", "two", NORM),
                "convolution2d_2": keras_1("convolution2d_2", "three", CONV),
            },
        )
    with h5py.File(folder / "split.h5", "w", libver="latest") as file:
        legacy(file, ["a", "b", "c"], {name: of(name, CONV, name + "/{}:0") for name in "abc"})
        for place, attribute in ((file, "layer_names"), (file["a"], "weight_names")):
            names = place.attrs[attribute]
            del place.attrs[attribute]
            place.attrs[f"{attribute}0"], place.attrs[f"{attribute}1"] = names[:1], names[1:]
    with h5py.File(folder / "types.h5", "w") as file:
        types = {"half": "<f2", "double": "<f8", "big": ">f4", "whole": "<i4"}
        legacy(file, types, {n: [("kernel:0", pattern(n, "kernel", (2, 3), t))] for n, t in types.items()})
        file.attrs["layer_names"] = np.array([b"half", b"double", b"big", b"whole", b"packed"])
        packed = file.create_group("packed")
        packed.attrs["weight_names"] = ["kernel:0"]
        values = pattern("packed", "kernel", (20, 30))
        packed.create_dataset("kernel:0", data=values, chunks=(8, 8), compression="gzip", shuffle=True)


def archive(path, model, groups, edit=lambda name: name):
    """A .keras file as Keras 2 wrote it: groups without the layers' names."""
    content = io.BytesIO()
    with h5py.File(content, "w", libver="latest") as file:
        for name, layer in groups.items():
            vars = file.create_group(edit(name + "/vars"))
            for index, variable in enumerate(layer.weights if layer else ()):
                vars[str(index)] = variable.numpy()
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("metadata.json", json.dumps({"keras_version": "2.13.1"}))
        file.writestr("config.json", json.dumps({"class_name": "Sequential", "config": model.get_config()}, default=str))
        file.writestr("model.weights.h5", content.getvalue())


def numbered(folder, model):
    model.save(folder / "keras3.keras")
    model.save_weights(folder / "keras3.weights.h5")
    model.save(folder / "keras3.h5")
    with h5py.File(folder / "keras3-weights.h5", "w") as file:
        save_weights_to_hdf5_group(file, model)
    find = model.get_layer
    inner = find("base").get_layer
    nested = {"conv2d": "inner_conv", "batch_normalization": "inner_norm", "separable_conv2d": "inner_separable"}
    nested = {name: inner(layer) for name, layer in nested.items()}
    outer = {"normalization": "scale", "conv2d": "first", "conv2d_1": "second", "dense": "top"}
    outer = {name: find(layer) for name, layer in outer.items()} | {"dropout": None}
    place = "layers/{}".format
    within = "layers/sequential/layers/{}".format
    both = {place(n): l for n, l in outer.items()} | {within(n): l for n, l in nested.items()}
    archive(folder / "keras2-15.keras", model, both)
    # Keras 2.13 counts a layer with weights twice, and on Windows writes a path as one name.
    twice = {place(n.replace("_1", "_2")): l for n, l in outer.items()} | {within(n): l for n, l in nested.items()}
    old = lambda name: name.replace("layers", "_layer_checkpoint_dependencies")
    archive(folder / "keras2-13.keras", model, twice, old)
    archive(folder / "keras2-13-windows.keras", model, twice, lambda name: old(name).replace("/", "\\"))


def hostile(folder):
    """What Keras never writes: places outside the file, arrays that are much larger than the file, groups in a circle."""
    with h5py.File(folder / "outside.h5", "w") as file:
        names = ["soft", "external", "virtual", "elsewhere"]
        legacy(file, names, {name: [] for name in names})
        for name in names:
            file[name].attrs["weight_names"] = ["kernel:0"]
        file["soft"]["kernel:0"] = h5py.SoftLink("/external/kernel:0")
        file["external"]["kernel:0"] = h5py.ExternalLink("split.h5", "/a/a/kernel:0")
        layout = h5py.VirtualLayout((1, 1, 3, 2), "f4")
        layout[:] = h5py.VirtualSource("split.h5", "/a/a/kernel:0", (1, 1, 3, 2))
        file["virtual"].create_virtual_dataset("kernel:0", layout)
        file["elsewhere"].create_dataset("kernel:0", (2,), "f4", external=[("split.h5", 0, 8)])
    with h5py.File(folder / "claims.h5", "w") as file:
        legacy(file, ["a"], {"a": []})
        file["a"].create_dataset("kernel:0", (1 << 30,), "f4")
    with h5py.File(folder / "claims-packed.h5", "w") as file:
        legacy(file, ["a"], {"a": []})
        file["a"].create_dataset("kernel:0", (1 << 30,), "f4", chunks=(1 << 20,), compression="gzip")
    with h5py.File(folder / "other.h5", "w") as file:
        file["temperature"] = np.zeros(3, "float32")
    with h5py.File(folder / "circle.h5", "w") as file:
        legacy(file, ["a"], {"a": []})
        file["a"]["a"] = file["a"]


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    by_name(folder)
    numbered(folder, example())
    hostile(folder)
