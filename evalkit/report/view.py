"""The page of ``evalkit view``: the case browser over a whole run, which fetches what it shows."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import Markup

from evalkit.report.casedata import Meta, script_json
from evalkit.report.html import environment, policy, style_and_script


def render_view(
    suite: str, run: str, facts: Sequence[str], meta: Meta, *, is_open: bool = False
) -> tuple[str, str]:
    """The page, and the Content-Security-Policy to send with it.

    ``is_open`` says that the run had not ended, so that there may be more to see later.
    """
    style, script = style_and_script()
    page = (
        environment()
        .get_template("view.html.j2")
        .render(
            suite=suite,
            run=run,
            facts=facts,
            is_open=is_open,
            style=Markup(style),
            script=Markup(script),
            data=Markup(script_json({"meta": meta.plain()})),
        )
    )
    admitted = policy(style, script, connect="'self'")
    return page, f"{admitted}; frame-ancestors 'none'"
