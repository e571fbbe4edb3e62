//! What stands between the parentheses of `#[tool(…)]`, `#[prompt(…)]` and `#[resource(…)]`, and what may not stand
//! there.

use proc_macro2::TokenStream;
use quote::quote;
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser as _};
use syn::{Error, Ident, Lit, LitBool, LitStr, Path, Token};

/// The options; one that is absent was not given.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) read_only: Option<Hint>,
    pub(crate) destructive: Option<Hint>,
    pub(crate) idempotent: Option<Hint>,
    pub(crate) open_world: Option<Hint>,
    pub(crate) job_required: Option<Hint>,
    pub(crate) mime_type: Option<LitStr>,
    pub(crate) list: Option<Path>,
    priority: Option<f64>,
    audience: Option<Audience>,
    icons: Vec<LitStr>,
    meta: Option<Path>,
}

pub(crate) struct Hint {
    key: Ident,
    pub(crate) value: bool,
}

#[derive(Clone, Copy)]
enum Audience {
    User,
    Assistant,
}

/// The options that an attribute takes.
#[derive(Clone, Copy)]
pub(crate) struct Takes {
    attribute: &'static str,
    keys: &'static [&'static str],
}

impl Takes {
    pub(crate) const TOOL: Self = Self {
        attribute: "tool",
        keys: &[
            "read_only",
            "destructive",
            "idempotent",
            "open_world",
            "title = \"…\"",
            "name = \"…\"",
            "icon = \"…\"",
            "meta = FUNCTION",
            "job_required",
        ],
    };

    pub(crate) const PROMPT: Self = Self {
        attribute: "prompt",
        keys: &[
            "title = \"…\"",
            "name = \"…\"",
            "icon = \"…\"",
            "meta = FUNCTION",
        ],
    };

    pub(crate) const RESOURCE: Self = Self {
        attribute: "resource",
        keys: &[
            "mime_type = \"…\"",
            "list = FUNCTION",
            "priority = 0.5",
            "audience = \"…\"",
            "title = \"…\"",
            "name = \"…\"",
            "icon = \"…\"",
            "meta = FUNCTION",
        ],
    };

    fn check(self, key: &Ident) -> syn::Result<()> {
        let name = key.to_string();
        if self
            .keys
            .iter()
            .any(|known| known.split(' ').next() == Some(&*name))
        {
            return Ok(());
        }
        let known: Vec<_> = self.keys.iter().map(|known| format!("`{known}`")).collect();
        let message = format!(
            "`#[{}]` knows no `{name}`; it takes {}",
            self.attribute,
            known.join(", ")
        );
        Err(Error::new(key.span(), message))
    }
}

impl Options {
    pub(crate) fn parse(takes: Takes, tokens: TokenStream) -> syn::Result<Self> {
        let parser = |input: ParseStream<'_>| Self::parse_all(takes, input);
        parser.parse2(tokens)
    }

