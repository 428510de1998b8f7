"""Writes the architectures of keras.applications as compact data: one NAME.json.gz for each network.

Each file holds {"trunk": NAME, "pool": BOOL, "paddingFollowsSize": BOOL, "config": {...}}. `config` is the
configuration of the whole network in the dialect of Keras 2, reduced to what inference needs and to what does not
depend on the size of the photos. `trunk` is the layer where the network without its top ends; `pool` says whether the
mean over the feature map follows there, as include_top=False with pooling="avg" does. `paddingFollowsSize` says that
a zero padding of one pixel less in front than behind was made for an even size, and is as large in front as behind
where the size is odd.

    python keras_architectures.py OUT_FOLDER FACTS.json

FACTS.json receives what Keras's own sources say of each network: address and checksum of both weights files, default
image size and numbers of parameters. The registry in TypeScript was written from it.
"""

import gzip
import json
import os
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
from keras.src.models import Functional
from keras.src.utils import file_utils

NETWORKS = [
    "ResNet50", "ResNet101", "ResNet152", "ResNet50V2", "ResNet101V2", "ResNet152V2",
    "VGG16", "VGG19",
    "MobileNet", "MobileNetV2",
    "InceptionV3", "Xception",
    "DenseNet121", "DenseNet169", "DenseNet201",
    *(f"EfficientNetB{i}" for i in range(8)),
    *(f"EfficientNetV2{size}" for size in ("B0", "B1", "B2", "B3", "S", "M", "L")),
    "NASNetMobile", "NASNetLarge",
    *(f"ConvNeXt{size}" for size in ("Tiny", "Small", "Base", "Large", "XLarge")),
]  # fmt: skip

# What inference needs to know of each kind of layer.
CONVOLUTION = ["kernel_size", "strides", "padding", "dilation_rate", "activation", "use_bias"]
KEPT = {
    "Conv2D": ["filters", *CONVOLUTION, "groups"],
    "DepthwiseConv2D": [*CONVOLUTION, "depth_multiplier"],
    "SeparableConv2D": ["filters", *CONVOLUTION, "depth_multiplier"],
    "Dense": ["units", "activation", "use_bias"],
    "BatchNormalization": ["axis", "epsilon", "center", "scale"],
    "LayerNormalization": ["axis", "epsilon", "center", "scale"],
    "Normalization": ["axis", "mean", "variance"],
    "Rescaling": ["scale", "offset"],
    "LayerScale": ["projection_dim"],
    "Activation": ["activation"],
    "ReLU": ["max_value", "negative_slope", "threshold"],
    "MaxPooling2D": ["pool_size", "strides", "padding"],
    "AveragePooling2D": ["pool_size", "strides", "padding"],
    "GlobalAveragePooling2D": ["keepdims"],
    "ZeroPadding2D": ["padding"],
    "Cropping2D": ["cropping"],
    "Concatenate": ["axis"],
    "Reshape": ["target_shape"],
    "Flatten": [],
    "Add": [],
    "Multiply": [],
}
# What does nothing at inference.
IDENTITY = {"Dropout", "StochasticDepth"}


def reduced_config(config, padded):
    """
    The configuration of a functional model in the reduced dialect. `padded`: its zero paddings follow the size of the photos
    (`correct_pad`), so that the configuration must not depend on the size it was made with.
    """
    layers = config["layers"]
    source = {}  # of a layer that was left out: the layer whose output it hands on
    readers = {}
    for layer in layers:
        for name in inbound(layer):
            readers.setdefault(name, []).append(layer)
    widened = set()  # convolutions that take over the padding before them
    reduced = []
    for layer in layers:
        kind, name = layer["class_name"], layer["config"]["name"]
        inputs = [source.get(tensor, tensor) for tensor in inbound(layer)]
        if kind in IDENTITY or (kind == "Activation" and layer["config"]["activation"] == "linear"):
            source[name] = inputs[0]
            continue
        if kind == "ZeroPadding2D" and padded:
            if same_padding(layer, readers[name]):
                source[name] = inputs[0]
                widened.update(reader["config"]["name"] for reader in readers[name])
                continue
            [[_, after], _] = layer["config"]["padding"]
            if readers[name][0]["class_name"] == "Cropping2D":
                # NASNet shifts pictures by one pixel: one row and column of zeros behind, the first ones cut off. Written with
                # one more behind and that cut off again, it cannot be taken for `correct_pad`.
                layer["config"]["padding"] = [[0, 2], [0, 2]]
                readers[name][0]["config"]["cropping"] = [[1, 1], [1, 1]]
            else:  # in front of NASNet's max pooling: as for an even size
                layer["config"]["padding"] = [[after - 1, after]] * 2
        entry = {"class_name": kind, "name": name, "config": reduced_layer(kind, layer["config"])}
        if name in widened:
            entry["config"]["padding"] = "same"
        entry["inbound_nodes"] = [[[tensor, 0, 0, {}] for tensor in inputs]] if inputs else []
        reduced.append(entry)
    return {
        "class_name": "Functional",
        "config": {
            "name": config["name"],
            "layers": reduced,
            "input_layers": [config["input_layers"]],
            "output_layers": [[source.get(config["output_layers"][0], config["output_layers"][0]), 0, 0]],
        },
    }


