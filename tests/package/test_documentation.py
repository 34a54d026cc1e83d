"""Every public name of every public package has a page of the reference, written from the stubs."""

import re
import sys
from importlib import import_module
from pathlib import Path

import pytest
from public_names import PUBLIC

import segalgo

ROOT = Path(segalgo.__file__).parents[1]
DOCS = ROOT / "docs"
PUBLIC_PACKAGES = sorted(path.parent.name for path in (ROOT / "segalgo").glob("*/__init__.pyi"))


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    """Write the reference pages into a folder of the test and return their texts by name."""
    sys.path.insert(0, str(DOCS))
    try:
        operation_pages = import_module("operation_pages")
    finally:
        sys.path.remove(str(DOCS))
    folder = tmp_path_factory.mktemp("reference")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(operation_pages, "PAGES", folder)
        operation_pages.write_pages()
    return {path.stem: path.read_text() for path in folder.iterdir()}


def test_flat_names_have_pages_in_a_table_of_contents(pages):
    missing = [name for name in PUBLIC if f"segalgo.{name}" not in pages]
    assert not missing, "no page: a room is missing from SUBJECTS in docs/operation_pages.py"
    listed = "\n".join(pages.values())
    assert not [name for name in PUBLIC if f"{name} <segalgo.{name}>" not in listed]


@pytest.mark.parametrize("package", PUBLIC_PACKAGES)
def test_names_of_packages_have_pages_in_a_table_of_contents(pages, package):
    contents = pages.get(f"segalgo.{package}", "")
    assert contents, f"no page: {package} is missing from PACKAGES in docs/operation_pages.py"
    names = [name for name in import_module(f"segalgo.{package}").__all__ if name[0] != "_"]
    assert names
    for name in names:
        assert f"{name} <segalgo.{package}.{name}>" in contents, name
        assert f".. currentmodule:: segalgo.{package}" in pages[f"segalgo.{package}.{name}"], name


def test_pages_name_every_index_entry(pages):
    for package in PUBLIC_PACKAGES:
        assert re.search(rf"^   segalgo\.{package}$", pages["index"], re.MULTILINE), package
