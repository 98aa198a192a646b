"""Stable is deleted while a daemon drives a rollout: the page, and the way out that it names."""

from __future__ import annotations

from pathlib import Path

from tests.cli.stage import SERVICE
from tests.cli.theatre import theatre


def test_a_stable_that_is_deleted_is_paged_with_a_way_out(tmp_path: Path) -> None:
    """A deploy removed it: people hear of it before they need it, and the named way works."""
    with theatre(tmp_path) as t:
        aliases = t.stage.simulator.aliases
        aliases.publish(SERVICE, "40")
        t.daemon()
        t.serves()
        t.begin(SERVICE)
        t.wait_phase(SERVICE, "baking")
        aliases.delete_version(SERVICE, "41")
        t.wait_for("the entry", lambda: "WayBackSeen" in t.entries(SERVICE))
        t.told()
        opened = [e.data["key"] for e in t.stage.events("pagerduty.trigger")]
        assert [key.rpartition("/")[2] for key in opened] == ["no_way_back"]
        assert t.rollout(SERVICE).way_back.older == "40"
        ended = t.stage.run("rollback", SERVICE, "--to", "40", "--yes")
        assert (ended.code, t.alias(SERVICE).version) == (0, "40"), ended.out + ended.err
        t.told()
        assert opened[0] in {e.data["key"] for e in t.stage.events("pagerduty.resolve")}
