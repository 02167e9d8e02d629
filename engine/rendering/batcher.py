"""Jobs of different people go through the denoiser together where they agree.

One thread renders. While it does, jobs gather, and the oldest takes along all that agree with
it, as many as memory takes. On an idle device a job waits a moment for company. A job whose
adapters are in memory may go before older ones whose are not, which are read meanwhile; but
nobody is overtaken once they have waited for a set time, so it costs nobody more than that.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field

from engine.rendering.job import Job, Outcome


@dataclass(frozen=True, slots=True)
class _Waiting:
    job: Job
    outcome: "Future[Outcome]"
    since: float = field(default_factory=time.monotonic)


class Batcher:
    """Takes jobs from any thread. Close it when nothing more comes."""

    def __init__(
        self,
        render: Callable[[Sequence[Job]], list[Outcome]],
        images: int,
        wait_seconds: float,
        is_warm: Callable[[Job], bool] = lambda _: True,
        patience_seconds: float = 0.0,
    ) -> None:
        """`images` is the most in one batch; `wait_seconds` the longest wait for company.

        Jobs that are not warm may be overtaken while they have waited less than the patience.
        """
        self._is_warm = is_warm
        self._patience_seconds = patience_seconds
        self._render = render
        self._images = images
        self._wait_seconds = wait_seconds
        self._waiting: list[_Waiting] = []
        self._closed = False
        self._news = threading.Condition()
        self._thread = threading.Thread(target=self._run, name="render", daemon=True)
        self._thread.start()

    def submit(self, job: Job) -> "Future[Outcome]":
        """Becomes the job's outcome, or what the whole batch died of."""
        outcome: Future[Outcome] = Future()
        outcome.set_running_or_notify_cancel()
        with self._news:
            self._waiting.append(_Waiting(job, outcome))
            self._news.notify()
        return outcome

    def close(self) -> None:
        """Renders what is waiting, then ends the thread."""
        with self._news:
            self._closed = True
            self._news.notify()
        self._thread.join()

    def _run(self) -> None:
        while company := self._gather():
            try:
                outcomes = self._render([one.job for one in company])
            except Exception as error:
                for one in company:
                    one.outcome.set_exception(error)
                continue
            for one, outcome in zip(company, outcomes, strict=True):
                one.outcome.set_result(outcome)

    def _gather(self) -> list[_Waiting]:
        """The next jobs to render together; none at the end."""
        with self._news:
            while not self._waiting and not self._closed:
                self._news.wait()
            while (left := self._time_left()) > 0:
                self._news.wait(left)
            company = self._company()
            self._waiting = [one for one in self._waiting if one not in company]
            return company

    def _time_left(self) -> float:
        """Seconds that the oldest job may still wait."""
        company = self._company()
        full = sum(len(one.job.plans) for one in company) >= self._images
        if not company or full or self._closed:
            return 0
        return company[0].since + self._wait_seconds - time.monotonic()

    def _company(self) -> list[_Waiting]:
        """The next job and all that agree with it, as far as there is room."""
        company: list[_Waiting] = []
        images = 0
        for one in self._in_order():
            images += len(one.job.plans)
            if company and (images > self._images or one.job.company != company[0].job.company):
                images -= len(one.job.plans)
                continue
            company.append(one)
        return company

    def _in_order(self) -> list[_Waiting]:
        """From the oldest on; one that is warm is moved to the front while that is no hardship."""
        oldest = self._waiting[:1]
        if not oldest or time.monotonic() - oldest[0].since >= self._patience_seconds:
            return self._waiting
        next_ = next((one for one in self._waiting if self._is_warm(one.job)), oldest[0])
        return [next_, *(one for one in self._waiting if one is not next_)]
