"""Stand-ins for frameworks: modules under the real ones' names, with functions of the same signatures."""

import importlib.util
import sys
import textwrap

import pytest


def write_framework(folder, modules):
    """Write a package's modules, by their dotted names, below a folder; packages between them are empty."""
    for name, code in modules.items():
        path = folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(code), encoding="utf-8")
        for parent in path.relative_to(folder).parents[:-1]:
            (folder / parent / "__init__.py").touch()
    return folder


@pytest.fixture
def framework(tmp_path, monkeypatch):
    """A function that puts a framework's modules, by name and code, where `import` finds them."""
    before = set(sys.modules)

    def make(modules):
        roots = {name.partition(".")[0] for name in modules}
        if any(importlib.util.find_spec(root) for root in roots):
            pytest.skip("the real one is installed")
        monkeypatch.syspath_prepend(write_framework(tmp_path / "frameworks", modules))
        return roots

    yield make
    for name in set(sys.modules) - before:
        if getattr(sys.modules[name], "__file__", None) and str(tmp_path) in str(sys.modules[name].__file__):
            del sys.modules[name]
