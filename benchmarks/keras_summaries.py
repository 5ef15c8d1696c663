"""Prints networks with Keras in several ways, as the stored set on which the claim checker is tried.

Needs Keras: in the environment of `benchmarks/requirements-peers.txt`, or with `KERAS_BACKEND=torch` where torch is.

    python -m benchmarks.keras_summaries tests/checker/keras_summaries.json.gz
"""

import gzip
import json
import random
import sys
from pathlib import Path

NETWORKS = 60
APPLICATIONS = ("MobileNetV2", "ResNet50", "DenseNet121", "Xception", "EfficientNetB0")
WAYS = ({}, {"line_length": 60}, {"line_length": 140}, {"expand_nested": True, "show_trainable": True})


def draw(seed: int):
    """A network of Keras, one of several kinds."""
    import keras  # pyrefly: ignore
    from keras import layers  # pyrefly: ignore

    rng = random.Random(seed)
    keras.utils.clear_session()
    kind = rng.choice(
        ("chain", "chain", "chain", "residual", "squeeze", "separable", "series", "words", "inputs", "nested")
    )
    while True:
        try:
            return _DRAWN[kind](rng, keras, layers)
        except ValueError:  # its maps became too small for a kernel
            continue


def _chain(rng, keras, layers):
    """Convolutions one after the other; without an input layer, with one, or with a fixed batch."""
    first, order = rng.choice(("none", "shape", "batch")), rng.choice(("channels_last",) * 3 + ("channels_first",))
    side, channels = rng.choice((28, 32, 40)), rng.choice((1, 3))
    shape = (side, side, channels) if order == "channels_last" else (channels, side, side)
    pools = (layers.MaxPooling2D, layers.AveragePooling2D)
    parts = []
    for _ in range(rng.randint(1, 3)):
        kernel = rng.choice((1, 3, 5, (3, 5)))
        dilated = rng.random() < 0.2
        stride = 1 if dilated else rng.choice((1, 1, 2, (2, 1)))
        parts.append(
            layers.Conv2D(
                rng.choice((8, 12, 16, 32)),
                kernel,
                strides=stride,
                padding=rng.choice(("valid", "same")),
                dilation_rate=2 if dilated else 1,
                use_bias=rng.random() < 0.7,
                data_format=order,
            )
        )
        axis = -1 if order == "channels_last" else 1
        normal = (
            layers.BatchNormalization(axis=axis, scale=rng.random() < 0.8),
            layers.GroupNormalization(4, axis=axis),
        )
        parts += [rng.choice(normal)] if rng.random() < 0.6 else []
        parts += [
            rng.choice((layers.ReLU(), layers.Activation("gelu"), layers.PReLU(shared_axes=[1, 2]), layers.LeakyReLU()))
        ]
        padding = rng.choice(("valid", "same"))
        parts += [rng.choice(pools)(rng.choice((2, 3, (2, 1))), padding=padding, data_format=order)]
        parts += [layers.Dropout(0.3)] if rng.random() < 0.4 else []
    parts += [rng.choice((layers.Flatten(), layers.GlobalAveragePooling2D(data_format=order)))]
    parts += [layers.Dense(rng.choice((32, 64)), activation="relu", use_bias=rng.random() < 0.8)]
    parts += [layers.Dense(10, activation="softmax")]
    if first == "shape":
        parts.insert(0, layers.Input(shape))
    if first == "batch":
        parts.insert(0, layers.Input(batch_shape=(32, *shape)))
    model = keras.Sequential(parts)
    if first == "none":
        model.build((None, *shape))
    return model


def _residual(rng, keras, layers):
    x = start = layers.Input((32, 32, 3))
    x = layers.Conv2D(16, 3, padding="same", use_bias=False)(x)
    for _ in range(rng.randint(1, 3)):
        filters, step = rng.choice((16, 24, 32)), rng.choice((1, 2))
        y = layers.BatchNormalization()(x)
        y = layers.ZeroPadding2D(1)(layers.Activation("relu")(y))
        y = layers.Conv2D(filters, 3, strides=step)(y)
        y = layers.Conv2D(filters, 3, padding="same")(layers.ReLU()(y))
        x = layers.Add()([y, layers.Conv2D(filters, 1, strides=step)(x)])
    x = layers.GlobalMaxPooling2D()(x) if rng.random() < 0.5 else layers.Flatten()(x)
    return keras.Model(start, layers.Dense(10)(x))


