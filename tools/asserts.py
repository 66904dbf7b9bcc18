"""Asserts that are kept instead of stopping the run, each with how far it was from failing.

`keep` rewrites the code of a cell; HELPERS must have run before it. Each assert then adds a line
to the file that the variable KEPT_ASSERTS names: [cell, passed, margin]. The margin of a < b is
(b - a) / max(|a|, |b|), the least of all that the assert compares; None where it compares nothing.
"""

import ast
import inspect
import json
import os


def _kept_least(pairs):
    pairs = list(pairs)
    margins = [margin for _, margin in pairs if margin is not None]
    return all(passed for passed, _ in pairs), min(margins, default=None)


def _kept_or(*tests):
    best = (False, None)
    for test in tests:
        passed, margin = test()
        best = (passed, margin)
        if passed:
            break
    return best


def _kept_and(*tests):
    return _kept_least(test() for test in tests)


def _kept_compare(names, *values):
    """A chain of comparisons, a < b < c, of numbers or tensors."""
    found = []
    for name, a, b in zip(names, values, values[1:], strict=False):
        if name in ("Lt", "LtE", "Gt", "GtE"):
            low, high = (a, b) if name in ("Lt", "LtE") else (b, a)
            gap = high - low
            gap = float(gap.min() if hasattr(gap, "min") else gap)
            ends = [abs(x).max() if hasattr(x, "max") else abs(x) for x in (a, b)]
            passed = gap > 0 or (gap == 0 and name.endswith("E"))
            found.append((passed, gap / (float(max(ends)) or 1)))
        else:
            same = {
                "Eq": lambda a, b: a == b,
                "NotEq": lambda a, b: a != b,
                "Is": lambda a, b: a is b,
                "IsNot": lambda a, b: a is not b,
                "In": lambda a, b: a in b,
                "NotIn": lambda a, b: a not in b,
            }[name](a, b)
            found.append((bool(same), None))
    return _kept_least(found)


def _kept_write(cell, found):
    passed, margin = found
    with open(os.environ["KEPT_ASSERTS"], "a", encoding="utf-8") as file:
        file.write(json.dumps([cell, bool(passed), margin]) + "\n")


KEPT = (_kept_least, _kept_or, _kept_and, _kept_compare, _kept_write)
HELPERS = "import json\nimport os\n\n\n" + "\n\n".join(map(inspect.getsource, KEPT))


def call(name, *arguments):
    return ast.Call(ast.Name(name, ast.Load()), list(arguments), [])


def later(test):
    nothing = ast.arguments([], [], None, [], [], None, [])
    return ast.Lambda(nothing, test)


def measured(test):
    """An expression that is true or false → one that is (passed, margin)."""
    match test:
        case ast.BoolOp(op, values):
            name = "_kept_and" if isinstance(op, ast.And) else "_kept_or"
            return call(name, *(later(measured(value)) for value in values))
        case ast.Compare(left, ops, comparators):
            names = ast.Constant(tuple(type(op).__name__ for op in ops))
            return call("_kept_compare", names, left, *comparators)
        case ast.Call(ast.Name("all"), [ast.GeneratorExp(each, generators)]):
            every = ast.GeneratorExp(measured(each), generators)
            return call("_kept_least", every)
        case ast.Call(ast.Attribute(ast.Compare() as compare, "all"), []):
            return measured(compare)
        case ast.IfExp(condition, one, other):
            return ast.IfExp(condition, measured(one), measured(other))
    return ast.Tuple([test, ast.Constant(None)], ast.Load())


class Keeper(ast.NodeTransformer):
    def __init__(self, cell):
        self.cell = cell

    def visit_Assert(self, node):
        kept = call("_kept_write", ast.Constant(self.cell), measured(node.test))
        return ast.copy_location(ast.Expr(kept), node)

    def visit_Try(self, node):
        """An assert whose failure is awaited stays as it is."""
        caught = (getattr(handler.type, "id", None) for handler in node.handlers)
        return node if "AssertionError" in caught else self.generic_visit(node)


def keep(code, cell):
    """The code of a cell, its asserts kept under the cell's number; as it is without any."""
    if "assert" not in code:
        return code
    tree = Keeper(cell).visit(ast.parse(code))
    return ast.unparse(ast.fix_missing_locations(tree))
