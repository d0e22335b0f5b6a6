"""The places where code can be altered, and a sample of them: one alteration a place, each place as likely."""

import ast
import random
from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

import cosmic_ray.plugins
from cosmic_ray.ast import ast_nodes, get_ast_from_path
from cosmic_ray.work_item import MutationSpec

Position = tuple[int, int]
SUMS = (ast.BinOp, ast.AugAssign)


def mutants(module: Path) -> Iterator[MutationSpec]:
    """All that cosmic-ray would alter, but for type hints and what decorates a class: neither does anything."""
    tree, parsed = get_ast_from_path(module), ast.parse(module.read_text())
    idle, sums = list(idle_spans(parsed)), spans_of(parsed, SUMS)
    named = spans_of(parsed, (ast.NamedExpr,))
    for name in cosmic_ray.plugins.operator_names():
        operator_class = cosmic_ray.plugins.get_operator(name)
        if operator_class.arguments():
            continue
        operator = operator_class()
        places = (place for node in ast_nodes(tree) for place in operator.mutation_positions(node))
        for occurrence, (start, end) in enumerate(places):
            if "BinaryOperator" in name and not is_within(start, sums):
                continue  # the star of a signature, which cosmic-ray takes for a product: it would not compile
            if name.endswith("AddNot") and is_within(start, named):
                continue  # nor would `not found := …`
            if not is_within(start, idle):
                yield MutationSpec(str(module), name, occurrence, start, end)


def idle_spans(tree: ast.Module) -> Iterator[tuple[Position, Position]]:
    for node in ast.walk(tree):
        hints = [getattr(node, "annotation", None), getattr(node, "returns", None)]
        decorators = node.decorator_list if isinstance(node, ast.ClassDef) else []
        typing = [node] if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING" else []
        for idle in filter(None, (*hints, *decorators, *typing)):
            yield span(idle)


def spans_of(tree: ast.Module, kinds: tuple[type[ast.AST], ...]) -> list[tuple[Position, Position]]:
    return [span(node) for node in ast.walk(tree) if isinstance(node, kinds)]


def span(node: ast.AST) -> tuple[Position, Position]:
    """With the sign before it, such as the @ of a decorator."""
    return (node.lineno, max(0, node.col_offset - 1)), (node.end_lineno, node.end_col_offset)  # type: ignore[attr-defined]


def is_within(place: Position, spans: list[tuple[Position, Position]]) -> bool:
    return any(first <= place < last for first, last in spans)


def sample(modules: Iterable[Path], number: int, *, seed: int) -> tuple[int, list[MutationSpec]]:
    """How many places there are, and an alteration of each of so many of them."""
    chance = random.Random(seed)
    found = sorted((one for module in modules for one in mutants(module)), key=place_of)
    places = [list(group) for _, group in groupby(found, key=place_of)]
    chosen = chance.sample(places, min(number, len(places)))
    return len(places), [chance.choice(group) for group in chosen]


def place_of(mutant: MutationSpec) -> tuple[str, Position]:
    return str(mutant.module_path), mutant.start_pos
