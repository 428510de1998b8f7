"""Trains the head of keras-classic in Keras, on what the backbone made of every photo that Headstart's own run saw.

Reads a safetensors file: features [epochs, photos, D] in the order of training, label [epochs, photos], dropout_mask as features,
weight [D, C] and bias [C] before the first step. Prints a JSON list: the mean training loss of each epoch.
"""

import json
import sys

import keras
import numpy
from safetensors.numpy import load_file

data = load_file(sys.argv[1])
batch_size = int(sys.argv[2])
features, labels, masks = data["features"], data["label"], data["dropout_mask"]

inputs = keras.Input((features.shape[2],))
mask = keras.Input((features.shape[2],))
dense = keras.layers.Dense(data["bias"].shape[0], activation="softmax")
model = keras.Model([inputs, mask], dense(keras.layers.Multiply()([inputs, mask])))
dense.set_weights([data["weight"], data["bias"]])
model.compile(
    optimizer=keras.optimizers.RMSprop(learning_rate=0.001, rho=0.9, epsilon=1e-7),
    loss="sparse_categorical_crossentropy",
)

losses = []
for epoch in range(features.shape[0]):
    total = 0.0
    for start in range(0, features.shape[1], batch_size):
        rows = slice(start, start + batch_size)
        batch = [features[epoch, rows], masks[epoch, rows]]
        model.reset_metrics()
        loss = model.train_on_batch(batch, labels[epoch, rows])
        total += float(loss) * len(labels[epoch, rows])
    losses.append(total / features.shape[1])
print(json.dumps(losses))
