//! What a picture shows.

/// What a picture of a graph shows beside its actions and transitions.
///
/// ```
/// use tertulia::graph::Picture;
///
/// let picture = Picture { current: Some("think".into()), passed: vec!["receive".into()], ..Picture::default() };
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// The action that a run is at: marked. A name that the graph has not is passed over.
    pub current: Option<String>,
    /// The actions that the run has gone through: tinted.
    pub passed: Vec<String>,
    /// Whether conditions are written at their transitions (yes, if not said otherwise).
    pub conditions: bool,
    /// Whether the inputs of actions are drawn, as dashed boxes.
    pub inputs: bool,
    /// Whether actions show which fields of the state they read and write.
    pub state: bool,
}

impl Default for Picture {
    fn default() -> Self {
        Self { current: None, passed: Vec::new(), conditions: true, inputs: false, state: false }
    }
}
