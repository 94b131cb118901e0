"""Where the grader can't run, and packages that it misses, are told in a sentence."""

import tomllib
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from grader.core.errors import UsageError
from grader.core.installation import (
    AT_LEAST,
    MARKER,
    is_students_copy,
    missing_package,
    require_packages,
    require_supported_system,
)

PROJECT = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_windows_is_refused_with_what_to_use_instead() -> None:
    with pytest.raises(UsageError, match="does not run on Windows itself") as caught:
        require_supported_system("win32")
    assert "WSL2" in caught.value.remedy
    require_supported_system("linux")
    require_supported_system("darwin")


def test_an_old_keras_is_named_with_the_command_that_mends_it() -> None:
    have = {"keras": "3.10.0", "jupyter-client": "7.4.9"}
    with pytest.raises(UsageError, match=r"has keras 3\.10\.0 and jupyter-client 7\.4\.9") as caught:
        require_packages(have.__getitem__)
    assert '%pip install --no-deps "keras>=3.15.1" "jupyter-client>=8.6"' in caught.value.remedy
    require_packages({"keras": "3.15.1", "jupyter-client": "8.10.0"}.__getitem__)


def test_a_missing_keras_is_said() -> None:
    def nothing(package: str) -> str:
        raise PackageNotFoundError(package)

    with pytest.raises(UsageError, match="has no keras and no jupyter-client"):
        require_packages(nothing)


def test_the_versions_are_those_that_the_package_asks_for() -> None:
    asked = {item.name: item for item in map(Requirement, PROJECT["dependencies"])}
    assert {name: str(asked[name].specifier) for name in AT_LEAST} == {
        name: f">={least}" for name, least in AT_LEAST.items()
    }


def test_a_module_that_is_not_installed_is_named_by_its_package() -> None:
    said = missing_package(ModuleNotFoundError("No module named 'PIL'", name="PIL.Image"))
    assert said is not None
    assert "`pillow`" in str(said)
    assert missing_package(ModuleNotFoundError("No module named 'grader.x'", name="grader.x")) is None


def test_a_copy_for_students_is_known_by_its_marker(tmp_path: Path) -> None:
    assert not is_students_copy()
    (tmp_path / "content").mkdir()
    (tmp_path / "content" / MARKER).write_text("")
    assert is_students_copy(tmp_path)
