"""Makes the small ONNX classifiers that the tests read, with the exporters that people use.

    pip install -r bench/peers/requirements-onnx.txt
    python bench/peers/onnx_fixtures.py torch packages/headstart/test/fixtures/onnx
    pip install -r bench/peers/requirements.txt tf2onnx==1.17.0        (in an environment of its own)
    python bench/peers/onnx_fixtures.py keras packages/headstart/test/fixtures/onnx

Each network NAME.onnx comes with NAME.features and NAME.logits in torch.safetensors or keras.safetensors: what the framework itself makes,
before the export, of three photos [3, 3, S, S] (Keras: [3, S, S, 3]) whose elements are ((37 i) mod 101) / 50 - 1 in row-major order.
Stack traces and names of source files, which exporters write beside each node, are taken out.
"""

import os
import sys
from pathlib import Path

import numpy as np

CLASSES = 7


def pattern(*shape):
    """The three photos, or any other array of that pattern."""
    places = np.arange(np.prod(shape), dtype=np.int64)
    return (((37 * places) % 101) / 50 - 1).astype(np.float32).reshape(shape)


def strip(model):
    """Takes out what only tells how the model was made."""
    graph = model.graph
    for part in [model, graph, *graph.node, *graph.value_info, *graph.input, *graph.output, *graph.initializer]:
        del part.metadata_props[:]
        part.doc_string = ""
    return model


