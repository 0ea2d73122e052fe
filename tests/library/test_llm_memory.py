"""How much memory a coding job needs does not depend on how many texts there are."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from library.coding_jobs import Study, instrument, run, some
from library.embedded import MODEL, UNPACKED, model_file
from study.llm.model import read_card

MB = 1_000_000

WITHOUT_A_MODEL = '''
import json, sys
import numpy as np
from study.job import run
from study.llm import coding
from study.llm.labels import LabelTree
from study.llm.primitives import ask

class Stub:
    """Everything but the model: it answers at once, and its answers are as long as a model's."""

    asked = 0
    at_once = 1

    def ask(self, instrument, texts, key):
        return ask(self, instrument, texts, key)

    def prompt_tokens(self, text):
        return [1] * (len(text) // 4)

    text_tokens = prompt_tokens

    def end_token(self, text):
        return 0

    def label_tree(self, labels, end_of_turn):
        return LabelTree.grow([[10 + i, 0] for i in range(len(labels))])

    def begin(self, prefix):
        pass

    def weigh(self, tokens, branches):
        return [np.log(np.full(len(branch.tree.paths), 0.123456789)) for branch in branches]

coding.open_model = lambda *arguments: Stub()
run(coding.main, sys.argv[1:])

# Not getrusage: it counts what the process was before it became this program.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({"peak": int(status["VmHWM"].split()[0]) * 1024}))
'''

WITH_THE_MODEL = """
import json, sys
from study.job import run
from study.llm.coding import main
run(main, sys.argv[1:])

# Not getrusage: it counts what the process was before it became this program.
status = dict(line.split(":", 1) for line in open("/proc/self/status"))
print(json.dumps({"peak": int(status["VmHWM"].split()[0]) * 1024}))
"""


def peak(program: str, here: Study, **others: object) -> int:
    """Return the largest memory in bytes that a coding job had."""
    done = run([sys.executable, "-c", program, *here.command(**others)[3:]])
    assert done.returncode == 0, done.stderr
    return int(json.loads(done.stdout.splitlines()[-1])["peak"])


def test_memory_does_not_grow_with_the_number_of_texts(tmp_path: Path) -> None:
    tone = instrument(read_card(model_file(), "smollm2", None))
    needed = {}
    for n in (100, 20_000):
        here = Study(tmp_path / str(n), [f"{text} " * 5 for text in some(n)], [tone])
        needed[n] = peak(WITHOUT_A_MODEL, here)
        assert len(here.responses()) == n
    # What each text needs: itself (also while the table is read), its key and where its response is. The
    # responses alone would be 20 MB as Python objects.
    assert needed[20_000] - needed[100] < 60 * MB


@pytest.mark.parametrize("model", [MODEL, UNPACKED], ids=["shipped", "unpacked"])
def test_a_job_needs_little_more_than_the_model(model: dict[str, str], tmp_path: Path) -> None:
    card = read_card(model_file(), "smollm2", None, model.get("quantisation"))
    long = "A long text is evaluated in several pieces. " * 150
    here = Study(tmp_path, [*some(3), long], [instrument(card, context=2048)])
    assert peak(WITH_THE_MODEL, here, model=model) < 1.5 * card["size"] + 300 * MB
    assert {one["status"] for one in here.responses().values()} == {"ok"}
