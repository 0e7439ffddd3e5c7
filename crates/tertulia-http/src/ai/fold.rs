//! Live replies as chunks: a pure function of their events, so that a message read again is the same message.

use serde_json::{Map, Value};
use tertulia::stream::{End, Event, EventKind};

use super::call::{Call, Calls};
use super::chunk::{By, Chunk, Data};

/// What was said of one message so far. One message may span several live replies, of which each is a
/// [begun](Self::begin) and [ended](Self::end) in turn.
#[derive(Clone, Debug, Default)]
pub(super) struct Fold {
    calls: Calls,
    /// The live reply that is being told, as its name ends.
    reply: String,
    /// How many parts of it there were.
    parts: usize,
    open: Option<Open>,
    /// The text of the live reply.
    text: String,
    /// Whether any step was begun, and whether one is under way.
    has_steps: bool,
    in_step: bool,
    /// What went wrong. A client reads nothing after an error, so it is told at the end.
    error: Option<String>,
}

/// A text that may go on.
#[derive(Clone, Debug)]
struct Open {
    is_thinking: bool,
    /// The id of its chunks.
    part: String,
    /// The id of its events.
    of: Option<String>,
}

impl Fold {
    /// Nothing said yet.
    pub(super) fn new(calls: Calls) -> Self {
        Self { calls, ..Self::default() }
    }

    /// The calls of tools that came up.
    pub(super) fn into_calls(self) -> Calls {
        self.calls
    }

    /// The text of the live reply that was begun last.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// A live reply begins, and a step with it.
    pub(super) fn begin(&mut self, stream: &str, out: &mut Vec<Chunk>) {
        let reply = stream.rsplit('/').next().unwrap_or_default();
        (self.reply, self.parts) = (reply.to_owned(), 0);
        self.text.clear();
        self.step(out);
    }

    /// The live reply ends. Its last step goes on with what is replied beside it: a page that sends by itself once approvals are
    /// given looks for them in the last step.
    pub(super) fn end(&mut self, out: &mut Vec<Chunk>) {
        self.close(out);
    }

    /// A step begins; the one before it ends.
    fn step(&mut self, out: &mut Vec<Chunk>) {
        if std::mem::replace(&mut self.in_step, true) {
            out.push(Chunk::FinishStep);
        }
        self.has_steps = true;
        out.push(Chunk::StartStep);
    }

    /// What was replied to an update beside the live `texts`. Where replies are read, what was said live is one of them.
    ///
    /// A message that ends without any step gets an empty one: a page that sends by itself looks at the last step, and would
    /// send again and again.
    pub(super) fn beside(
        &mut self,
        replies: Vec<String>,
        mut texts: Vec<String>,
        is_end: bool,
        out: &mut Vec<Chunk>,
    ) {
        let mut replies = replies;
        replies.retain(|reply| match texts.iter().position(|text| text == reply) {
            Some(place) => {
                texts.remove(place);
                false
            }
            None => true,
        });
        if replies.is_empty() && (self.has_steps || !is_end) {
            return;
        }
        if !self.in_step {
            self.step(out);
        }
        for (n, delta) in replies.into_iter().enumerate() {
            let id = format!("said-{n}");
            out.push(Chunk::TextStart { id: id.clone() });
            out.push(Chunk::TextDelta { id: id.clone(), delta });
            out.push(Chunk::TextEnd { id });
        }
    }

    /// The message ends.
    pub(super) fn finish(&mut self, how: End, out: &mut Vec<Chunk>) {
        if std::mem::take(&mut self.in_step) {
            out.push(Chunk::FinishStep);
        }
        let error = self.error.take();
        out.push(match (how, error) {
            (End::Aborted, _) => Chunk::Error { error_text: "the message was tried and given up".to_owned() },
            (End::Stopped, _) => Chunk::Abort { reason: "stopped" },
            (End::Complete, Some(error_text)) => Chunk::Error { error_text },
            (End::Complete, None) if self.calls.are_open() => Chunk::Finish { finish_reason: "tool-calls" },
            (End::Complete, None) => Chunk::Finish { finish_reason: "stop" },
        });
    }

    /// Something happens. What is not known, and what names no call where one is needed, is passed over.
    pub(super) fn event(&mut self, event: &Event, out: &mut Vec<Chunk>) {
        let data = &event.data;
        match &event.kind {
            EventKind::Content => self.delta(false, event, out),
            EventKind::Thinking => self.delta(true, event, out),
            EventKind::Metadata => {
                out.push(Chunk::MessageMetadata { message_metadata: Value::Object(data.clone()) });
            }
            EventKind::Error => self.error = Some(event.content.clone()),
            EventKind::Step => {
                self.close(out);
                self.step(out);
            }
            EventKind::References => {
                self.close(out);
                let sources = data.get("sources").and_then(Value::as_array).into_iter().flatten();
                out.extend(sources.enumerate().filter_map(|(n, source)| source_chunk(n, source)));
            }
            EventKind::File => {
                if let (Some(url), Some(media_type)) = (text(data, "url"), text(data, "media_type")) {
                    self.close(out);
                    out.push(Chunk::File { url, media_type });
                }
            }
            EventKind::ToolInput | EventKind::ToolCall | EventKind::Approval | EventKind::ToolResult => {
                if let Some(id) = &event.id {
                    self.close(out);
                    self.tool(id, event, out);
                }
            }
            EventKind::Other(kind) if kind.len() > "data-".len() && kind.starts_with("data-") => {
                self.close(out);
                out.push(Chunk::Data(own_data(kind, event)));
            }
            _ => {}
        }
    }

