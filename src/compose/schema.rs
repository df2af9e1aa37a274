//! The language as data: what a key may hold, how it merges, how it prints.
//!
//! Every key of a Compose file is one [`Key`] row in a table of [`keys`](super::keys). The passes
//! walk a tree and its [`Shape`] together, so no pass names a key.

use crate::compose::keys::service::Service;
use crate::compose::project::Scope;
use crate::diagnostic::Diagnostic;
use crate::spec::ContainerSpec;
use crate::yaml::{Node, Value};

/// Makes several values of one.
pub type Spread = fn(&Node) -> Result<Vec<Node>, Diagnostic>;

/// A key of a [`Record`].
#[derive(Debug)]
pub struct Key {
    pub name: &'static str,
    pub shape: Shape,
    pub merge: Merge,
    pub print: Print,
    /// Must be there once all files are merged.
    pub required: bool,
    /// Null is a value, not the absence of one.
    pub nullable: bool,
    /// Counts in the config hash of a service.
    pub hashed: bool,
    /// The name in JSON, where the peer's differs.
    pub json_name: &'static str,
    /// Known only to releases of the specification newer than the peer's recorded answers.
    pub recent: bool,
    /// What a key of a service is for.
    pub effect: Effect,
}

/// What becomes of a key of a service once it is loaded.
#[derive(Debug, Clone, Copy)]
pub enum Effect {
    /// Nobody has said; not allowed for keys of a service.
    Unsaid,
    /// It has done its work in loading.
    Loading,
    /// It asks the engine for something.
    Container(Apply),
    /// It decides which containers there are, and when.
    Planner,
    /// It says how the image is made.
    Build,
    /// It concerns the client: what is attached, what is watched.
    Client,
    /// The engines we talk to have nothing for it; the words say why.
    Ignored(&'static str),
}

/// Puts a key's value into a container; the error is a clause.
pub type Apply = fn(&Service, &Scope<'_>, &mut ContainerSpec) -> Result<(), String>;

impl Key {
    #[must_use]
    pub const fn new(name: &'static str, shape: Shape) -> Self {
        Self {
            name,
            shape,
            merge: Merge::ByShape,
            print: Print::UnlessEmpty,
            required: false,
            nullable: false,
            hashed: true,
            json_name: name,
            recent: false,
            effect: Effect::Unsaid,
        }
    }

    /// Asks the engine for something.
    #[must_use]
    pub const fn container(self, apply: Apply) -> Self {
        self.effect(Effect::Container(apply))
    }

    #[must_use]
    pub const fn effect(mut self, effect: Effect) -> Self {
        self.effect = effect;
        self
    }

    #[must_use]
    pub const fn merge(mut self, merge: Merge) -> Self {
        self.merge = merge;
        self
    }

    #[must_use]
    pub const fn print(mut self, print: Print) -> Self {
        self.print = print;
        self
    }

    #[must_use]
    pub const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    #[must_use]
    pub const fn nullable(mut self) -> Self {
        self.nullable = true;
        self
    }

    #[must_use]
    pub const fn unhashed(mut self) -> Self {
        self.hashed = false;
        self
    }

    #[must_use]
    pub const fn json_name(mut self, name: &'static str) -> Self {
        self.json_name = name;
        self
    }

    #[must_use]
    pub const fn recent(mut self) -> Self {
        self.recent = true;
        self
    }
}

/// What a value may be.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Anything at all, such as the value of an extension key.
    Any,
    Leaf(Leaf),
    /// A mapping with known keys.
    Record(&'static Record),
    /// A mapping whose keys are the user's own names.
    Dict(&'static Dict),
    List(&'static List),
    /// A mapping, or a list of `name=value`.
    Pairs(Pairs),
    /// `host: address`, or a list of `host=address`.
    Hosts,
    /// A command: text that is split as a shell would, or a list.
    Argv,
    /// A health test: text for the container's shell, or a list.
    HealthTest,
    /// A short form beside a long one.
    Short(&'static Short),
    /// Two shapes that the kind of the value tells apart; the first is the leaf.
    Either(&'static Shape, &'static Shape),
}

impl Shape {
    /// The shape that applies to a value of this kind: long forms for short ones, and the fitting
    /// side of an alternative.
    #[must_use]
    pub fn for_node(&self, node: &Node) -> &Shape {
        match self {
            Self::Short(short) => short.long.for_node(node),
            Self::Either(leaf, other) => match node.value {
                Value::List(_) | Value::Map(_) => other.for_node(node),
                _ => leaf.for_node(node),
            },
            _ => self,
        }
    }
}

/// A short form: what it is, and how to write it long.
#[derive(Debug)]
pub struct Short {
    /// The kinds that are short forms.
    pub accepts: Kinds,
    /// The same in long form. The node is of an accepted kind.
    pub expand: fn(&Node) -> Result<Node, Diagnostic>,
    pub long: Shape,
}

#[derive(Debug)]
pub struct Record {
    pub keys: &'static [Key],
    /// Whether keys that are in no row are let through unchecked.
    pub open: bool,
    /// Moves outdated spellings to their place, before merging.
    pub rewrite: Option<fn(&mut Node) -> Option<Diagnostic>>,
    /// Fills in what is left out, once all files are merged.
    pub defaults: Option<fn(&mut Node)>,
    /// Rules between the keys of one record, checked once all files are merged.
    pub check: Option<fn(&Node) -> Option<Diagnostic>>,
    /// Makes paths absolute that a [`Leaf`] alone cannot know for paths.
    pub resolve: Option<fn(&mut Node, &super::paths::Base<'_>) -> Option<Diagnostic>>,
    /// Whether `x-` keys are allowed.
    pub extensions: bool,
    /// How it prints, if not as a mapping.
    pub display: Option<fn(&Node) -> Option<Node>>,
}

impl Record {
    #[must_use]
    pub const fn new(keys: &'static [Key]) -> Self {
        Self {
            keys,
            open: false,
            rewrite: None,
            defaults: None,
            check: None,
            resolve: None,
            extensions: true,
            display: None,
        }
    }

    #[must_use]
    pub const fn open(mut self) -> Self {
        self.open = true;
        self
    }

    #[must_use]
    pub const fn without_extensions(mut self) -> Self {
        self.extensions = false;
        self
    }

    #[must_use]
    pub const fn rewrite(mut self, rewrite: fn(&mut Node) -> Option<Diagnostic>) -> Self {
        self.rewrite = Some(rewrite);
        self
    }

    #[must_use]
    pub const fn defaults(mut self, fill: fn(&mut Node)) -> Self {
        self.defaults = Some(fill);
        self
    }

    #[must_use]
    pub const fn check(mut self, check: fn(&Node) -> Option<Diagnostic>) -> Self {
        self.check = Some(check);
        self
    }

    #[must_use]
    pub const fn resolve(
        mut self,
        resolve: fn(&mut Node, &super::paths::Base<'_>) -> Option<Diagnostic>,
    ) -> Self {
        self.resolve = Some(resolve);
        self
    }

    #[must_use]
    pub const fn display(mut self, display: fn(&Node) -> Option<Node>) -> Self {
        self.display = Some(display);
        self
    }

    /// The row of `name`.
    #[must_use]
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Whether `name` is an extension key here.
    #[must_use]
    pub fn is_extension(&self, name: &str) -> bool {
        self.extensions && name.starts_with("x-")
    }
}

#[derive(Debug)]
pub struct Dict {
    pub value: Shape,
    /// Whether names must be made of letters, digits, `.`, `_` and `-`.
    pub plain_names: bool,
    pub null: NullChild,
    /// How it prints, if not as a mapping.
    pub display: Option<fn(&Node) -> Option<Node>>,
}

impl Dict {
    /// Any names, none of them null.
    #[must_use]
    pub const fn of(value: Shape) -> Self {
        Self { value, plain_names: false, null: NullChild::Refused, display: None }
    }

    /// Names of letters, digits, `.`, `_` and `-` only.
    #[must_use]
    pub const fn plain_names(mut self) -> Self {
        self.plain_names = true;
        self
    }

    #[must_use]
    pub const fn null(mut self, null: NullChild) -> Self {
        self.null = null;
        self
    }

    #[must_use]
    pub const fn display(mut self, display: fn(&Node) -> Option<Node>) -> Self {
        self.display = Some(display);
        self
    }
}

/// What a null stands for as the value of a user's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NullChild {
    Refused,
    /// It stays and prints as null.
    Kept,
    /// It is an empty mapping.
    Empty,
}

#[derive(Debug)]
pub struct List {
    pub item: Shape,
    /// Repeated items are an error.
    pub distinct: bool,
    /// Text alone is a list of one item.
    pub single: bool,
    /// Empty items are dropped.
    pub without_blanks: bool,
    /// One item may stand for several.
    pub spread: Option<Spread>,
}

impl List {
    #[must_use]
    pub const fn of(item: Shape) -> Self {
        Self { item, distinct: false, single: false, without_blanks: false, spread: None }
    }

    #[must_use]
    pub const fn distinct(mut self) -> Self {
        self.distinct = true;
        self
    }

    #[must_use]
    pub const fn single(mut self) -> Self {
        self.single = true;
        self
    }

    #[must_use]
    pub const fn spread(mut self, spread: Spread) -> Self {
        self.spread = Some(spread);
        self
    }
}

/// A mapping of scalars that may be written as a list of `name=value`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pairs {
    /// A name without a value takes it from the environment and prints as null.
    Environment,
    /// A name without a value is empty.
    Labels,
}

/// A set of YAML kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kinds(u8);

impl Kinds {
    pub const NONE: Self = Self(0);
    pub const TEXT: Self = Self(1);
    pub const INT: Self = Self(2);
    pub const FLOAT: Self = Self(4);
    pub const BOOL: Self = Self(8);
    pub const NULL: Self = Self(16);
    pub const LIST: Self = Self(32);
    pub const MAP: Self = Self(64);
    pub const NUMBER: Self = Self(2 | 4);

    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    #[must_use]
    pub fn contains(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Whether `node` is of one of these kinds. As in JSON Schema, `1.0` is an integer.
    #[must_use]
    pub fn fit(self, node: &Node) -> bool {
        let kind = match node.value {
            Value::Null => Self::NULL,
            Value::Bool(_) => Self::BOOL,
            Value::Int(_) | Value::Uint(_) => Self::INT,
            Value::Float(value) if value.fract() == 0.0 => Self::INT,
            Value::Float(_) => Self::FLOAT,
            Value::Text(_) => Self::TEXT,
            Value::List(_) => Self::LIST,
            Value::Map(_) => Self::MAP,
            Value::Time(_) => return false,
        };
        self.contains(kind)
    }

    /// In words: `text or a number`.
    #[must_use]
    pub fn words(self) -> String {
        let mut words = Vec::new();
        for (kind, word) in [(Self::TEXT, "text"), (Self::BOOL, "a boolean")] {
            if self.contains(kind) {
                words.push(word);
            }
        }
        if self.contains(Self::NUMBER) {
            words.push("a number");
        } else if self.contains(Self::INT) {
            words.push("an integer");
        }
        for (kind, word) in
            [(Self::LIST, "a list"), (Self::MAP, "a mapping"), (Self::NULL, "nothing")]
        {
            if self.contains(kind) {
                words.push(word);
            }
        }
        match words.split_last() {
            Some((last, [])) => (*last).to_owned(),
            Some((last, first)) => format!("{} or {last}", first.join(", ")),
            None => "something else".to_owned(),
        }
    }
}

/// A scalar: which kinds may be written, and what it becomes.
#[derive(Debug, Clone, Copy)]
pub struct Leaf {
    pub accepts: Kinds,
    /// Text is turned into this right after interpolation, before merging (`model.md` §3.4).
    pub cast: Cast,
    /// The canonical value, made once all files are merged.
    pub to: To,
    pub rule: Rule,
    pub path: PathKind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cast {
    None,
    Int,
    Float,
    Bool,
}

/// Canonical forms of scalars.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum To {
    /// As it is.
    Same,
    /// Numbers and booleans as text.
    Text,
    Bool,
    /// Fractions are cut off.
    Int,
    /// As [`To::Int`], but not below zero.
    Unsigned,
    /// An integer of 16 bits, never text.
    Unsigned16,
    /// An integer of 32 bits, never text.
    Unsigned32,
    /// Single precision.
    Single,
    /// Bytes as decimal text.
    Bytes,
    /// A duration as Go prints it.
    Duration,
    /// Permission bits as octal text.
    Mode,
    /// A number of devices; `all` is -1.
    DeviceCount,
    /// A limit for both soft and hard.
    Ulimit,
}

/// What a value must be beyond its kind.
#[derive(Debug, Clone, Copy)]
pub enum Rule {
    None,
    /// Text that is one of these.
    OneOf(&'static [&'static str]),
    /// Integers from the first to the second.
    Range(i64, i64),
    /// Text for which the function is true; the words say what that is.
    Text(fn(&str) -> bool, &'static str),
}

/// How a path is made absolute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathKind {
    None,
    /// Joined to the base unless absolute.
    File,
    /// As [`PathKind::File`]; a Windows path is absolute too.
    AnyHost,
    /// A build context: URLs and `service:` references stay.
    Context,
    /// As [`PathKind::File`], with the first symbolic link in it replaced by its target.
    Followed,
}

impl Leaf {
    #[must_use]
    pub const fn new(accepts: Kinds, to: To) -> Self {
        Self { accepts, cast: Cast::None, to, rule: Rule::None, path: PathKind::None }
    }

    #[must_use]
    pub const fn cast(mut self, cast: Cast) -> Self {
        self.cast = cast;
        self
    }

    #[must_use]
    pub const fn rule(mut self, rule: Rule) -> Self {
        self.rule = rule;
        self
    }

    #[must_use]
    pub const fn path(mut self, path: PathKind) -> Self {
        self.path = path;
        self
    }

    #[must_use]
    pub const fn shape(self) -> Shape {
        Shape::Leaf(self)
    }
}

/// How an override meets what it overrides.
#[derive(Debug, Clone, Copy)]
pub enum Merge {
    /// Scalars replace, mappings merge deeply, lists append, pairs and hosts by their own rules.
    ByShape,
    /// The override replaces, even with null.
    Replace,
    /// Lists append; an item with the identity of an earlier one takes its position.
    UniqueBy(fn(&Node) -> Option<String>),
    /// Mappings merge if this key is equal in both or absent from one, else the override replaces.
    IfSame(&'static str),
    /// The list of the override replaces; its items lie over those of the base that are equal under
    /// this key. (The peer mixes up the items of a base with several.)
    ItemsBy(&'static str),
}

/// When a key is printed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Print {
    /// Not if it is null, false, zero, or empty.
    UnlessEmpty,
    /// If it is there, even empty.
    IfPresent,
    /// Even if it is not there: false or zero then, by its shape.
    Always,
    /// Null in JSON if it is not there; an empty list is printed.
    NullInJson,
    /// `{}` in JSON if it is not there or empty.
    StructInJson,
    /// As [`Print::StructInJson`], with `command: null` inside.
    HookInJson,
    /// In YAML as [`Print::Always`], in JSON as [`Print::UnlessEmpty`].
    AlwaysInYaml,
    /// In YAML as [`Print::UnlessEmpty`], in JSON never.
    OnlyInYaml,
    /// Never: it has done its work in loading.
    Never,
}

// Leaves that many keys share.

pub const TEXT: Leaf = Leaf::new(Kinds::TEXT, To::Same);
/// `true`, or text that is one of the boolean words once variables are in.
pub const BOOL: Leaf = Leaf::new(Kinds::BOOL.or(Kinds::TEXT), To::Bool).cast(Cast::Bool);
/// As [`BOOL`], but text stays text until all files are merged.
pub const LATE_BOOL: Leaf = Leaf::new(Kinds::BOOL.or(Kinds::TEXT), To::Bool);
pub const STRICT_BOOL: Leaf = Leaf::new(Kinds::BOOL, To::Bool);
pub const INT: Leaf = Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Int).cast(Cast::Int);
pub const NUMBER_AS_INT: Leaf = Leaf::new(Kinds::NUMBER.or(Kinds::TEXT), To::Int).cast(Cast::Int);
pub const BYTES: Leaf = Leaf::new(Kinds::NUMBER.or(Kinds::TEXT), To::Bytes);
pub const INT_BYTES: Leaf = Leaf::new(Kinds::INT.or(Kinds::TEXT), To::Bytes);
pub const TEXT_BYTES: Leaf = Leaf::new(Kinds::TEXT, To::Bytes);
pub const DURATION: Leaf = Leaf::new(Kinds::TEXT, To::Duration);
pub const CPUS: Leaf = Leaf::new(Kinds::NUMBER.or(Kinds::TEXT), To::Single);
/// Text, or a number that becomes text.
pub const NUMBER_AS_TEXT: Leaf = Leaf::new(Kinds::NUMBER.or(Kinds::TEXT), To::Text);
pub const PATH: Leaf = TEXT.path(PathKind::File);

pub const TEXTS: List = List::of(Shape::Leaf(TEXT));
pub const DISTINCT_TEXTS: List = TEXTS.distinct();

/// Options of drivers and plug-ins: values are text or numbers.
pub static OPTIONS: Dict = Dict::of(Shape::Leaf(NUMBER_AS_TEXT));

/// What stands before the first `=`: the identity of `name=value` items.
#[must_use]
pub fn before_equals(node: &Node) -> Option<String> {
    let text = node.as_str()?;
    Some(text.split_once('=').map_or(text, |(name, _)| name).to_owned())
}
