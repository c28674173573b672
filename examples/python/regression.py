"""Penguins: learn to tell what one weighs from its bill, its flipper, its species and its sex.

    PYTHONPATH=bindings/python python3 examples/python/regression.py

NumPy is all it needs.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np

import maquette

DATA = Path(__file__).resolve().parents[1] / "data" / "penguins.csv"
MEASURES = ("bill_length_mm", "bill_depth_mm", "flipper_length_mm")
SPECIES = ("Adelie", "Chinstrap", "Gentoo")


def read_penguins() -> tuple[np.ndarray, np.ndarray, list[str]]:
    """A row for each penguin of which all is known: three lengths, a 1 for its species, its sex; what it weighs, in
    kilograms; and what it is."""
    with DATA.open(encoding="utf-8") as file:
        penguins = [line for line in csv.DictReader(file) if "NA" not in line.values()]
    rows = [
        [
            *(float(penguin[measure]) for measure in MEASURES),
            *(float(penguin["species"] == species) for species in SPECIES),
            float(penguin["sex"] == "male"),
        ]
        for penguin in penguins
    ]
    masses = [float(penguin["body_mass_g"]) / 1000 for penguin in penguins]
    return np.array(rows, np.float32), np.array(masses, np.float32), [f"{p['species']}, {p['sex']}" for p in penguins]


def main() -> int:
    X, mass, names = read_penguins()
    is_test = np.arange(len(X)) % 5 == 4
    X_train, mass_train, X_test, mass_test = X[~is_test], mass[~is_test], X[is_test], mass[is_test]
    print(f"{len(X_train)} penguins to learn, {len(X_test)} to test with\n")

    # Lengths are hundreds of millimetres, species are 0 or 1: `standardize` brings them to one scale, and the model
    # does the same to what it predicts. The training ends when 40 epochs have brought nothing, with the best one.
    network = maquette.MLPRegressor(units=[32], epochs=500, patience=40, learning_rate=0.003, standardize=True, seed=1)
    network.fit(X_train, mass_train, progress=True)

    neighbours = maquette.KNNRegressor(k=10, metric="euclidean").fit(X_train, mass_train)
    mean = np.full_like(mass_test, mass_train.mean())

    print("\nHow far off they are on the average, with penguins they have never seen:")
    for name, predicted in (
        ("always the mean", mean),
        ("10 nearest neighbours", neighbours.predict(X_test)),
        ("a neural network", network.predict(X_test)),
    ):
        errors = mass_test - predicted
        explained = 1 - (errors**2).sum() / ((mass_test - mean) ** 2).sum()
        print(f"  {name:<22} {1000 * np.abs(errors).mean():4.0f} g, {explained:6.1%} of the variance explained")

    print(f"\ntest error: {1000 * np.abs(mass_test - network.predict(X_test)).mean():.0f} g")

    print("\nA few of them:")
    for row, true, name in zip(X_test[::12], mass_test[::12], np.array(names)[is_test][::12], strict=True):
        print(f"  {name:<18} weighs {1000 * true:.0f} g, predicted {1000 * network.predict(row):.0f} g")
    return 0


if __name__ == "__main__":
    sys.exit(main())
