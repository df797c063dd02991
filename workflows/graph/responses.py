"""Can a caller be answered twice?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from workflows.definition import Definition, Step
from workflows.graph import firing
from workflows.graph.levels import Level, levels
from workflows.graph.structure import Graph
from workflows.problems import Problem, warning

RESPOND = "respond"


def nestings(definition: Definition) -> frozenset[int]:
    """How many bodies deep respond steps stand; empty if there are none."""
    return frozenset(
        level.nesting
        for level in levels(definition)
        if any(step.type == RESPOND for step in level.definition.steps)
    )


def problems(graphs: Sequence[tuple[Level, Graph]]) -> Iterator[Problem]:
    """Warnings for respond steps of which more than one can run; guards are not looked at."""
    for level, graph in graphs:
        answers = [step for step in graph.steps.values() if step.type == RESPOND]
        if level.owner is not None:
            for step in answers:
                message = (
                    f'"{step.key}" runs for each item of "{level.owner.key}", but a caller gets'
                    " one answer: the first."
                )
                yield warning("second_response", message, step=step.key)
        else:
            yield from _both(graph, answers)


def _both(graph: Graph, answers: list[Step]) -> Iterator[Problem]:
    conditions = firing.conditions(graph)
    for index, step in enumerate(answers):
        for other in answers[:index]:
            if firing.may_both_run(conditions[other.key], conditions[step.key]):
                message = (
                    f'"{other.key}" and "{step.key}" can both run, but a caller gets one answer:'
                    " the first."
                )
                yield warning("second_response", message, step=step.key)
                break
