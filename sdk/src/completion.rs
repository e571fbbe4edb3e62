//! Suggestions while a person fills the blanks of a prompt or of a resource's URI.

/// What is being filled.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Subject {
    /// A prompt, by its name.
    Prompt(String),
    /// A family of resources, by its URI with blanks.
    Resource(String),
}

impl Subject {
    /// Its name or URI.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Prompt(name) | Self::Resource(name) => name,
        }
    }
}

/// A blank that a person is filling, for the function that `plugin!` names under `completions`.
///
/// ```
/// use toolward_sdk::prelude::*;
/// use toolward_sdk::{Blank, Suggestions};
///
/// /// What to write about.
/// #[derive(Deserialize, JsonSchema)]
/// struct About {
///     /// The colour.
///     colour: String,
/// }
///
/// /// Praises a colour.
/// #[prompt]
/// fn praise(args: About) -> Result<String> {
///     Ok(format!("Say something nice about {}.", args.colour))
/// }
///
/// fn complete(_: &Context, blank: &Blank) -> Result<Suggestions> {
///     Ok(match (blank.subject.name(), blank.argument.as_str()) {
///         ("praise", "colour") => blank.among(["black", "blue", "green"]),
///         _ => Suggestions::default(),
///     })
/// }
///
/// plugin! { prompts: [praise], completions: complete }
///
/// let host = toolward_sdk::testing::Host::new(&PLUGIN);
/// assert_eq!(host.complete(Blank::of_prompt("praise", "colour", "bl")).unwrap().values, ["black", "blue"]);
/// ```
#[derive(Clone, Debug, Eq, PartialEq)]
#[non_exhaustive]
pub struct Blank {
    /// Of what it is a part.
    pub subject: Subject,
    /// Its name.
    pub argument: String,
    /// What is typed so far.
    pub value: String,
    /// The blanks that are filled already, as names and values.
    pub filled: Vec<(String, String)>,
}

impl Blank {
    /// A blank of a prompt, with nothing else filled: where tests start from.
    #[must_use]
    pub fn of_prompt(prompt: &str, argument: &str, value: &str) -> Self {
        Self::new(Subject::Prompt(prompt.to_owned()), argument, value)
    }

    /// A blank of a resource's URI, with nothing else filled.
    #[must_use]
    pub fn of_resource(uri: &str, argument: &str, value: &str) -> Self {
        Self::new(Subject::Resource(uri.to_owned()), argument, value)
    }

    fn new(subject: Subject, argument: &str, value: &str) -> Self {
        Self {
            subject,
            argument: argument.to_owned(),
            value: value.to_owned(),
            filled: Vec::new(),
        }
    }

    /// The value of a blank that is filled already.
    #[must_use]
    pub fn filled(&self, name: &str) -> Option<&str> {
        let (_, value) = self.filled.iter().find(|(known, _)| known == name)?;
        Some(value)
    }

    /// Those that begin with what is typed, whatever their case.
    pub fn among(&self, values: impl IntoIterator<Item = impl Into<String>>) -> Suggestions {
        let typed = self.value.to_lowercase();
        let values = values.into_iter().map(Into::into);
        values
            .filter(|value: &String| value.to_lowercase().starts_with(&typed))
            .collect()
    }
}

/// Values that fit.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub struct Suggestions {
    /// Best first. Clients get the first 100.
    pub values: Vec<String>,
    /// How many there are in all, if that is known.
    pub total: Option<u32>,
    /// Whether there are more than these.
    pub more: bool,
}

impl<T: Into<String>> FromIterator<T> for Suggestions {
    /// All that there are: the first 100 as values, and how many.
    fn from_iter<I: IntoIterator<Item = T>>(values: I) -> Self {
        let mut values: Vec<String> = values.into_iter().map(Into::into).collect();
        let total = values.len();
        values.truncate(100);
        Self {
            more: values.len() < total,
            values,
            total: u32::try_from(total).ok(),
        }
    }
}
