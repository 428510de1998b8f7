"""Makes the crops and colours that tests compare augmented views with.

    pip install -r bench/peers/requirements-onnx.txt
    python bench/peers/torchvision_views.py packages/headstart/test/fixtures/augmentation/torchvision.json

The picture is 6 x 6; its pixel (x, y) is (20x + 7y, 3x^2 + 31y, 255 - 5xy), each modulo 256. The file is a list of cases: `crop` or `colour`,
and the `pixels` [6, 6, 3] that torchvision makes of the picture in floating point, in row-major order.
"""

import json
import sys

import torch
from torchvision.transforms import functional

SIZE = 6
CROPS = [(0, 0, 6, 6), (1, 2, 3, 4), (2, 0, 4, 2), (3, 1, 3, 5)]
COLOURS = [
    {"brightness": 0.6},
    {"brightness": 1.5},
    {"contrast": 0.3},
    {"contrast": 1.7},
    {"saturation": 0},
    {"saturation": 1.8},
    {"brightness": 0.8, "contrast": 0.7, "saturation": 0.6},
]

rows = [[[20 * x + 7 * y, 3 * x * x + 31 * y, 255 - 5 * x * y] for x in range(SIZE)] for y in range(SIZE)]
picture = (torch.tensor(rows) % 256).permute(2, 0, 1) / 255


def case(key, value, result):
    pixels = (result * 255).permute(1, 2, 0).flatten().tolist()
    return {key: value, "pixels": [round(pixel, 3) for pixel in pixels]}


cases = []
for top, left, height, width in CROPS:
    resized = functional.resized_crop(picture, top, left, height, width, [SIZE, SIZE], antialias=True)
    cases.append(case("crop", {"left": left, "top": top, "width": width, "height": height}, resized))
for colour in COLOURS:
    changed = picture
    for name, factor in colour.items():
        changed = getattr(functional, f"adjust_{name}")(changed, factor)
    cases.append(case("colour", colour, changed))

with open(sys.argv[1], "w") as file:
    file.write("[\n" + ",\n".join(json.dumps(one, separators=(",", ":")) for one in cases) + "\n]\n")
