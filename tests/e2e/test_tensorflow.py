"""The seed's `make notebook_image`, and what the `tensorflow` flavour is for."""

from __future__ import annotations

import pytest

from .deployment import ONEHUB, TestDeployment, run

_TRAINING = """\
import os
os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
import keras, numpy
x = numpy.linspace(-1, 1, 256).reshape(-1, 1)
y = 3 * x + 0.5
model = keras.Sequential([keras.layers.Input((1,)), keras.layers.Dense(1)])
model.compile(optimizer=keras.optimizers.SGD(0.3), loss="mse")
model.fit(x, y, epochs=40, batch_size=32, verbose=0)
weight, bias = (float(numpy.ravel(part)[0]) for part in model.get_weights())
print(round(weight, 1), round(bias, 1))
"""
_NOTEBOOK = {
    "cells": [{"cell_type": "code", "source": _TRAINING, "metadata": {}, "outputs": [], "execution_count": None}],
    "metadata": {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
    "nbformat": 4,
    "nbformat_minor": 4,
}
_EXECUTE = """
import subprocess
done = subprocess.run(["jupyter", "nbconvert", "--to", "notebook", "--execute", "--inplace", "training.ipynb"],
                      capture_output=True, text=True)
print(done.returncode, done.stderr if done.returncode else "")
"""


@pytest.fixture
def tensorflow(deployment: TestDeployment):
    """The deployment's servers run the `tensorflow` flavour, as the operator's Makefile builds it."""
    image = f"{deployment.project}-tensorflow"
    deployment.set_env("LOCAL_NOTEBOOK_IMAGE", image)
    make = ("make", "--no-print-directory", f"PATH={ONEHUB.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin")
    try:
        run(*make, "build", "notebook_image", cwd=deployment.directory)
        deployment.onehub("up")
        assert run(*make, "build", "notebook_image", cwd=deployment.directory).stderr == (
            "everything is built already\neverything is built already\n"
        )
        yield
    finally:
        deployment.set_env("LOCAL_NOTEBOOK_IMAGE", "jupyterhub-user")
        deployment.onehub("up")
        run("docker", "image", "rm", "--force", image)


async def test_a_notebook_that_trains_a_small_model_runs(tensorflow, person):
    alice = person("alice")
    alice.start()
    body = {"type": "notebook", "content": _NOTEBOOK}
    assert alice.server("PUT", "/api/contents/training.ipynb", body).status_code == 201
    async with alice.kernel() as kernel:
        assert (await kernel.run(_EXECUTE)).strip() == "0"
    outputs = alice.read("training.ipynb").json()["content"]["cells"][0]["outputs"]
    assert outputs[-1]["text"].split() == ["3.0", "0.5"]
