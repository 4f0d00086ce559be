"""The console script, and what an import does."""

import shutil
import subprocess
import sys
import sysconfig

import pytest
from conftest import SPEECH

import dac_rs


def run(*arguments, **options):
    """Runs a program and returns its result."""
    return subprocess.run(arguments, capture_output=True, text=True, timeout=120, **options)


def program():
    """Path of the console script of this environment."""
    path = shutil.which("dac-rs", path=sysconfig.get_path("scripts"))
    if path is None:
        pytest.skip("the package is not installed")
    return path


def test_the_console_script_is_the_program(tmp_path):
    dac = program()
    version = run(dac, "--version")
    assert version.returncode == 0 and dac_rs.__version__ in version.stdout
    encoded = run(dac, "encode", str(SPEECH), "--model", "tiny", "--output", str(tmp_path))
    assert encoded.returncode == 0, encoded.stderr
    assert dac_rs.Tokens.load(tmp_path / "librivox_austen.safetensors").n_codebooks == 9
    wrong = run(dac, "encode", "--no-such-option")
    assert wrong.returncode == 2 and "--no-such-option" in wrong.stderr
    missing = run(dac, "encode", "missing.wav", "--model", "tiny", "--output", str(tmp_path))
    assert missing.returncode == 2 and "missing.wav" in missing.stderr
    assert run(sys.executable, "-W", "ignore", "-m", "dac_rs", "--help").returncode == 0


def test_an_import_loads_only_numpy():
    code = (
        "import sys, warnings; warnings.simplefilter('ignore'); import dac_rs, dac_rs.hance, dac_rs.transformers, "
        "dac_rs.descript; print([m for m in ('torch', 'huggingface_hub', 'ray', 'datasets', 'tqdm', 'transformers', "
        "'pyarrow', 'safetensors') if m in sys.modules])"
    )
    found = run(sys.executable, "-c", code)
    assert (found.stdout.strip(), found.stderr) == ("[]", "")


def test_nothing_is_printed():
    code = (
        "import warnings; warnings.simplefilter('ignore'); import numpy as np, dac_rs; c = dac_rs.load('tiny'); "
        "c.decode(c.encode(np.zeros(5000, np.float32)))"
    )
    found = run(sys.executable, "-c", code)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")
