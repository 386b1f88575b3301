"""Suites and datasets with one fault each, to be read beside what evalkit says of them."""

# ruff: noqa: E501
from __future__ import annotations

import gzip

# A sound suite; each fault below replaces one of its lines, or adds one.
SOUND = {
    "dataset": "dataset: {path: rows.jsonl, id: id, target: answer}",
    "prompts": 'prompts: {plain: "{{ question }}"}',
    "models": "models: [claude-haiku-4-5]",
    "thinking": "thinking: [off, 1024]",
    "scorers": "scorers: [number]",
}
ROWS = '{"id": "a", "question": "1 + 1?", "answer": "2"}\n'
COLUMNS = "the columns are answer, id, question"

# (line replaced or added, its text, what is said after "suite.yaml:LINE: ")
SUITES = [
    ("modles", "modles: [x]", "modles: unknown key; did you mean 'models'?"),
    (
        "zebra",
        "zebra: 1",
        "zebra: unknown key; accepted: ",
    ),
    (
        "name",
        "name: my suite",
        "name: 'my suite' is no name; use letters, digits and . _ -, without spaces",
    ),
    ("samples", "samples: 0", "samples: must be at least 1, found 0"),
    ("samples", "samples: many", "samples: expected a whole number, found 'many'"),
    ("samples", "samples: 1.5", "samples: expected a whole number, found 1.5"),
    (
        "answer_tokens",
        "answer_tokens: 4 kilo",
        "answer_tokens: expected a whole number, found '4 kilo'",
    ),
    (
        "dataset",
        "dataset: {pth: rows.jsonl}",
        "dataset.pth: unknown key; did you mean 'path'?",
    ),
    ("dataset", "dataset: {target: answer}", "dataset.path: is missing"),
    (
        "dataset",
        "dataset: [rows.jsonl]",
        "dataset: expected a path or a mapping of names to values, found a list",
    ),
    (
        "dataset",
        "dataset: {path: rows.csv, target: answer}",
        "dataset.path: FOLDER/rows.csv: no such file",
    ),
    (
        "dataset",
        "dataset: {path: rows.jsonl, limit: -1, target: answer}",
        "dataset.limit: must be at least 1, found -1",
    ),
    (
        "dataset",
        "dataset: {path: rows.jsonl, format: xlsx, target: answer}",
        "dataset.format: expected jsonl, json, csv, tsv, yaml, parquet, text or hf, found 'xlsx'",
    ),
    (
        "dataset",
        "dataset: {path: rows.jsonl, encoding: utf-9}",
        "dataset: no encoding is called 'utf-9'; try utf-8",
    ),
    (
        "dataset",
        "dataset: {path: rows.jsonl, split: test}",
        "dataset: split goes with a Hugging Face dataset, path: hf:name",
    ),
    (
        "dataset",
        "dataset: {path: rows.jsonl, target: anser}",
        f"dataset.target: no column 'anser'; did you mean 'answer'? {COLUMNS}",
    ),
    (
        "dataset",
        "dataset: {path: rows.jsonl, id: key, target: answer}",
        f"dataset.id: no column 'key'; {COLUMNS}",
    ),
    (
        "dataset",
        'dataset: {path: rows.jsonl, target: answer, filter: "level == 2"}',
        f"dataset.filter: uses 'level', which no row has; {COLUMNS}",
    ),
    (
        "dataset",
        'dataset: {path: rows.jsonl, target: answer, filter: "id =="}',
        "dataset.filter: unexpected 'end of template'",
    ),
    (
        "dataset",
        'dataset: {path: rows.jsonl, target: "{{ anser }}"}',
        f"dataset.target: uses 'anser', which no row has; did you mean 'answer'? {COLUMNS}",
    ),
    (
        "dataset",
        "dataset: {path: rows.jsonl, target: answer, sample: {size: 5, by: level}}",
        f"dataset.sample: no column 'level'; {COLUMNS}",
    ),
    (
        "dataset",
        "dataset: {path: rows.jsonl, target: answer, sample: {by: id}}",
        "dataset.sample.size: is missing",
    ),
    (
        "dataset",
        "dataset: {path: ${NOWHERE}/rows.jsonl}",
        "not valid YAML: while parsing a flow mapping, expected ',' or '}', but got '{'; quote a value with ${…} in it",
    ),
    (
        "dataset",
        "dataset: {path: '${NOWHERE}/rows.jsonl', target: answer}",
        "dataset.path: the variable NOWHERE is not set; ${NOWHERE:-…} gives a default",
    ),
    (
        "models",
        "models: [{model: m, base_url: 'https://${API_KEY}@x'}]",
        "models.0.base_url: ${API_KEY} is called like a key, and keys stay out of suites; see api_key_env",
    ),
    (
        "models",
        "models: [{model: m, api_key: abc}]",
        "models.0.api_key: a key does not belong in a suite; name its variable with api_key_env",
    ),
    ("models", "models: []", "models: expected at least one entry, found an empty list"),
    ("models", "models: [{name: x}]", "models.0.model: is missing"),
    (
        "models",
        "models: [{model: m, base_url: gateway}]",
        "models.0: base_url 'gateway' is not an http(s) address",
    ),
    (
        "models",
        "models: [{model: m, auth: basic}]",
        "models.0.auth: expected x-api-key, bearer, both or none, found 'basic'",
    ),
    (
        "models",
        "models: [{model: m, temperature: hot}]",
        "models.0.temperature: expected a number, found 'hot'",
    ),
    (
        "models",
        "models: [{model: claude-haiku-4-5, temperature: 1.5}]",
        "models.0.temperature: claude-haiku-4-5 takes temperatures from 0 to 1, found 1.5\n"
        "suite.yaml:4: thinking.1: claude-haiku-4-5 takes no temperature 1.5 together with thinking (thinking think-1024): only top_p from 0.95 to 1",
    ),
    ("models", "models: [{model: m, top_p: 1.5}]", "models.0.top_p: must be at most 1, found 1.5"),
    (
        "models",
        "models: [{model: m, stream: maybe}]",
        "models.0.stream: expected true or false, found 'maybe'",
    ),
    ("models", "models: [m, m]", "models: two models are both called m; give one a name"),
    (
        "models",
        "models: [{model: m, price: {input: 3}}]",
        "models.0.price: no list price is known to complete this; give both input and output",
    ),
    (
        "models",
        "models: [{model: claude-haiku-4-5, price: {cache_read: cheap}}]",
        "models.0.price.cache_read: expected a number or a multiple of input such as 0.1x, found 'cheap'",
    ),
    (
        "prompts",
        'prompts: ["{{ question }}"]',
        "prompts: expected a mapping of names to values, found a list; give each prompt a name",
    ),
    (
        "prompts",
        "prompts: {plain: ' '}",
        "prompts.plain: is empty, and the API refuses empty messages",
    ),
    (
        "prompts",
        "prompts: {plain: {messages: [{role: system, content: x}]}}",
        "prompts.plain.messages.0.role: expected user or assistant, found 'system'; a system text stands beside the messages, as system: …",
    ),
    (
        "temperature",
        "temperature: 0",
        "temperature: unknown key; did you mean models.*.temperature or overrides.*.temperature?",
    ),
    ("limit", "limit: 20", "limit: unknown key; did you mean dataset.limit?"),
    ("providers", "providers: [x]", "providers: unknown key; did you mean 'models'?"),
    ("max_tokens", "max_tokens: 500", "max_tokens: unknown key; did you mean 'answer_tokens'?"),
    ("12", "12: a", "12: 12 is no key; accepted: "),
    (
        "retries",
        "retries: 5",
        "retries: expected a mapping of names to values, found 5; its keys are attempts, within_s",
    ),
    (
        "limits",
        "limits: {concurrency: 0}",
        "limits.concurrency: must be at least 1, found 0",
    ),
    (
        "models",
        "models: [{model: claude-haiku-4-5, price: {cache_read: -1}}]",
        "models.0.price.cache_read: must be at least 0, found -1",
    ),
    (
        "description",
        "description: ${5} and ${HOME-x}",
        "description: ${5} names no variable: write ${NAME} or ${NAME:-default}, or $${ for the signs themselves\n"
        "suite.yaml:6: description: ${HOME-x} names no variable: write ${NAME} or ${NAME:-default}, or $${ for the signs themselves",
    ),
    (
        "prompts",
        'prompts: {plain: "{{ question }}',
        "not valid YAML: a quote opens here and is never closed",
    ),
    ("prompts", "prompts: {}", "prompts: expected at least one entry, found an empty mapping"),
    (
        "prompts",
        "prompts: {plain: {usr: x}}",
        "prompts.plain.usr: unknown key; did you mean 'user'?",
    ),
    (
        "prompts",
        "prompts: {plain: {system: x}}",
        "prompts.plain: a prompt has exactly one of user, messages or file",
    ),
    (
        "prompts",
        "prompts: {plain: {file: none.md}}",
        "prompts.plain.file: cannot read FOLDER/none.md: No such file or directory",
    ),
    (
        "prompts",
        'prompts: {plain: "{{ queston }}"}',
        f"prompts.plain: the prompt uses 'queston', which no row has; did you mean 'question'? {COLUMNS}",
    ),
    (
        "prompts",
        'prompts: {plain: "{% if question %}x"}',
        "prompts.plain: user, template line 1: Unexpected end of template. Jinja was looking for the following tags: 'elif' or 'else' or 'endif'. The innermost block that needs to be closed is 'if'.",
    ),
    (
        "prompts",
        "prompts: {plain: '{% include \"../secret.md\" %}'}",
        "prompts.plain: includes ../secret.md, which is outside the suite's folder",
    ),
    (
        "prompts",
        "prompts: {plain: '{% include question %}'}",
        'prompts.plain: an include names its file in quotes: {% include "intro.md" %}',
    ),
    (
        "prompts",
        "prompts: {plain: '{% include \"intro.md\" %}'}",
        "prompts.plain: includes intro.md, which cannot be read: No such file or directory",
    ),
    (
        "prompts",
        "prompts: {plain: {user: '{{ examples }}', examples: {path: rows.jsonl}}}",
        "prompts.plain.examples: examples from a path need sample: how many of them to show",
    ),
    (
        "prompts",
        "prompts: {plain: {user: '{{ question }}', examples: [{q: 1}]}}",
        "prompts.plain.examples: no template of this prompt shows the examples",
    ),
    (
        "thinking",
        "thinking: [lots]",
        "thinking.0: 'lots' is no thinking setting; accepted: off, default, adaptive, a budget such as 1024 or 4k, or low, medium, high, xhigh, max",
    ),
    ("thinking", "thinking: [0]", "thinking.0: a budget of 0 tokens is 'off': write off"),
    ("thinking", "thinking: [off, off]", "thinking: off is there twice"),
    (
        "thinking",
        "thinking: [512]",
        "thinking.0: claude-haiku-4-5 takes budgets of 1024 tokens or more (thinking budget 512)",
    ),
    (
        "thinking",
        "thinking: [high]",
        "thinking.0: claude-haiku-4-5 takes no adaptive thinking: use off or a budget of 1024 tokens or more\nsuite.yaml:4: thinking.0: claude-haiku-4-5 takes no effort (effort high): use off or a budget of 1024 tokens or more",
    ),
    (
        "scorers",
        "scorers: [nubmer]",
        "scorers.0: no scorer is called 'nubmer'; did you mean 'number'?",
    ),
    (
        "matrix",
        "matrix: {exclude: plain/*/high}",
        "matrix.exclude.0: leaves out nothing; there are: plain/claude-haiku-4-5/off, plain/claude-haiku-4-5/think-1024",
    ),
    ("matrix", "matrix: {exclude: '*'}", "matrix: leaves no variant to ask"),
    (
        "matrix",
        "matrix: {include: {prompt: plan, model: claude-haiku-4-5}}",
        "matrix.include.0: no prompt is called 'plan'; did you mean 'plain'?",
    ),
    (
        "matrix",
        "matrix: {include: {prompt: plain, model: claude-haiku-4-5, thinking: off}}",
        "matrix.include.0: plain/claude-haiku-4-5/off is there already",
    ),
    (
        "overrides",
        "overrides: {variants: brief/*, answer_tokens: 9}",
        "overrides.0: 'brief/*' matches no variant; there are: plain/claude-haiku-4-5/off, plain/claude-haiku-4-5/think-1024",
    ),
    (
        "overrides",
        "overrides: {variants: plain/*}",
        "overrides.0: an override changes nothing; give it, for example, answer_tokens",
    ),
    ("extends", "extends: base.yaml", "extends: no file base.yaml beside this one"),
    ("extends", "extends: suite.yaml", "extends: suite.yaml extends this file in turn"),
    ("budget", "budget: {max_cost_usd: 0}", "budget.max_cost_usd: must be more than 0, found 0"),
    (
        "limits",
        "limits: {concurrency: lots}",
        "limits.concurrency: expected a whole number or auto, found 'lots'",
    ),
    (
        "gate",
        "gate: {rules: {scorer: nubmer, max_drop: 0.02}}",
        "gate.rules.0.scorer: no scorer is called 'nubmer'; did you mean 'number'?",
    ),
    (
        "gate",
        "gate: {rules: {metric: fialed, max: 0.1}}",
        "gate.rules.0.metric: expected failed, truncated, refused, no_text, unscored, completeness, cost_usd, cost_per_correct, latency_p50, latency_p95, first_token_p50, output_tokens or thinking_tokens, found 'fialed'; did you mean 'failed'?",
    ),
    (
        "gate",
        "gate: {rules: {scorer: number, max_drop: 0}}",
        "gate.rules.0.max_drop: must be more than 0, found 0",
    ),
    (
        "gate",
        "gate: {rules: {scorer: number, max_drop: 1}}",
        "gate.rules.0.max_drop: must be less than 1, found 1",
    ),
    (
        "gate",
        "gate: {rules: {max_drop: 0.1}}",
        "gate.rules.0: a rule names either a scorer or a metric",
    ),
    (
        "gate",
        "gate: {rules: {scorer: number, metric: failed, max: 0.1}}",
        "gate.rules.0: a rule names either a scorer or a metric",
    ),
    (
        "gate",
        "gate: {rules: {scorer: number}}",
        "gate.rules.0: say what is allowed of number: max_drop, min or both",
    ),
    (
        "gate",
        "gate: {rules: {scorer: number, min: 80}}",
        "gate.rules.0: min is a mean score, above 0 and up to 1, found 80",
    ),
    (
        "gate",
        "gate: {rules: {metric: failed, max: 2}}",
        "gate.rules.0: failed is a share between 0 and 1, found max: 2",
    ),
    (
        "gate",
        "gate: {rules: {metric: failed, max_drop: 0.1}}",
        "gate.rules.0: failed takes max or max_increase, not max_drop",
    ),
    (
        "gate",
        "gate: {rules: {scorer: number, max_drop: 0.1, tag: hard}}",
        "gate.rules.0.tags: no case carries tags; name their columns: dataset.tags",
    ),
    (
        "gate",
        "gate: {rules: [{scorer: number, max_drop: 0.1}, {scorer: number, min: 0.5}]}",
        "gate.rules: two rules are about number; put them into one",
    ),
    (
        "gate",
        "gate: {variants: brief/*}",
        "gate.variants: 'brief/*' matches no variant; there are: plain/claude-haiku-4-5/off, plain/claude-haiku-4-5/think-1024",
    ),
    (
        "gate",
        "gate: {notify: https://hooks.example/a}",
        "gate.notify.0: an address that can be written to is like a key: put it into an environment variable and name that, url_env: SLACK_WEBHOOK_URL",
    ),
    (
        "report",
        "report: {baseline: plain/claude-haiku-4-5/of}",
        "report.baseline: no variant is called 'plain/claude-haiku-4-5/of'; did you mean 'plain/claude-haiku-4-5/off'?",
    ),
    (
        "report",
        "report: {formats: pdf}",
        "report.formats.0: expected terminal, html, markdown, json, csv or junit, found 'pdf'",
    ),
    (
        "models",
        "models: [{model: m, headers: {Authorization: Bearer abc}}]",
        "models.0.headers.Authorization: a key does not belong in a suite; name its variable with api_key_env",
    ),
    (
        "models",
        "models: [{model: m, headers: {x-team-token: abc}}]",
        "models.0.headers.x-team-token: a key does not belong in a suite; name its variable with api_key_env",
    ),
    (
        "models",
        "models: [{model: m, extra_body: {a: [{x-api-key: abc}]}}]",
        "models.0.extra_body.a.0.x-api-key: a key does not belong in a suite; name its variable with api_key_env",
    ),
    (
        "models",
        "models: [{model: m, base_url: 'https://user:pass@host'}]",
        "models.0: base_url holds a user name or password; name the key's variable in api_key_env",
    ),
    (
        "models",
        "models: [{model: m, base_url: 'https://host/?key=abc'}]",
        "models.0: base_url is a server's address, without ? and #; see headers and api_key_env",
    ),
    (
        "models",
        "models: [{model: m, api_key_env: my key}]",
        "models.0.api_key_env: 'my key' is no name of an environment variable",
    ),
    (
        "models",
        "models: [{model: m, headers: {x-team: 3}}]",
        'models.0.headers.x-team: expected text, found 3; put it in quotes: "3"',
    ),
    (
        "models",
        "models: [{model: m, headers: {x team: a}}]",
        "models.0: 'x team' is no header that can be sent",
    ),
    (
        "models",
        "models: [{betta: 1}]",
        "models.0.betta: unknown key; did you mean 'beta'?\nsuite.yaml:3: models.0.model: is missing",
    ),
    (
        "models",
        "models: [4.5]",
        "models.0: expected a model's name or a mapping of names to values, found 4.5",
    ),
    ("models", "models:", "models: expected a list, found nothing"),
    (
        "anthropic_api_key",
        "anthropic_api_key: abc",
        "anthropic_api_key: a key does not belong in a suite; name its variable with api_key_env",
    ),
    (
        "description",
        "description: ask me with sk-ant-api03-abcdef",
        "description: this looks like an API key; it does not belong in a suite",
    ),
    ("name", "name: 42", 'name: expected text, found 42; put it in quotes: "42"'),
    ("name", "name: " + "x" * 101, "name: has 101 characters, and at most 100 are taken"),
    ("samples", "samples: 1:30", "samples: expected a whole number, found '1:30'"),
    ("budget", "budget: {max_cost_usd: .inf}", "budget.max_cost_usd: must be a number, found inf"),
    (
        "prompts",
        "prompts: {plain: {{ question }}}",
        'not valid YAML: while constructing a mapping, found unhashable key; quote a value that begins with {, as in "{{ question }}"',
    ),
    (
        "prompts",
        'prompts: {plain: "Question: {question}"}',
        "prompts.plain: {question} is plain text; the column is {{ question }}",
    ),
    (
        "prompts",
        'prompts: {plain: "{{ question | uper }}"}',
        "prompts.plain: user, template line 1: no filter is called 'uper'; did you mean 'upper'?",
    ),
    (
        "prompts",
        "prompts: {plain: {messages: [{role: user, content: '{{ question }}'}, {role: assistant, content: 'So'}]}}",
        "prompts.plain: claude-haiku-4-5: a prefilled answer goes with no thinking",
    ),
    (
        "prompts",
        "prompts: {plain: {user: '{{ examples }}', examples: {path: none.jsonl, sample: 2}}}",
        "prompts.plain.examples: FOLDER/none.jsonl: no such file",
    ),
    (
        "prompts",
        "prompts: {plain: {user: '{{ examples }}', examples: {path: rows.jsonl, sample: 2}}}",
        "prompts.plain.examples: FOLDER/rows.jsonl has 1 rows, fewer than sample: 2",
    ),
    (
        "dataset",
        'dataset: {path: rows.jsonl, target: answer, filter: "id = 3"}',
        "dataset.filter: there is more behind the expression; compare with ==, join with and, or",
    ),
    (
        "dataset",
        'dataset: {path: rows.jsonl, target: answer, filter: "{{ id }}"}',
        "dataset.filter: an expression stands by itself, without {{ }}",
    ),
    (
        "dataset",
        'dataset: {path: rows.jsonl, filter: "", target: answer}',
        "dataset.filter: expected some text, found ''",
    ),
    ("extends", "extends: 3", "extends: extends names a file, or a list of files"),
    ("limits", "limits: {rpm: 3}", "limits.rpm: unknown key; accepted: concurrency, "),
]

