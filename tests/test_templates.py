import pytest

from evalkit.errors import TemplateError
from evalkit.templates import Expression, Template, unknown_variables


def test_renders_and_knows_its_variables():
    template = Template("{{ a }} and {% for x in items %}{{ x }}{% endfor %}", "p")
    assert template.variables == {"a", "items"}
    assert template.render({"a": 1, "items": [2, 3]}) == "1 and 23"
    assert unknown_variables(template, frozenset({"a"})) == ["items"]


def test_a_value_is_never_a_template():
    assert Template("{{ a }}", "p").render({"a": "{{ 7 * 7 }}"}) == "{{ 7 * 7 }}"


@pytest.mark.parametrize(
    "source",
    ["{{ ''.__class__ }}", "{{ a.__init__.__globals__ }}", "{{ items.append(1) }}"],
)
def test_the_sandbox_holds(source):
    with pytest.raises(TemplateError, match="is unsafe|SecurityError"):
        Template(source, "p").render({"a": object(), "items": []})


def test_an_unknown_variable_names_the_columns():
    with pytest.raises(TemplateError, match="'b' is undefined; the row has a"):
        Template("{{ b }}", "prompts.p.user").render({"a": 1})


def test_a_syntax_error_names_the_line():
    with pytest.raises(TemplateError, match="prompts.p.user, template line 2"):
        Template("x\n{% if %}", "prompts.p.user")


@pytest.mark.parametrize(
    "source", ["{{ 1 / n }}", "{{ n.upper() }}", "{{ n + 'x' }}", "{{ [1][n + 5] }}"]
)
def test_a_value_of_the_wrong_kind_is_a_template_error(source):
    with pytest.raises(TemplateError):
        Template(source, "p").render({"n": 0})


def test_filters_for_prompts():
    values = {"row": {"name": "Zoë <b>", "n": [1]}, "text": "one two three four five six"}
    assert Template("{{ row | json }}", "p").render(values) == '{"name": "Zoë <b>", "n": [1]}'
    assert Template("{{ row.n | json(1) }}", "p").render(values) == "[\n 1\n]"
    assert Template("{{ text | truncate_tokens(4) }}", "p").render(values) == "one two three…"
    assert Template("{{ text | truncate_tokens(99) }}", "p").render(values) == values["text"]
    assert Template("{{ 'a\nb' | indent(2) }}", "p").render(values) == "a\n  b"


def test_a_tag_on_its_own_line_leaves_no_empty_line():
    source = "Items:\n{% for x in items %}\n  - {{ x }}\n{% endfor %}\nEnd."
    assert Template(source, "p").render({"items": [1, 2]}) == "Items:\n  - 1\n  - 2\nEnd."


def test_an_expression_is_true_or_false_of_a_row():
    expression = Expression("level == 'hard' and q | length < 5", "dataset.filter")
    assert expression.variables == {"level", "q"}
    assert expression.holds({"level": "hard", "q": "abc"})
    assert not expression.holds({"level": "hard", "q": "abcdef"})


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nothing", "'nothing' is undefined; the row has q"),
        ("q > 3", "TypeError"),
        ("q.__class__.__mro__", "is unsafe"),
    ],
)
def test_an_expression_that_cannot_be_worked_out_says_why(source, told):
    with pytest.raises(TemplateError, match=told):
        Expression(source, "dataset.filter").holds({"q": "x"})
    with pytest.raises(TemplateError, match=r"dataset.filter: "):
        Expression("q ==", "dataset.filter")


