"""JSON, SARIF, Markdown, JUnit and the terminal, each read back by somebody else's parser."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest

from hauberk.core.errors import InputError
from hauberk.core.nouns import Dossier, Finding, Place, Severity, Subject, decode, name_of
from hauberk.report import junit, markdown, sarif, terminal
from hauberk.report.formats import FILES, FORMATS, render

SCHEMA = Path(__file__).parents[3] / "shared" / "data" / "sarif-2.1.0.schema.json"
ALL = ("image", "tabular", "empty", "only_not_tested", "crowded")
READ_BY_PEOPLE = ("html", "md", "text", "junit")


@pytest.fixture(params=ALL)
def dossier(request: pytest.FixtureRequest) -> Dossier:
    return request.getfixturevalue(request.param)


def test_every_format_has_a_file_and_renders(dossier: Dossier) -> None:
    assert set(FORMATS.ids()) == set(FILES)
    assert all(render(form, dossier).endswith("\n") for form in FILES)
    with pytest.raises(InputError):
        render("pdf", dossier)


def test_rendering_is_pure(image: Dossier) -> None:
    assert all(render(form, image) == render(form, image) for form in FILES)


@pytest.mark.parametrize("form", READ_BY_PEOPLE)
@pytest.mark.parametrize(
    "hostile", ["<script>x</script>", '"onload=', "\x1b[31m", "\u202e", "\u2066", "\x00", "\r\nfake: held"]
)
def test_hostile_text_never_appears_raw(
    image: Dossier, poison: Callable[[Dossier, str], Dossier], form: str, hostile: str
) -> None:
    out = render(form, poison(image, hostile))
    if form == "text" and hostile.isprintable():
        assert hostile in out  # harmless on a terminal
    elif hostile == '"onload=' and form in ("md", "junit"):
        assert not re.search(r"<[^>]*onload=(?!&quot;)[^>]*>", out.replace("&quot;onload=", ""))
    else:
        assert hostile not in re.sub(r"`[^`\n]*`", "", out)


def test_json_holds_the_whole_dossier_and_what_follows_from_it(dossier: Dossier) -> None:
    report = json.loads(render("json", dossier))
    again = decode(Dossier, report["dossier"])
    assert again == dossier
    assert report["verdict"] == dossier.verdict
    assert [e["digest"] for e in report["evidence"]] == [name_of(e) for e in dossier.evidence]
    assert sum(report["checks"].values()) == len(dossier.evidence) + len(dossier.not_tested)


def test_sarif_is_valid(dossier: Dossier) -> None:
    log = json.loads(render("sarif", dossier))
    if not SCHEMA.exists():
        pytest.skip("the SARIF schema is not here")
    jsonschema = pytest.importorskip("jsonschema")
    jsonschema.Draft7Validator(json.loads(SCHEMA.read_text())).validate(log)


def test_sarif_says_what_is_wrong_where_and_what_was_not_looked_at(image: Dossier) -> None:
    run = json.loads(sarif.render(image))["runs"][0]
    first = run["results"][0]
    assert (first["ruleId"], first["level"]) == ("attack.evasion.broken", "error")
    rule = run["tool"]["driver"]["rules"][first["ruleIndex"]]
    assert rule["id"] == first["ruleId"]
    assert rule["properties"]["security-severity"] == "8.0"
    assert "train against APGD" in rule["help"]["text"]
    assert first["partialFingerprints"] == {"hauberkFinding/v1": image.findings[0][1].fingerprint}
    taxa = {(run["taxonomies"][t["toolComponent"]["index"]]["name"], t["id"]) for t in first["taxa"]}
    assert taxa == {
        ("MITRE ATLAS", "AML.T0043"),
        ("OWASP ML Top 10", "ML01:2023"),
        ("OWASP AISVS 1.0", "AISVS-11.2.1"),
    }
    notices = run["invocations"][0]["toolExecutionNotifications"]
    assert {n["descriptor"]["id"] for n in notices} == {"hauberk.skipped", "hauberk.inconclusive", "hauberk.not-tested"}
    assert any("--max-queries 20000" in n["message"]["text"] for n in notices)
    assert {r["kind"] for r in run["results"] if r["level"] == "none"} == {"informational"}


def test_sarif_tells_no_path_of_this_machine(image: Dossier) -> None:
    model = Subject("model", "/home/mallory/secret/net.onnx", image.subjects["model"].digest)
    finding = Finding(
        "r", Severity.HIGH, model.digest, Place("/srv/../x/data.pkl", "opcode 3"), "in /home/mallory/a.txt"
    )
    odd = replace(
        image,
        subjects={"model": model},
        command="hauberk audit /home/mallory/secret/net.onnx --data 'C:\\Users\\mallory\\t.npz'",
        evidence=(replace(image.evidence[0], findings=(finding,), subjects=(model,)),),
        not_tested=(),
    )
    out = sarif.render(odd)
    assert "mallory" not in out
    at = json.loads(out)["runs"][0]["results"][0]["locations"][0]
    assert at["physicalLocation"]["artifactLocation"]["uri"] == "net.onnx/srv/x/data.pkl"
    assert at["logicalLocations"][0]["name"] == "opcode 3"


def test_junit_counts_what_its_cases_say(dossier: Dossier) -> None:
    suite = ElementTree.fromstring(junit.render(dossier).encode())[0]
    cases = suite.findall("testcase")
    assert len(cases) == int(suite.attrib["tests"])
    for child, counter in (("failure", "failures"), ("error", "errors"), ("skipped", "skipped")):
        assert len([c for c in cases if c.find(child) is not None]) == int(suite.attrib[counter])


def test_junit_fails_what_is_broken_and_does_not_pass_what_is_unknown(image: Dossier) -> None:
    suite = ElementTree.fromstring(junit.render(image).encode())[0]
    outcome = {c.attrib["classname"]: [child.tag for child in c] for c in suite.findall("testcase")}
    assert "failure" in outcome["hauberk.attack.evasion"]
    assert "error" in outcome["hauberk.data.duplicates"]
    assert outcome["hauberk.artifact.digest"] == []
    assert outcome["hauberk.attack.extraction"] == ["skipped"]


def test_markdown_tables_stay_tables(image: Dossier, poison: Callable[[Dossier, str], Dossier]) -> None:
    plain, hostile = markdown.render(image), markdown.render(poison(image, "|\n| x | `a` <b> [l](http://e) @all www.x"))
    shape = [re.sub(r"\\.", "", line).count("|") for line in plain.splitlines() if line.startswith("|")]
    assert [re.sub(r"\\.", "", line).count("|") for line in hostile.splitlines() if line.startswith("|")] == shape
    outside = re.sub(r"`[^`\n]*`", "", hostile)
    assert not re.search(r"<(?!br>)|@all|http://|www\.|(?<!\\)\[", outside)
    assert "![" not in plain


def test_the_first_line_on_a_terminal_is_the_verdict(image: Dossier) -> None:
    lines = terminal.render(image).splitlines()
    assert lines[0].startswith("BROKEN digits-cnn.onnx did not hold")
    text = " ".join(" ".join(lines).split())
    order = [
        "attack.evasion.broken",
        "attack.membership.exposed",
        "data.labels.suspect",
        "Quality and calibration",
        "not tested",
    ]
    assert [text.index(w) for w in order] == sorted(text.index(w) for w in order)
    assert "clean accuracy 92.2 % [90.1, 94.0]" in text
    assert "do: train against APGD" in text
    assert "and 20 more places" in text
    assert all(len(line) <= 100 for line in lines)


def test_rich_markup_is_text_and_colour_is_asked_for(image: Dossier, poison: Callable[[Dossier, str], Dossier]) -> None:
    out = terminal.render(poison(image, "[bold red]x[/] :smile: [link=http://e]"), width=400)
    assert "[bold red]x[/] :smile: [link=http://e]" in out
    assert "\x1b" not in out
    assert "\x1b[1;31mBROKEN" in terminal.render(image, color=True)
    assert terminal.render(image).isprintable() is False  # line breaks only
    assert set(re.findall(r"[\x00-\x1f]", terminal.render(image))) == {"\n"}


def test_thousands_of_findings_do_not_flood_a_terminal(crowded: Dossier) -> None:
    assert len(terminal.render(crowded).splitlines()) < 200
    assert len(markdown.render(crowded)) < 100_000


def test_gitlab_issues_are_findings_and_gaps(image: Dossier) -> None:
    issues = json.loads(render("gitlab", image))
    wanted = {f.fingerprint.removeprefix("sha256:") for _, f in image.findings if f.severity is not Severity.INFO}
    assert wanted < {issue["fingerprint"] for issue in issues}
    gaps = [issue for issue in issues if issue["check_name"].endswith(".skipped")]
    assert len(gaps) == sum(len(e.skipped) for e in image.evidence) > 0
    assert {issue["severity"] for issue in issues} <= {"info", "minor", "major", "critical", "blocker"}
    assert all(not issue["location"]["path"].startswith(("/", "..")) for issue in issues)


def test_no_text_starts_a_workflow_command(image: Dossier, poison: Callable[[Dossier, str], Dossier]) -> None:
    lines = render("github", poison(image, "x\r\n::set-output name=a::b,c:d%0A::error::e")).splitlines()
    commands = [line for line in lines if line.startswith("::")]
    assert commands
    for line in commands:
        assert re.fullmatch(r"::(error|warning|notice) file=[^:,]*,title=[^:,]*::.*", line)
    assert not any(line.startswith(("::set-output", "::error::")) for line in lines)
