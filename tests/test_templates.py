import pytest

from evalkit.errors import TemplateError
from evalkit.templates import Template, unknown_variables


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
    with pytest.raises(TemplateError, match="SecurityError"):
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
