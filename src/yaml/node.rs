//! The tree: values with their places.

use indexmap::IndexMap;

use crate::source::Span;

/// What a tag asks of a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Mark {
    #[default]
    None,
    /// `!reset`: the key goes, here and in what it is merged over.
    Reset,
    /// `!override`: what it is merged over goes, this value stays as it is.
    Override,
}

/// A value and where it stands.
#[derive(Debug, Clone)]
pub struct Node {
    pub span: Span,
    pub mark: Mark,
    pub value: Value,
}

/// A typed YAML value.
#[derive(Debug, Clone)]
pub enum Value {
    Null,
    Bool(bool),
    Int(i64),
    /// An integer above `i64::MAX`.
    Uint(u64),
    Float(f64),
    Text(String),
    /// A date or time, as RFC 3339 text.
    Time(String),
    List(Vec<Node>),
    Map(Box<Map>),
}

/// A mapping in the order of the file.
pub type Map = IndexMap<String, Entry, foldhash::fast::RandomState>;

/// The value of a key and where the key stands.
#[derive(Debug, Clone)]
pub struct Entry {
    pub key: Span,
    pub node: Node,
}

impl Node {
    #[must_use]
    pub fn new(span: Span, value: Value) -> Self {
        Self { span, mark: Mark::None, value }
    }

    #[must_use]
    pub fn null(span: Span) -> Self {
        Self::new(span, Value::Null)
    }

    #[must_use]
    pub fn text(span: Span, text: impl Into<String>) -> Self {
        Self::new(span, Value::Text(text.into()))
    }

    #[must_use]
    pub fn bool(span: Span, value: bool) -> Self {
        Self::new(span, Value::Bool(value))
    }

    #[must_use]
    pub fn int(span: Span, value: i64) -> Self {
        Self::new(span, Value::Int(value))
    }

    #[must_use]
    pub fn list(span: Span, items: Vec<Self>) -> Self {
        Self::new(span, Value::List(items))
    }

    /// A mapping whose keys all stand at `span`.
    #[must_use]
    pub fn map<'a>(span: Span, entries: impl IntoIterator<Item = (&'a str, Self)>) -> Self {
        let map = entries
            .into_iter()
            .map(|(key, node)| (key.to_owned(), Entry { key: span, node }))
            .collect();
        Self::new(span, Value::Map(Box::new(map)))
    }

    #[must_use]
    pub fn empty_map(span: Span) -> Self {
        Self::map(span, [])
    }

    #[must_use]
    pub fn is_null(&self) -> bool {
        matches!(self.value, Value::Null)
    }

    #[must_use]
    pub fn as_str(&self) -> Option<&str> {
        match &self.value {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_bool(&self) -> Option<bool> {
        match self.value {
            Value::Bool(value) => Some(value),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self.value {
            Value::Int(value) => Some(value),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_list(&self) -> Option<&[Self]> {
        match &self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    pub fn as_list_mut(&mut self) -> Option<&mut Vec<Self>> {
        match &mut self.value {
            Value::List(items) => Some(items),
            _ => None,
        }
    }

    #[must_use]
    pub fn as_map(&self) -> Option<&Map> {
        match &self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    pub fn as_map_mut(&mut self) -> Option<&mut Map> {
        match &mut self.value {
            Value::Map(map) => Some(map),
            _ => None,
        }
    }

    /// The items, or nothing if this is no list.
    pub fn items(&self) -> std::slice::Iter<'_, Self> {
        self.as_list().unwrap_or_default().iter()
    }

    /// The value of `key`, if this is a mapping that has it.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&Self> {
        self.as_map()?.get(key).map(|entry| &entry.node)
    }

    pub fn get_mut(&mut self, key: &str) -> Option<&mut Self> {
        self.as_map_mut()?.get_mut(key).map(|entry| &mut entry.node)
    }

    /// The text of `key`, if this is a mapping that has text there.
    #[must_use]
    pub fn str_of(&self, key: &str) -> Option<&str> {
        self.get(key)?.as_str()
    }

    /// Follows `path` through mappings.
    #[must_use]
    pub fn at<'a>(&self, path: impl IntoIterator<Item = &'a str>) -> Option<&Self> {
        path.into_iter().try_fold(self, |node, key| node.get(key))
    }

    /// Sets `key`, which stands at `span`; does nothing if this is no mapping.
    pub fn set(&mut self, key: &str, span: Span, node: Self) {
        if let Some(map) = self.as_map_mut() {
            map.insert(key.to_owned(), Entry { key: span, node });
        }
    }

    /// Takes `key` out of this mapping.
    pub fn remove(&mut self, key: &str) -> Option<Entry> {
        self.as_map_mut()?.shift_remove(key)
    }

    /// The value in words, with its article: `a list`, `text`.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match &self.value {
            Value::Null => "nothing",
            Value::Bool(_) => "a boolean",
            Value::Int(_) | Value::Uint(_) => "an integer",
            Value::Float(_) => "a number",
            Value::Text(_) => "text",
            Value::Time(_) => "a date",
            Value::List(_) => "a list",
            Value::Map(_) => "a mapping",
        }
    }
}

/// Equal values, wherever they stand.
impl PartialEq for Node {
    fn eq(&self, other: &Self) -> bool {
        match (&self.value, &other.value) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Uint(a), Value::Uint(b)) => a == b,
            (Value::Float(a), Value::Float(b)) => a == b,
            (Value::Text(a), Value::Text(b)) | (Value::Time(a), Value::Time(b)) => a == b,
            (Value::List(a), Value::List(b)) => a == b,
            (Value::Map(a), Value::Map(b)) => {
                a.len() == b.len()
                    && a.iter().all(|(key, entry)| {
                        b.get(key).is_some_and(|other| entry.node == other.node)
                    })
            }
            _ => false,
        }
    }
}
