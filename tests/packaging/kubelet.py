"""What a kubelet makes of a rendered pod, as far as guardian can tell: files and variables."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.packaging.chart import Document, one


class Kubelet:
    """A node whose root is a folder: every path of a pod lies below it, in texts as well."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self._updates = 0

    def mapped(self, text: str, paths: Sequence[str]) -> str:
        """A text in which these paths are those below the folder."""
        longest = sorted(paths, key=len, reverse=True)
        return re.sub("|".join(map(re.escape, longest)), lambda m: f"{self.root}{m[0]}", text)

    def mount(self, documents: Sequence[Document], pod: Document) -> list[str]:
        """Make the pod's volumes, or bring its ConfigMaps up to date; the paths of all."""
        (container,) = pod["containers"]
        volumes = {volume["name"]: volume for volume in pod["volumes"]}
        paths = [mount["mountPath"] for mount in container["volumeMounts"]]
        for mount in container["volumeMounts"]:
            volume = volumes[mount["name"]]
            folder = self.root / mount["mountPath"].lstrip("/")
            folder.mkdir(parents=True, exist_ok=True)
            if "configMap" in volume:
                found = one(documents, "ConfigMap", volume["configMap"]["name"])
                whole = [{"key": key, "path": key} for key in found["data"]]
                items = volume["configMap"].get("items", whole)
                texts = {i["path"]: self.mapped(found["data"][i["key"]], paths) for i in items}
                self._project(folder, texts)
        return paths

    def _project(self, folder: Path, texts: Mapping[str, str]) -> None:
        """All files of a ConfigMap in one moment: behind one link that is replaced."""
        self._updates += 1
        version = folder / f"..version-{self._updates}"
        for path, text in texts.items():
            (version / path).parent.mkdir(parents=True, exist_ok=True)
            (version / path).write_text(text)
        data = folder / "..data"
        old = data.resolve()
        new = folder / "..data_tmp"
        new.symlink_to(version.name)
        new.replace(data)
        for path in texts:
            top = folder / path.partition("/")[0]
            if not top.is_symlink():
                top.symlink_to(Path("..data") / top.name)
        if old != data:
            for file in sorted(old.rglob("*"), reverse=True):
                file.rmdir() if file.is_dir() else file.unlink()
            old.rmdir()

    def variables(self, pod: Document, paths: Sequence[str]) -> dict[str, str]:
        """The variables that the pod's container is given, but for those of secrets."""
        (container,) = pod["containers"]
        return {v["name"]: self.mapped(v["value"], paths) for v in container["env"]}
