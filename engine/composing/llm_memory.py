"""What a language model answered before, so that the same question is asked once.

The question holds the prompt and the cards as they are now; beside it stand the server, the model
and the adapters' ids. So a changed catalogue or setting is another question.
"""

from collections import OrderedDict

#: Answers that are kept, a few kilobytes each with their questions.
MOST = 500


class Memory:
    """The answers used last."""

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._answers: OrderedDict[tuple[str, ...], str] = OrderedDict()
        #: How often an answer was known, and how often not.
        self.hits = 0
        self.misses = 0

    def recall(self, question: tuple[str, ...]) -> str | None:
        """Returns the answer; None where it is not known."""
        answer = self._answers.get(question)
        if answer is None:
            self.misses += 1
        else:
            self.hits += 1
            self._answers.move_to_end(question)
        return answer

    def keep(self, question: tuple[str, ...], answer: str) -> None:
        """Keeps an answer, and forgets the one that was not used for the longest time."""
        self._answers[question] = answer
        self._answers.move_to_end(question)
        if len(self._answers) > self._most:
            self._answers.popitem(last=False)
