//! The events of an answer, read as they come.

use std::collections::VecDeque;

use futures_util::stream::{self, BoxStream, Stream, StreamExt};
use reqwest::{Response, StatusCode};
use sse_stream::{Sse, SseByteStream};

use super::super::{Call, ModelError, ModelEvent, Usage};
use super::wire::{CallDelta, Chunk, said, status};
use super::{lost, refused};

/// The most bytes of an answer.
const MAX_BYTES: usize = 16 << 20;
/// The most calls in a turn.
const MAX_CALLS: usize = 128;
/// What the last event says.
const DONE: &str = "[DONE]";

/// An answer being read.
pub(super) struct Events {
    sse: BoxStream<'static, Result<Sse, sse_stream::Error>>,
    /// What calls that have no id are named after.
    turn: String,
    /// The calls so far, by their index.
    calls: Vec<Call>,
    /// What was read and not given yet.
    ready: VecDeque<Result<ModelEvent, ModelError>>,
    /// The model has said why it ends: what follows is at most what the turn cost.
    finished: bool,
    over: bool,
}

impl Events {
    pub(super) fn new(response: Response, turn: String) -> Self {
        let mut left = MAX_BYTES;
        let bytes = stream::unfold(response, move |mut response| async move {
            let chunk = response.chunk().await.map_err(|error| lost(error).text).transpose()?;
            let chunk = chunk.and_then(|chunk| {
                left =
                    left.checked_sub(chunk.len()).ok_or_else(|| format!("it is over {MAX_BYTES} bytes"))?;
                Ok(chunk)
            });
            Some((chunk.map_err(std::io::Error::other), response))
        });
        let sse = SseByteStream::new(bytes).boxed();
        let (calls, ready) = (Vec::new(), VecDeque::new());
        Self { sse, turn, calls, ready, finished: false, over: false }
    }

    /// Until the end, or the first error.
    pub(super) fn stream(self) -> impl Stream<Item = Result<ModelEvent, ModelError>> + Send {
        stream::unfold(self, |mut events| async move { Some((events.next().await?, events)) })
    }

    async fn next(&mut self) -> Option<Result<ModelEvent, ModelError>> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                self.over |= event.is_err();
                return Some(event);
            }
            if self.over {
                return None;
            }
            match self.sse.next().await {
                Some(Ok(Sse { data: Some(data), .. })) if data.trim() == DONE => self.end(),
                Some(Ok(Sse { data: Some(data), .. })) => self.read(&data),
                Some(Ok(_)) => {}
                Some(Err(_)) | None if self.finished => self.end(),
                Some(Err(error)) => self.fail(passing(format!("the model was cut: {error}"))),
                None => self.fail(passing("the model was cut: its answer has no end".to_owned())),
            }
        }
    }

    fn read(&mut self, data: &str) {
        let chunk: Chunk = match serde_json::from_str(data) {
            Ok(chunk) => chunk,
            Err(error) => {
                return self.fail(passing(format!("an event of the model cannot be read: {error}")));
            }
        };
        if let Some(error) = chunk.error {
            let code = status(&error).and_then(|code| StatusCode::from_u16(code).ok());
            return self.fail(refused(code.unwrap_or(StatusCode::INTERNAL_SERVER_ERROR), said(&error), None));
        }
        if let Some(used) = chunk.usage {
            let usage = Usage { input: used.prompt_tokens, output: used.completion_tokens };
            self.ready.push_back(Ok(ModelEvent::Usage(usage)));
        }
        let Some(choice) = chunk.choices.into_iter().next() else { return };
        let delta = choice.delta;
        let full = |text: &String| !text.is_empty();
        let thinking = delta.reasoning_content.filter(full).or(delta.reasoning.filter(full));
        self.ready.extend(thinking.map(|text| Ok(ModelEvent::Thinking(text))));
        let text = delta.content.filter(full).or(delta.refusal.filter(full));
        self.ready.extend(text.map(|text| Ok(ModelEvent::Text(text))));
        for part in delta.tool_calls {
            self.call(part);
        }
        self.finished |= choice.finish_reason.is_some();
    }

    /// A part of a call. Some endpoints give no index: then one with a new name or id is a new call.
    fn call(&mut self, part: CallDelta) {
        let CallDelta { index, id, function } = part;
        let (id, name) = (id.unwrap_or_default(), function.name.unwrap_or_default());
        let begins = !name.is_empty() && self.calls.last().is_none_or(|last| id.is_empty() || last.id != id);
        let index = index.unwrap_or(self.calls.len().saturating_sub(usize::from(!begins)));
        if index >= MAX_CALLS {
            return self.fail(passing(format!("the model makes more than {MAX_CALLS} calls in a turn")));
        }
        while self.calls.len() <= index {
            let id = format!("call-{}-{}", self.turn, self.calls.len());
            self.calls.push(Call { id, ..Call::default() });
        }
        let call = &mut self.calls[index];
        // Readers know it by the id that it had first.
        if call.name.is_empty() && !id.is_empty() {
            call.id = id;
        }
        if call.name.is_empty() {
            call.name = name;
        }
        let delta = function.arguments.unwrap_or_default();
        call.input.push_str(&delta);
        if !call.name.is_empty() && !delta.is_empty() {
            let (id, name) = (call.id.clone(), call.name.clone());
            self.ready.push_back(Ok(ModelEvent::Input { id, name, delta }));
        }
    }

    /// It is whole: so are its calls.
    fn end(&mut self) {
        self.over = true;
        let calls = std::mem::take(&mut self.calls);
        self.ready.extend(calls.into_iter().map(|call| Ok(ModelEvent::Call(call))));
    }

    fn fail(&mut self, error: ModelError) {
        self.over = true;
        self.ready.push_back(Err(error));
    }
}

fn passing(text: String) -> ModelError {
    ModelError { text, passing: true, after: None }
}
