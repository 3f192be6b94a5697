"""XML: entities, scripts, inclusions; PMML that calls classes; OpenVINO that loads libraries; and honest ones."""

from __future__ import annotations

import base64
import struct

from corpus import Sample, add, bad, honest

DECLARED = '<?xml version="1.0" encoding="UTF-8"?>\n'
PMML_OPEN = '<PMML xmlns="http://www.dmg.org/PMML-4_4" version="4.4"><Header/>'
FIELD = (
    '<DataDictionary numberOfFields="1"><DataField name="x" optype="continuous" dataType="double"/></DataDictionary>'
)
CONSTANT = '<data element_type="f32" shape="2, 2" offset="0" size="16"/>'


def pmml(inner: str = "", declared: str = DECLARED) -> bytes:
    """A PMML document."""
    return f"{declared}{PMML_OPEN}{FIELD}{inner}</PMML>".encode()


def apply(function: str) -> str:
    """A field that is made by a function."""
    call = f'<Apply function="{function}"><FieldRef field="x"/><Constant dataType="double">2.5</Constant></Apply>'
    field = f'<DerivedField name="y" optype="continuous" dataType="double">{call}</DerivedField>'
    return f"<TransformationDictionary>{field}</TransformationDictionary>"


def layer(kind: str, version: str = "opset1", inner: str = "") -> str:
    """A layer of an IR."""
    return f'<layer id="0" name="l" type="{kind}" version="{version}">{inner}<output/></layer>'


def net(*layers: str) -> bytes:
    """An OpenVINO graph."""
    return f'<?xml version="1.0"?>\n<net name="m" version="11"><layers>{"".join(layers)}</layers></net>'.encode()


@honest("pmml", "a tree, with functions and a table of its own", file="model.pmml")
def tree() -> bytes:
    define = '<DefineFunction name="twice" optype="continuous"><ParameterField name="a"/><FieldRef field="a"/>'
    table = "<InlineTable><row><x>1</x><anything>2</anything></row></InlineTable>"
    verify = f'<ModelVerification recordCount="1"><VerificationFields/>{table}</ModelVerification>'
    test = '<SimplePredicate field="x" operator="lessThan" value="3"/>'
    node = f'<Node score="1"><True/><Node score="2">{test}</Node></Node>'
    functions = apply("twice").replace("<DerivedField", f"{define}</DefineFunction><DerivedField", 1)
    return pmml(
        f'{functions}{apply("ln")}<TreeModel functionName="regression"><MiningSchema/>{node}{verify}</TreeModel>'
    )


@honest("pmml", "an extension that is a name and a value, as R's pmml writes", file="model.pmml")
def plain_extension() -> bytes:
    return pmml('<Extension name="user" value="someone" extender="Rattle/PMML"/>')


@honest("pmml", "a comment longer than any buffer before the root", file="model.pmml")
def long_comment() -> bytes:
    return pmml(declared=f"<!-- {'licence ' * 500} -->\n")


@honest("openvino", "a graph and its weights")
def graph() -> dict[str, bytes]:
    layers = (layer("Parameter"), layer("Const", inner=CONSTANT), layer("MatMul"), layer("SoftMax", "opset8"))
    return {"m.xml": net(*layers, layer("Result")), "m.bin": struct.pack("<4f", 0.5, 1.5, 2.5, 3.5)}


@honest("xml", "a drawing, as matplotlib writes it", file="plot.svg")
def drawing() -> bytes:
    kind = '<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "http://www.w3.org/Graphics/SVG/1.1/DTD/svg11.dtd">\n'
    return f'{DECLARED}{kind}<svg xmlns="http://www.w3.org/2000/svg"><g id="one"><path d="M 0 0"/></g></svg>'.encode()


@honest("xml", "boxes of a data set, as Pascal VOC keeps them", file="0001.xml")
def boxes() -> bytes:
    return b"<?xml version='1.0'?><annotation><object><name>dog</name><on>1</on></object></annotation>"


