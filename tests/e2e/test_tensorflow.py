"""The `tensorflow` flavour does what it is for."""

from __future__ import annotations

import pytest

from .deployment import TestDeployment, run

_TRAINING = """
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import numpy, keras
x = numpy.linspace(-1, 1, 256).reshape(-1, 1)
y = 3 * x + 0.5
model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.3), loss="mse")
history = model.fit(x, y, epochs=40, batch_size=32, verbose=0)
weight, bias = (float(numpy.ravel(part)[0]) for part in model.get_weights())
print(round(weight, 1), round(bias, 1))
"""


@pytest.fixture
def tensorflow(deployment: TestDeployment):
    """The deployment's servers run the `tensorflow` flavour."""
    image = f"{deployment.project}-tensorflow"
    deployment.set_env("LOCAL_NOTEBOOK_IMAGE", image)
    try:
        deployment.onehub("build", "notebook", "--flavour", "tensorflow")
        deployment.onehub("up")
        yield
    finally:
        deployment.set_env("LOCAL_NOTEBOOK_IMAGE", "jupyterhub-user")
        deployment.onehub("up")
        run("docker", "image", "rm", "--force", image)


async def test_a_small_model_is_trained(tensorflow, person):
    alice = person("alice")
    alice.start()
    async with alice.kernel() as kernel:
        assert (await kernel.run(_TRAINING)).split() == ["3.0", "0.5"]