def _squeeze(rng, keras, layers):
    x = start = layers.Input((None, None, 3) if rng.random() < 0.5 else (24, 32, 3))
    for filters in (16, 32):
        x = layers.Conv2D(filters, 3, strides=2, padding="same")(x)
        y = layers.GlobalAveragePooling2D(keepdims=rng.random() < 0.5)(x)
        y = layers.Reshape((1, 1, filters))(y) if rng.random() < 0.5 else y
        x = layers.Multiply()([x, layers.Dense(filters, activation="sigmoid")(layers.Dense(filters // 4)(y))])
    x = layers.Concatenate()([x, layers.UpSampling2D(1)(x)])
    x = layers.Conv2DTranspose(
        rng.choice((4, 8)), rng.choice((2, 3, 4)), strides=2, padding=rng.choice(("same", "valid"))
    )(x)
    return keras.Model(start, layers.LayerNormalization()(x))


def _separable(rng, keras, layers):
    parts = [layers.Input((33, 33, 3)), layers.Rescaling(1 / 255), layers.RandomFlip("horizontal")]
    for _ in range(rng.randint(1, 3)):
        many = rng.choice((1, 2))
        parts += [layers.SeparableConv2D(rng.choice((16, 32)), 3, depth_multiplier=many, use_bias=rng.random() < 0.5)]
        parts += [
            layers.DepthwiseConv2D(rng.choice((3, 5)), depth_multiplier=many, padding="same"),
            layers.BatchNormalization(),
        ]
        parts += [layers.Cropping2D(1), layers.SpatialDropout2D(0.1)]
    return keras.Sequential([*parts, layers.GlobalAveragePooling2D(), layers.Dense(3)])


def _series(rng, keras, layers):
    parts = [layers.Input((100, rng.choice((4, 9))))]
    for filters in (16, 32):
        parts += [layers.Conv1D(filters, rng.choice((3, 7)), padding=rng.choice(("causal", "same", "valid")))]
        parts += [layers.BatchNormalization(), layers.MaxPooling1D(2)]
    kind = rng.choice((layers.LSTM, layers.GRU, layers.SimpleRNN))
    parts += [layers.Bidirectional(kind(12, return_sequences=True)), kind(rng.choice((8, 20))), layers.RepeatVector(5)]
    parts += [layers.TimeDistributed(layers.Dense(4)), layers.Permute((2, 1)), layers.Flatten(), layers.Dense(2)]
    return keras.Sequential(parts)


def _words(rng, keras, layers):
    start = layers.Input((20,))
    x = layers.Embedding(500, 32)(start)
    y = layers.MultiHeadAttention(rng.choice((2, 4)), 16)(x, x)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    x = layers.Dense(32)(layers.Dense(64, activation="relu")(x))
    x = layers.GlobalAveragePooling1D()(x) if rng.random() < 0.5 else layers.LSTM(24)(x)
    model = keras.Model(start, layers.Dense(1)(x))
    model.compile("adam", "mse")
    return model


def _inputs(rng, keras, layers):
    pictures, values = layers.Input((16, 16, 3), name="pictures"), layers.Input((rng.choice((3, 5)),), name="values")
    x = layers.Conv2D(8, 3)(pictures)
    x = layers.Concatenate(axis=1)([x, layers.Conv2D(8, 3)(pictures)])
    x = layers.Conv3D(4, (1, 3, 3))(layers.Reshape((1, 28, 14, 8))(x))
    x = layers.MaxPooling3D((1, 2, 2))(x)
    x = layers.Concatenate()([layers.Flatten()(x), layers.Dense(6)(values)])
    return keras.Model([pictures, values], [layers.Dense(10, name="kind")(x), layers.Dense(1, name="price")(x)])


def _nested(rng, keras, layers):
    inner = keras.Sequential(
        [layers.Input((14, 14, 8)), layers.Conv2D(8, 3, padding="same"), layers.BatchNormalization()]
    )
    inner.trainable = rng.random() < 0.5
    outer = [layers.Input((28, 28, 1)), layers.Conv2D(8, 3, strides=2, padding="same"), inner, layers.Flatten()]
    return keras.Sequential([*outer, layers.Dense(10)])


_DRAWN = {
    "chain": _chain,
    "residual": _residual,
    "squeeze": _squeeze,
    "separable": _separable,
    "series": _series,
    "words": _words,
    "inputs": _inputs,
    "nested": _nested,
}


def _printed(model, way: dict) -> str:
    lines: list[str] = []
    model.summary(print_fn=lambda line, **_: lines.append(line), **way)
    return "\n".join(lines)


def main(target: Path) -> None:
    """Write the set: for each network and way to print it, what was printed."""
    import keras  # pyrefly: ignore

    texts = []
    for seed in range(NETWORKS):
        model = draw(seed)
        texts += [{"network": seed, "way": way, "text": _printed(model, way)} for way in WAYS]
    for name in APPLICATIONS:
        model = getattr(keras.applications, name)(weights=None)
        texts.append({"network": name, "way": {}, "text": _printed(model, {})})
    content = json.dumps({"keras": keras.__version__, "texts": texts}, ensure_ascii=False, separators=(",", ":"))
    target.write_bytes(gzip.compress(content.encode(), mtime=0))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
