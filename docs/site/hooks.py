# ruff: noqa: INP001 - MkDocs reads it as a file
"""What the site has beside the pages of `docs/`: README, changelog and CONTRIBUTING, an index of decisions, the API.

MkDocs calls these functions while it builds (`hooks` in mkdocs.yml). All pages are made in memory.
"""

from __future__ import annotations

import importlib
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

ROOT = Path(__file__).parents[2]
FROM_ELSEWHERE = {"index.md": "README.md", "changelog.md": "CHANGELOG.md", "contributing.md": ".github/CONTRIBUTING.md"}
"""Pages of the site that lie outside of `docs/`, where forges and package indexes look for them."""
PUBLIC_MODULES = ("llm_telemetry", "llm_telemetry.testing")
_IMAGE = re.compile(r'(\bsrc(?:set)?=")docs/')
_LINK = re.compile(r"\]\((?!https?:|#)([^)\s]+)\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that do not lie in `docs/`."""
    made = {page: (ROOT / source).read_text(encoding="utf-8") for page, source in FROM_ELSEWHERE.items()}
    made = {page: relinked(text, (ROOT / FROM_ELSEWHERE[page]).parent) for page, text in made.items()}
    made |= {"decisions/index.md": decisions(), "reference.md": reference()}
    for page, text in made.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, **_: Any) -> str:
    """Point the links of a page in `docs/` that lead out of it to the site's pages, or name what is not in the site."""
    docs, up = ROOT / "docs", "../" * page.file.src_uri.count("/")
    pages = {(ROOT / source).resolve(): name for name, source in FROM_ELSEWHERE.items()}

    def link(match: re.Match[str]) -> str:
        path, hash_, anchor = match[1].partition("#")
        target = (docs / page.file.src_uri).parent.joinpath(path).resolve()
        if target.is_relative_to(docs):
            return match[0]
        return f"]({up}{pages[target]}{hash_}{anchor})" if target in pages else f"] (`{target.relative_to(ROOT)}`)"

    return markdown if page.file.src_uri in FROM_ELSEWHERE else _LINK.sub(link, markdown)


def relinked(text: str, folder: Path) -> str:
    """Return a page's text with its links as they are in the site; what is not in the site is named instead."""
    pages = {(ROOT / source).resolve(): page for page, source in FROM_ELSEWHERE.items()}

    def link(match: re.Match[str]) -> str:
        path, hash_, anchor = match[1].partition("#")
        target = (folder / path).resolve()
        if target in pages:
            return f"]({pages[target]}{hash_}{anchor})"
        if target == ROOT / "docs" / "decisions":
            return "](decisions/index.md)"
        if target.is_relative_to(ROOT / "docs"):
            return f"]({target.relative_to(ROOT / 'docs')}{hash_}{anchor})"
        return f"] (`{target.relative_to(ROOT)}`)"

    return _LINK.sub(link, _IMAGE.sub(r"\1", text))


def decisions() -> str:
    """Return a list of all decisions, by their titles."""
    pages = sorted((ROOT / "docs" / "decisions").glob("0*.md"))
    titles = [(page.name, page.read_text(encoding="utf-8").partition("\n")[0].lstrip("# ")) for page in pages]
    return "# Decisions\n\n" + "".join(f"- [{title}]({name})\n" for name, title in titles)


def reference() -> str:
    """Return the page of all public names; mkdocstrings fills it in from their docstrings.

    Raises:
        PluginError: A public name has no docstring.
    """
    lines = ["# API", "", "All that is public, see [stability](stability.md).", ""]
    for module in PUBLIC_MODULES:
        found = importlib.import_module(module)
        names = sorted(name for name in found.__all__ if not name.startswith("_"))
        mute = [name for name in names if not is_documented(getattr(found, name))]
        if mute:
            raise PluginError(f"{module}: public names without a docstring: {', '.join(mute)}")
        lines += [f"::: {module}.{name}\n" for name in names]
    return "\n".join(lines)


def is_documented(thing: Any) -> bool:
    """Tell whether a class with all its public methods, or a function, has a docstring; an alias cannot have one."""
    own = vars(thing).items() if isinstance(thing, type) else ()
    public = [getattr(value, "__func__", value) for name, value in own if not name.startswith("_")]
    checked = [thing] if isinstance(thing, type) or inspect.isroutine(thing) else []
    return all(bool(getattr(one, "__doc__", None)) for one in (*checked, *filter(callable, public)))
