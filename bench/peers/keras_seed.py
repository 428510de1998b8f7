"""The classic pipeline in Keras, timed: a frozen ResNet50 and a softmax head, trained on augmented photos from a folder.

    python keras_seed.py --save BASE.h5          saves the ResNet50 without its top, with random weights from a fixed seed
    python keras_seed.py FOLDER SIZE EPOCHS [--base BASE.h5] [--threads N]

FOLDER has train/ and validation/, each with a folder for every class. Without --base the weights are random: times do not
depend on them. Prints JSON: a line for each epoch, where `training_seconds` is what passed before the validation photos, and a line
with the peak memory.

It is what the Keras tutorials write, and all else is Keras's default. One thread reads and augments photos (`workers=1`) while TensorFlow
is at the batch before; photos are decoded again in every epoch; validation photos are evaluated after every epoch; XLA is off, as
`compile` has it on a CPU. TensorFlow's threads within and between operations are --threads, or by default one for each core.
"""

import argparse
import json
import os
import resource
import time

import keras
import tensorflow
from keras.applications.resnet50 import ResNet50, preprocess_input
from tensorflow.keras.preprocessing.image import ImageDataGenerator

BATCH_SIZE = 40


class Clock(keras.callbacks.Callback):
    """Prints how long each epoch took. Keras calls on_test_begin where the training photos are done."""

    def __init__(self, photos):
        super().__init__()
        self.photos = photos

    def on_epoch_begin(self, epoch, logs=None):
        self.start = time.perf_counter()

    def on_test_begin(self, logs=None):
        self.trained = time.perf_counter()

    def on_epoch_end(self, epoch, logs=None):
        line = {
            "epoch": epoch + 1,
            "photos": self.photos,
            "seconds": time.perf_counter() - self.start,
            "training_seconds": self.trained - self.start,
            "training_ms_a_photo": 1000 * (self.trained - self.start) / self.photos,
            "ended": time.time(),
            **{name: float(value) for name, value in logs.items()},
        }
        print(json.dumps(line), flush=True)


def save(path):
    keras.utils.set_random_seed(0)
    base = ResNet50(include_top=False, weights=None)
    base.save(path)


def train(folder, size, epochs, base_file):
    augmented = ImageDataGenerator(
        preprocessing_function=preprocess_input,
        rotation_range=10,
        shear_range=0.1,
        zoom_range=0.1,
        horizontal_flip=True,
        fill_mode="nearest",
        interpolation_order=1,
    )
    plain = ImageDataGenerator(preprocessing_function=preprocess_input)
    flow = {"target_size": (size, size), "batch_size": BATCH_SIZE, "interpolation": "nearest"}
    photos = augmented.flow_from_directory(os.path.join(folder, "train"), **flow)
    validation = plain.flow_from_directory(os.path.join(folder, "validation"), **flow)

    base = (
        keras.models.load_model(base_file, compile=False)
        if base_file
        else ResNet50(include_top=False, weights=None)
    )
    base.trainable = False
    features = keras.layers.GlobalAveragePooling2D()(base.output)
    dropped = keras.layers.Dropout(0.4)(features)
    answers = keras.layers.Dense(photos.num_classes, activation="softmax")(dropped)
    model = keras.Model(base.input, answers)
    model.compile(
        optimizer=keras.optimizers.RMSprop(learning_rate=0.001),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    model.fit(photos, epochs=epochs, validation_data=validation, callbacks=[Clock(photos.samples)], verbose=0)
    print(json.dumps({"peak_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", nargs="?")
    parser.add_argument("size", nargs="?", type=int, default=224)
    parser.add_argument("epochs", nargs="?", type=int, default=3)
    parser.add_argument("--base")
    parser.add_argument("--save")
    parser.add_argument("--threads", type=int)
    options = parser.parse_args()
    if options.threads:
        tensorflow.config.threading.set_intra_op_parallelism_threads(options.threads)
        tensorflow.config.threading.set_inter_op_parallelism_threads(options.threads)
    if options.save:
        save(options.save)
    if options.folder:
        train(options.folder, options.size, options.epochs, options.base)
