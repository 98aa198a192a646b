"""Credentials that somebody renews in a file while the daemon runs."""

from __future__ import annotations

from pathlib import Path

from tests.cli.stage import SERVICE
from tests.cli.theatre import BAD, theatre

PROFILE = "[default]\naws_access_key_id = {}\naws_secret_access_key = secret\n"


def test_a_bad_canary_goes_back_with_the_credentials_that_were_renewed(tmp_path: Path) -> None:
    """The old key is refused for good from the first weight on; the file holds the next one."""
    with theatre(tmp_path) as t:
        t.stage.simulator.traffic.behave(SERVICE, "42", BAD)
        file = tmp_path / "credentials"
        file.write_text(PROFILE.format("AKIAFIRST"))
        t.daemon(
            AWS_ACCESS_KEY_ID="", AWS_SECRET_ACCESS_KEY="", AWS_SHARED_CREDENTIALS_FILE=str(file)
        )
        t.serves()
        t.begin(SERVICE)
        t.wait_for("the first weight", lambda: t.alias(SERVICE).weights)
        t.stage.simulator.expire("AKIAFIRST")
        file.write_text(PROFILE.format("AKIASECOND"))
        t.wait_phase(SERVICE, "rolled_back", 90)
        assert (t.alias(SERVICE).version, t.alias(SERVICE).weights) == ("41", {})
