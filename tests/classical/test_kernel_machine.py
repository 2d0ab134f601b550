"""Kernel ridge regression: scikit-learn's over standardised features, which are cut off where they are outliers."""

import numpy as np
import pytest
from sklearn.kernel_ridge import KernelRidge
from sklearn.preprocessing import StandardScaler

from magtfnet.classical.kernel_machine import cut_off, fit_kernel_ridge


@pytest.mark.parametrize(("ridge", "gamma"), [(0.1, 1.0), (0.01, 0.3)])
def test_it_is_scikit_learns(generator, ridge, gamma):
    vectors = generator.uniform(-1, 1, size=(40, 6)) * [1, 10, 0.1, 5, 2, 1]  # no outlier among them
    classes = np.eye(3)[generator.integers(0, 3, 40)]
    asked = generator.uniform(-1, 1, size=(7, 6)) * [1, 10, 0.1, 5, 2, 1]
    scaler = StandardScaler().fit(vectors)
    peer = KernelRidge(alpha=ridge, kernel="rbf", gamma=gamma / 2 / 6)
    peer.fit(scaler.transform(vectors), classes - classes.mean(axis=0))
    expected = peer.predict(scaler.transform(asked)) + classes.mean(axis=0)
    found = fit_kernel_ridge(vectors, classes, ridge, gamma).scores(asked)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


def test_a_constant_feature_and_an_outlier_do_no_harm():
    assert cut_off(np.array([[1e9, -1e9, 3.0]])).tolist() == [[4.0, -4.0, 3.0]]
    machine = fit_kernel_ridge(np.array([[1.0, 3.0], [2.0, 3.0]]), np.eye(2), 0.1, 1.0)
    assert np.isfinite(machine.scores(np.array([[1.5, 7.0]]))).all()
