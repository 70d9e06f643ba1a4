"""Python that a page shows calls what there is, with arguments that it takes."""

import ast
import inspect

import pytest

import fcn4_dist
from fcn4_dist.config import SETTINGS
from tests.docs.pages import PAGES, tokens_of


def python_of(page: str) -> list[ast.Module]:
    blocks = [token for token in tokens_of(page) if token.type == "fence"]
    return [ast.parse(one.content) for one in blocks if one.info == "python"]


@pytest.mark.parametrize("page", PAGES)
def test_what_is_called_is_there(page: str) -> None:
    for node in (node for tree in python_of(page) for node in ast.walk(tree)):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
            continue
        owner, name = node.func.value, node.func.attr
        if isinstance(owner, ast.Name) and owner.id in ("fcn4_dist", "run"):
            holder = fcn4_dist.Run if owner.id == "run" else fcn4_dist
            assert not name.startswith("_") and name in dir(holder), f"{page}: {name}"
            given = {keyword.arg or "": None for keyword in node.keywords}
            positional = [None] * (len(node.args) + (owner.id == "run"))
            signature = inspect.signature(getattr(holder, name))
            bound = signature.bind(*positional, **given)
            assert set(bound.arguments.get("settings", {})) <= set(SETTINGS), page


@pytest.mark.parametrize("page", PAGES)
def test_what_a_run_is_asked_for_is_there(page: str) -> None:
    for node in (node for tree in python_of(page) for node in ast.walk(tree)):
        if isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "run":
            assert node.attr in {*dir(fcn4_dist.Run), "folder"}, f"{page}: {node.attr}"
