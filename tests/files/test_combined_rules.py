"""`extends` and `include`: rule files made of others, with every error where it stands."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from guardian.core.model import Criterion, OnFail
from guardian.files import rules
from guardian.files.rules import lint
from guardian.ports import ConfigError
from tests.files.nodes import node_of

RATIO = """\
    ratio:
      bad:   {namespace: Shop/Api, metric: Failed}
      total: {namespace: Shop/Api, metric: Requests}
      dimensions: {Version: "${canary}"}
"""


def head(name: str, *more: str) -> str:
    """The first lines of a rule file."""
    return "".join(f"{line}\n" for line in ("version: 1", f"name: {name}", *more))


def criterion(name: str, limit: str = "5%", *more: str) -> str:
    """One ratio."""
    lines = "".join(f"    {line}\n" for line in more)
    return f"  - name: {name}\n{RATIO}    fail_if: {{above: {limit}}}\n{lines}"


BASE = (
    head("base", "defaults: {sustain: 3, warm_up: 1m}", "vars: {stage: {description: which}}")
    + "criteria:\n"
    + criterion("error-rate", "5%", "min_samples: 40", "on_fail: hold")
    + criterion("failures", "10%")
)


def write(folder: Path, files: Mapping[str, str]) -> Path:
    """Rule files in a folder `rules` of their own."""
    for name, text in files.items():
        path = folder / "rules" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder / "rules"


def load(folder: Path, files: Mapping[str, str]) -> dict[str, Criterion]:
    """What `own.yaml` comes to."""
    found = rules.load(["own.yaml"], base=write(folder, files))
    return {c.name: c for c in found.criteria}


def refused(folder: Path, files: Mapping[str, str]) -> str:
    """What is wrong with `own.yaml`, paths as from the folder."""
    with pytest.raises(ConfigError) as raised:
        load(folder, files)
    return str(raised.value).replace(f"{folder / 'rules'}/", "").replace(str(folder), ".")


# --- extends -----------------------------------------------------------------------------------


def test_criteria_of_one_name_merge_and_new_ones_come_last(tmp_path: Path) -> None:
    """Maps merge, scalars replace, null removes, a limit is replaced whole."""
    own = (
        head("own", "extends: base.yaml", "defaults: {sustain: 5}")
        + "criteria:\n  - name: error-rate\n    fail_if: {at_or_above: 2%}\n    min_samples: null\n"
        + criterion("own-rate")
    )
    found = load(tmp_path, {"base.yaml": BASE, "own.yaml": own})
    assert list(found) == ["error-rate", "failures", "own-rate"]
    changed = found["error-rate"]
    assert str(changed.fail_if) == "at or above 2%"
    assert (changed.on_fail, changed.min_samples) == (OnFail.HOLD, 150)
    assert [c.sustain for c in found.values()] == [5, 5, 5]
    assert {c.warm_up_s for c in found.values()} == {60.0}


def test_a_file_that_extends_needs_no_criteria_of_its_own(tmp_path: Path) -> None:
    """Also a preset can be extended, and a criterion of it turned off."""
    own = head("own", "extends: preset:lambda")
    assert list(load(tmp_path, {"own.yaml": own})) == ["lambda-crash-rate", "lambda-duration-p95"]
    off = own + "criteria:\n  - {name: lambda-crash-rate, enabled: false}\n"
    assert list(load(tmp_path, {"own.yaml": off})) == ["lambda-duration-p95"]


def test_what_is_wrong_is_shown_in_the_file_that_says_it(tmp_path: Path) -> None:
    """The base's mistakes in the base, the file's own in the file."""
    base = BASE.replace("above: 10%", "above: 10")
    own = head("own", "extends: base.yaml") + "criteria:\n  - name: error-rate\n    warmup: 2m\n"
    said = refused(tmp_path, {"base.yaml": base, "own.yaml": own})
    assert "base.yaml:19:22: a share needs its percent sign: write 10%\n    19 |" in said
    assert "own.yaml:6:5: unknown key 'warmup' (did you mean 'warm_up'?)\n    6 |" in said


def test_overrides_and_variables_reach_what_is_inherited(tmp_path: Path) -> None:
    """A service changes a criterion wherever it stands."""
    own = head("own", "extends: base.yaml")
    folder = write(tmp_path, {"base.yaml": BASE, "own.yaml": own})
    over = node_of({"error-rate": {"fail_if": {"above": "1%"}}}, "override")
    found = rules.load(["own.yaml"], base=folder, variables={"stage": "live"}, overrides=over)
    assert str(found.criteria[0].fail_if) == "above 1%"
    with pytest.raises(ConfigError, match=r"base.yaml:4:8: the service 'api' does not set"):
        rules.load(["own.yaml"], base=folder, variables={}, service="api")


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"own.yaml": "extends: none.yaml"}, "own.yaml:3:10: there is no such file: none.yaml"),
        ({"own.yaml": "extends: own.yaml"}, "own.yaml:3:10: a file cannot extend itself"),
        ({"own.yaml": "extends: ../../x.yaml"}, "'../../x.yaml' lies outside"),
        ({"own.yaml": "extends: [base.yaml]"}, "own.yaml:3:10: expected text, found a list"),
        ({"own.yaml": "extends: preset:lamda"}, "(did you mean 'lambda'?)"),
        (
            {"own.yaml": "extends: a.yaml", "a.yaml": "extends: own.yaml"},
            "own.yaml:3:10: 'a.yaml' has an extends of its own: one level is allowed",
        ),
        (
            {"own.yaml": "extends: a.yaml", "a.yaml": "include: [own.yaml]"},
            "own.yaml:3:10: 'a.yaml' has an include of its own: one level is allowed",
        ),
    ],
)
def test_a_base_that_cannot_be_is_refused(
    tmp_path: Path, files: Mapping[str, str], said: str
) -> None:
    """Missing, itself, outside, or with a base of its own."""
    whole = {name: head(name.removesuffix(".yaml"), line) for name, line in files.items()}
    assert said in refused(tmp_path, whole)


def test_a_base_that_is_not_yaml_is_shown_where_it_is_wrong(tmp_path: Path) -> None:
    """Its own line, and nothing that follows from it."""
    own = head("own", "extends: base.yaml") + "criteria:\n" + criterion("a")
    said = refused(tmp_path, {"base.yaml": "version: [1\n", "own.yaml": own})
    assert "base.yaml:2:1: this is not valid YAML" in said
    said = refused(tmp_path, {"base.yaml": "- a\n", "own.yaml": own})
    assert "own.yaml:3:10: 'base.yaml' is no rule file: it must be a mapping" in said


# --- include -----------------------------------------------------------------------------------


def test_included_files_add_their_criteria_in_order(tmp_path: Path) -> None:
    """Each with its own defaults; wildcards in alphabetical order, tests of rules left out."""
    files = {
        "own.yaml": head("own", "include: [z.yaml, more/*.yaml, preset:lambda]")
        + "criteria:\n"
        + criterion("own-rate"),
        "z.yaml": BASE,
        "more/b.yaml": head("b") + "criteria:\n" + criterion("rate-b"),
        "more/a.yaml": head("a") + "criteria:\n" + criterion("rate-a"),
        "more/a.test.yaml": "nonsense",
    }
    found = load(tmp_path, files)
    assert list(found) == [
        "own-rate",
        "error-rate",
        "failures",
        "rate-a",
        "rate-b",
        "lambda-crash-rate",
        "lambda-duration-p95",
    ]
    assert (found["own-rate"].sustain, found["failures"].sustain) == (2, 3)


def test_a_file_may_consist_of_includes_alone(tmp_path: Path) -> None:
    """But not of nothing."""
    files = {"own.yaml": head("own", "include: [base.yaml]"), "base.yaml": BASE}
    assert list(load(tmp_path, files)) == ["error-rate", "failures"]
    said = refused(tmp_path, {"own.yaml": head("own")})
    assert said.startswith("own.yaml:1:1: the key 'criteria' is missing")


def test_a_name_stands_once_among_all_files(tmp_path: Path) -> None:
    """An include adds and does not change: that is what extends is for."""
    own = head("own", "include: [base.yaml]") + "criteria:\n" + criterion("failures")
    said = refused(tmp_path, {"own.yaml": own, "base.yaml": BASE})
    assert "base.yaml:14:11: a criterion 'failures' stands in " in said
    assert "own.yaml:5 already: rename one of them" in said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("[none.yaml]", "own.yaml:3:11: there is no such file: none.yaml"),
        ("[own.yaml]", "own.yaml:3:11: a file cannot include itself"),
        ("['*.yaml']", "own.yaml:3:11: a file cannot include itself"),
        ("[more/*.yaml]", "own.yaml:3:11: no rule file is called like 'more/*.yaml'"),
        ("['../../*/*.yaml']", "own.yaml:3:11: '../../*/*.yaml' lies outside"),
        ("['**/*.yaml']", "own.yaml:3:11: a wildcard (* or ?) stands for names in one folder"),
        ("[base.yaml, base.yaml]", "own.yaml:3:22: 'base.yaml' is included twice"),
        ("base.yaml", "own.yaml:3:10: expected a list, found 'base.yaml'"),
        ("[chain.yaml]", "'chain.yaml' has an include of its own: one level is allowed"),
    ],
)
def test_an_include_that_cannot_be_is_refused(tmp_path: Path, written: str, said: str) -> None:
    """Missing, itself, outside, twice, or with includes of its own."""
    files = {
        "own.yaml": head("own", f"include: {written}") + "criteria:\n" + criterion("own-rate"),
        "base.yaml": BASE,
        "chain.yaml": head("chain", "include: [base.yaml]"),
    }
    assert said in refused(tmp_path, files)


def test_what_is_no_file_is_not_called_missing(tmp_path: Path) -> None:
    """A pipe or a folder where a file should be: it is there, and cannot be read."""
    folder = write(tmp_path, {"base.yaml": BASE})
    os.mkfifo(folder / "pipe.yaml")
    (folder / "folder.yaml").mkdir()
    for name in ("pipe.yaml", "folder.yaml"):
        own = {"own.yaml": head("own", f"extends: {name}")}
        said = refused(tmp_path, own)
        assert f"own.yaml:3:10: this is not a file that can be read: {name}" in said


def test_a_link_cannot_lead_out_of_the_configurations_folder(tmp_path: Path) -> None:
    """What counts is where a path leads."""
    root = tmp_path / "root"
    own = head("own", "include: [link.yaml]") + "criteria:\n" + criterion("own-rate")
    folder = write(root, {"own.yaml": own})
    (tmp_path / "secret.yaml").write_text(BASE, encoding="utf-8")
    (folder / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    with pytest.raises(ConfigError, match="lies outside"):
        rules.load(["own.yaml"], base=folder, root=root)
    assert "lies outside" in rules.lint([folder / "own.yaml"]).findings[0].message


def test_lint_says_each_thing_once(tmp_path: Path) -> None:
    """Also of a file that is included by another and lies in the same folder."""
    files = {
        "own.yaml": head("own", "include: [base.yaml]"),
        "base.yaml": BASE.replace("10%", "10"),
    }
    report = lint([write(tmp_path, files)])
    assert [f.message for f in report.findings] == ["a share needs its percent sign: write 10%"]


def test_a_large_base_with_many_changes_is_combined_at_once(tmp_path: Path) -> None:
    """Combining takes time in proportion to what there is, not to its square."""
    names = [f"rate-{n}" for n in range(300)]
    base = head("base") + "criteria:\n" + "".join(map(criterion, names))
    own = head("own", "extends: base.yaml") + "criteria:\n"
    own += "".join(f"  - {{name: {name}, fail_if: {{above: 1%}}}}\n" for name in names)
    found = load(tmp_path, {"base.yaml": base, "own.yaml": own})
    assert {str(c.fail_if) for c in found.values()} == {"above 1%"}
