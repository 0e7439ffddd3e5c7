// A live reply: the events of its stream, and what they come to. Nothing here knows the page.

/** How a reply goes on. */
export const LIVE = 'live';

/** A reply, made of the events of its stream in order. */
export class Reply {
  /** The events, each with the place after it. */
  #events = [];
  /** `live`, or how it ended: `complete`, `stopped`, `aborted`; `gone` if it is no longer kept. */
  ended = LIVE;
  /** Whether all that there was at the beginning has been read. */
  parts = [];
  /** What tools gave that were called in an earlier reply, by the call's id. */
  results = new Map();
  text = '';

  /** Takes an event; `place` is the id that it came with. */
  take(event, place) {
    this.#events.push({ event, place });
    this.#fold(event);
  }

  /** Forgets what was said after a place: it is being said anew. */
  reset(place) {
    const kept = this.#events.filter((entry) => offset(entry.place) <= offset(place));
    this.#begin();
    for (const { event, place: at } of kept) this.take(event, at);
  }

  end(how) {
    this.ended = how;
  }

  #begin() {
    this.#events = [];
    this.parts = [];
    this.results = new Map();
    this.text = '';
    this.ended = LIVE;
  }

  #fold(event) {
    const { type, id, content = '', data = {}, at } = event;
    switch (type) {
      case 'content':
        this.text += content;
        this.#flow('text', id, content, at);
        break;
      case 'thinking':
        this.#flow('thinking', id, content, at);
        break;
      case 'tool_input':
        this.#tool(id, data.name, at).typed += content;
        break;
      case 'tool_call': {
        const tool = this.#tool(id, data.name, at);
        if (data.error !== undefined) tool.result = { error: String(data.error) };
        if (data.input !== undefined) tool.input = data.input;
        // What programs of earlier versions say.
        else if (content) tool.typed ||= content;
        tool.called = true;
        break;
      }
      case 'approval':
        this.#tool(id, data.name, at).approval = String(data.approval ?? id);
        break;
      case 'tool_result': {
        const result = outcome(content, data);
        const tool = this.parts.find((part) => part.kind === 'tool' && part.id === id);
        if (tool) {
          tool.result = result;
          tool.until = at;
        } else {
          this.results.set(id, result);
        }
        break;
      }
      case 'references':
        this.parts.push({ kind: 'references', sources: Array.isArray(data.sources) ? data.sources : [] });
        break;
      case 'file':
        this.parts.push({ kind: 'file', url: String(data.url ?? ''), type: String(data.media_type ?? '') });
        break;
      case 'error':
        this.parts.push({ kind: 'error', text: content });
        break;
      default:
        // What is not known is passed over.
    }
  }

  /** Adds to the last part, if it is of the same kind and belongs to the same. */
  #flow(kind, id, content, at) {
    const last = this.parts.at(-1);
    if (last?.kind === kind && last.id === id) {
      last.text += content;
      last.until = at;
    } else {
      this.parts.push({ kind, id, text: content, at, until: at });
    }
  }

  /** The tool of a call, new if nothing was said of it. */
  #tool(id, name, at) {
    let tool = this.parts.find((part) => part.kind === 'tool' && part.id === id);
    if (!tool) {
      tool = { kind: 'tool', id, name: '', typed: '', called: false, at };
      this.parts.push(tool);
    }
    if (name) tool.name = String(name);
    return tool;
  }
}

function outcome(content, data) {
  if (data.denied === true) return { denied: true };
  if (data.error !== undefined) return { error: String(data.error) };
  return { output: data.output ?? content, preliminary: data.preliminary === true };
}

/** How many entries come before a place: `<offset>_<branch>`. */
function offset(place) {
  return Number.parseInt(place, 10) || 0;
}