    fn delta(&mut self, is_thinking: bool, event: &Event, out: &mut Vec<Chunk>) {
        let goes_on =
            self.open.as_ref().is_some_and(|open| open.is_thinking == is_thinking && open.of == event.id);
        if !goes_on {
            self.close(out);
        }
        if !event.content.is_empty() {
            let Open { part, .. } = self.open.get_or_insert_with(|| {
                let part = format!("{}-{}", self.reply, self.parts);
                self.parts += 1;
                out.push(match is_thinking {
                    true => Chunk::ReasoningStart { id: part.clone() },
                    false => Chunk::TextStart { id: part.clone() },
                });
                Open { is_thinking, part, of: event.id.clone() }
            });
            let (id, delta) = (part.clone(), event.content.clone());
            out.push(match is_thinking {
                true => Chunk::ReasoningDelta { id, delta },
                false => Chunk::TextDelta { id, delta },
            });
            if !is_thinking {
                self.text.push_str(&event.content);
            }
        }
        if event.done {
            self.close(out);
        }
    }

    /// Ends the text that may go on.
    fn close(&mut self, out: &mut Vec<Chunk>) {
        if let Some(Open { is_thinking, part: id, .. }) = self.open.take() {
            out.push(match is_thinking {
                true => Chunk::ReasoningEnd { id },
                false => Chunk::TextEnd { id },
            });
        }
    }

    fn tool(&mut self, id: &str, event: &Event, out: &mut Vec<Chunk>) {
        let (data, tool_call_id) = (&event.data, id.to_owned());
        let call = self.calls.named(id, text(data, "name"));
        if data.get("client") == Some(&Value::Bool(true)) {
            call.is_clients = true;
        }
        let by = By { provider_executed: !call.is_clients };
        let error = text(data, "error");
        match event.kind {
            EventKind::ToolInput => {
                call.takes_input |= !call.is_shown;
                start(id, call, by, out);
                // To a call that was whole before, nothing can be added.
                if call.takes_input && !event.content.is_empty() {
                    out.push(Chunk::ToolInputDelta { tool_call_id, input_text_delta: event.content.clone() });
                }
            }
            EventKind::ToolCall => {
                start(id, call, by, out);
                call.takes_input = false;
                call.input = data.get("input").cloned();
                let (tool_name, input) = (call.name.clone(), call.input.clone().unwrap_or_default());
                call.is_open = error.is_none();
                out.push(match error {
                    None => Chunk::ToolInputAvailable { tool_call_id, tool_name, input, by },
                    Some(error_text) => {
                        Chunk::ToolInputError { tool_call_id, tool_name, input, error_text, by }
                    }
                });
            }
            EventKind::Approval => {
                announce(id, call, by, out);
                let approval_id = text(data, "approval").unwrap_or_else(|| id.to_owned());
                out.push(Chunk::ToolApprovalRequest { approval_id, tool_call_id });
            }
            _ => {
                announce(id, call, by, out);
                let preliminary = data.get("preliminary") == Some(&Value::Bool(true));
                call.is_open = preliminary;
                out.push(match error {
                    _ if data.get("denied") == Some(&Value::Bool(true)) => {
                        Chunk::ToolOutputDenied { tool_call_id }
                    }
                    Some(error_text) => Chunk::ToolOutputError { tool_call_id, error_text, by },
                    None => {
                        let output = data.get("output").cloned().unwrap_or_default();
                        Chunk::ToolOutputAvailable { tool_call_id, output, preliminary, by }
                    }
                });
            }
        }
    }
}

/// A call that the message has not shown begins.
fn start(id: &str, call: &mut Call, by: By, out: &mut Vec<Chunk>) {
    if !std::mem::replace(&mut call.is_shown, true) {
        let (tool_call_id, tool_name) = (id.to_owned(), call.name.clone());
        out.push(Chunk::ToolInputStart { tool_call_id, tool_name, by });
    }
}

/// A call that the message has not shown is shown whole: a client takes no result of a call that it does not know.
fn announce(id: &str, call: &mut Call, by: By, out: &mut Vec<Chunk>) {
    if !call.is_shown {
        start(id, call, by, out);
        let (tool_call_id, tool_name) = (id.to_owned(), call.name.clone());
        let input = call.input.clone().unwrap_or_default();
        out.push(Chunk::ToolInputAvailable { tool_call_id, tool_name, input, by });
    }
}

fn source_chunk(n: usize, source: &Value) -> Option<Chunk> {
    let source = source.as_object()?;
    let source_id = match source.get("id") {
        Some(Value::String(id)) => id.clone(),
        Some(Value::Number(id)) => id.to_string(),
        _ => format!("source-{n}"),
    };
    let title = text(source, "title");
    match (text(source, "url"), text(source, "media_type")) {
        (Some(url), _) => Some(Chunk::SourceUrl { source_id, url, title }),
        (None, Some(media_type)) => {
            let (filename, title) = (text(source, "filename"), title.unwrap_or_default());
            Some(Chunk::SourceDocument { source_id, media_type, title, filename })
        }
        (None, None) => None,
    }
}

/// `data.data` if there is such a field, else all of it but what is said about it.
fn own_data(kind: &str, event: &Event) -> Data {
    let transient = event.data.get("transient") == Some(&Value::Bool(true));
    let data = event.data.get("data").cloned().unwrap_or_else(|| {
        let said = event.data.iter().filter(|(name, _)| *name != "transient");
        Value::Object(said.map(|(name, value)| (name.clone(), value.clone())).collect())
    });
    Data { kind: kind.to_owned(), id: event.id.clone(), data, transient }
}

fn text(data: &Map<String, Value>, name: &str) -> Option<String> {
    data.get(name).and_then(Value::as_str).map(str::to_owned)
}

#[cfg(test)]
mod tests;
