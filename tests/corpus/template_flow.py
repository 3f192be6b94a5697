"""Templates that spell the name of what they reach, and honest ones that compute an index: samples of the flow."""
# ruff: noqa: E501

from __future__ import annotations

import json

from corpus import Sample, add

SPELT = (
    "{{ ''['a'|int('__class__')] }}",
    "{{ ''['a'|int(default='__cl'~'ass__')] }}",
    "{{ ''[bos_token] }}",
    "{% for k in [bos_token] %}{{ ''[k] }}{% endfor %}",
    "{% for x in [1] %}{% set key = 0 %}{% endfor %}{{ ''[key] }}",
    "{% if false %}{% set key = 0 %}{% endif %}{{ ''[key] }}",
    "{% macro f() %}{% set key = 1 %}{% endmacro %}{{ ''[key] }}",
    "{% set k %}__class__{% endset %}{{ ''[k] }}",
    "{% macro f() %}__class__{% endmacro %}{{ ''[f()] }}",
    "{{ ''[dict(__class__=1)|first] }}",
    "{{ ''[dict(__class__=1).keys()|list|first] }}",
    "{{ ''[{'__class__':1}|first] }}",
    "{% for k in {'__class__':1} %}{{ ''[k] }}{% endfor %}",
    "{% for k, v in {'a':'__class__'}.items() %}{{ ''[v] }}{% endfor %}",
    "{{ ''[{'a':'__class__'}['a']] }}",
    "{{ ''[{'a':'__class__'}.a] }}",
    "{{ ''[cycler('__class__').next()] }}",
    "{{ ''[namespace(k='__class__').k] }}",
    "{% set ns=namespace() %}{% set ns.k='__class__' %}{{ ''[ns.k] }}",
    "{% set ns=namespace() %}{% set ns.k='__class__' %}{{ ''[ns[x]] }}",
    "{% with k='__class__' %}{{ ''[k] }}{% endwith %}",
    "{% macro f(k='__class__') %}{{ ''[k] }}{% endmacro %}",
    "{% macro f(k) %}{{ ''[k] }}{% endmacro %}{{ f('__class__') }}",
    "{% macro f(a,k) %}{{ ''[k] }}{% endmacro %}{{ f(1,k='__class__') }}",
    "{% macro f() %}{{ ''[varargs[0]] }}{% endmacro %}{{ f('__class__') }}",
    "{% macro f() %}{{ ''[kwargs.k] }}{% endmacro %}{{ f(k='__class__') }}",
    "{% macro f() %}{{ caller('__class__') }}{% endmacro %}{% call(k) f() %}{{ ''[k] }}{% endcall %}",
    "{% set l=[] %}{% set _=l.append('__class__') %}{{ ''[l[0]] }}",
    "{% set l=[] %}{% set m=l %}{% set _=m.append('__class__') %}{{ ''[l[0]] }}",
    "{% do messages.append('__class__') %}{{ ''[messages[-1]] }}",
    "{% for k in x %}{{ loop.cycle('a','__class__') }}{{ ''[loop.cycle('a','__class__')] }}{% endfor %}",
    "{% for k in ['__class__'] %}{% for j in [1] %}{% endfor %}{{ ''[loop.previtem] }}{% endfor %}",
    "{{ ''[strftime_now('__class__')] }}",
    "{{ ''['x' and '__class__'] }}",
    "{{ ''['__class__' if x else y] }}",
    "{{ ''[('__class__','a')[0]] }}",
    "{{ ''[['__class__']|last] }}",
    "{% set a='_' %}{% set b='class' %}{{ ''[a+a+b+a+a] }}",
    "{{ ''[['_','_class_','_']|sum(start='')] }}",
    "{{ ''[['a','__class__']|sort|first] }}",
    "{{ ''[(range|string)[1:3]] }}",
    "{% set x = range %}",
    "{{ lipsum['a'] }}{% for lipsum in [] %}{% endfor %}",
    "{% set ｋ = '__class__' %}{{ ''[k] }}",
    "{% set loop = {'index': '__class__'} %}{{ ''[loop.index] }}",
    "{{ ''[loop] }}",
    "{{ ''[loop.index ~ ''] }}",
    "{% set d = {'next': x.popen} %}{{ d.next('id') }}",
    "{% set f = {k: '__class__'} %}{{ ''[f.zzz] }}",
    "{{ ''['%c%c'|format(95,95)] }}",
    "{{ ''[messages[0].content ~ ''] }}",
    "{{ ''[undefined_thing[1:]] }}",
    "{{ ''[bos_token|trim] }}",
    "{{ ''[bos_token.split('|')[1]] }}",
    "{{ ''[x or bos_token] }}",
    "{% set k = k %}{{ ''[k] }}",
    "{% for k in k.split() %}{{ ''[k] }}{% endfor %}",
    "{% for k in [k] %}{{ ''[k] }}{% endfor %}",
    "{{ ''['__class__'*1] }}",
    "{{ ''[['__class__']*1|first] }}",
    "{% filter upper %}{{ ''['__cl'~x] }}{% endfilter %}",
    "{% generation %}{% set q=1 %}{% endgeneration %}{{ ''[q] }}",
    "{{ ''[x|map('string')|first] }}",
    "{{ ''[['_class_']|map('replace','c','_c')|first] }}",
    "{% set a, b = '__class__', 1 %}{{ ''[a] }}",
    "{{ ''[''['join'](['__cl','ass__'])] }}",
    "{{ x[y[z]] }}",
    "{{ ''[{'a':'b'}|tojson] }}",
    "{{ ''[from_json('x')] }}",
    "{{ ''[('__class__',)|max] }}",
    "{{ [''|default('__class__')] }}{{ ''[zz|default('__class__')] }}",
    "{% macro g(f) %}{{ f.x }}{% endmacro %}{{ g(g) }}",
    "{{ messages|map('first')|list }}{{ ''[[['__class__']]|map('first')|first] }}",
    "{{ ''[[{'a':'__class__'}]|map(attribute='a')|first] }}",
    "{{ ''[[1]|map(attribute='a',default='__class__')|first] }}",
    "{{ ''[[{'a':'__class__'}]|sum(attribute='a')] }}",
    "{{ ''[x|batch(3,'__class__')|last|last] }}",
    "{{ ''[[{'a':'__class__'}]|groupby('a')|first|first] }}",
    "{{ ''[{'__class__':1}|dictsort|first|first] }}",
    "{{ ''[{'__class__':1}|items|first|first] }}",
    "{{ ''[{}.setdefault('a','__class__')] }}",
    "{% set d={} %}{% set _=d.update(__class__=1) %}{{ ''[d|first] }}",
    "{{ ''[{}.get('a','__class__')] }}",
    "{% set l=[] %}{% do l.append({'k':'__class__'}) %}{{ ''[l[0].k] }}",
    "{% for m in [{'k':'__class__'}] %}{{ ''[m.k] }}{% endfor %}",
    "{{ ''[([{'k':'__class__'}]|first).k] }}",
    "{% for d in [[{'k':'__class__'}]] %}{% for e in d %}{{ ''[e.k] }}{% endfor %}{% endfor %}",
    "{% for m in [{'__class__':1}] %}{% for k in m %}{{ ''[k] }}{% endfor %}{% endfor %}",
    "{% set ns=namespace(l=[{'k':'__class__'}]) %}{{ ''[ns.l[0].k] }}",
    "{{ ''[{'d':{'k':'__class__'}}.d.k] }}",
    "{{ ''[([{'k':'__class__'}]|list)[0].k] }}",
    "{% for d in ([{'k':'__class__'}]|batch(2)) %}{% for e in d %}{{ ''[e.k] }}{% endfor %}{% endfor %}",
    "{{ ''[{'d':[{'k':'__class__'}]}.values()|first|first|first] }}",
    "{{ ''[(([{'k':'__class__'}]+messages)|last).k] }}",
    "{% set a=namespace(k='__class__') %}{% for n in [a] %}{{ ''[n.k] }}{% endfor %}",
    "{%- set i = '_' ~ '_init_' ~ '_' -%}{%- set g = '_' ~ '_globals_' ~ '_' -%}{%- macro f() -%}{%- endmacro -%}{%- set ns = namespace(get=f[i][g].sys.modules['os'].popen) -%}{{ ns.get('echo') | list }}",
)
INDEXED = (
    "{{ messages[loop.index0 + 1] }}",
    "{% set i = messages|length - 1 %}{{ messages[i] }}",
    "{% set m = {'user':'User','assistant':'Bot'} %}{% for x in messages %}{{ m[x.role] }}{{ m[x['role']|lower] }}{{ m.get(x.role,'?') }}{% endfor %}",
    "{% macro f(d, skip) %}{% for k in d %}{% if k not in skip %}{{ d[k] }}{% endif %}{% endfor %}{% endmacro %}{{ f(tools[0], ['a','b']) }}",
    "{% set ns = namespace(i=0, count=0) %}{% for m in messages %}{{ messages[ns.i] }}{% set ns.i = ns.i + 1 %}{{ m.content.count('x') }}{% endfor %}",
    "{% for m in [{'role':'system','content': 'x' ~ y}] + messages %}{{ {'a':1}[m.role] }}{% endfor %}",
    "{% set roles = ['user','assistant'] %}{{ roles[loop.index0 % 2] }}",
    "{% if x %}{% set off = 1 %}{% else %}{% set off = 0 %}{% endif %}{{ messages[off] }}",
    "{% for k in p|dictsort %}{{ p[k[0]] }}{% endfor %}",
    "{{ messages[-1]['content'] }}{{ messages[i:] }}",
    "{% set d = dict(a=1, b=2) %}{{ d['a'] }}{% for k, v in d.items() %}{{ d[k] }}{% endfor %}",
    "{% set fields = ['name','type'] %}{% for f in fields %}{{ tools[0][f] }}{% endfor %}",
    "{% for i in range(messages|length - 1, -1, -1) %}{% set _ = l.append('a' ~ i) %}{{ messages[i] }}{% endfor %}",
    "{% set end = '<|end{}|>'.format(kind) %}{{ end }}{{ tools[0]['format'] }}",
)
GO_COMMENT = "{# {{ .x }} #}{%- set u = '%c' % 95 -%}{%- macro f() -%}{%- endmacro -%}{{ f[u~u~'init'~u~u][u~u~'globals'~u~u].sys.modules['o'~'s'] }}"

for _number, _text in enumerate(SPELT):
    _why = f"a name that the template spells: {_text[:80]}"
    add(Sample(f"template/spelt_{_number}", "template", _why, "chat_template.jinja", "", _text.encode, dangerous=True))
for _number, _text in enumerate(INDEXED):
    _why = f"an index that honest templates compute: {_text[:80]}"
    add(
        Sample(
            f"template/indexed_{_number}", "template", _why, "chat_template.jinja", "", _text.encode, dangerous=False
        )
    )


def _named() -> bytes:
    return json.dumps({"chat_template": [{"name": "default", "template": GO_COMMENT}]}).encode()


_why = "a comment in the manner of Go, before a template of Jinja in a list"
add(Sample("template/behind_go", "template", _why, "tokenizer_config.json", "", _named, dangerous=True))
