"""Times training steps of Keras on TensorFlow: ResNet50, cross-entropy, gradients and optimiser, with batch normalisation in inference mode.

Prints one JSON document: the median milliseconds of a step, all of them, and the peak memory of the process in bytes. Weights and photos
are random.

    python keras_step.py all --batch 32 --size 224 --threads 2 --optimiser sgd --steps 5
    python keras_step.py conv5        # only layers whose names begin so, and the head, are trained
"""

import argparse
import json
import os
import resource
import statistics
import time

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["KERAS_BACKEND"] = "tensorflow"

import numpy
import tensorflow
import keras


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("trains")
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--size", type=int, default=224)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--optimiser", choices=["sgd", "adamw"], default="sgd")
    parser.add_argument("--steps", type=int, default=5)
    parser.add_argument("--warmup", type=int, default=2)
    args = parser.parse_args()
    tensorflow.config.threading.set_intra_op_parallelism_threads(args.threads)
    tensorflow.config.threading.set_inter_op_parallelism_threads(args.threads)
    keras.utils.set_random_seed(0)
    base = keras.applications.ResNet50(weights=None, include_top=False, pooling="avg", input_shape=(args.size, args.size, 3))
    if args.trains != "all":
        for layer in base.layers:
            layer.trainable = layer.name.startswith(args.trains)
    photos_in = keras.Input((args.size, args.size, 3))
    # training=False: batch normalisation uses its running statistics; its scale and shift are trained all the same.
    model = keras.Model(photos_in, keras.layers.Dense(1000)(base(photos_in, training=False)))
    rate = 1e-6
    model.compile(
        optimizer=keras.optimizers.SGD(rate, momentum=0.9) if args.optimiser == "sgd" else keras.optimizers.AdamW(rate),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    photos = tensorflow.constant(numpy.random.rand(args.batch, args.size, args.size, 3).astype("float32"))
    labels = tensorflow.constant(numpy.arange(args.batch) % 10)
    times = []
    for number in range(args.warmup + args.steps):
        start = time.perf_counter()
        model.train_on_batch(photos, labels)
        if number >= args.warmup:
            times.append((time.perf_counter() - start) * 1000)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(
        json.dumps(
            {
                "trains": args.trains,
                "milliseconds": statistics.median(times),
                "times": times,
                "peak_bytes": peak,
                "keras": keras.__version__,
            }
        )
    )


main()
