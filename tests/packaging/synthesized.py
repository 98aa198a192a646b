"""The CDK example's templates, as its own locked packages synthesize them without a network."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.tooling import ROOT, tool

APP = ROOT / "examples" / "cdk"


@dataclass(frozen=True)
class Templates:
    """What `cdk synth` wrote for one context."""

    folder: Path

    def __getitem__(self, stack: str) -> dict[str, Any]:
        """A stack's template."""
        text = (self.folder / f"{stack}.template.json").read_text("utf-8")
        found: dict[str, Any] = json.loads(text)
        return found

    def of(self, stack: str, kind: str) -> dict[str, dict[str, Any]]:
        """A stack's resources of a type, by logical id."""
        resources: Mapping[str, dict[str, Any]] = self[stack]["Resources"]
        return {name: found for name, found in resources.items() if found["Type"] == kind}

    def one(self, stack: str, kind: str) -> dict[str, Any]:
        """The only resource of a type."""
        (found,) = self.of(stack, kind).values()
        return found

    def containers(self) -> dict[str, dict[str, Any]]:
        """The task's containers by name."""
        task = self.one("Guardian", "AWS::ECS::TaskDefinition")["Properties"]
        return {found["Name"]: found for found in task["ContainerDefinitions"]}


class App:
    """A copy of the example on a machine without AWS credentials and without a network."""

    def __init__(self, folder: Path) -> None:
        cdk = tool("cdk", by="make examples")
        packages = cdk.resolve().parents[2]
        self.folder = folder / "cdk"
        ignored = shutil.ignore_patterns("node_modules", "build", "cdk.out")
        shutil.copytree(APP, self.folder, ignore=ignored)
        (self.folder / "node_modules").symlink_to(packages)
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("AWS_", "CDK_"))}
        path = f"{packages / '.bin'}{os.pathsep}{cdk.parent}{os.pathsep}{kept['PATH']}"
        nowhere = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY"), "http://127.0.0.1:9")
        self._environ = {**kept, **nowhere, "PATH": path, "AWS_EC2_METADATA_DISABLED": "true"}
        self._environ["HOME"] = str(folder)

    def run(self, *command: str | Path) -> str:
        """Run a program there; what it printed."""
        ran = subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env=self._environ,
            capture_output=True,
            text=True,
            timeout=240,
            check=False,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        return ran.stdout

    def synth(self, name: str, *options: str) -> Templates:
        """The templates for a context, as `npx cdk synth` makes them."""
        folder = self.folder.parent / name
        self.run("cdk", "synth", "--quiet", "--output", str(folder), *options)
        return Templates(folder)


class Deployed:
    """CloudFormation's answers about the stack that made agents-api."""

    def __init__(self, template: Mapping[str, Any]) -> None:
        self._template = template

    def describe_stack_resources(self, **_: str) -> dict[str, Any]:
        """The function by its logical id."""
        (logical,) = (
            name
            for name, found in self._template["Resources"].items()
            if found["Type"] == "AWS::Lambda::Function"
        )
        found = {"StackName": "AgentsApi", "LogicalResourceId": logical}
        return {"StackResources": [{**found, "PhysicalResourceId": "agents-api"}]}

    def get_template(self, **_: str) -> dict[str, Any]:
        """As it was deployed."""
        return {"TemplateBody": self._template}
