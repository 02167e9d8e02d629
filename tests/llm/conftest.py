"""Candidates and a server that answers what a test says."""

from dataclasses import replace

import pytest

from engine.retrieving.embedder import MiniLM
from engine.retrieving.retrieval import Retrieval
from engine.settings import Settings
from engine.values import Candidate
from tests.cards import HOSTILE
from tests.llm.asking import PROMPT, TITLES, settings_for
from tests.loopback_llm import LoopbackLlm
from tests.samples import adapter, retrieval


@pytest.fixture
def found(embedder: MiniLM) -> Retrieval:
    """Four candidates; the last one is hostile."""
    made = [
        adapter(f"test:{n}", title, description=f"Draws a {title.lower()}.")
        for n, title in enumerate(TITLES, 1)
    ]
    made[-1] = replace(made[-1], description=HOSTILE)
    return retrieval(PROMPT, [Candidate(one, 0.5) for one in made], embedder)


@pytest.fixture
def llm_settings(loopback_llm: LoopbackLlm) -> Settings:
    return settings_for(loopback_llm)
