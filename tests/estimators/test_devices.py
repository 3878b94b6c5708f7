"""The device that a fit is computed on: where its arrays lie, and what is refused."""

import os
import subprocess
import sys
from typing import Any

import jax
import numpy as np
import pandas as pd
import pytest

from dirimix import _cores
from dirimix.errors import InputError
from dirimix.estimators.latent import noise_kind
from dirimix.methods import parse_method

# the second of two devices of the processor stands in for a GPU
PLACED = """
import os, warnings
os.environ["XLA_FLAGS"] = "--xla_force_host_platform_device_count=2"
warnings.simplefilter("ignore")
import jax, numpy as np, pandas as pd
from dirimix import _cores
from dirimix.estimators.latent import noise_kind

found = lambda kind: jax.devices()[kind == "gpu"]
_cores.jax_device = noise_kind.jax_device = found
seen, jit = set(), jax.jit

def spied(function, **options):
    compiled = jit(function, **options)
    def call(*arguments):
        out = compiled(*arguments)
        for leaf in jax.tree.leaves(out):
            if not isinstance(leaf, jax.core.Tracer):
                seen.update((d.id, str(leaf.dtype)) for d in leaf.devices() if leaf.ndim == 1)
        return out
    return call

jax.jit = spied
from dirimix.estimators.latent.mixture import LatentMixture

x = np.arange(14.0)
table = pd.DataFrame({"x": x, "a": np.sin(x), "b": np.cos(x)})
y = 0.7 * table["a"] + 0.3 * table["b"] + 0.2 * np.cos(3 * x)
short = {"chains": 2, "draws": 4, "warmup": 20, "min_ess": 0}
for inference, device, more in ("mode", "cpu", {}), ("mode", "gpu", {}), ("hmc", "gpu", short):
    seen.clear()
    mixture = LatentMixture(
        ["x"], ["a", "b"], weights="simplex", noise="constant", tails="normal",
        inference=inference, device=device, **more
    ).fit(table, y)
    print(inference, device, *sorted({d for d, kind in seen if kind == "float64"}))
    assert not any(kind == "float32" for _, kind in seen)
    assert mixture.predict(table).shape == (14,)
    last = mixture.latents_["weights_trend"]
    if inference == "mode" and device == "cpu":
        own = last
    elif inference == "mode":
        assert np.abs(last - own).max() < 1e-6 < own.std()
"""


@pytest.mark.slow
def test_a_fit_is_computed_on_its_device_in_double_precision():
    own = {n: v for n, v in os.environ.items() if n != "XLA_FLAGS"}
    run = subprocess.run(
        [sys.executable, "-c", PLACED], capture_output=True, text=True, check=False, env=own
    )
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == ["mode cpu 0", "mode gpu 1", "hmc gpu 1"]


def mixture(name: str, **options: Any):
    method = parse_method(name).method
    return method.build(("x",), ("a", "b"), options, 0)


TABLE = pd.DataFrame({"x": np.arange(16.0), "a": np.sin(np.arange(16.0)), "b": 1.0})


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lbmm-lgp", {}),
        ("signed-gp", {}),
        ("lbmm-lgp+delta", {}),
        ("gbmm-d+contrast", {}),
        ("gbmm-d", {"tails": "student"}),
        ("bma-monte-carlo", {"noise": "local"}),
        ("raw", {"tails": "student"}),
        ("auto", {"regions": 2}),
    ],
)
def test_where_there_is_no_gpu_a_sentence_says_what_jax_sees_and_how_to_mend_it(name, options):
    if any(d.platform == "gpu" for d in jax.devices()):
        pytest.skip("there is a GPU here")
    for member in mixture(name, device="gpu", **options).values():
        with pytest.raises(InputError, match="device = 'gpu' needs a GPU that JAX can use") as told:
            member.fit(TABLE, TABLE["a"])
        assert "JAX sees cpu:0 (cpu) alone" in str(told.value)
        assert 'pip install "jax[cuda12]"' in str(told.value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("lbmm-gld", {}),
        ("lbmm-gpd", {"noise": "local"}),
        ("gbmm-d", {}),
        ("gbmm-l", {}),
        ("bma-laplace", {}),
        ("raw", {}),
        ("auto", {"candidates": ["equal", "simplex-ls"], "regions": 2}),
    ],
)
@pytest.mark.usefixtures("_the_processor_is_a_gpu")
def test_loops_on_the_processor_are_refused_in_a_sentence_that_names_others(name, options):
    for member in mixture(name, device="gpu", **options).values():
        with pytest.raises(InputError, match="serves lbmm-lgp, signed-gp, methods with"):
            member.fit(TABLE, TABLE["a"])


@pytest.fixture
def _the_processor_is_a_gpu(monkeypatch):
    monkeypatch.setattr(noise_kind, "jax_device", lambda _: jax.devices()[0])


def test_a_device_is_one_of_two():
    with pytest.raises(InputError, match="device is one of 'cpu', 'gpu', not 'tpu'"):
        mixture("lbmm-lgp", device="tpu")[""].check_parameters()


def test_the_processor_must_be_among_the_devices_of_jax(monkeypatch):
    def none(backend: str):
        raise RuntimeError(f"unknown backend {backend}")

    monkeypatch.setattr(jax, "local_devices", lambda backend=None: none(backend) if backend else [])
    with pytest.raises(InputError, match="leave JAX_PLATFORMS unset, or add cpu to it"):
        _cores.jax_device("cpu")


FORKED = """
import os, pandas as pd
from dirimix import LinearMixture
{begin}
from dirimix.errors import InputError
table = pd.DataFrame({{"x": [1.0, 2.0, 3.0], "a": [1.0, 2.0, 0.0], "b": [0.0, 1.0, 2.0]}})
if os.fork() == 0:
    try:
        LinearMixture(["x"], ["a", "b"]).fit(table, table["a"])
    except InputError as error:
        print(error, flush=True)
    os._exit(0)  # as the processes of multiprocessing end
os.wait()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs processes that are copied")
def test_a_copy_of_a_process_is_refused_and_does_not_wait_for_ever():
    # a fit imports BlackJAX, and with it JAX begins; before, a copy is as good as its original
    refused, alike = (said_by_a_copy(begin) for begin in ("import dirimix.sampling.sampler", ""))
    assert refused.startswith("this process is a copy (fork) of one in which JAX had begun")
    assert "get_context('spawn')" in refused
    assert alike.startswith("model 'a' equals the observation at 3 of 3 rows")


def said_by_a_copy(begin: str) -> str:
    command = [sys.executable, "-W", "ignore", "-c", FORKED.format(begin=begin)]
    return subprocess.run(command, capture_output=True, text=True, timeout=100).stdout