    fn parse_all(takes: Takes, input: ParseStream<'_>) -> syn::Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            takes.check(&key)?;
            options.set(&key, input)?;
            if input.is_empty() {
                break;
            }
            input.parse::<Token![,]>()?;
        }
        options.check_hints()?;
        Ok(options)
    }

    fn set(&mut self, key: &Ident, input: ParseStream<'_>) -> syn::Result<()> {
        match key.to_string().as_str() {
            "name" => set(&mut self.name, key, text(key, input)?),
            "title" => set(&mut self.title, key, text(key, input)?),
            "read_only" => set(&mut self.read_only, key, hint(key, input)?),
            "destructive" => set(&mut self.destructive, key, hint(key, input)?),
            "idempotent" => set(&mut self.idempotent, key, hint(key, input)?),
            "open_world" => set(&mut self.open_world, key, hint(key, input)?),
            "job_required" => set(&mut self.job_required, key, hint(key, input)?),
            "mime_type" => set(&mut self.mime_type, key, text(key, input)?),
            "list" => set(&mut self.list, key, function(key, input)?),
            "meta" => set(&mut self.meta, key, function(key, input)?),
            "priority" => set(&mut self.priority, key, share(key, input)?),
            "audience" => set(&mut self.audience, key, audience(key, input)?),
            "icon" => {
                self.icons.push(text(key, input)?);
                Ok(())
            }
            other => Err(Error::new(key.span(), format!("nobody reads `{other}`"))),
        }
    }

    /// The pictures, as an expression.
    pub(crate) fn icons(&self) -> TokenStream {
        let icons = &self.icons;
        if icons.is_empty() {
            quote!(::std::vec::Vec::new())
        } else {
            quote!(::std::vec![#(::toolward_sdk::Icon::new(#icons)),*])
        }
    }

    /// What travels as `_meta`, as an expression.
    pub(crate) fn meta(&self) -> TokenStream {
        self.meta.as_ref().map_or_else(
            || quote!(::toolward_sdk::Meta::new()),
            |function| quote!(#function()),
        )
    }

    /// How it is meant to be used, as an expression.
    pub(crate) fn annotations(&self) -> TokenStream {
        if self.priority.is_none() && self.audience.is_none() {
            return quote!(::core::option::Option::None);
        }
        let priority = crate::function::option(self.priority);
        let audience = self.audience.map(|audience| match audience {
            Audience::User => quote!(::toolward_sdk::Role::User),
            Audience::Assistant => quote!(::toolward_sdk::Role::Assistant),
        });
        quote! {
            ::core::option::Option::Some(::toolward_sdk::Annotations {
                audience: ::std::vec![#audience],
                priority: #priority,
                last_modified: ::core::option::Option::None,
            })
        }
    }

    fn check_hints(&self) -> syn::Result<()> {
        match (&self.read_only, &self.destructive) {
            (Some(Hint { value: true, .. }), Some(Hint { key, value: true })) => Err(Error::new(
                key.span(),
                "a tool that is `read_only` destroys nothing",
            )),
            _ => Ok(()),
        }
    }
}

fn set<T>(slot: &mut Option<T>, key: &Ident, value: T) -> syn::Result<()> {
    match slot.replace(value) {
        None => Ok(()),
        Some(_) => Err(Error::new(key.span(), format!("`{key}` is given twice"))),
    }
}

fn equals(key: &Ident, input: ParseStream<'_>, example: &str) -> syn::Result<()> {
    if !input.peek(Token![=]) {
        let message = format!("write `{key} = {example}`");
        return Err(Error::new(key.span(), message));
    }
    input.parse::<Token![=]>().map(drop)
}

fn text(key: &Ident, input: ParseStream<'_>) -> syn::Result<LitStr> {
    equals(key, input, "\"…\"")?;
    let text: LitStr = input
        .parse()
        .map_err(|error| Error::new(error.span(), format!("`{key}` takes a text in quotes")))?;
    if text.value().trim().is_empty() {
        return Err(Error::new(text.span(), format!("`{key}` is empty")));
    }
    Ok(text)
}

fn function(key: &Ident, input: ParseStream<'_>) -> syn::Result<Path> {
    equals(key, input, "FUNCTION")?;
    input.parse().map_err(|error| {
        Error::new(
            error.span(),
            format!("`{key}` takes the name of a function"),
        )
    })
}

fn share(key: &Ident, input: ParseStream<'_>) -> syn::Result<f64> {
    equals(key, input, "0.5")?;
    let literal: Lit = input.parse()?;
    let value = match &literal {
        Lit::Float(number) => number.base10_parse().ok(),
        Lit::Int(number) => number.base10_parse().ok(),
        _ => None,
    };
    value
        .filter(|share| (0.0..=1.0).contains(share))
        .ok_or_else(|| {
            let message = format!("`{key}` takes a number from 0 to 1");
            Error::new(literal.span(), message)
        })
}

fn audience(key: &Ident, input: ParseStream<'_>) -> syn::Result<Audience> {
    let text = text(key, input)?;
    match text.value().as_str() {
        "user" => Ok(Audience::User),
        "assistant" => Ok(Audience::Assistant),
        _ => Err(Error::new(
            text.span(),
            format!("`{key}` takes \"user\" or \"assistant\""),
        )),
    }
}

fn hint(key: &Ident, input: ParseStream<'_>) -> syn::Result<Hint> {
    let mut value = true;
    if input.peek(Token![=]) {
        input.parse::<Token![=]>()?;
        let given: LitBool = input.parse().map_err(|error| {
            Error::new(error.span(), format!("`{key}` takes `true` or `false`"))
        })?;
        value = given.value;
    }
    Ok(Hint {
        key: key.clone(),
        value,
    })
}
