"""Which paths of the scope a template says it reads."""

from __future__ import annotations

import pytest

from workflows import expressions


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("no expression", []),
        ("{{ 1 + 2 }}{{ null }}", []),
        ("{{ vars.region }}", ["vars.region"]),
        ("{{ steps.fetch.output.body.items[0].id }}", ["steps.fetch.output.body.items.0.id"]),
        ("{{ steps['fetch']['output'].xs[-1] }}", ["steps.fetch.output.xs.-1"]),
        ("{{ steps.fetch.output.items() }}", ["steps.fetch.output"]),
        ("{{ steps.a.output.get('x').y }}", ["steps.a.output"]),
        ("{{ steps.a.output[1:3].x }}", ["steps.a.output"]),
        ("{{ steps[vars.name].output }}", ["steps", "vars.name"]),
        ("{{ a.b ~ c.d|default(e.f) }}", ["a.b", "c.d", "e.f"]),
        ("{{ a.b if c.d is defined else e|join(f) }}", ["a.b", "c.d", "e", "f"]),
        ("{{ (steps.a.output|first).id }}", ["steps.a.output"]),
        ("{{ {'k': a.b, c: [d]} }}", ["a.b", "c", "d"]),
        (
            "text {{ secrets.token }} {% if vars.x %}{{ y }}{% endif %}",
            ["secrets.token", "vars.x", "y"],
        ),
        ("{% for x in steps.a.output %}{{ x.id }}{{ loop.index }}{% endfor %}", ["steps.a.output"]),
        ("{% for x in x.items %}{{ x.id }}{% endfor %}{{ x.y }}", ["x.items", "x.y"]),
        (
            "{% for x in a if x.ok and b %}{{ c }}{% else %}{{ x }}{% endfor %}",
            ["a", "b", "c", "x"],
        ),
        ("{% for k, v in a.items() %}{{ k }}{{ v.z }}{% endfor %}", ["a"]),
        ("{% set x = a.b %}{{ x.c }}", ["a.b"]),
        ("{{ x.c }}{% set x = 1 %}", ["x.c"]),
        ("{% for i in a %}{% set x = i %}{{ x }}{% endfor %}{{ x }}", ["a", "x"]),
        ("{{ range(a.n) }}", ["a.n"]),
        ("{% raw %}{{ a.b }}{% endraw %}", []),
    ],
)
def test_references_are_the_longest_constant_paths(source: str, expected: list[str]) -> None:
    found = expressions.parse(source).references
    assert sorted(".".join(path) for path in found) == sorted(expected)


@pytest.mark.parametrize(
    ("source", "constant"),
    [
        ("text", True),
        ("{% raw %}{{ a }}{% endraw %}", True),
        ("{# only a comment #}", True),
        ("{{ 1 }}", False),
        ("a {% if true %}b{% endif %}", False),
    ],
)
def test_a_template_without_an_expression_is_constant(source: str, constant: bool) -> None:
    assert expressions.parse(source).is_constant is constant
