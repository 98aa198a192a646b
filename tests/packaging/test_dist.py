"""`make dist`: the same bytes each time, whole, and at work in an empty environment."""

from __future__ import annotations

import email
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from guardian import __version__
from tests.tooling import ROOT, tool

OURS = {"pip", "setuptools"}
"""Of the environment here, and not of a release's, which has no pip."""
NAME = f"rollout_guardian-{__version__}"


def run(*command: str | Path, folder: Path = ROOT, **environ: str) -> str:
    """A program's output; what it says when it fails is the test's failure."""
    ran = subprocess.run(
        [str(word) for word in command],
        cwd=folder,
        env={**os.environ, **environ},
        capture_output=True,
        text=True,
        timeout=250,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def clone(folder: Path) -> Path:
    """The commit that is checked out here, as somebody else gets it."""
    run("git", "clone", "--quiet", "--no-hardlinks", ROOT, folder)
    return folder


def built(source: Path, out: Path, **environ: str) -> dict[str, Path]:
    """The two files by their endings."""
    run("sh", source / "release" / "dist.sh", sys.executable, out, folder=source, **environ)
    return {path.suffix: path for path in sorted(out.iterdir())}


def sums(files: Mapping[str, Path]) -> dict[str, str]:
    """Names and hashes."""
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in files.values()}


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The sdist and the wheel of this commit."""
    return built(ROOT, tmp_path_factory.mktemp("dist"))


def test_two_builds_have_the_same_bytes(
    files: Mapping[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """In another clone, with other times of files, another umask, another zone and locale."""
    folder = tmp_path_factory.mktemp("again")
    old = os.umask(0o077)
    try:
        source = clone(folder / "elsewhere")
    finally:
        os.umask(old)
    (source / "stray.py").write_text("left lying about\n", encoding="utf-8")
    again = built(source, folder / "out", TZ="Asia/Tokyo", LC_ALL="C", PYTHONHASHSEED="7")
    assert sums(again) == sums(files)
    assert sorted(sums(files)) == [f"{NAME}-py3-none-any.whl", f"{NAME}.tar.gz"]


def test_the_sdist_is_the_commit_whole(files: Mapping[str, Path]) -> None:
    """Licence, rules, documents and tests: whoever packages it again can try it, too."""
    tracked = run("git", "ls-tree", "-r", "--name-only", "HEAD").splitlines()
    with tarfile.open(files[".gz"]) as archive:
        members = archive.getmembers()
    inside = {member.name.removeprefix(f"{NAME}/") for member in members if member.isfile()}
    assert inside == {*tracked, "PKG-INFO"}
    assert {"LICENSE", "rules/presets/lambda.yaml", "tests/packaging/test_dist.py"} <= inside
    epoch = int(run("git", "log", "-1", "--format=%ct"))
    assert {member.mtime for member in members} == {epoch}
    assert {(member.uid, member.gid, member.uname) for member in members} == {(0, 0, "")}


def test_the_wheel_holds_the_package_and_what_it_reads(files: Mapping[str, Path]) -> None:
    """The code, types, shipped rules and licence; neither tests nor anybody's files."""
    with zipfile.ZipFile(files[".whl"]) as archive:
        names = set(archive.namelist())
        metadata = email.message_from_bytes(archive.read(f"{NAME}.dist-info/METADATA"))
        entry_points = archive.read(f"{NAME}.dist-info/entry_points.txt").decode()
    assert {name.split("/")[0] for name in names} == {"guardian", f"{NAME}.dist-info"}
    tracked = run("git", "ls-tree", "-r", "--name-only", "HEAD", "guardian/").splitlines()
    shipped = {name for name in names if name.startswith("guardian/shipped/")}
    assert {n for n in names if n.startswith("guardian/")} == {*tracked, *shipped}
    rules = run("git", "ls-tree", "-r", "--name-only", "HEAD", "rules/").splitlines()
    assert {f"guardian/shipped/{name}" for name in rules} <= shipped
    assert {"guardian/py.typed", f"{NAME}.dist-info/licenses/LICENSE"} <= names
    assert "guardian = guardian.__main__:main" in entry_points
    assert (metadata["Name"], metadata["License-Expression"]) == ("rollout-guardian", "Apache-2.0")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    wanted = metadata.get_all("Requires-Dist") or []
    assert len(wanted) == len(project["dependencies"])


def pip_of(home: Path) -> tuple[str | Path, ...]:
    """The pip of an environment, as far as its command."""
    return (home / "bin" / "python", "-m", "pip", "--disable-pip-version-check", "--quiet")


@pytest.fixture
def empty() -> Path:
    """An environment with the runtime's hashed requirements, and nothing of guardian."""
    home = ROOT / ".venv" / "packaging" / "dist"
    if not (home / "brought").exists():
        pytest.skip("the runtime's requirements are not installed: `make packaging` says why")
    run(*pip_of(home), "uninstall", "--yes", "rollout-guardian")
    return home


def test_the_wheel_works_where_only_its_requirements_are(
    files: Mapping[str, Path], empty: Path, tmp_path: Path
) -> None:
    """Installed without asking anybody, complete by pip's word, and both stories of the demo."""
    bare = {"PYTHONPATH": "", "PYTHONSAFEPATH": "1"}
    python, guardian = empty / "bin" / "python", empty / "bin" / "guardian"
    run(*pip_of(empty), "install", "--no-deps", "--no-index", files[".whl"])
    run(*pip_of(empty), "check")
    where = run(python, "-c", "import guardian; print(guardian.__file__)", folder=tmp_path, **bare)
    assert Path(where.strip()).is_relative_to(empty)
    told = run(guardian, "version", folder=tmp_path, **bare)
    assert told.startswith(f"guardian {__version__} ")
    told = run(guardian, "demo", "--speed", "300", folder=tmp_path, **bare)
    assert "exit codes: 0 (healthy) and 4" in told


@pytest.fixture
def bills(files: Mapping[str, Path], empty: Path, tmp_path: Path) -> list[bytes]:
    """Two of them."""
    cyclonedx = tool("cyclonedx-py", by="make packaging")
    run(*pip_of(empty), "install", "--no-deps", "--no-index", files[".whl"])
    found = [tmp_path / "one.json", tmp_path / "two.json"]
    for file in found:
        run("sh", "release/sbom.sh", empty / "bin" / "python", cyclonedx, file)
    return [file.read_bytes() for file in found]


def test_the_bill_of_materials_lists_what_is_installed(bills: list[bytes]) -> None:
    """Each requirement with its version, and a licence; guardian at the root, with its own."""
    assert bills[0] == bills[1]
    bill: dict[str, Any] = json.loads(bills[0])
    root = bill["metadata"]["component"]
    assert (root["name"], root["version"]) == ("rollout-guardian", __version__)
    listed = {c["name"].lower().replace("_", "-"): c for c in bill["components"]}
    text = Path(ROOT / "requirements" / "runtime.txt").read_text("utf-8")
    pinned = dict(re.findall(r"^([\w.-]+)==([\w.]+) *\\?$", text, flags=re.MULTILINE))
    found = {name.replace(".", "-"): c["version"] for name, c in listed.items()}
    assert {n: v for n, v in found.items() if n not in OURS} == {
        name.lower().replace(".", "-"): version for name, version in pinned.items()
    }
    assert [name for name, c in listed.items() if not c.get("licenses")] == []
    needed = {entry["ref"]: entry.get("dependsOn", []) for entry in bill["dependencies"]}
    assert len(needed[root["bom-ref"]]) >= 9
