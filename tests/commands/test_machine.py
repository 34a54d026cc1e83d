"""The commands about the installation: models, doctor, completion."""

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from segalgo import models, verify
from segalgo.cli import main
from segalgo.commands import doctor


def run(*arguments):
    return CliRunner().invoke(main, list(arguments))


def test_models_are_listed_with_their_licences():
    result = run("models")
    assert result.exit_code == 0
    for name, record in models.available().items():
        assert name in result.output
        assert record["licence"] in result.output
    listed = json.loads(run("models", "--json").output)
    assert set(listed) == set(models.available())
    assert all(row["bytes"] > 100_000 and row["licence"] and row["classes"] for row in listed.values())


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_name_the_command(shell, monkeypatch):
    if shell == "bash":
        monkeypatch.setattr("click.shell_completion.BashComplete._check_version", lambda *_: None)
    result = run("completion", shell)
    assert result.exit_code == 0
    assert "_SEGALGO_COMPLETE" in result.output
    assert "segalgo" in result.output


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("segalgo seg", ["segment"]),
        ("segalgo segment --method tri", ["triangle"]),
        ("segalgo segment --model unet", [name for name in models.available() if name.startswith("unet")]),
        ("segalgo verify --op max_", [name for name in verify.operations() if name.startswith("max_")]),
    ],
)
def test_completion_answers(words, expected):
    environment = {**os.environ, "COMP_WORDS": words, "COMP_CWORD": str(len(words.split()) - 1)}
    environment["_SEGALGO_COMPLETE"] = "bash_complete"
    program = "import sys; sys.argv[0] = 'segalgo'; from segalgo.cli import main; main(prog_name='segalgo')"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert [line.split(",")[1] for line in done.stdout.splitlines()] == expected, done.stderr


def test_doctor_names_every_part():
    result = run("doctor")
    for part in ("NumPy", "compiled kernels", "simulated device", "NVIDIA driver", "NVRTC", "CuPy"):
        assert part in result.output


def states(**packages):
    """Return what the doctor says of CuPy beside these packages."""
    return doctor._cupy({name.replace("_", "-"): version for name, version in packages.items()}, 12040)


def test_doctor_sees_two_packages_of_cupy():
    found = states(cupy_cuda11x="13.0", cupy_cuda12x="13.0")
    assert found.state == "clashes"
    assert "cupy-cuda11x 13.0" in found.detail
    assert found.remedy.startswith("pip uninstall cupy-cuda11x cupy-cuda12x")


def test_doctor_sees_a_driver_that_is_too_old():
    found = states(cupy_cuda13x="13.6")
    assert found.state == "clashes"
    assert "up to 12.4" in found.detail


def test_doctor_names_the_extra_of_the_driver():
    assert states().remedy == "pip install segalgo[cuda12]"
    assert doctor._cupy({}, 13000).remedy == "pip install segalgo[cuda13]"
    assert not doctor._cupy({}, None).remedy


def test_doctor_ends_with_1_where_something_clashes(monkeypatch):
    clash = doctor.Diagnosis("CuPy", doctor.CLASHES, "two of them", "pip uninstall one")
    monkeypatch.setattr(doctor, "diagnoses", lambda: iter([clash]))
    result = run("doctor")
    assert result.exit_code == 1
    assert "-> pip uninstall one" in result.output


def test_doctor_reports_a_wrong_instruction_set():
    environment = {**os.environ, "SEGALGO_INSTRUCTION_SET": "x86-64-v9"}
    program = "from segalgo.cli import main; main(['doctor'])"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "x86-64-v9" in done.stdout
    assert "-> unset SEGALGO_INSTRUCTION_SET" in done.stdout
