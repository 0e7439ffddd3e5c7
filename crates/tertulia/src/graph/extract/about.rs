//! What the arguments of an action need, as they describe it when the graph is built.

use std::any::{TypeId, type_name};

/// What the arguments of an action need.
#[derive(Clone, Debug, Default)]
pub struct About {
    /// It takes the whole state, to read and to change it.
    pub(in crate::graph) state: bool,
    /// The fields of the state that are read by themselves.
    pub(in crate::graph) reads: Vec<String>,
    /// The inputs.
    pub(in crate::graph) inputs: Vec<String>,
    /// Values that all actions share.
    pub(in crate::graph) data: Vec<(TypeId, &'static str)>,
    /// Types whose fields have no names that can be told.
    pub(in crate::graph) nameless: Vec<&'static str>,
}

impl About {
    pub(super) fn reads<T>(&mut self, fields: Option<&[&str]>) {
        add::<T>(&mut self.reads, fields, &mut self.nameless);
    }

    pub(super) fn inputs<T>(&mut self, fields: Option<&[&str]>) {
        add::<T>(&mut self.inputs, fields, &mut self.nameless);
    }

    pub(super) fn data<T: 'static>(&mut self) {
        self.data.push((TypeId::of::<T>(), type_name::<T>()));
    }
}

fn add<T>(names: &mut Vec<String>, fields: Option<&[&str]>, nameless: &mut Vec<&'static str>) {
    let Some(fields) = fields else { return nameless.push(type_name::<T>()) };
    for field in fields {
        if !names.iter().any(|name| name == field) {
            names.push((*field).to_owned());
        }
    }
}