@honest("xml", "a document type that says what it holds, as the ISO codes do", file="codes.xml")
def described() -> bytes:
    kind = "<!DOCTYPE a [<!ELEMENT a (b*)><!ELEMENT b EMPTY><!ATTLIST b code CDATA #REQUIRED>]>"
    return f'{DECLARED}{kind}<a><b code="1"/></a>'.encode()


@honest("xml", "UTF-16 with its mark", file="a.xml")
def wide() -> bytes:
    return '<?xml version="1.0" encoding="UTF-16"?><a>é</a>'.encode("utf-16")


@honest("xml", "words that only look like an entity", file="a.xml")
def near_entity() -> bytes:
    return DECLARED.encode() + b"<a><![CDATA[<!ENTITY x SYSTEM 'file:///etc/passwd'>]]>&amp;&#65;</a>"


LAUGHS = "".join(f'<!ENTITY l{n} "{f"&l{n - 1};" * 10}">' for n in range(1, 10))
PROGRAM = base64.b64encode(b"\x7fELF\2\1\1" + bytes(99)).decode()
SVG = '<svg xmlns="http://www.w3.org/2000/svg">'
BAD: dict[str, tuple[str, str, bytes | str]] = {
    "billion_laughs": ("a.xml", "entities of entities", f'<!DOCTYPE a [<!ENTITY l0 "ha">{LAUGHS}]><a>&l9;</a>'),
    "external_entity": (
        "a.xml",
        "a local file by entity",
        '<!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/passwd">]><a>&e;</a>',
    ),
    "parameter_entity": (
        "a.xml",
        "a document type from elsewhere",
        '<!DOCTYPE a [<!ENTITY % p SYSTEM "http://x/e.dtd">%p;]><a/>',
    ),
    "entity_in_pmml": ("model.pmml", "PMML with an entity", f'<!DOCTYPE PMML [<!ENTITY e "x">]>{PMML_OPEN}</PMML>'),
    "own_defaults": ("a.xml", "attributes that only some readers see", '<!DOCTYPE a [<!ATTLIST a b CDATA "c">]><a/>'),
    "inclusion": (
        "a.xml",
        "XInclude",
        '<a xmlns:i="http://www.w3.org/2001/XInclude"><i:include href="/etc/passwd"/></a>',
    ),
    "stylesheet": ("a.xml", "XSLT", '<s:stylesheet version="1.0" xmlns:s="http://www.w3.org/1999/XSL/Transform"/>'),
    "instruction": (
        "a.xml",
        "a stylesheet by instruction",
        '<?xml-stylesheet href="http://x/a.xsl" type="text/xsl"?><a/>',
    ),
    "php": ("a.xml", "PHP", "<a><?php system('id'); ?></a>"),
    "svg_script": ("a.svg", "a script in a drawing", f"{SVG}<script>alert(1)</script></svg>"),
    "svg_handler": ("a.svg", "a handler in a drawing", f'{SVG}<g onload="alert(1)"/></svg>'),
    "svg_link": ("a.svg", "a link that is script", f'{SVG}<a href=" javascript:alert(1)"/></svg>'),
    "svg_prefixed": (
        "a.svg",
        "a script behind a prefix",
        '<x:svg xmlns:x="http://www.w3.org/2000/svg"><x:script/></x:svg>',
    ),
    "svg_animated": (
        "a.svg",
        "a link made by animation",
        f'{SVG}<set attributeName="href" to="javascript:alert(1)"/></svg>',
    ),
    "svg_foreign": ("a.svg", "HTML in a drawing", f"{SVG}<foreignObject/></svg>"),
    "odd_encoding": (
        "a.xml",
        "an encoding that readers know differently",
        b"<?xml version='1.0' encoding='UTF-7'?><a/>",
    ),
    "cut": ("a.xml", "a document that ends within", "<a><b></a>"),
    "behind_the_root": ("a.xml", "a program behind the root", b"<?xml version='1.0'?><a/>\x7fELF\2\1\1"),
    "program_in_text": ("a.xml", "base64 of a program", f"<a>{PROGRAM}</a>"),
}
PMML_BAD = {
    "java_class": ("a class of Java's by its name", apply("java.lang.Runtime")),
    "unknown_function": ("a function that nobody defines", apply("mine")),
    "java_model": ("JPMML's model by class", '<JavaModel className="com.evil.Model" functionName="regression"/>'),
    "script": ("Python in a script, as nyoka takes it", '<script for="x" class="pre">import os</script>'),
    "unknown_element": ("an element that nobody knows", "<Evil/>"),
    "foreign_element": ("an element of another vocabulary", '<e:Node xmlns:e="urn:evil"/>'),
    "extension_content": ("an extension with content of its own", '<Extension><Loader path="x"/></Extension>'),
    "script_in_extension": ("a script in an extension", "<Extension><script>import os</script></Extension>"),
    "script_in_a_row": ("a script in a table", "<InlineTable><row><script>1</script></row></InlineTable>"),
    "table_elsewhere": (
        "a table from elsewhere",
        "<Taxonomy name='t'><ChildParent><TableLocator/></ChildParent></Taxonomy>",
    ),
}
OPENVINO_BAD = {
    "extension_layer": ("an operator of a library", net(layer("StringTensorPack", "extension"))),
    "unknown_layer": ("an operator that nobody knows", net(layer("Evil"))),
    "no_version": ("a layer without a version", net(layer("Convolution", ""))),
    "constant_lies": (
        "a constant larger than its shape",
        net(layer("Const", inner=CONSTANT.replace('"16"', '"1600"'))),
    ),
    "constant_before": ("a constant before the weights", net(layer("Const", inner=CONSTANT.replace('"0"', '"-8"')))),
    "constant_nowhere": ("a constant without a place", net(layer("Const", inner='<data element_type="f32"/>'))),
    "weights_elsewhere": ("weights that are not there", net(layer("Const", inner=CONSTANT))),
    "in_a_body": (
        "an operator in a loop's body",
        net(layer("Loop", inner=f"<body><layers>{layer('Evil')}</layers></body>")),
    ),
    "plugins": ("plug-ins to load", b'<ie><plugins><plugin name="CPU" location="/tmp/evil.so"/></plugins></ie>'),
    "kernels": (
        "kernels to compile",
        b'<CustomLayer name="a"><Kernel><Source filename="a.cl"/></Kernel></CustomLayer>',
    ),
}

