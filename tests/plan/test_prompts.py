import base64

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from builders import a_case, a_suite

from evalkit.errors import DatasetError
from evalkit.messages.request import encode_request
from evalkit.plan.cases import plan_cases
from evalkit.plan.estimate import prompt_bytes
from evalkit.plan.matrix import plan_variants
from evalkit.plan.prompts import Prompt
from evalkit.plan.trials import build_request
from evalkit.suite.dataset import read_rows
from evalkit.suite.rows_schema import DatasetSpec
from evalkit.suite.schema import Suite
from evalkit.types import Endpoint

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


def body(case=None, *, folder="/nowhere", model="claude-haiku-4-5", **prompt):
    dataset = {"path": f"{folder}/rows.jsonl", "target": "answer"}
    fields = a_suite(dataset=dataset, prompts={"p": prompt}, models=[model])
    suite = Suite.model_validate(fields)
    endpoint = Endpoint("m", "http://127.0.0.1", stream=False)
    (planned,) = plan_variants(suite, {name.name: endpoint for name in suite.models})
    return encode_request(build_request(planned, planned.prompt.render(case or a_case())), endpoint)


def test_an_image_goes_before_the_text(tmp_path):
    (tmp_path / "cat.png").write_bytes(PNG)
    case = a_case(question="What is it?", photo="cat.png")
    sent = body(case, folder=tmp_path, user="{{ question }}", images="photo")
    image, text = sent["messages"][0]["content"]
    assert image["source"] == {
        "type": "base64",
        "media_type": "image/png",
        "data": base64.b64encode(PNG).decode(),
    }
    assert text == {"type": "text", "text": "What is it?"}


def test_image_bytes_of_a_parquet_column_survive_being_stored(tmp_path):
    path = tmp_path / "d.parquet"
    pq.write_table(pa.Table.from_pylist([{"q": "x", "photo": PNG}]), path)
    (case,) = plan_cases(read_rows(path), DatasetSpec(path=str(path)))
    sent = body(case, user="{{ q }}", images=["photo"])
    assert base64.b64decode(sent["messages"][0]["content"][0]["source"]["data"]) == PNG


@pytest.mark.parametrize(
    ("value", "told"),
    [
        ("none.png", "none.png: cannot be read"),
        ("../secret.png", "outside the dataset's folder"),
        ("/etc/passwd", "outside the dataset's folder"),
        ("text.png", "not a PNG, JPEG, GIF or WebP image"),
        (None, "not the path or bytes of an image"),
        (7, "not the path or bytes of an image"),
    ],
)
def test_an_image_that_cannot_be_sent_names_case_and_column(tmp_path, value, told):
    folder = tmp_path / "data"
    folder.mkdir()
    (tmp_path / "secret.png").write_bytes(PNG)
    (folder / "text.png").write_text("hello")
    with pytest.raises(DatasetError) as caught:
        body(
            a_case(question="?", photo=value), folder=folder, user="{{ question }}", images="photo"
        )
    assert "case 'c1', column 'photo'" in str(caught.value)
    assert told in str(caught.value)


MARK = {"cache_control": {"type": "ephemeral", "ttl": "5m"}}


def test_the_cache_mark_stands_on_the_last_shared_block():
    sent = body(system="Be brief.", user="{{ question }}", cache_prefix=True)
    assert sent["system"] == [{"type": "text", "text": "Be brief.", **MARK}]
    turns = [
        {"role": "user", "content": "1 + 1?"},
        {"role": "assistant", "content": "2"},
        {"role": "user", "content": "{{ question }}"},
    ]
    sent = body(system="Be brief.", messages=turns, cache_prefix="1h")
    assert sent["system"] == "Be brief."
    ttl = {"cache_control": {"type": "ephemeral", "ttl": "1h"}}
    assert sent["messages"][1]["content"] == [{"type": "text", "text": "2", **ttl}]
    tools = [{"name": "a", "input_schema": {}}, {"name": "b", "input_schema": {}}]
    sent = body(user="{{ question }}", tools=tools, cache_prefix=True)
    assert sent["tools"] == [tools[0], {**tools[1], **MARK}]


def test_tools_schema_metadata_and_tier_go_into_the_body():
    model = {
        "model": "claude-haiku-4-5",
        "metadata": {"user_id": "u-1"},
        "service_tier": "standard_only",
    }
    tool = {"name": "add", "input_schema": {"type": "object"}}
    sent = body(
        model=model,
        user="{{ question }}",
        tools=[tool],
        tool_choice="auto",
        output_schema={"type": "object"},
    )
    assert sent["metadata"] == {"user_id": "u-1"}
    assert sent["service_tier"] == "standard_only"
    assert sent["tools"] == [tool]
    assert sent["tool_choice"] == {"type": "auto"}
    assert sent["output_config"] == {
        "format": {"type": "json_schema", "schema": {"type": "object"}}
    }


@pytest.mark.parametrize(
    ("prompt", "told"),
    [
        ({"user": "x", "tool_choice": "any"}, "tool_choice needs tools"),
        ({"user": "x", "cache_prefix": True}, "cache_prefix needs something before"),
        ({"system": "x"}, "exactly one of user, messages or file"),
        ({"messages": [{"role": "assistant", "content": "x"}]}, "the first message must be"),
    ],
)
def test_a_prompt_that_does_not_fit_together_is_refused(prompt, told):
    with pytest.raises(ValueError, match=told):
        Suite.model_validate(a_suite(prompts={"p": prompt}))


def test_people_see_images_by_name_and_estimates_count_them(tmp_path):
    (tmp_path / "cat.png").write_bytes(PNG)
    dataset = {"path": f"{tmp_path}/rows.jsonl"}
    prompts = {"p": {"system": "Look.", "user": "{{ q }}", "images": "photo"}}
    suite = Suite.model_validate(a_suite(dataset=dataset, prompts=prompts))
    rendered = Prompt("p", suite.prompts["p"], suite).render(a_case(q="What?", photo="cat.png"))
    assert rendered.turns() == [("system", "Look."), ("user", "[image/png]\nWhat?")]
    assert prompt_bytes(rendered) > 5000