@pytest.mark.parametrize(
    "source",
    [
        "{{ 'a' * 10**9 }}",
        "{{ 10**9 * 'a' }}",
        "{{ [1] * 10**9 }}",
        "{{ 10 ** (10 ** 10) }}",
        "{{ 'a' | center(10**9) }}",
        "{{ a | indent(10**9) }}",
        "{{ '%1000000000d' % 1 }}",
        "{{ '%*d' % (10**9, 1) }}",
        "{{ '%1000000000d' | format(1) }}",
        "{{ '{:>1000000000}'.format(1) }}",
        "{{ '{:>{}}'.format(1, 10**9) }}",
        "{{ '{a:>{b}}'.format_map({'a': 1, 'b': 10**9}) }}",
        "{{ a.ljust(10**9) }}",
        "{{ a.zfill(10**9) }}",
        "{% for x in range(10**9) %}{% endfor %}",
        "{% for x in range(9999) %}{{ a.ljust(9999) }}{% endfor %}",
        "{% for x in range(9999) %}{% for y in range(9999) %}{% endfor %}{% endfor %}",
        "{% for x in range(99) recursive %}{% if loop.depth < 4 %}{{ loop(range(99)) }}{% endif %}"
        "{% endfor %}",
        "{% macro f(n) %}{% if n %}{{ f(n-1) ~ f(n-1) }}{% endif %}{% endmacro %}{{ f(40) }}",
        *(
            "{% set n = namespace(t='xx') %}{% for x in range(40) %}{% set n.t = "
            + grown
            + " %}{% endfor %}"
            for grown in (
                "n.t + n.t",
                "n.t ~ n.t",
                "n.t.replace('x', 'xx')",
                "n.t | replace('x', 'xx')",
                "[n.t, n.t] | join",
                "n.t.join(['', n.t])",
                "'{0}{0}'.format(n.t)",
                "'%s%s' | format(n.t, n.t)",
            )
        ),
        "{{ ('a' * 10**6) | replace('a', 'a' * 10**6) }}",
        *(
            "{% set n = namespace(t=['x']) %}{% for x in range(40) %}{% set n.t = [n.t, n.t] %}"
            "{% endfor %}{{ " + shown + " }}"
            for shown in ("n.t", "n.t | json", "n.t ~ ''", "n.t | tojson", "n.t | string")
        ),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}",
        "{{ a | random }}",
        "{{ lipsum() }}",
    ],
)
def test_a_template_makes_neither_giants_nor_luck(source, monkeypatch):
    monkeypatch.setattr("evalkit.bounds.MOST_STEPS", 20_000)
    with pytest.raises(TemplateError):
        Template(source, "p").render({"a": "x"})


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("{{ 'a' * 10**9 }}", "makes a text of more than 33,554,432 characters"),
        ("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", "leads back to itself"),
        (
            "{% for x in range(99999) %}{% for y in range(9) %}{% endfor %}{% endfor %}",
            "takes more than 250,000 steps; it may never end",
        ),
        ("{{ [row] | map(attribute='b') | list }}", "has no attribute 'b'"),
        ("{{ a | jsn }}", "no filter is called 'jsn'; did you mean 'json'?"),
        ("{{ a is sring }}", "no test is called 'sring'; did you mean 'string'?"),
    ],
)
def test_what_cannot_be_says_why(source, told):
    with pytest.raises(TemplateError) as caught:
        Template(source, "p").render({"a": "x"})
    assert told in str(caught.value)


def test_what_prompts_need_of_arithmetic_works():
    source = "{{ '-' * 3 }} {{ 2 ** 10 }} {{ '%03d' % 7 }} {{ '{:>4}'.format(1) }} {{ 7 % 4 }}"
    assert Template(source, "p").render({}) == "--- 1024 007    1 3"
    assert (
        Template("{{ 'a' | center(5) }}|{{ [1, 2] * 2 }}", "p").render({}) == "  a  |[1, 2, 1, 2]"
    )


def test_what_is_counted_is_as_it_was():
    source = (
        "{% for x in xs %}{{ loop.index }}/{{ loop.length }}{{ x ~ '!' ~ none ~ 1 }}"
        "{{ ',' if not loop.last }}{% else %}none{% endfor %}"
        " {{ xs | join('+') }} {{ ', '.join(xs) }} {{ ms | join('-', attribute='n') }}"
        " {{ 'aXa' | replace('a', 'b', 1) }} {{ 'aa'.replace('a', '') }} {{ [1, 2] | sum }}"
        " {{ [1] + [2] }} {{ 1 + 2 }}"
    )
    assert Template(source, "p").render({"xs": ["a", "b"], "ms": [{"n": 1}, {"n": 2}]}) == (
        "1/2a!None1,2/2b!None1 a+b a, b 1-2 bXa  3 [1, 2] 3"
    )
    tree = [{"n": 1, "in": [{"n": 2, "in": []}]}]
    source = "{% for t in tree recursive %}{{ t.n }}({{ loop(t['in']) }}){% endfor %}"
    assert Template(source, "p").render({"tree": tree}) == "1(2())"
    # Each rendering has all of its steps.
    template = Template("{% for x in range(99999) %}{% endfor %}", "p")
    assert [template.render({}) for _ in range(4)] == [""] * 4


def test_the_whole_row_is_there_for_columns_with_odd_names():
    values = {"unit price": 3, "n": 2}
    template = Template("{{ row['unit price'] * n }} {{ row | json }}", "p")
    assert template.render(values) == '6 {"unit price": 3, "n": 2}'
    assert unknown_variables(template, frozenset(values)) == []
    assert Template("{{ row }}", "p").render({"row": "mine"}) == "mine"
    assert Expression("row['unit price'] > 2", "dataset.filter").holds(values)


def test_null_is_empty_and_a_method_is_no_value():
    assert Template("[{{ a }}]", "p").render({"a": None}) == "[]"
    with pytest.raises(TemplateError, match=r"'items' is a method here"):
        Template("{{ a.items }}", "p").render({"a": {"items": 1}})
    assert Template("{{ a['items'] }}", "p").render({"a": {"items": 1}}) == "1"