for _name, (_file, _why, _text) in BAD.items():
    _data = _text if isinstance(_text, bytes) else (DECLARED + _text).encode()
    add(Sample(f"xml/{_name}", "xml", _why, _file, "", lambda data=_data: data, True))
for _name, (_why, _inner) in PMML_BAD.items():
    add(Sample(f"xml/pmml_{_name}", "pmml", _why, "model.pmml", "", lambda inner=_inner: pmml(inner), True))
for _name, (_why, _graph) in OPENVINO_BAD.items():
    add(Sample(f"xml/openvino_{_name}", "openvino", _why, "model.xml", "", lambda data=_graph: data, True))


@bad("pmml", "no declaration, behind a long comment", file="model.pmml")
def hidden_root() -> bytes:
    return pmml(PMML_BAD["script"][1], declared=f"<!-- {'x' * 5000} -->\n<?a?>\n")


@bad("pmml", "in UTF-16 without a mark", file="model.pmml")
def wide_root() -> bytes:
    return pmml(PMML_BAD["script"][1], declared="").decode().encode("utf-16-le")


@bad("xml", "nested beyond any reader", file="a.xml")
def deep() -> bytes:
    return b"<?xml version='1.0'?>" + b"<a>" * 50_000 + b"</a>" * 50_000


@bad("xml", "a pickle behind the declaration", file="a.xml")
def pickle_behind() -> bytes:
    return b"<?xml version='1.0'?>\ncos\nsystem\n(S'id'\ntR."
