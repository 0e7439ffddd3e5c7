//! One answer of the agent: turns of the model and calls of tools, until the model has said what it has to.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};
use tertulia::bot::{self, Context, Live, Session};
use tertulia::stream::Event;

use super::approve::{self, Decision};
use super::turn::{Reply, take};
use super::{Agent, memory, tools};
use crate::demo::Demo;
use crate::demo::model::{Call, Message, Prompt};

/// An answer under way.
pub(super) struct Run<'a> {
    pub(super) ctx: &'a Context,
    pub(super) chat: &'a mut Session<Demo>,
    pub(super) agent: &'a Agent,
    pub(super) live: Live,
    /// What the live reply says but for the turn of the model that is under way: said again if it begins anew.
    pub(super) said: Vec<Event>,
    /// What the last search found, as references.
    pub(super) refers: Vec<Value>,
    /// What the answer adds to the conversation.
    messages: Vec<Message>,
    /// Whether somebody has stopped it.
    stopped: bool,
}

/// Answers the update.
///
/// # Errors
/// What saying, asking and recording give. What the model fails with is said to the user instead.
pub(crate) async fn answer(ctx: &Context, chat: &mut Session<Demo>, agent: &Agent) -> bot::Result {
    let live = ctx.reply_live().await?;
    let messages = vec![Message::user(ctx.text())];
    let (said, refers) = (Vec::new(), Vec::new());
    let mut run = Run { ctx, chat, agent, live, said, refers, messages, stopped: false };
    run.steps().await?;
    run.end().await?;
    let messages = std::mem::take(&mut run.messages);
    memory::keep(&mut run.chat.talk, messages);
    Ok(())
}

impl Run<'_> {
    /// Turn by turn.
    async fn steps(&mut self) -> bot::Result {
        for step in 1..=self.agent.max_steps {
            if step > 1 {
                self.say(Event::step()).await?;
            }
            let reply = self.turn(step).await?;
            self.messages.push(Message::assistant(&reply.text, reply.calls.clone()));
            if let Some(error) = &reply.failed {
                self.say(Event::error(error)).await?;
                self.remark("I cannot go on: the model does not answer as it should. Please try again.")
                    .await?;
            }
            self.stopped = reply.stopped;
            if self.stopped || reply.failed.is_some() || reply.calls.is_empty() {
                return Ok(());
            }
            for (number, call) in (1..).zip(&reply.calls) {
                let output = self.call(&format!("tool-{step}-{number}"), call).await?;
                self.messages.push(Message::result(&call.id, output.to_string()));
                if self.stopped {
                    return Ok(());
                }
            }
        }
        let steps = self.agent.max_steps;
        self.remark(&format!("I stop here: that took {steps} steps, which is as many as I may take.")).await
    }

    /// A turn of the model, the recorded one if there is one.
    async fn turn(&mut self, step: usize) -> bot::Result<Reply> {
        let last = step == self.agent.max_steps;
        let prompt = Prompt {
            turn: format!("{}-{step}", approve::short(self.ctx)),
            system: memory::system(self.chat),
            messages: memory::context(&self.chat.talk, &self.messages),
            tools: if last { Vec::new() } else { tools::specs() },
        };
        let heard = AtomicBool::new(false);
        let reply: Reply = self.ctx.once(&format!("step-{step}"), take(self, prompt, &heard)).await?;
        if !heard.load(Ordering::Relaxed) {
            for event in reply.events() {
                self.live.event(event).await?;
            }
        }
        self.said.extend(reply.events());
        Ok(reply)
    }

    /// A call of a tool: gives what the model is told of it.
    async fn call(&mut self, once: &str, call: &Call) -> bot::Result<Value> {
        if let Some(question) = tools::question(&call.name, self.chat)
            && !self.approved(&question, call, once).await?
        {
            self.say(Event::tool_denied(&call.id)).await?;
            return Ok(json!({ "denied": true, "reason": "the user does not want it" }));
        }
        let live = self.live.clone();
        let output = tokio::select! {
            biased;
            cancelled = live.cancelled() => {
                cancelled?;
                self.stopped = true;
                Err("the user has stopped it".to_owned())
            }
            output = tools::call(self, once, &call.id, &call.name, &call.input) => output?,
        };
        Ok(match output {
            Ok(output) => {
                self.say(Event::tool_result(&call.id, output.clone())).await?;
                if !self.refers.is_empty() {
                    let references = Event::references(std::mem::take(&mut self.refers));
                    self.say(references).await?;
                }
                output
            }
            Err(error) => {
                self.say(Event::tool_failed(&call.id, &error)).await?;
                json!({ "error": error })
            }
        })
    }

    /// Whether the user wants a call. What was said so far is then at its end, and the answer goes on in another live
    /// reply.
    async fn approved(&mut self, question: &str, call: &Call, once: &str) -> bot::Result<bool> {
        let approval = format!("{}-{once}", approve::short(self.ctx));
        self.say(Event::approval(&call.id, &approval)).await?;
        self.live.finish();
        let decision = approve::ask(self.ctx, question, &approval).await?;
        self.live = self.ctx.reply_live().await?;
        self.said.clear();
        Ok(decision == Decision::Approved)
    }

    /// Says an event that is whole.
    pub(super) async fn say(&mut self, event: Event) -> bot::Result {
        self.live.event(event.clone()).await?;
        self.said.push(event);
        Ok(())
    }

    /// Says something that is not the model's, after what is said already.
    async fn remark(&mut self, text: &str) -> bot::Result {
        let space = if self.live.text().is_empty() { "" } else { "\n\n" };
        self.live.push(format!("{space}{text}")).await?;
        Ok(())
    }

    async fn end(&mut self) -> bot::Result {
        if self.stopped {
            self.live.stop();
            return Ok(());
        }
        if self.live.text().is_empty() {
            self.live.push("I have nothing to say to that.").await?;
        }
        self.live.finish();
        Ok(())
    }
}
