"""Random weights for networks of keras.applications, saved as the published files are, and what Keras makes of a photo with them.

    python keras_parity.py OUT_FOLDER PHOTO SIZES NAME...

SIZES are sides of the photo in pixels, such as 96,97; NAMEs are those of keras.applications. For each name, writes
NAME.h5 (with top) and NAME_notop.h5 in the old layout of weights files, and NAME.safetensors: `photo.S` (uint8 [S, S,
3]), `features.S` (include_top=False, pooling="avg"), and for the network's own size S `photo.top` and
`probabilities`. The test src/backbones/keras/applications/parity.test.ts compares: HEADSTART_KERAS_PARITY=OUT_FOLDER
npx vitest run parity
"""

import importlib
import os
import sys

from keras_architectures import fetched

import h5py
import keras
import numpy
from keras.src.legacy.saving.legacy_h5_format import save_weights_to_hdf5_group
from PIL import Image
from safetensors.numpy import save_file


def randomise(model, photos, seed):
    """Weights that let activations neither die nor explode; batch normalisation gets the statistics of the photos."""
    random = numpy.random.default_rng(seed)
    layers = [inner for layer in model.layers for inner in getattr(layer, "layers", [layer])]
    bounded = any("Normalization" in type(layer).__name__ for layer in layers)
    for layer in layers:
        for weight in layer.weights:
            shape, name = weight.shape, weight.name
            if "kernel" in name:
                depthwise = "depthwise" in name or "Depthwise" in type(layer).__name__
                fan_in = numpy.prod(shape[:2]) if depthwise else numpy.prod(shape[:-1])
                gain = 2 if layer is not model.layers[-1] else 1 if bounded else 1e-4  # so that probabilities are not all 0 and 1
                value = random.normal(0, (gain / fan_in) ** 0.5, shape)
            elif type(layer).__name__ == "Normalization":
                value = {"mean": [0.485, 0.456, 0.406], "variance": [0.052, 0.05, 0.051], "count": 7}[name]
            elif type(layer).__name__ == "LayerScale":
                value = random.uniform(0.1, 0.3, shape)
            elif name == "gamma":
                value = random.uniform(0.7, 1.3, shape)
            elif name in ("bias", "beta"):
                value = random.normal(0, 0.1, shape)
            else:
                continue
            if name in ("gamma", "kernel") and is_added(layer):
                value = 0.3 * value
            weight.assign(value)
    finalise(model)
    normalised = [layer for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    for layer in normalised:
        layer.momentum = 0
    if normalised:
        model(photos, training=True)
    for layer in normalised:
        # Random deep networks make much the same of every photo, and normalisation would blow up the little that differs,
        # with all that differs between two libraries by rounding. Trained networks have larger variances.
        mean, variance = numpy.asarray(layer.moving_mean), numpy.asarray(layer.moving_variance)
        layer.moving_variance.assign(numpy.maximum(variance, 0.3 * variance.mean()) + 0.1 * mean**2)


def is_added(layer):
    """Whether a layer ends a residual branch: small ones, as trained networks have them, keep rounding errors from growing."""
    readers = [node.operation for node in layer._outbound_nodes]
    return any(
        is_added(reader) if isinstance(reader, keras.layers.Dropout) else type(reader).__name__ == "Add" for reader in readers
    )


def finalise(model):
    """Normalization layers work with copies of their weights."""
    for layer in model.layers:
        if hasattr(layer, "finalize_state"):
            layer.finalize_state()


def save(model, path):
    with h5py.File(path, "w") as file:
        save_weights_to_hdf5_group(file, model)


def main(out, photo, sizes, *names):
    picture = Image.open(photo).convert("RGB")
    for name in names:
        build = getattr(keras.applications, name)
        prepare = importlib.import_module(build.__module__).preprocess_input

        def prepared(size):
            pixels = numpy.asarray(picture.resize((size, size), Image.NEAREST))
            views = [pixels, pixels[:, ::-1], pixels[::-1], 255 - pixels]
            return pixels, prepare(numpy.stack(views).astype("float32"))

        model, _ = fetched(build, include_top=True)
        own = model.input_shape[1]
        pixels, photos = prepared(own)
        randomise(model, photos, seed=len(name))
        made = {"photo.top": pixels, "probabilities": numpy.asarray(model(photos[:1], training=False))[0]}
        path = os.path.join(out, name.lower())
        save(model, f"{path}.h5")
        weights = model.get_weights()
        del model
        for size in map(int, sizes.split(",")):
            # Layers with automatic names get others than in the network with its top, as in files from other sessions.
            bare, _ = fetched(build, fresh=False, include_top=False, pooling="avg", input_shape=(size, size, 3))
            bare.set_weights(weights[: len(bare.weights)])
            finalise(bare)
            pixels, photos = prepared(size)
            made |= {f"photo.{size}": pixels, f"features.{size}": numpy.asarray(bare(photos[:1], training=False))[0]}
        save(bare, f"{path}_notop.h5")
        save_file({key: numpy.ascontiguousarray(value) for key, value in made.items()}, f"{path}.safetensors")
        print(name, *(f"{key} {value.std():.3g}" for key, value in made.items() if "photo" not in key), flush=True)
        keras.backend.clear_session()


if __name__ == "__main__":
    main(*sys.argv[1:])
