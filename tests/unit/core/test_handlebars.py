"""The template language of messages: what it renders, and what it refuses with line and fix."""

from typing import Any

import pytest

from c360_core.handlebars import HandlebarsError, MissingValueError, parse, render, tidied, uses, written

BOTH = "{{#if name}}Hello {{name}}{{else}}Hello{{/if}}"


@pytest.mark.parametrize(
    ("template", "values", "said"),
    [
        (BOTH, {"name": "Ada"}, "Hello Ada"),
        (BOTH, {"name": ""}, "Hello"),
        (BOTH, {}, "Hello"),
        ("{{ a.b }}", {"a": {"b": 5}}, "5"),
        ("{{#each items}}{{this.title}},{{/each}}", {"items": [{"title": "x"}, {"title": "<y>"}]}, "x,<y>,"),
        ("{{#each items}}{{this}}{{else}}none{{/each}}", {"items": []}, "none"),
        ("{{#if a}}{{#if b}}both{{/if}}{{/if}}", {"a": "1", "b": "1"}, "both"),
        ("{{#if a}}a{{/if}}", {"a": 0}, ""),
    ],
)
def test_values_conditions_and_lists(template: str, values: dict[str, Any], said: str) -> None:
    assert render(parse(template), values) == said


def test_a_value_that_is_shown_and_not_given_is_named() -> None:
    with pytest.raises(MissingValueError, match=r"Attribute 'a\.b' is not present in the rendering data"):
        render(parse("{{a.b}}"), {"a": {}})


@pytest.mark.parametrize(
    ("template", "line", "fault"),
    [
        ("a\n{{{name}}}", 2, "three braces switch escaping off; write two"),
        ("{{> footer}}", 1, "is a partial; write {{name}}"),
        ("{{! note }}", 1, "is a comment"),
        ("{{#unless a}}b{{/unless}}", 1, "is no helper that messages may use"),
        ("{{upper name}}", 1, "is no name"),
        ("{{../name}}", 1, "is no name"),
        ("\n\n{{#if a}}b", 3, "{{#if}} does not end; write {{/if}}"),
        ("{{#if a}}b{{/each}}", 1, "{{/each}} ends nothing that is open here; write {{/if}} first"),
        ("{{/if}}", 1, "ends nothing"),
        ("{{else}}", 1, "outside a block"),
        ("{{#if a}}{{else}}{{else}}{{/if}}", 1, "twice in one"),
        ("a }} b", 1, "}} without its pair"),
        ("a\n{{ b", 2, "{{ without its pair"),
        ("{{#each a}}{{name}}{{/each}}", 1, "write {{this}} or {{this.name}}"),
        ("{{this}}", 1, "use it inside {{#each}} only"),
    ],
)
def test_everything_else_is_refused_with_its_line_and_the_fix(template: str, line: int, fault: str) -> None:
    with pytest.raises(HandlebarsError) as caught:
        parse(template)

    assert caught.value.line == line
    assert fault in str(caught.value)


def test_names_can_be_moved_below_another_and_items_stay() -> None:
    template = "{{a}}{{#if b}}{{b}}{{else}}-{{/if}}{{#each c}}{{this.d}}{{/each}}"

    assert written(parse(template)) == template
    moved = written(parse(template), under="html")
    assert moved == "{{html.a}}{{#if html.b}}{{html.b}}{{else}}-{{/if}}{{#each html.c}}{{this.d}}{{/each}}"


def test_a_use_is_guarded_where_a_condition_on_it_is_true() -> None:
    found = list(uses(parse("{{a}}\n{{#if a}}{{a}}{{b}}{{else}}{{a}}{{/if}}")))

    assert [(use.name, use.line, use.guarded) for use in found] == [
        ("a", 1, False),
        ("a", 2, True),
        ("a", 2, True),
        ("b", 2, False),
        ("a", 2, False),
    ]


def test_a_block_on_lines_of_its_own_leaves_none_behind() -> None:
    assert render(parse(tidied("a\n{{#if x}}\nb\n{{/if}}\nc")), {"x": "1"}) == "a\nb\nc"
    assert render(parse(tidied("a\n{{#if x}}\nb\n{{/if}}\nc")), {}) == "a\nc"
