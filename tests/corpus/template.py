"""Chat templates: the ways out of Jinja, published or thought of, and templates in the manner of model families."""
# ruff: noqa: E501

from __future__ import annotations

import json

from corpus import Sample, add

ESCAPES = {
    "class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "class_by_item": "{{ ''['__class__'] }}",
    "class_by_filter": "{{ ''|attr('__class__') }}",
    "class_by_escaped_text": r"{{ ''['\x5f\x5fclass\x5f\x5f'] }}",
    "class_by_unicode_escape": r"{{ ''['\u005f\u005fclass\u005f\u005f'] }}",
    "class_by_concatenation": "{{ ''['__cl' ~ 'ass__'] }}",
    "class_by_adjacent_texts": "{{ ''['__cl' 'ass__'] }}",
    "class_by_sum": "{{ ''['__cl' + 'ass__'] }}",
    "class_by_join": "{{ ''[['__cl', 'ass__'] | join] }}",
    "class_by_join_method": "{{ ''[''.join(['__cl', 'ass__'])] }}",
    "class_by_reverse": "{{ ''['__ssalc__' | reverse] }}",
    "class_by_replace": "{{ ''['--class--' | replace('-', '_')] }}",
    "class_by_lower": "{{ ''['__CLASS__' | lower] }}",
    "class_by_slice": "{{ ''['x__class__'[1:]](1) }}",
    "class_by_format": "{{ ''['%s%s' | format('__cl', 'ass__')] }}",
    "class_in_a_set": "{% set a = '__class__' %}{{ ''[a].mro() }}",
    "format_walks": "{{ '{0.__class__.__init__.__globals__}'.format(messages) }}",
    "format_map_walks": "{{ '{x.__class__}'.format_map({'x': 1}) }}",
    "format_kept": "{% set f = '{0.__class__}'.format %}{{ f(1) }}",
    "globals_of_lipsum": "{{ lipsum.__globals__['os'].popen('id').read() }}",
    "lipsum_kept": "{% set l = lipsum %}{{ l['__globals__'] }}",
    "init_of_cycler": "{{ cycler.__init__.__globals__.os.popen('id').read() }}",
    "init_of_joiner": "{{ joiner.__init__.__globals__ }}",
    "init_of_namespace": "{{ namespace.__init__.__globals__ }}",
    "init_of_self": "{{ self.__init__.__globals__.__builtins__ }}",
    "template_reference": "{{ self._TemplateReference__context }}",
    "raise_exception_globals": "{{ raise_exception.__globals__ }}",
    "strftime_globals": "{{ strftime_now.__globals__['sys'] }}",
    "config": "{{ config.items() }}",
    "request": "{{ request.application.__globals__ }}",
    "generator_frame": "{{ (messages | map('upper')).gi_frame.f_globals }}",
    "function_code": "{{ f.func_globals }}",
    "map_attr": "{{ messages | map('attr', '__class__') | list }}",
    "map_attribute": "{{ messages | map(attribute='__class__') | list }}",
    "map_dotted_attribute": "{{ messages | map(attribute='x.__class__') | list }}",
    "map_computed_attribute": "{{ messages | map(attribute=a) | list }}",
    "sort_attribute": "{{ messages | sort(attribute='__class__') }}",
    "groupby_attribute": "{{ messages | groupby('__class__') }}",
    "selectattr_attribute": "{{ messages | selectattr('__class__') | list }}",
    "call_by_item": "{{ messages['popen']('id') }}",
    "call_of_a_value": "{% set f = x.popen %}{{ f('id') }}",
    "call_of_a_parameter": "{% macro run(f) %}{{ f('id') }}{% endmacro %}{{ run(x.popen) }}",
    "call_of_a_loop_variable": "{% for f in [x.popen] %}{{ f('id') }}{% endfor %}",
    "call_of_a_known_name": "{% set range = x.popen %}{{ range('id') }}",
    "call_block": "{% call x['popen']('id') %}{% endcall %}",
    "unknown_method": "{{ x.popen('id').read() }}",
    "unknown_function": "{{ open('/etc/passwd').read() }}",
    "unknown_filter": "{{ '/etc/passwd' | read_file }}",
    "unknown_test": "{% if x is file_exists %}{% endif %}",
    "spread_arguments": "{{ dict(*x) }}",
    "include": "{% include '/etc/passwd' %}",
    "import": "{% import 'other' as other %}{{ other.run() }}",
    "from_import": "{% from 'other' import run %}{{ run() }}",
    "extends": "{% extends 'base' %}",
    "debug": "{% debug %}",
    "hidden_in_raw_after": "{% raw %}{{ x }}{% endraw %}{{ ''.__class__ }}",
    "behind_a_comment": "{# {{ x }} #}{{ ''.__class__ }}",
    "in_a_default": "{% macro m(a=''.__class__) %}{{ a }}{% endmacro %}",
    "in_a_filter_block": "{% filter attr('__class__') %}x{% endfilter %}",
    "in_a_set_block": "{% set x | attr('__class__') %}a{% endset %}",
    "in_a_with": "{% with a = ''.__class__ %}{{ a }}{% endwith %}",
    "in_an_elif": "{% if x %}{% elif ''.__class__ %}{% endif %}",
    "in_a_loop_filter": "{% for m in messages if m.__class__ %}{% endfor %}",
    "in_a_test_argument": "{% if 1 is divisibleby ''.__class__ %}{% endif %}",
    "in_a_slice": "{{ messages[''.__class__:] }}",
    "in_a_dict": "{{ {'a': ''.__class__} }}",
    "in_a_condition": "{{ 1 if ''.__class__ else 2 }}",
    "range_without_measure": "{% for i in range(99999999999) %}x{% endfor %}",
    "range_by_product": "{% for i in range(100000 * 100000) %}x{% endfor %}",
    "nested_ranges": "{% for a in range(9999) %}{% for b in range(9999) %}x{% endfor %}{% endfor %}",
    "repeated_text": "{{ 'a' * 99999999999 }}",
    "power": "{{ 9 ** 9 ** 9 }}",
    "wide_format": "{{ '%99999999d' | format(1) }}",
    "not_jinja": "{{ messages | }}",
    "unclosed": "{% for m in messages %}{{ ''.__class__ }}",
    "deep": "{{ " + "(" * 500 + "1" + ")" * 500 + " }}",
    "random": "{{ ['a', 'b'] | random }}",
}

