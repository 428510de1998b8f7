"""Times training steps of PyTorch: forward, cross-entropy, backward and optimiser, with batch normalisation in inference mode.

Prints one JSON document: the network, what trains, the median milliseconds of a step, all of them, and the peak memory of the process in
bytes. Weights and photos are random. Both layouts, PyTorch's own and channels_last, are timed in turns and the faster counts, unless
--layout says which.

    python torch_step.py resnet50 all --batch 32 --size 224 --threads 2 --optimiser sgd --steps 5
    python torch_step.py resnet50 layer4,fc --layout channels_last
    python torch_step.py efficientnet_lite0 all

Networks are torchvision's, where it has one of that name, else timm's. What trains is "all" or prefixes of parameters' names.
"""

import argparse
import json
import resource
import statistics
import time

import torch

LAYOUTS = {"default": torch.contiguous_format, "channels_last": torch.channels_last}


def network(name):
    import torchvision

    if name in torchvision.models.list_models():
        return torchvision.models.get_model(name, weights=None)
    import timm

    return timm.create_model(name, pretrained=False)


def stepper(args, layout):
    model = network(args.network).to(memory_format=LAYOUTS[layout]).eval()
    if args.trains != "all":
        prefixes = tuple(args.trains.split(","))
        for name, parameter in model.named_parameters():
            parameter.requires_grad_(name.startswith(prefixes))
    trained = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if args.optimiser == "sgd":
        optimiser = torch.optim.SGD(trained, lr=1e-6, momentum=0.9)
    else:
        optimiser = torch.optim.AdamW(trained, lr=1e-6)
    photos = torch.rand(args.batch, 3, args.size, args.size).to(memory_format=LAYOUTS[layout])
    labels = torch.arange(args.batch) % 10
    loss = torch.nn.CrossEntropyLoss()

    def step():
        start = time.perf_counter()
        optimiser.zero_grad(set_to_none=True)
        loss(model(photos), labels).backward()
        optimiser.step()
        return (time.perf_counter() - start) * 1000

    return step


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("network")
    parser.add_argument("trains")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--optimiser", choices=["sgd", "adamw"], default="sgd")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    parser.add_argument("--layout", choices=list(LAYOUTS))
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    layouts = [args.layout] if args.layout else list(LAYOUTS)
    steppers = {layout: stepper(args, layout) for layout in layouts}
    times = {layout: [] for layout in layouts}
    for number in range(args.warmup + args.steps):
        for layout, step in steppers.items():
            milliseconds = step()
            if number >= args.warmup:
                times[layout].append(milliseconds)
    best = min(layouts, key=lambda layout: statistics.median(times[layout]))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        json.dumps(
            {
                "network": args.network,
                "trains": args.trains,
                "layout": best,
                "milliseconds": statistics.median(times[best]),
                "times": times[best],
                "peak_bytes": peak,
                "torch": torch.__version__,
            }
        )
    )


main()
