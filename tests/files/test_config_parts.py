"""A configuration in several files: bases, parts, defaults, groups and approvals."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from guardian.core.plan import Approval, Mode, Unapproved
from guardian.files import config
from guardian.ports import ConfigError
from guardian.wiring import services
from guardian.wiring.journal_address import in_file

TOP = 'version: 1\nenvironment: production\naws: {account_id: "333333333333", region: us-east-1}\n'
API = "  api:\n    router: {type: none}\n    rules: [../rules/own.yaml]\n"
RULES = """version: 1
name: own
criteria:
  - name: error-rate
    ratio:
      bad: {namespace: Shop, metric: Failed}
      total: {namespace: Shop, metric: Requests}
      dimensions: {Version: "${canary}"}
    fail_if: {above: 5%}
"""


def load(root: Path, **files: str) -> config.Config:
    """`config/production.yaml` among other files; `__` in a name is a folder, `_` a dot."""
    (root / "rules").mkdir()
    (root / "rules" / "own.yaml").write_text(RULES, encoding="utf-8")
    for name, text in {"top": "", **files}.items():
        path = root / "config" / (name.replace("__", "/") + ".yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return config.load(root / "config" / "production.yaml", environ={})


def test_a_base_is_changed_key_by_key(tmp_path: Path) -> None:
    """Maps merge, lists and scalars replace, null removes."""
    loaded = load(
        tmp_path,
        base=TOP
        + "journal: sqlite:one.db\nservices:\n"
        + API
        + "    mode: observe\n    max_hold: 1h\n    steps: [{weight: 100%, bake: 5m}]\n",
        production="extends: base.yaml\njournal: null\nservices:\n  api:\n    mode: enforce\n"
        "    steps: [{weight: 50%, bake: 5m}, {weight: 100%, bake: 9m}]\n",
    )
    service = loaded.service("api")
    assert loaded.journal is None
    assert service.mode is Mode.ENFORCE
    assert [step.bake_s for step in service.steps] == [300, 540]
    assert service.policy.max_hold_s == 3600
    assert [file.name for file in loaded.files] == ["production.yaml", "base.yaml"]


def test_paths_start_at_the_file_that_names_them(tmp_path: Path) -> None:
    """Also where that file is a base or a part in another folder."""
    own = API.replace("../rules", "../../rules")
    loaded = load(
        tmp_path,
        common__base=TOP + "journal: sqlite:one.db\nservices:\n" + own,
        production="extends: common/base.yaml\n",
    )
    assert in_file(loaded) == f"sqlite:{tmp_path / 'config' / 'common' / 'one.db'}"
    (criterion,) = services.service_criteria(loaded, "api").criteria
    assert criterion.name == "error-rate"


def test_included_files_bring_services_and_groups(tmp_path: Path) -> None:
    """Each value keeps the file and the line that it came from."""
    own = API.replace("../rules", "../../rules")
    loaded = load(
        tmp_path,
        **{"services.d__worker": "services:\n" + own.replace("api:", "worker:")},
        **{"services.d__web": "services:\n" + own.replace("api:", "web:")},
        production=TOP
        + "include: services.d/*.yaml\nservices:\n"
        + API
        + "groups:\n  platform: {services: [worker, api], rollback: together}\n",
    )
    assert sorted(loaded.services) == ["api", "web", "worker"]
    assert loaded.groups == {"platform": ("worker", "api")}
    assert [loaded.service(n).group for n in ("api", "web", "worker")] == [
        "platform",
        "",
        "platform",
    ]
    mark = loaded.document.mark(("services", "web", "router"))
    assert (Path(mark.source.path).name, mark.line) == ("web.yaml", 3)


def test_a_base_may_be_named_by_its_whole_path(tmp_path: Path) -> None:
    """Below the same folder, as a rule file may."""
    base = tmp_path / "config" / "base.yaml"
    loaded = load(tmp_path, base=TOP + "services:\n" + API, production=f"extends: {base}\n")
    assert sorted(loaded.services) == ["api"]


def test_a_base_is_one_file_and_no_wildcard(tmp_path: Path) -> None:
    """Which of several would be meant is not guessed."""
    with pytest.raises(ConfigError, match=r"there is no such file: \S+base\*\.yaml"):
        load(tmp_path, base=TOP + "services:\n" + API, production='extends: "base*.yaml"\n')


def test_a_wildcard_leaves_no_service_out(tmp_path: Path) -> None:
    """Only of rule files are there tests beside them, by the ending of their names."""
    api = "services:\n" + API.replace("../rules", "../../rules")
    parts = {"services.d__api.test": api}
    production = TOP + "include: services.d/*.yaml\nservices: {}\n"
    assert sorted(load(tmp_path, **parts, production=production).services) == ["api"]


def test_defaults_hold_for_every_service_that_says_nothing_else(tmp_path: Path) -> None:
    """Any key of a service may be a default; null takes one away."""
    loaded = load(
        tmp_path,
        production=TOP
        + "defaults:\n  rules: [../rules/own.yaml]\n  mode: observe\n  max_hold: 1h\n"
        "  vars: {}\n  steps: [{weight: 100%, bake: 5m}]\n"
        "services:\n  api: {router: {type: none}}\n"
        "  web: {router: {type: none}, mode: enforce, max_hold: null, steps: []}\n",
    )
    api, web = loaded.service("api"), loaded.service("web")
    assert (api.mode, web.mode) == (Mode.OBSERVE, Mode.ENFORCE)
    assert (api.policy.max_hold_s, web.policy.max_hold_s) == (3600, 4 * 3600)
    assert (len(api.steps), len(web.steps)) == (1, 0)


def test_approvals_stand_before_steps(tmp_path: Path) -> None:
    """One or several, with their time-outs; a day and an abort where nothing is said."""
    steps = "    steps: [{weight: 50%, bake: 5m}, {weight: 100%, bake: 5m}]\n"
    loaded = load(
        tmp_path,
        production=TOP
        + "services:\n"
        + API
        + steps
        + "    approval: [{before: step 2, timeout: 2h, on_timeout: hold}, {before: start}]\n"
        + API.replace("api:", "web:")
        + "    approval: {before: start}\n",
    )
    hours = Approval(before_step=1, timeout_s=7200, on_timeout=Unapproved.HOLD)
    assert loaded.service("api").approvals == (Approval(before_step=0), hours)
    assert loaded.service("web").approvals == (Approval(before_step=0),)


def test_an_entry_of_notify_may_be_for_some_services_alone(tmp_path: Path) -> None:
    """Routing by service, beside routing by event."""
    loaded = load(
        tmp_path,
        production=TOP
        + "services:\n"
        + API
        + API.replace("api:", "web:")
        + "notify:\n  - {to: console}\n  - {to: console, services: [web], on: [rolled_back]}\n",
    )
    assert [(receiver.name, receiver.services) for receiver in loaded.receivers] == [
        ("console", None),
        ("console-2", frozenset({"web"})),
    ]


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("../../../../../**/*.yaml", "lies outside the configuration's folder"),
        ("../../*.yaml", "lies outside the configuration's folder"),
        ("**/*.yaml", "stands for names of files in one folder"),
        ("../*/*.yaml", "stands for names of files in one folder"),
    ],
)
def test_a_wildcard_is_looked_at_before_the_disk_is(tmp_path: Path, pattern: str, why: str) -> None:
    """It names the files of one folder below the root: nothing else is ever listed."""
    walked: list[str] = []
    text = f'version: 1\ninclude: "{pattern}"\nservices: {{}}\n'
    (tmp_path / "config").mkdir()
    path = tmp_path / "config" / "production.yaml"
    path.write_text(text)
    listening = True

    def heard(event: str, arguments: tuple[object, ...]) -> None:
        looked = listening and event in ("os.listdir", "os.scandir")
        if looked and "site-packages" not in str(arguments[0]):  # where modules are looked for
            walked.append(str(arguments[0]))

    sys.addaudithook(heard)
    found = config.usable(path, environ={})
    listening = False
    assert why in found.trouble
    assert walked == []
