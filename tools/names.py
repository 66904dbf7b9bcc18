"""The names that a cell binds, those it needs from before, those its functions look up later."""

import ast
import symtable
from typing import NamedTuple

SCOPES = (ast.FunctionDef, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)


class Names(NamedTuple):
    bound: set  # at the top level; imports are not counted
    needed: set  # read at the top level before the cell binds them
    later: dict  # function or class → the global names it looks up


def stored(node):
    """Names that a statement binds; what a comprehension loops over is its own."""
    if isinstance(node, (*COMPREHENSIONS, ast.Lambda)):
        return set()
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Store) else set()
    return set().union(*map(stored, ast.iter_child_nodes(node)))


def loaded(node):
    """Names that a statement or an expression reads at once: not in a lambda, not a loop's own."""
    if isinstance(node, ast.Lambda):
        return set()
    loops = node.generators if isinstance(node, COMPREHENSIONS) else ()
    own = set().union(*(stored(loop.target) for loop in loops))
    if isinstance(node, ast.Name):
        return {node.id} if isinstance(node.ctx, ast.Load) else set()
    return set().union(*map(loaded, ast.iter_child_nodes(node))) - own


def globals_of(table):
    """All global names that a function or class, and what is defined in it, looks up."""
    symbols = [s for s in table.get_symbols() if s.is_referenced()]
    found = {s.get_name() for s in symbols if s.is_global()}
    return found.union(*map(globals_of, table.get_children()))


def names(code):
    """Names of a cell's code, its statements read in the order of their running."""
    bound, needed = set(), set()

    def read(node):
        needed.update(loaded(node) - bound)

    def visit(statements):
        for s in statements:
            if isinstance(s, SCOPES):
                bound.add(s.name)
                continue
            bodies = [getattr(s, part, []) for part in ("body", "orelse", "finalbody")]
            if not any(bodies):
                read(s)
                if isinstance(s, ast.AugAssign):
                    needed.update(stored(s.target) - bound)
                bound.update(stored(s))
                continue
            for part in ("iter", "test", "items"):  # of for, if and while, with
                for head in [x for x in [getattr(s, part, None)] if x]:
                    for node in head if isinstance(head, list) else [head]:
                        read(node)
                        bound.update(stored(node))
            bound.update(stored(s.target) if isinstance(s, ast.For) else ())
            visit(bodies[0])
            for handler in getattr(s, "handlers", []):
                bound.add(handler.name)
                visit(handler.body)
            visit(bodies[1] + bodies[2])

    tree = ast.parse(code)
    visit(tree.body)
    defined = {node.name for node in tree.body if isinstance(node, SCOPES)}
    tables = symtable.symtable(code, "cell", "exec").get_children()
    later = {t.get_name(): globals_of(t) for t in tables if t.get_name() in defined}
    return Names(bound - {None}, needed, later)
