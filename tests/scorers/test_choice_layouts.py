"""Choices, and yes or no, as models write them."""

import pytest

from evalkit.scorers.choice import find_letter
from evalkit.scorers.yes_no import find_yes_no

LETTERS = [
    ("B", "B"),
    ("b", "B"),
    ("(B)", "B"),
    ("B.", "B"),
    ("B)", "B"),
    ("**B**", "B"),
    ("**B.** Paris", "B"),
    ("B: Paris", "B"),
    ("Answer: B", "B"),
    ("Answer: (B) Paris", "B"),
    ("answer is B", "B"),
    ("The correct answer is **B) Paris**.", "B"),
    ("The answer is option B.", "B"),
    ("Option B", "B"),
    ("Choice: B", "B"),
    ("I choose B.", "B"),
    ("I would go with B", "B"),
    ("My answer: `B`", "B"),
    ("#### B", "B"),
    ("\\boxed{B}", "B"),
    ("\\boxed{\\text{B}}", "B"),
    ("\\boxed{\\textbf{(B)}}", "B"),
    ("$\\boxed{\\mathrm{B}}$", "B"),
    ("The correct option is: C", "C"),
    ("Therefore, the correct choice is D.", "D"),
    ("A) one\nB) two\nC) three\n\nThe answer is C.", "C"),
    ("A is wrong because x. B is wrong. So it's C.", "C"),
    ("Let me think. A: no. B: no.\n\nC", "C"),
    ("A. Paris\nB. Rome\nC. Oslo\nD. Bern", None),
    ("I have no idea", None),
    ("", None),
    ("A lot of people think so", None),
    ("I am not sure", None),
    ("A good question. I don't know", None),
    ("The answer is not A but B", "B"),
    ("It is (C) since (A) and (B) fail", "C"),
    ("Final answer: **D**", "D"),
    ("The best answer is A because", "A"),
    ("answer: a", "A"),
    ("Answer - E", "E"),
    ("<answer>B</answer>", "B"),
    ('{"answer": "B"}', "B"),
    ("**Answer:** B", "B"),
    ("**Answer: B**", "B"),
    ("Answer:\n\nB", "B"),
    ("Answer:\n**C. Oslo**", "C"),
    ("The answer is:\n(D)", "D"),
    ("Correct Answer: C. Because A is", "C"),
    ("Both A and B are wrong; the answer is D", "D"),
    ("After eliminating A, B and C we are left with D.", "D"),
    ("Ans: B", "B"),
    ("The answer is Apple", None),
    ("Select C", "C"),
    ("It's B!", "B"),
    ("B is correct.", "B"),
    ("The correct answer is B, not A.", "B"),
    ("Answer: B or C?", None),
    ("正解はBです", "B"),
    ("Option (A) is incorrect. Option (B) is correct.", "B"),
    ("The answer is a mystery", None),
    ("Option B is wrong. Option A is correct. Option C is wrong.", "A"),
    ("It's a trap", None),
]
YES_NO = [
    ("Yes", True),
    ("No.", False),
    ("**Yes**, it is", True),
    ("yes!", True),
    ("Answer: no", False),
    ("The answer is yes.", True),
    ("No, that is not true.", False),
    ("It is true that ... so the answer is False", False),
    ("True", True),
    ("False", False),
    ("\\boxed{\\text{No}}", False),
    ("Well, yes and no. Final answer: yes", True),
    ("I think not", None),
    ("perhaps", None),
    ("", None),
    ("Yes. There is no doubt.", True),
    ("There is no doubt: yes", True),
    ("<answer>No</answer>", False),
    ("Y", True),
    ("N", False),
    ("Nope", False),
    ("Yeah", True),
    ("Correct", None),
    ("The statement is false.", False),
    ("That's not true.", False),
    ("I cannot say yes or no", None),
    ("#### Yes", True),
    ("Not true", False),
    ("Based on the passage, no.", False),
]


@pytest.mark.parametrize(("text", "letter"), LETTERS)
def test_the_letter_an_answer_chooses(text, letter):
    assert find_letter(text, 5) == letter


@pytest.mark.parametrize(("text", "is_yes"), YES_NO)
def test_whether_an_answer_says_yes(text, is_yes):
    assert find_yes_no(text) is is_yes


@pytest.mark.parametrize(
    "text", ["answer" + " " * 20_000, "\n" * 20_000, "answer is " + "_" * 20_000]
)
def test_long_nonsense_takes_no_time(text):
    assert (find_letter(text), find_yes_no(text)) == (None, None)
