"""Networks as a user writes them, good and bad."""

GOOD = '''
def wide(meta, width=16, rate=0.1):
    """A graph whose layers stand one behind the other."""
    import keras

    inputs = keras.Input((meta.n_features,))
    x = keras.layers.BatchNormalization()(inputs)
    x = keras.layers.Dense(width, activation="gelu", kernel_regularizer="l2")(x)
    x = keras.layers.Dropout(rate)(x)
    return keras.Model(inputs, keras.layers.Dense(meta.n_outputs, activation=meta.activation)(x))


def residual(meta):
    """One that is no stack, and comes compiled."""
    import keras

    inputs = keras.Input((meta.n_features,))
    x = keras.layers.Dense(16, activation="relu")(inputs)
    x = keras.layers.Add()([x, keras.layers.Dense(16, activation="relu")(x)])
    model = keras.Model(inputs, keras.layers.Dense(meta.n_outputs, activation=meta.activation)(x))
    model.compile(optimizer=keras.optimizers.Adam(5e-3), loss=meta.loss, metrics=["accuracy"])
    return model
'''

BAD = """
def number(meta):
    return 3


def narrow(meta):
    import keras

    return keras.Sequential([keras.layers.Dense(1, activation="sigmoid")])


def greedy(meta):
    import keras

    return keras.Sequential([keras.Input((meta.n_features + 1,)), keras.layers.Dense(3, activation="softmax")])


def code(meta):
    import keras

    return keras.Sequential([keras.layers.Lambda(lambda x: 2 * x), keras.layers.Dense(3, activation="softmax")])


def logits(meta):
    import keras

    return keras.Sequential([keras.layers.Dense(3)])


def subclass(meta):
    import keras

    class Mine(keras.Model):
        def __init__(self):
            super().__init__()
            self.last = keras.layers.Dense(3, activation="softmax")

        def call(self, x):
            return self.last(x)

    return Mine()
"""
