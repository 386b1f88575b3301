from decimal import Decimal

import pytest
from builders import a_case, a_response

from evalkit.scorers.number import Number, find_number


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("The total is 3/4 of a mile.", "0.75"),
        ("You need 1 1/2 cups.", "1.5"),
        (r"So \boxed{\frac{3}{4}}", "0.75"),
        (r"\boxed{-\frac{1}{2}}", "-0.5"),
        (r"\boxed{1{,}250}", "1250"),
        (r"It costs \$18.50", "18.50"),
        ("about 3 x 10^3 stars", "3000"),
        (r"$2 \times 10^{-3}$ mol", "0.002"),
        ("6.02e23 atoms", "6.02e23"),
        ("profit: $1.5 million", "1500000"),
        ("5 m/s", "5"),
        ("He earns €12 an hour", "12"),
        ("20 %", "20"),
        ("1’000’000 CHF", "1000000"),
        ("due 12/25/2020, pay 80", "80"),
    ],
)
def test_reads_what_people_write(text, number):
    assert find_number(text) == Decimal(number)


def test_percent_and_comma_are_options():
    assert find_number("12%", percent_as_share=True) == Decimal("0.12")
    assert find_number("1.234,5", decimal_comma=True) == Decimal("1234.5")


def test_relative_tolerance_is_a_share_of_the_target():
    case = a_case(target="1000")
    assert Number(relative=0.01).score(case, a_response("1009")).value == 1.0
    assert Number(relative=0.01).score(case, a_response("1011")).value == 0.0


def test_reference_solutions_are_right_and_changed_ones_wrong():
    solutions = [
        f"He buys {n} boxes at ${n}.50 so {n}*2=<<{n}*2={2 * n}>>{2 * n}.\n#### {2 * n:,}"
        for n in range(1, 1500)
    ]
    for solution in solutions:
        case = a_case(target=solution.split("####")[-1].strip())
        changed = solution[:-1] + str((int(solution[-1]) + 1) % 10)
        assert Number().score(case, a_response(solution)).value == 1.0
        assert Number().score(case, a_response(changed)).value == 0.0
