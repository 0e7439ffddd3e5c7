"""Burr with each of its ways to keep a run's state: runs one case and prints one line of JSON."""

import asyncio
import logging
import sqlite3
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2] / "measure"))

import measure
from burr.core import ApplicationBuilder, Condition, State, action, when
from burr.core.persistence import AsyncInMemoryPersister
from burr.integrations.persisters.b_aiosqlite import AsyncSQLitePersister

# It warns that a run ends where no transition holds, as these do.
logging.getLogger("burr").setLevel(logging.ERROR)

PARTITION = "bench"


@action(reads=["count"], writes=["count"])
async def count(state: State) -> State:
    return state.update(count=state["count"] + 1)


def counter(name, steps, persister):
    """An application of two actions that take turns until `steps` are counted."""
    builder = (
        ApplicationBuilder()
        .with_actions(a=count, b=count)
        .with_transitions(("a", "b"), ("b", "a", when(count__lt=steps)))
        .with_state(count=0)
        .with_entrypoint("a")
        .with_identifiers(app_id=name, partition_key=PARTITION)
    )
    return (builder.with_state_persister(persister) if persister else builder).abuild()


def chat(name, steps, persister, moments):
    """An application of two actions that append to a history in turn, and note when."""

    @action(reads=["history"], writes=["history"])
    async def speak(state: State) -> State:
        moments.append(time.perf_counter())
        return state.append(history=measure.message(len(state["history"])))

    builder = (
        ApplicationBuilder()
        .with_actions(user=speak, assistant=speak)
        .with_transitions(
            ("user", "assistant"),
            ("assistant", "user", Condition.lmda(lambda state: len(state["history"]) < steps, ["history"])),
        )
        .with_state(history=[])
        .with_entrypoint("user")
        .with_identifiers(app_id=name, partition_key=PARTITION)
    )
    return (builder.with_state_persister(persister) if persister else builder).abuild()


@asynccontextmanager
async def persister(run):
    """What the case keeps states in, if anything."""
    if run.case in ("graph-counter", "graph-chat"):
        yield None
    elif run.case == "graph-counter-memory":
        yield AsyncInMemoryPersister()
    else:
        file = run.dir / "burr.db"
        # By itself it would have a rollback journal, which takes more flushes a commit.
        with sqlite3.connect(file) as database:
            database.execute("PRAGMA journal_mode=WAL")
        async with connect(file) as opened:
            await opened.initialize()
            yield opened


def connect(file):
    return AsyncSQLitePersister.from_values(db_path=str(file))


async def counters(run):
    async with persister(run) as keeps:
        warm = await asyncio.gather(*[
            counter(f"warm-{chat}", measure.WARM_UP // run.chats, keeps) for chat in range(run.chats)
        ])
        started = time.perf_counter()
        await asyncio.gather(*[app.arun() for app in warm])
        steps = measure.affordable(run, time.perf_counter() - started)

        apps = [await counter(f"run-{chat}", steps, keeps) for chat in range(run.chats)]
        stopwatch = measure.Stopwatch()
        await asyncio.gather(*[app.arun() for app in apps])
        taken = stopwatch.stop()
        summed = 0
        for app in apps:
            stored = await keeps.load(PARTITION, app.uid) if keeps else None
            summed += (stored["state"] if stored else app.state)["count"]
    measure.report(run, taken, steps * run.chats, summed, **measure.versions("apache-burr"))


async def chatting(run):
    async with persister(run) as keeps:
        moments = []
        app = await chat("chat", run.updates, keeps, moments)
        stopwatch = measure.Stopwatch()
        await app.arun()
        taken = stopwatch.stop()
    summed, extra = len(app.state["history"]), measure.paces(moments)
    if keeps:
        file = run.dir / "burr.db"
        extra["file_mb"] = measure.file_mb(run.dir)

        async def load():
            async with connect(file) as opened:
                started = time.perf_counter()
                stored = await opened.load(PARTITION, "chat")
                took = time.perf_counter() - started
                assert len(stored["state"]["history"]) == run.updates
                return took

        extra["load_ms"] = await measure.load_ms(load)
    measure.report(run, taken, run.updates, summed, **extra, **measure.versions("apache-burr"))


if __name__ == "__main__":
    asked = measure.asked()
    asyncio.run((chatting if asked.case.startswith("graph-chat") else counters)(asked))
