"""The picture of the rooms is what the code is."""

import importlib.util
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def picture():
    spec = importlib.util.spec_from_file_location("picture", ROOT / "docs" / "picture.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def drawn(picture):
    return picture.draw()


def test_the_committed_picture_is_drawn_from_this_code(picture, drawn):
    assert picture.PICTURE.read_text(encoding="utf-8") == drawn, "run: make picture"


def test_it_can_be_read_as_xml_and_holds_nothing_from_elsewhere(drawn):
    ET.fromstring(drawn)
    assert "href" not in drawn
    assert "@import" not in drawn


def test_every_folder_of_the_package_is_a_room_in_it(picture):
    folders = {path.parent.name for path in (ROOT / "llm_telemetry").glob("*/__init__.py")}
    assert folders - set(picture.homes()) == set()


def test_every_arrow_goes_down(picture):
    order = list(dict.fromkeys(picture.homes().values()))
    assert [pair for pair in picture.imports() if order.index(pair[0]) > order.index(pair[1])] == []


def test_a_stop_of_the_way_that_is_gone_is_noticed(picture, monkeypatch):
    monkeypatch.setattr(picture, "WAY", (("clients.openai:no_such_thing", "…"),))
    with pytest.raises(AttributeError, match="no_such_thing"):
        picture.furnish()
