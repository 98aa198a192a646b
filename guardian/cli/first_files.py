"""The files that `guardian init` writes: short, commented, and valid as they are."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

CONFIG: Final = Path("config/production.yaml")
RULES: Final = Path("rules/production.yaml")
WORKFLOW: Final = Path(".github/workflows/guardian.yml")
_PLAIN: Final = re.compile(r"[A-Za-z][A-Za-z0-9_-]*")
_WORDS: Final = frozenset({"null", "true", "false", "yes", "no", "on", "off", "y", "n"})


def files(answers: Mapping[str, str], *, workflow: bool) -> dict[Path, str]:
    """Each file's text by its path, in the order in which they are read.

    The answers: service, function, alias, account and region.
    """
    found = {CONFIG: _filled(_CONFIG, answers), RULES: _filled(_RULES, answers)}
    if workflow:
        found[WORKFLOW] = _filled(_WORKFLOW, answers)
    return found


def _filled(text: str, answers: Mapping[str, str]) -> str:
    """A template with its answers: `@name@` as a YAML value, `@@name@@` as it is."""
    for name, value in answers.items():
        text = text.replace(f"@@{name}@@", value).replace(f"@{name}@", _scalar(value))
    return text


def _scalar(text: str) -> str:
    """A YAML value that is this text, and no number, truth or absence."""
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text)


_CONFIG = """\
# What guardian guards, where, and how a new version goes live: docs/config.md has every key.
version: 1
environment: production
aws:
  account_id: @account@ # guardian refuses to act anywhere else
  region: @region@

services:
  @service@:
    router: {type: lambda_alias, function: @function@, alias: @alias@}
    rules: [../rules/production.yaml]
    # For `guardian rollout start`: the canary's share of traffic, and how long it must be healthy.
    steps:
      - {weight: 10%, bake: 10m}
      - {weight: 50%, bake: 10m}
      - {weight: 100%, bake: 30m}

# Who is told. The Slack token is read from GUARDIAN_SLACK_TOKEN, never from here.
# notify:
#   - {to: slack, channel: "#deployments", on: all}
#   - to: pagerduty
#     routing_key: {env: GUARDIAN_PAGERDUTY_ROUTING_KEY}
#     on: [rolled_back, stuck, blind, superseded]
"""

_RULES = """\
# When a release is taken back. `guardian rules lint rules/` checks this file: docs/rule-files.md.
version: 1
name: production
description: When a production release is taken back.
defaults: {period: 1m}

criteria:
  - name: crash-rate
    description: Invocations that throw or time out. A returned HTTP 500 is not one of them.
    ratio:
      bad:   {namespace: AWS/Lambda, metric: Errors}
      total: {namespace: AWS/Lambda, metric: Invocations}
      dimensions:
        FunctionName: "${router.function}"
        Resource: "${router.function}:${router.alias}"
        ExecutedVersion: "${canary}"
    fail_if: {above: 5%}

  - name: duration-p95
    description: One invocation in twenty takes longer.
    latency:
      percentile: 95
      metric: {namespace: AWS/Lambda, metric: Duration}
      dimensions:
        FunctionName: "${router.function}"
        Resource: "${router.function}:${router.alias}"
        ExecutedVersion: "${canary}"
    fail_if: {above: 10s}

  # Requests that your users see fail: the best criterion there is, once your code counts them with
  # its version as a dimension (in a Lambda function, AWS_LAMBDA_FUNCTION_VERSION).
  # - name: error-rate
  #   description: API requests that fail.
  #   ratio:
  #     bad:   {namespace: MyProduct/Api, metric: FailedRequests}
  #     total: {namespace: MyProduct/Api, metric: Requests}
  #     dimensions: {Version: "${canary}"}
  #   fail_if: {above: 5%}
"""

_WORKFLOW = """\
# Deploys, and watches what was deployed: a breach puts the version before it back.
#
# Variables of the repository (Settings, Variables) that it needs:
#   DEPLOY_ROLE_ARN      a role in account @@account@@ that trusts this repository's OIDC tokens,
#                        may deploy, has the permissions that guardian's README lists, and lets a
#                        session last 90 minutes
#   GUARDIAN_REPOSITORY  owner/name of the repository that guardian is installed from
#   GUARDIAN_REF         the full commit there that you trust
name: guardian
on:
  workflow_dispatch:
permissions: {}
concurrency:
  group: guardian-production
  cancel-in-progress: false

jobs:
  deploy:
    name: Deploy and watch
    runs-on: ubuntu-latest
    environment: production
    timeout-minutes: 90
    permissions:
      contents: read
      id-token: write # for the role
    env:
      # The snapshot and the watch share it within this job.
      GUARDIAN_JOURNAL: sqlite:/tmp/guardian/guardian.db
    steps:
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          persist-credentials: false
      - uses: actions/setup-python@a26af69be951a213d495a4c3e4e4022e16d87065 # v5.6.0
        with:
          python-version: "3.12"
      - uses: actions/checkout@11bd71901bbe5b1630ceea73d27597364c9af683 # v4.2.2
        with:
          repository: ${{ vars.GUARDIAN_REPOSITORY }}
          ref: ${{ vars.GUARDIAN_REF }}
          path: .guardian
          persist-credentials: false
      - run: pip install ./.guardian
      - name: Become the role that deploys
        # v4.2.1
        uses: aws-actions/configure-aws-credentials@b47578312673ae6fa5b5096b330d9fbac3d116df
        with:
          role-to-assume: ${{ vars.DEPLOY_ROLE_ARN }}
          role-duration-seconds: 5400
          aws-region: @region@

      - name: Record what is live, so that there is something to go back to
        run: guardian snapshot @@service@@

      - name: Deploy
        run: npx cdk deploy --require-approval never # yours, whatever it is

      - name: Watch it
        run: guardian watch @@service@@ --duration 30m -o github --junit guardian.xml

      - name: Keep the report
        if: always()
        uses: actions/upload-artifact@ea165f8d65b6e75b540449e92b4886f43607fa02 # v4.6.2
        with:
          name: guardian
          path: guardian.xml
          if-no-files-found: ignore
"""
