"""Maquette's models as estimators of scikit-learn: `pip install maquette[sklearn]`.

>>> from sklearn.model_selection import GridSearchCV
>>> from sklearn.pipeline import make_pipeline
>>> from sklearn.preprocessing import StandardScaler
>>> from maquette.sklearn import MLPClassifier
>>> pipeline = make_pipeline(StandardScaler(), MLPClassifier(hidden_layer_sizes=(64, 32), max_iter=50))
>>> GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1e-2]}, n_jobs=2).fit(X, y).score(X_test, y_test)

Parameters have the names and the defaults that they have in scikit-learn, and those of UMAP the ones of umap-learn; a
parameter that would change nothing is not there. A fitted estimator has the model in `model_`, to be watched, saved or
synchronised as any other. Everything is computed in 32-bit floats; rows of 64-bit floats are moved to their mean first
wherever only their distances matter, so that numbers with a large common part lose no digits.

In other processes, as with `n_jobs`, estimators work with joblib's "loky", which is its default, and not in forked
children.
"""

from ._clustering import KMeans
from ._neighbors import KNeighborsClassifier, KNeighborsRegressor
from ._networks import MLPClassifier, MLPRegressor
from ._projections import PCA, UMAP

__all__ = [
    "PCA",
    "UMAP",
    "KMeans",
    "KNeighborsClassifier",
    "KNeighborsRegressor",
    "MLPClassifier",
    "MLPRegressor",
]
