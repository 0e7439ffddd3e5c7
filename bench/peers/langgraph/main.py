"""LangGraph with each of its ways to keep a thread's state: runs one case and prints one line of JSON."""

import argparse
import asyncio
import operator
import sys
import time
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, TypedDict

sys.path.append(str(Path(__file__).parents[2] / "measure"))

import measure
from langgraph.channels.delta import DeltaChannel
from langgraph.checkpoint.memory import InMemorySaver
from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver
from langgraph.graph import END, START, StateGraph


class Counter(TypedDict):
    count: int


class Chat(TypedDict):
    history: Annotated[list[str], operator.add]


def appended(history, writes):
    return history + [text for write in writes for text in write]


class DeltaChat(TypedDict):
    """The same in the channel whose checkpoints hold what was appended, which is in beta."""

    history: Annotated[list[str], DeltaChannel(appended)]


def two(schema, names, node, going_on):
    """Two nodes that take turns, as long as `going_on` after the second."""
    first, second = names
    graph = StateGraph(schema)
    graph.add_node(first, node)
    graph.add_node(second, node)
    graph.add_edge(START, first)
    graph.add_edge(first, second)
    graph.add_conditional_edges(second, lambda state: first if going_on(state) else END, [first, END])
    return graph


def counter(steps, saver):
    async def count(state: Counter):
        return {"count": state["count"] + 1}

    return two(Counter, "ab", count, lambda state: state["count"] < steps).compile(checkpointer=saver)


def chat(schema, steps, saver, moments):
    async def speak(state):
        moments.append(time.perf_counter())
        return {"history": [measure.message(len(state["history"]))]}

    graph = two(schema, ("user", "assistant"), speak, lambda state: len(state["history"]) < steps)
    return graph.compile(checkpointer=saver)


@asynccontextmanager
async def saver(run):
    """What the case keeps states in, if anything."""
    if run.case in ("graph-counter", "graph-chat"):
        yield None
    elif run.case == "graph-counter-memory":
        yield InMemorySaver()
    else:
        # It gives the file a write-ahead log by itself.
        async with connect(run.dir / "langgraph.db") as opened:
            await opened.setup()
            yield opened


def connect(file):
    return AsyncSqliteSaver.from_conn_string(str(file))


def thread(name, steps):
    # A step more for the input, and one to spare.
    return {"configurable": {"thread_id": name}, "recursion_limit": steps + 2}


def invoke(run, graph, start, name, steps):
    """Runs a thread to its end. Without a saver there is nothing to be durable."""
    modes = {"graph-counter": None, "graph-chat": None, "graph-counter-behind": "async"}
    return graph.ainvoke(start, thread(name, steps), durability=modes.get(run.case, "sync"))


async def counters(run):
    async with saver(run) as keeps:
        def all_of(graph, name, steps):
            return asyncio.gather(*[
                invoke(run, graph, {"count": 0}, f"{name}-{chat}", steps) for chat in range(run.chats)
            ])

        few = measure.WARM_UP // run.chats
        warm = counter(few, keeps)
        started = time.perf_counter()
        await all_of(warm, "warm", few)
        steps = measure.affordable(run, time.perf_counter() - started)

        graph = counter(steps, keeps)
        stopwatch = measure.Stopwatch()
        ends = await all_of(graph, "run", steps)
        taken = stopwatch.stop()
        if keeps:
            ends = [(await graph.aget_state(thread(f"run-{chat}", 1))).values for chat in range(run.chats)]
    summed = sum(end["count"] for end in ends)
    measure.report(run, taken, steps * run.chats, summed, **measure.versions(*PACKAGES))


async def chatting(run):
    schema = DeltaChat if run.delta else Chat
    async with saver(run) as keeps:
        moments = []
        graph = chat(schema, run.updates, keeps, moments)
        stopwatch = measure.Stopwatch()
        end = await invoke(run, graph, {"history": []}, "chat", run.updates)
        taken = stopwatch.stop()
    extra = measure.paces(moments)
    if keeps:
        extra["file_mb"] = measure.file_mb(run.dir)

        async def load():
            async with connect(run.dir / "langgraph.db") as opened:
                graph = chat(schema, run.updates, opened, [])
                # Else it would be done with the first thing asked of it.
                await opened.setup()
                started = time.perf_counter()
                state = await graph.aget_state(thread("chat", 1))
                took = time.perf_counter() - started
                assert len(state.values["history"]) == run.updates
                return took

        extra["load_ms"] = await measure.load_ms(load)
    measure.report(run, taken, run.updates, len(end["history"]), **extra, **measure.versions(*PACKAGES))


PACKAGES = ["langgraph", "langgraph-checkpoint-sqlite"]

if __name__ == "__main__":
    own = argparse.ArgumentParser(add_help=False)
    own.add_argument("--delta", action="store_true")
    asked = measure.asked(own)
    asyncio.run((chatting if asked.case.startswith("graph-chat") else counters)(asked))