def make_torch(folder):
    import onnx
    import timm.models as zoo
    import torch
    import torchvision
    from onnxconverter_common import float16
    from onnxruntime import quantization
    from safetensors.numpy import save_file
    from timm.models._efficientnet_builder import decode_arch_def
    from torch import nn

    expected = {}

    def restless(network):
        """Weights that make every layer matter, and statistics as after training."""
        generator = torch.Generator().manual_seed(1)
        for name, value in [*network.named_parameters(), *network.named_buffers()]:
            if not value.is_floating_point() or "index" in name or "mask" in name:
                continue
            with torch.no_grad():
                value.copy_(torch.randn(value.shape, generator=generator) * (0.5 if value.dim() < 2 else 0.4))
                if "var" in name:
                    value.abs_().add_(0.5)
                elif value.dim() == 1 and "weight" in name:
                    value.add_(1)
        return network.eval()

    def expect(name, network, last, size, features=None):
        """Writes down what the framework makes: what goes into the last layer, and its scores."""
        seen = []
        handle = last.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0])) if last else None
        with torch.no_grad():
            scores = network(torch.from_numpy(pattern(3, 3, size, size)))
        if handle:
            handle.remove()
        scores = scores[-1] if isinstance(scores, tuple) else scores
        found = features(seen) if features else seen[0] if last else scores
        if found.dim() == 4:
            found = found.mean((2, 3))
        expected[f"{name}.features"] = found.contiguous().numpy()
        expected[f"{name}.logits"] = scores.contiguous().numpy()

    def export(name, network, size, dynamo, batch=None, sizes=False, inputs=("input",), outputs=("logits",), half=False):
        """`batch` is the fixed number of photos; None leaves it open."""
        photo = torch.from_numpy(pattern(batch or 2, 3, size, size))
        photo = photo.half() if half else photo
        path = folder / f"{name}.onnx"
        axes = {0: "batch", 2: "height", 3: "width"} if sizes else {0: "batch"}
        options = dict(input_names=list(inputs), output_names=list(outputs), dynamo=dynamo)
        if dynamo:
            dims = {axis: torch.export.Dim.DYNAMIC for axis in axes}
            options |= dict(dynamic_shapes=None if batch else (dims,), external_data=False, verbose=False)
        elif batch is None:
            options["dynamic_axes"] = {inputs[0]: axes} | {output: {0: "batch"} for output in outputs}
        torch.onnx.export(network, (photo,), str(path), **options)
        onnx.save(strip(onnx.load(path)), path)
        return path

    def both(name, network, last, size, dynamo, features=None, **options):
        restless(network)
        expect(name, network, last, size, features)
        return export(name, network, size, dynamo, **options)

    # A narrow ResNet: pooling, Flatten, Gemm.
    class Residual(nn.Module):
        def __init__(self, width, stride):
            super().__init__()
            self.a, self.b = nn.Conv2d(width, width, 3, stride, 1, bias=False), nn.Conv2d(width, width, 3, 1, 1, bias=False)
            self.c = nn.Conv2d(width, width, 1, stride, bias=False)
            self.na, self.nb, self.nc = (nn.BatchNorm2d(width) for _ in range(3))

        def forward(self, x):
            y = self.nb(self.b(torch.relu(self.na(self.a(x)))))
            return torch.relu(y + self.nc(self.c(x)))

    def tiny_resnet():
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, 2, 1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(3, 2, 1),
            Residual(6, 2), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, CLASSES),
        )

    network = tiny_resnet()
    path = both("resnet-dynamo", network, network[-1], 32, True, sizes=True)
    fixed = both("resnet-torchscript", network, network[-1], 32, False, batch=1)

    # Weights in a file beside the model.
    onnx.save(onnx.load(path), folder / "resnet-external.onnx", save_as_external_data=True, location="resnet-external.data", size_threshold=128)

    # Half precision: the whole network, and one whose inputs and outputs stay float32.
    onnx.save(float16.convert_float_to_float16(onnx.load(path)), folder / "resnet-float16.onnx")
    onnx.save(float16.convert_float_to_float16(onnx.load(fixed), keep_io_types=True), folder / "resnet-float16-inside.onnx")

    # Quantised by ONNX Runtime, in both forms.
    class Photos(quantization.CalibrationDataReader):
        def __init__(self, batch):
            self.left = iter([{"input": row} for row in np.split(pattern(4, 3, 32, 32), 4 // batch)])

        def get_next(self):
            return next(self.left, None)

    for name, source, form in [
        ("resnet-qdq", path, quantization.QuantFormat.QDQ),
        ("resnet-qdq-one", fixed, quantization.QuantFormat.QDQ),
        ("resnet-qoperator", path, quantization.QuantFormat.QOperator),
    ]:
        quantization.quantize_static(
            source, folder / f"{name}.onnx", Photos(1), quant_format=form, per_channel=True,
            activation_type=quantization.QuantType.QUInt8, weight_type=quantization.QuantType.QInt8,
        )

    # SqueezeNet: a 1x1 convolution, then pooling.
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, 2), nn.ReLU(), nn.Conv2d(8, 12, 3, 2), nn.ReLU(), nn.Dropout(),
        nn.Conv2d(12, CLASSES, 1), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
    )
    both("squeezenet-dynamo", network, network[5], 32, True, batch=1)
    # VGG: three fully connected layers.
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.ReLU(), nn.MaxPool2d(4), nn.AdaptiveAvgPool2d(2), nn.Flatten(),
        nn.Linear(16, 12), nn.ReLU(), nn.Dropout(), nn.Linear(12, 10), nn.ReLU(), nn.Dropout(), nn.Linear(10, CLASSES),
    )
    both("vgg-torchscript", network, network[-1], 16, False, batch=1)

    def vit(kind=zoo.vision_transformer.VisionTransformer, **options):
        shape = dict(img_size=16, patch_size=4, embed_dim=8, depth=1, num_heads=2, mlp_ratio=2)
        return kind(**shape, **({"num_classes": CLASSES} | options))

    def no_fuse(network):
        for module in network.modules():
            if hasattr(module, "fused_attn"):
                module.fused_attn = False
        return network

    network = vit()
    both("vit-torchscript", no_fuse(network), network.head, 16, False, batch=1)
    network = vit(global_pool="avg")
    both("vit-mean-dynamo", network, network.head, 16, True, batch=1)
    network = vit(zoo.deit.VisionTransformerDistilled)
    both("deit-distilled-dynamo", network, network.head, 16, True, batch=1)

    # torchvision's attention puts the photos in the second place for a while.
    network = torchvision.models.VisionTransformer(
        image_size=16, patch_size=4, num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=16, num_classes=CLASSES
    )
    both("vit-torchvision", network, network.heads[0], 16, False, batch=1)
    network = zoo.convnext.ConvNeXt(num_classes=CLASSES, depths=(1, 1, 1, 1), dims=(4, 4, 4, 8), kernel_sizes=3)
    both("convnext-dynamo", network, network.head.fc, 32, True, batch=1)
    network = zoo.swin_transformer.SwinTransformer(
        img_size=16, patch_size=4, num_classes=CLASSES, embed_dim=4, depths=(2, 1), num_heads=(1, 2), window_size=2, mlp_ratio=2
    )
    both("swin-dynamo", network, network.head.fc, 16, True, batch=1)

    blocks = ["ds_r1_k3_s2_e1_c8_se0.25"], ["ir_r1_k3_s2_e2_c8_se0.25"]
    network = zoo.mobilenetv3.MobileNetV3(
        decode_arch_def(blocks), num_classes=CLASSES, stem_size=8, num_features=16, act_layer=nn.Hardswish, round_chs_fn=lambda c: c
    )
    both("mobilenetv3-dynamo", network, network.classifier, 32, True)
    network = zoo.efficientnet.EfficientNet(
        decode_arch_def(blocks), num_classes=CLASSES, stem_size=8, num_features=16, act_layer=nn.SiLU, round_chs_fn=lambda c: c
    )
    both("efficientnet-torchscript", network, network.classifier, 32, False, batch=1)

    # A hub's names, and other outputs beside the scores.
    class Hub(nn.Module):
        def __init__(self):
            super().__init__()
            self.vit = vit()

        def forward(self, pixel_values):
            tokens = self.vit.forward_features(pixel_values)
            return tokens, self.vit.forward_head(tokens, pre_logits=True), self.vit.forward_head(tokens)

    network = Hub()
    both(
        "hub-dynamo", network, network.vit.head, 16, True,
        inputs=["pixel_values"], outputs=["last_hidden_state", "pooler_output", "logits"],
    )
    # A network without a classifier.
    both("features-dynamo", vit(num_classes=0), None, 16, True, batch=1, outputs=["output"])
    # The best three of scores at a temperature.
    class Best(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.head = nn.Linear(6, CLASSES)

        def forward(self, x):
            scores = self.head(self.trunk(x)) / 1.7
            return torch.topk(scores.softmax(-1), 3) if self.best else scores

    network = Best()
    network.best = False
    restless(network)
    expect("best-torchscript", network, network.head, 16)
    network.best = True
    export("best-torchscript", network, 16, False, batch=1, outputs=["scores", "classes"])

    # Bytes in, channels last.
    class Bytes(nn.Module):
        def __init__(self):
            super().__init__()
            self.trunk = nn.Sequential(nn.Conv2d(3, 6, 3, 2), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten())
            self.head = nn.Linear(6, CLASSES)

        def forward(self, x):
            return self.head(self.trunk(x.permute(0, 3, 1, 2).float() / 255))

    network = restless(Bytes())
    seen = []
    network.head.register_forward_pre_hook(lambda _, inputs: seen.append(inputs[0]))
    photos = torch.arange(3 * 16 * 16 * 3).mul(37).remainder(101).to(torch.uint8).reshape(3, 16, 16, 3)
    with torch.no_grad():
        expected["bytes-torchscript.logits"] = network(photos).numpy()
    expected["bytes-torchscript.features"] = seen[0].numpy()
    path = folder / "bytes-torchscript.onnx"
    torch.onnx.export(network, (photos[:1],), str(path), input_names=["data"], output_names=["output"], dynamo=False)
    onnx.save(strip(onnx.load(path)), path)

    for path in folder.glob("resnet-q*.onnx"):
        onnx.save(strip(onnx.load(path)), path)
    save_file({name: np.ascontiguousarray(value) for name, value in expected.items()}, folder / "torch.safetensors")


def make_keras(folder):
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    import keras
    import onnx
    import tensorflow as tf
    import tf2onnx
    from keras import layers
    from safetensors.numpy import save_file

    expected = {}

    def both(name, network, size, batch=None):
        source = np.random.default_rng(1)
        network.set_weights(
            [
                (np.abs(w) + 0.5 if "variance" in v.path else w).astype(np.float32)
                for v in network.weights
                for w in [source.normal(size=v.shape) * 0.4]
            ]
        )
        photos = pattern(3, size, size, 3)
        scores = keras.Model(network.inputs, network.layers[-1].input)
        expected[f"{name}.features"] = scores.predict(photos, verbose=0)
        expected[f"{name}.logits"] = network.predict(photos, verbose=0)
        signature = [tf.TensorSpec((batch, size, size, 3), tf.float32, name="image")]
        model, _ = tf2onnx.convert.from_function(tf.function(network), input_signature=signature, opset=17)
        onnx.save(strip(model), folder / f"{name}.onnx")

    image = keras.Input((32, 32, 3))
    x = layers.Conv2D(8, 3, strides=2, padding="same", use_bias=False)(image)
    x = layers.ReLU(max_value=6)(layers.BatchNormalization()(x))
    x = layers.DepthwiseConv2D(3, padding="same")(x)
    x = layers.GlobalAveragePooling2D()(x)
    both("keras-mobile", keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x)), 32)

    image = keras.Input((16, 16, 3))
    x = layers.MaxPooling2D(4)(layers.Conv2D(6, 3, activation="relu")(image))
    x = layers.Dense(10, activation="relu")(layers.Flatten()(x))
    both("keras-flatten", keras.Model(image, layers.Dense(CLASSES, activation="softmax")(x)), 16, batch=1)
    save_file({name: np.ascontiguousarray(value) for name, value in expected.items()}, folder / "keras.safetensors")


if __name__ == "__main__":
    framework, where = sys.argv[1:]
    {"torch": make_torch, "keras": make_keras}[framework](Path(where))