HONEST = {
    "chatml": (
        "{% for message in messages %}{{'<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>' + '\\n'}}"
        "{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
    ),
    "llama2": (
        "{% if messages[0]['role'] == 'system' %}{% set loop_messages = messages[1:] %}{% set system_message = "
        "messages[0]['content'] %}{% else %}{% set loop_messages = messages %}{% set system_message = false %}{% endif %}"
        "{% for message in loop_messages %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}"
        "{{ raise_exception('Roles must alternate user/assistant/user/assistant/...') }}{% endif %}"
        "{% if loop.index0 == 0 and system_message != false %}{% set content = '<<SYS>>\\n' + system_message + "
        "'\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}"
        "{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}"
        "{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}"
    ),
    "llama3_tools": (
        "{{- bos_token }}{%- if custom_tools is defined %}{%- set tools = custom_tools %}{%- endif %}"
        "{%- if not date_string is defined %}{%- if strftime_now is defined %}{%- set date_string = "
        'strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}{%- endif %}'
        "{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content']|trim %}"
        "{%- set messages = messages[1:] %}{%- endif %}{%- for t in tools %}{{- t | tojson(indent=4) }}{%- endfor %}"
        "{%- for message in messages %}{%- if not (message.role == 'ipython' or 'tool_calls' in message) %}"
        "{{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}"
        "{%- elif 'tool_calls' in message %}{%- if not message.tool_calls|length == 1 %}"
        '{{- raise_exception("one tool call at once") }}{%- endif %}{%- set tool_call = message.tool_calls[0].function %}'
        "{%- for arg_name, arg_val in tool_call.arguments | items %}{{- arg_name + '=\"' + arg_val + '\"' }}"
        '{%- if not loop.last %}{{- ", " }}{%- endif %}{%- endfor %}{%- endif %}{%- endfor %}'
    ),
    "mistral_tools": (
        '{%- set user_messages = loop_messages | selectattr("role", "equalto", "user") | list %}'
        "{%- set ns = namespace(index=0) %}{%- for message in loop_messages %}"
        '{%- if not (message.role == "tool" or message.tool_calls is defined and message.tool_calls is not none) %}'
        '{%- if (message["role"] == "user") != (ns.index % 2 == 0) %}{{- raise_exception("alternate") }}{%- endif %}'
        "{%- set ns.index = ns.index + 1 %}{%- endif %}{%- endfor %}{%- for tool in tools %}"
        '{%- set tool = tool.function %}{{- \'{"type": "function", "function": {\' }}'
        '{%- for key, val in tool.items() if key != "return" %}{%- if val is string %}'
        "{{- '\"' + key + '\": \"' + val + '\"' }}{%- else %}{{- '\"' + key + '\": ' + val|tojson }}{%- endif %}{%- endfor %}"
        "{%- if loop.last %}{{- ']' }}{%- endif %}{%- endfor %}"
    ),
    "qwen3": (
        "{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}"
        "{%- for message in messages[::-1] %}{%- set index = (messages|length - 1) - loop.index0 %}"
        '{%- if ns.multi_step_tool and message.role == "user" and message.content is string and not('
        "message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}"
        "{%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}{%- endif %}{%- endfor %}"
        "{%- for message in messages %}{%- if '</think>' in message.content %}{%- set reasoning_content = "
        "message.content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}{%- endif %}{%- endfor %}"
    ),
    "gemma": (
        "{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}"
        "{% for message in messages %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}"
        "{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '\\n' + message['content'] | trim + "
        "'<end_of_turn>\\n' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model\\n'}}{% endif %}"
    ),
    "gemma_macros": (
        "{%- macro params(properties, required, keys=['type', 'description']) -%}{%- for key, value in properties | dictsort -%}"
        "{%- if key not in keys %}{{ key }}:{{ show(value['items']['required'] | default([])) }}{%- endif %}"
        "{%- endfor -%}{%- endmacro -%}{%- macro show(x, escape=True) -%}{%- if x is mapping -%}{{ params(x, []) }}"
        "{%- elif x is sequence and x is not string -%}{{ x | map('upper') | list | join(', ') }}{%- else -%}{{ x }}"
        "{%- endif -%}{%- endmacro -%}{% for t in tools %}{{ params(t['function']['parameters'], []) | trim }}{% endfor %}"
    ),
    "deepseek": (
        "{% if not add_generation_prompt is defined %}{% set add_generation_prompt = false %}{% endif %}"
        "{% set ns = namespace(is_first=false, is_tool=false, system_prompt='') %}{%- for message in messages %}"
        "{%- if message['role'] == 'system' %}{% set ns.system_prompt = message['content'] %}{%- endif %}{%- endfor %}"
        "{{bos_token}}{{ns.system_prompt}}{%- for message in messages %}{%- if message['role'] == 'assistant' and "
        "message['content'] is not none %}{% set content = message['content'] %}{% if '</think>' in content %}"
        "{% set content = content.split('</think>')[-1] %}{% endif %}{{'<｜Assistant｜>' + content + '<｜end▁of▁sentence｜>'}}"
        "{%- endif %}{%- endfor -%}"
    ),
    "phi": (
        "{% for message in messages %}{% if message['role'] == 'system' and 'tools' in message and message['tools'] is not none %}"
        "{{ '<|' + message['role'] + '|>' + message['content'] + '<|tool|>' + message['tools'] + '<|/tool|>' + '<|end|>' }}"
        "{% else %}{{ '<|' + message['role'] + '|>' + message['content'] + '<|end|>' }}{% endif %}{% endfor %}"
        "{% if add_generation_prompt %}{{ '<|assistant|>' }}{% else %}{{ eos_token }}{% endif %}"
    ),
    "command_r": (
        "{{ bos_token }}{%- macro document_turn(documents) -%}{# documents as turns #}[{% for doc in documents %}"
        '"{{ loop.index0 }}": {{doc|tojson}}{% if not loop.last %},{% endif %}{% endfor %}]{%- endmacro %}'
        "{%- set tool_ids_seen = namespace(value=[]) %}{%- for message in messages %}"
        "{%- if message.role|lower == 'tool' and message.tool_call_id not in tool_ids_seen.value %}"
        "{%- for msg in messages[loop.index0 + 1:] %}{%- if msg.role|lower == 'tool' %},{{ msg.content|tojson }}"
        "{%- set tool_ids_seen.value = tool_ids_seen.value + [msg.tool_call_id] %}{%- else %}{%- break %}{%- endif %}"
        "{%- endfor %}{%- else %}{%- continue %}{%- endif %}{%- endfor %}{{ document_turn(documents) }}"
    ),
    "hermes_json": (
        "{%- macro json_to_python_type(json_spec) %}{%- set basic = {'string': 'str', 'number': 'float'} %}"
        "{%- if basic[json_spec.type] is defined %}{{- basic[json_spec.type] }}{%- elif json_spec.type == 'array' %}"
        '{{- "list[" + json_to_python_type(json_spec|items) + "]"}}{%- elif json_spec.type is iterable %}'
        "{%- for t in json_spec.type %}{{- json_to_python_type({'type': t}) }}{%- endfor %}{%- else %}Any{%- endif %}"
        "{%- endmacro %}{%- for tool in tools %}{{- json_to_python_type(tool.parameters) }}{%- endfor %}"
    ),
    "vision": (
        "{% set image_count = namespace(value=0) %}{% for message in messages %}{% if message['content'] is string %}"
        "{{ message['content'] }}{% else %}{% for content in message['content'] %}{% if content['type'] == 'image' or "
        "'image' in content or 'image_url' in content %}{% set image_count.value = image_count.value + 1 %}"
        "{% if add_vision_id %}Picture {{ image_count.value }}: {% endif %}<|vision_start|><|image_pad|><|vision_end|>"
        "{% elif 'text' in content %}{{ content['text'] }}{% endif %}{% endfor %}{% endif %}{% endfor %}"
    ),
    "training": (
        "{%- for message in messages %}{%- if message.role == 'assistant' %}{% generation %}{{ message.content }}"
        "{% endgeneration %}{%- else %}{{ message.content }}{%- endif %}{%- endfor %}"
    ),
    "set_block": (
        '{%- set instructions -%}\nReturn JSON, such as [{"name": <name>}, ...]\n{%- endset -%}{{ instructions | trim }}'
        "{%- set _ = items.append(1) -%}{%- set a, b = 1, 2 -%}{{ loop_value | default('x', true) ~ a ~ b }}"
    ),
    "raw_and_comments": "{# {{ ''.__class__ }} is only a remark #}{% raw %}{{ name }}{% endraw %}{{ messages | length }}",
    "underscored_names": "{%- set _ns = namespace(__x=1) %}{{ message.get('_private') }}{{ _ns.count | int }}",
    "numbers": "{{ 1_000 + 2.5e3 - 0x1F }}{{ range(0, messages | length, 2) | list }}{% for i in range(20) %}{{ i }}{% endfor %}",
}


def _config(text: str) -> bytes:
    return json.dumps({"tokenizer_class": "LlamaTokenizerFast", "chat_template": text}, indent=2).encode()


for _name, _text in ESCAPES.items():
    _why = f"a chat template beside a model: {_name.replace('_', ' ')}"
    add(Sample(f"template/{_name}", "template", _why, "chat_template.jinja", "", _text.encode, dangerous=True))
    _build = lambda text=_text: _config(text)  # noqa: E731
    add(Sample(f"template/{_name}_in_json", "template", _why, "tokenizer_config.json", "", _build, dangerous=True))
for _name, _text in HONEST.items():
    _why = f"written in the manner of the family {_name.replace('_', ' ')}"
    add(Sample(f"template/{_name}", "template", _why, "chat_template.jinja", "", _text.encode, dangerous=False))
    _build = lambda text=_text: _config(text)  # noqa: E731
    add(Sample(f"template/{_name}_in_json", "template", _why, "tokenizer_config.json", "", _build, dangerous=False))