# (file, its bytes, further words of the dataset, what is said)
DATASETS = [
    (
        "d.csv",
        b"id,answer\n1,2\n1,2,3\n",
        "",
        "FOLDER/d.csv:3: 3 cells, but the header names 2 columns",
    ),
    ("d.csv", b"id,answer\n1\n", "", "FOLDER/d.csv:2: 1 cell, but the header names 2 columns"),
    (
        "d.csv",
        b'id,answer\n1,"two\nlines"\n2\n',
        "",
        "FOLDER/d.csv:4: 1 cell, but the header names 2 columns",
    ),
    ("d.csv", b"id,id,answer\n", "", "FOLDER/d.csv:1: the column 'id' is there twice"),
    ("d.csv", b"", "", "FOLDER/d.csv:1: no header line"),
    (
        "d.csv",
        b"id,answer\n",
        "",
        "suite.yaml:1: dataset.path: FOLDER/d.csv: the dataset has no rows",
    ),
    (
        "d.csv",
        b'id,answer\n1,"open\n',
        "",
        "FOLDER/d.csv:2: a quote opens in this row and is never closed",
    ),
    ("d.csv", b"id,answer\n1,caf\xe9\n", "", "FOLDER/d.csv:2: byte 0xe9 is not utf-8"),
    ("d.csv", "id,answer\n1,2\n".encode("utf-16"), "", "FOLDER/d.csv:1: byte 0xff is not utf-8"),
    (
        "d.jsonl",
        b'{"id": 1, "answer": 2}\n{"id": 2\n',
        "",
        "FOLDER/d.jsonl:2: not valid JSON: Expecting ',' delimiter at column 9",
    ),
    ("d.jsonl", b"[1, 2]\n", "", "FOLDER/d.jsonl:1: a row is an object of columns, found a list"),
    (
        "d.jsonl",
        b'{"id": 1, "answer": Infinity}\n',
        "",
        "FOLDER/d.jsonl:1: infinity has no place in JSON",
    ),
    (
        "d.jsonl",
        b'{"id": 1, "answer": 2}\n{"id": 1, "answer": 3}\n',
        "",
        "FOLDER/d.jsonl:2: the case id '1' was already used at FOLDER/d.jsonl:1",
    ),
    ("d.jsonl", b'{"id": " ", "answer": 2}\n', "", "FOLDER/d.jsonl:1: the id column 'id' is empty"),
    (
        "d.jsonl",
        b'{"id": 1, "answer": 2}\n{"id": 2}\n',
        "",
        "FOLDER/d.jsonl:2: no column 'answer'; the row has id",
    ),
    (
        "d.jsonl",
        b'{"id": 1, "answer": 2}\n{"id": 2, "answer": null}\n',
        "",
        "FOLDER/d.jsonl:2: the target is empty, and the scorer 'number' needs one",
    ),
    ("d.jsonl", b'{"id": 1, "answer": 2}\n', 'filter: "id > 5"', "the filter leaves no row"),
    (
        "d.jsonl",
        b'{"id": 1, "answer": 2}\n{"id": "x", "answer": 2}\n',
        'filter: "id > 0"',
        "FOLDER/d.jsonl:2: dataset.filter: TypeError: '>' not supported between instances of 'str' and 'int'",
    ),
    ("d.json", b'{"id": 1}', "", "FOLDER/d.json:1: expected a list of rows"),
    (
        "d.json",
        b'[{"id": 1, "answer": 2}\n {"id": 2}]',
        "",
        "FOLDER/d.json:2: not valid JSON: expected ',' or ']' after a row",
    ),
    (
        "d.json",
        b'[{"id": 1, "answer": 2},\n {"id": tru}]',
        "",
        "FOLDER/d.json:2: not valid JSON: Expecting value",
    ),
    ("d.yaml", b"id: 1\n", "", "FOLDER/d.yaml:1: expected a list of rows"),
    (
        "d.yaml",
        b"- {id: 1, answer: 2}\n- [1\n",
        "",
        "FOLDER/d.yaml:2: not valid YAML: while parsing a flow sequence, expected ',' or ']', but got '<stream end>'; close the brackets, or quote a value with ? : , [ or ] in it",
    ),
    (
        "d.parquet",
        b"PAR1",
        "",
        "suite.yaml:1: dataset.path: FOLDER/d.parquet: not a Parquet file: Parquet file size is 4 bytes, smaller than the minimum file footer (8 bytes)",
    ),
    (
        "d.jsonl.gz",
        b"\x1f\x8b\x08\x00",
        "",
        "suite.yaml:1: dataset.path: FOLDER/d.jsonl.gz: the packed data is damaged: Compressed file ended before the end-of-stream marker was reached",
    ),
    (
        "d.csv",
        b"id;answer\n1;2\n",
        "",
        "FOLDER/d.csv:1: the header is a single column, 'id;answer'",
    ),
    ("d.csv", b"id,answer,,\n1,2,,\n", "", "FOLDER/d.csv:1: 2 columns have no name"),
    (
        "d.csv",
        b"PK\x03\x04..",
        "",
        "suite.yaml:1: dataset.path: FOLDER/d.csv: this is a spreadsheet or a zip archive",
    ),
    (
        "d.jsonl",
        b'{"id": 1, "answer": ' + b"[" * 5000 + b"]" * 5000 + b"}\n",
        "",
        "FOLDER/d.jsonl:1: nested too deeply",
    ),
    (
        "d.json",
        b'[{"id": 1, "answer": 2}]\n{"id": 2}',
        "",
        "FOLDER/d.json:2: not valid JSON: there is more behind the list",
    ),
    (
        "d.yaml",
        b"- {id: 1, answer: 1}\n---\n- {id: 2, answer: 1}\n",
        "",
        "FOLDER/d.yaml:2: a second document; all rows go into one list",
    ),
    (
        "d.yaml",
        b"- {id: 1, answer: 1,\n   id: 2}\n",
        "",
        "FOLDER/d.yaml:2: the column 'id' is given twice",
    ),
    (
        "d.csv",
        "id,answer\n1,2\n".encode("utf-16")[:-1],
        "encoding: utf-16",
        "suite.yaml:1: dataset.path: FOLDER/d.csv: is not utf-16",
    ),
    (
        "d.xlsx",
        b"PK",
        "",
        "suite.yaml:1: dataset.path: FOLDER/d.xlsx: unknown dataset format '.xlsx'",
    ),
    (
        "d.jsonl",
        b'{"id": 1, "answer": 2}\n{"id": 2\n{"id": 3, "answer": 4}\n[5]\n{"id": 3, "answer": 1}\n'
        b'{"id": 6, "answer": 7, "answer": 8}\n{"id": 7, "answer": -Infinity}\n{"id": 8}\n',
        "",
        "FOLDER/d.jsonl:2: not valid JSON: Expecting ',' delimiter at column 9\n"
        "FOLDER/d.jsonl:4: a row is an object of columns, found a list\n"
        "FOLDER/d.jsonl:5: the case id '3' was already used at FOLDER/d.jsonl:3\n"
        "FOLDER/d.jsonl:6: the key 'answer' is given twice\n"
        "FOLDER/d.jsonl:7: infinity has no place in JSON\n"
        "FOLDER/d.jsonl:8: no column 'answer'; the row has id",
    ),
    (
        "d.csv",
        b'id,answer\n1\n2,"b\nc"\n3,4,5\n\n6,7\n8,"9\n',
        "",
        "FOLDER/d.csv:2: 1 cell, but the header names 2 columns\n"
        "FOLDER/d.csv:5: 3 cells, but the header names 2 columns\n"
        "FOLDER/d.csv:8: a quote opens in this row and is never closed",
    ),
    (
        "d.csv",
        b"id,answer\n" + b"1\n" * 40,
        "",
        "\n".join(
            f"FOLDER/d.csv:{line}: 1 cell, but the header names 2 columns" for line in range(2, 12)
        ),
    ),
    (
        "d.json",
        b'[{"id": 1, "answer": 2},\n 3,\n {"id": 2, "answer": 1, "id": 5}]',
        "",
        "FOLDER/d.json:2: a row is an object of columns, found a number\n"
        "FOLDER/d.json:3: the key 'id' is given twice",
    ),
    (
        "d.yaml",
        b"- {id: 1, answer: 1, id: 2}\n- x\n- {id: 1, answer: 1}\n- {id: 3, answer: .inf}\n",
        "",
        "FOLDER/d.yaml:1: the column 'id' is given twice\n"
        "FOLDER/d.yaml:2: a row is an object of columns, found text\n"
        "FOLDER/d.yaml:4: infinity has no place in JSON",
    ),
    (
        "d.jsonl",
        b'{"id": 1, "answer": {"answer": 1.5}, "answer": "a: b"}\n',
        "",
        "FOLDER/d.jsonl:1: the key 'answer' is given twice",
    ),
    (
        "d.jsonl",
        b'[{"id": 1, "answer": 2}]\n',
        "",
        "FOLDER/d.jsonl:1: a row is an object of columns, found a list",
    ),
    (
        "d.jsonl.gz",
        gzip.compress(gzip.compress(b"{}")),
        "",
        "suite.yaml:1: dataset.path: FOLDER/d.jsonl.gz: is packed twice",
    ),
]
