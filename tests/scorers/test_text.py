import pytest
from builders import a_case, a_response

from evalkit.scorers.text import Exact


@pytest.mark.parametrize(
    ("text", "target", "options", "value"),
    [
        (" Paris\n", "paris", {}, 1.0),
        ("Paris", "paris", {"case": True}, 0.0),
        ("New  York", "new york", {}, 1.0),
        ("STRASSE", "straße", {}, 1.0),
        ("Paris.", "Paris", {}, 0.0),
        ("", "Paris", {}, 0.0),
        ("Paris", None, {}, None),
    ],
)
def test_exact(text, target, options, value):
    assert Exact(**options).score(a_case(target=target), a_response(text)).value == value
