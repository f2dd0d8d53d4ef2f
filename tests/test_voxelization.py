"""The voxelizer in keras.ops against the compiled one, in this process's backend and in another."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from conftest import ROOT, environment

from pocketvox.errors import InputError
from pocketvox.voxel import Grid, coord_gradient, voxelize_batch

pytest.importorskip("keras", reason="needs pip install 'pocketvox[train]'")

import keras  # noqa: E402
from keras import ops  # noqa: E402

from pocketvox.network.voxelization import voxelize  # noqa: E402

SHAPE, SPACING, NAMES = (13, 10, 16), 0.6, tuple("abcd")


def structures(batch=2, n=40, origin=(1200.0, -340.0, 77.0)):
    """Random atoms in and around two grids far from zero; the last ones are padding."""
    rng = np.random.default_rng(5)
    grids = [Grid(tuple(np.add(origin, 3 * k)), SHAPE, SPACING) for k in range(batch)]
    coord = np.stack([rng.uniform(-3, 3 + np.multiply(SHAPE, SPACING), (n, 3)) + grid.origin for grid in grids])
    features = rng.normal(size=(batch, n, len(NAMES))).astype(np.float32)
    features[:, -3:] = 0
    return coord, features, rng.uniform(1.0, 1.9, (batch, n)).astype(np.float32), grids


def relative(coord, grids):
    return np.stack([c - grid.origin for c, grid in zip(coord, grids, strict=True)]).astype(np.float32)


def differences():
    """Largest differences to the compiled voxelizer: of values, and of gradients by the coordinates."""
    coord, features, radius, grids = structures()
    expected = voxelize_batch(coord, features, radius, grids, NAMES)
    field = np.random.default_rng(6).normal(size=expected.shape).astype(np.float32)
    steps = [coord_gradient(*sample) for sample in zip(field, coord, features, radius, grids, strict=True)]
    positions = relative(coord, grids)

    def spread(x):
        return voxelize(x, features, radius, SHAPE, SPACING, max_radius=1.9)

    values = ops.convert_to_numpy(spread(positions))
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        x = tf.Variable(positions)
        with tf.GradientTape() as tape:
            total = ops.sum(spread(x) * field)
        found = tape.gradient(total, x).numpy()
    else:
        import torch

        x = torch.tensor(positions, requires_grad=True)
        ops.sum(spread(x) * ops.convert_to_tensor(field)).backward()
        found = x.grad.numpy()
    assert np.abs(expected).max() > 1 and np.abs(steps).max() > 1
    return float(np.abs(values - expected).max()), float(np.abs(found - steps).max())


def test_agrees_with_the_compiled_voxelizer():
    values, gradients = differences()
    assert values < 1e-4 and gradients < 1e-4


@pytest.mark.slow
def test_agrees_in_another_backend():
    pytest.importorskip("torch", reason="torch is not installed")
    code = (
        "import test_voxelization as t; v, g = t.differences(); assert v < 1e-4 and g < 1e-4, (v, g); print('agrees')"
    )
    env = environment(KERAS_BACKEND="torch", PYTHONPATH=f"{ROOT}:{ROOT / 'tests'}", CUDA_VISIBLE_DEVICES="")
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, timeout=120)
    assert done.stdout.strip() == "agrees", done.stderr


def test_shapes_that_disagree_are_refused():
    coord, features, radius, grids = structures()
    with pytest.raises(InputError, match=r"Received: \(1, 40, 3\)"):
        voxelize(relative(coord, grids)[:1], features, radius, SHAPE, SPACING, max_radius=1.9)
    with pytest.raises(InputError, match="max_radius 0"):
        voxelize(relative(coord, grids), features, radius, SHAPE, SPACING, max_radius=0)
