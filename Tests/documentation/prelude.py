"""What the blocks of the READMEs take for granted: digits to learn from, and what has been made of them."""

import numpy as np

import maquette

random = np.random.default_rng(0)
labels = np.arange(200) % 10
pixels = (labels[:, None] == np.arange(64) % 10) + random.normal(0, 0.1, (200, 64))
row, rows, X, y = pixels[0], pixels[:8], pixels, labels.astype(str)

store = maquette.Store("memory:")
history = maquette.TrainingHistory(store)
with maquette.KNNClassifier(k=1) as nearest, store.dataset("test") as test:
    test.append(X, y)
    nearest.fit(X, y)
    batch = store.batch_prediction("test").predict(nearest, test).wait()
with maquette.MLPClassifier(layers=[4], epochs=2) as network, history.track(network, "digits"):
    network.fit(X, y).fit(X, y)
points = X[:, :2]