def reduced_layer(kind, config):
    if kind == "InputLayer":
        return {"name": config["name"], "batch_input_shape": config["batch_shape"]}
    if kind == "Sequential":
        layers = [(layer["class_name"], layer["config"]) for layer in config["layers"]]
        for _, inner in layers:
            if "batch_shape" in inner:  # the outer network's input says how large pictures are
                inner["batch_shape"] = [None, None, None, inner["batch_shape"][-1]]
        return {
            "name": config["name"],
            "layers": [{"class_name": kind, "config": reduced_layer(kind, inner)} for kind, inner in layers],
        }
    return {"name": config["name"], **{key: config[key] for key in KEPT[kind] if key in config}}


def inbound(layer):
    """Names of the layers that a layer reads, in order."""
    names = []

    def collect(value):
        if isinstance(value, dict) and value.get("class_name") == "__keras_tensor__":
            names.append(value["config"]["keras_history"][0])
        elif isinstance(value, list):
            for item in value:
                collect(item)

    for node in layer["inbound_nodes"]:
        collect(node["args"])
    return names


def same_padding(layer, readers):
    """
    Whether a padding is Keras's `correct_pad` in front of a convolution of stride 2: then padding and convolution together are a
    convolution with "same" padding, at even and at odd sizes, while the padding itself is written for one size only.
    """
    return all(
        reader["class_name"] in ("Conv2D", "DepthwiseConv2D", "SeparableConv2D") and reader["config"]["strides"] == [2, 2]
        for reader in readers
    )


def weighted(model):
    return [
        (type(layer).__name__, [tuple(w.shape) for w in layer.trainable_weights + layer.non_trainable_weights])
        for layer in model.layers
        if layer.weights
    ]


def fetched(build, fresh=True, **arguments):
    """
    A network as it is built for the published weights, without reading them, and where they are. `fresh`: automatic names
    begin anew.
    """
    found = []

    def get_file(fname, origin, file_hash=None, **_):
        found.append({"url": origin, "hash": file_hash})
        return fname

    real = file_utils.get_file, Functional.load_weights
    file_utils.get_file, Functional.load_weights = get_file, lambda *_args, **_kwargs: None
    try:
        if fresh:
            keras.backend.clear_session()
        model = build(weights="imagenet", **arguments)
    finally:
        file_utils.get_file, Functional.load_weights = real
    return model, found[0]


def main(out, facts_path):
    facts = {}
    for title in NETWORKS:
        build = getattr(keras.applications, title)
        padded = title == "MobileNetV2" or title.startswith(("EfficientNetB", "NASNet"))
        model, with_top = fetched(build, include_top=True)
        bare, without_top = fetched(build, include_top=False, pooling="avg", input_shape=model.input_shape[1:])
        # The file without top must list the same layers in the same order, so that one configuration reads both.
        order = weighted(model)
        assert weighted(bare) == order[: len(weighted(bare))], title
        config = reduced_config(json.loads(model.to_json())["config"], padded)
        kinds = [layer["class_name"] for layer in config["config"]["layers"]]
        names = [layer["name"] for layer in config["config"]["layers"]]
        if title.startswith("ConvNeXt"):
            trunk, pool = names[-2], False  # the normalisation behind the pooling
            assert kinds[-2] == "LayerNormalization", title
        elif title.startswith("VGG"):
            trunk, pool = "block5_pool", True
        else:
            trunk, pool = names[len(kinds) - 1 - kinds[::-1].index("GlobalAveragePooling2D") - 1], True
        # What stands behind the trunk is the top, and nothing else.
        assert sum(len(w) for _, w in weighted(bare)) == sum(
            len(layer.weights) for layer in model.layers[: [layer.name for layer in model.layers].index(trunk) + 1]
        ), title
        network = {
            "trunk": trunk,
            "pool": pool,
            "paddingFollowsSize": title.startswith("NASNet"),
            "config": config,
        }
        with open(os.path.join(out, f"{title.lower()}.json.gz"), "wb") as file:
            file.write(gzip.compress(json.dumps(network, separators=(",", ":")).encode(), 9, mtime=0))
        facts[title.lower()] = {
            "title": title,
            "top": with_top,
            "bare": without_top,
            "imageSize": model.input_shape[1],
            "parameters": model.count_params(),
            "trunkParameters": bare.count_params(),
            "features": bare.output_shape[-1],
            "trunk": [trunk, pool],
        }
        print(title, trunk, pool, len(names), flush=True)
    with open(facts_path, "w") as file:
        json.dump(facts, file, indent=1)


if __name__ == "__main__":
    main(*sys.argv[1:])
