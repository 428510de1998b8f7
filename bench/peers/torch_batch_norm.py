"""Makes packages/headstart/test/fixtures/torch-batch-norm.json: three steps of SGD in PyTorch through normalisations by batch.

Usage: python bench/peers/torch_batch_norm.py > packages/headstart/test/fixtures/torch-batch-norm.json
Needs torch alone (2.13 made the file).

The network is y = weight2 * norm2(relu(norm1(x * weight1))), with x [N, 3, 2, 2], and the loss is the mean of (y - target)^2. The last batch
holds one photo. norm1 has PyTorch's momentum of 0.1, norm2 0.01 (Keras's 0.99).
"""

import json

import torch

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)


def listed(tensor):
    return {"dims": list(tensor.shape), "values": [float(f"{value:.9g}") for value in tensor.detach().flatten().tolist()]}


weights = [torch.rand(1, 3, 1, 1).requires_grad_(), torch.rand(1, 3, 1, 1).requires_grad_()]
norms = [torch.nn.BatchNorm2d(3, momentum=0.1), torch.nn.BatchNorm2d(3, momentum=0.01)]
for norm in norms:
    with torch.no_grad():
        norm.weight.uniform_(0.5, 1.5)
        norm.bias.uniform_(-0.5, 0.5)
        norm.running_mean.uniform_(-0.5, 0.5)
        norm.running_var.uniform_(0.5, 1.5)
named = {"weight1": weights[0], "weight2": weights[1]}
for number, norm in enumerate(norms, 1):
    named |= {f"scale{number}": norm.weight, f"bias{number}": norm.bias}
statistics = {f"{kind}{number}": getattr(norm, name) for number, norm in enumerate(norms, 1)
              for kind, name in (("mean", "running_mean"), ("variance", "running_var"))}
state = lambda: {name: listed(value) for name, value in (named | statistics).items()}

result = {"rate": 0.1, "start": state(), "steps": []}
optimiser = torch.optim.SGD(named.values(), lr=0.1)
for photos in (4, 3, 1):
    x, target = torch.randn(photos, 3, 2, 2), torch.randn(photos, 3, 2, 2)
    loss = (weights[1] * norms[1](torch.relu(norms[0](x * weights[0]))) - target).square().mean()
    optimiser.zero_grad()
    loss.backward()
    optimiser.step()
    result["steps"].append({"x": listed(x), "target": listed(target), "loss": loss.item(), "after": state()})
print(json.dumps(result))
