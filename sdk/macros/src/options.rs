//! What stands between the parentheses of `#[tool(…)]`, and what may not stand there.

use syn::ext::IdentExt;
use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitBool, LitStr, Token};

/// The options of a tool; a hint that is absent was not given.
#[derive(Default)]
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) title: Option<LitStr>,
    pub(crate) read_only: Option<Hint>,
    pub(crate) destructive: Option<Hint>,
    pub(crate) idempotent: Option<Hint>,
    pub(crate) open_world: Option<Hint>,
}

pub(crate) struct Hint {
    key: Ident,
    pub(crate) value: bool,
}

const KNOWN: &str =
    "`read_only`, `destructive`, `idempotent`, `open_world`, `title = \"…\"`, `name = \"…\"`";

impl Parse for Options {
    fn parse(input: ParseStream) -> syn::Result<Self> {
        let mut options = Self::default();
        while !input.is_empty() {
            let key = input.call(Ident::parse_any)?;
            match key.to_string().as_str() {
                "name" => set(&mut options.name, &key, text(&key, input)?)?,
                "title" => set(&mut options.title, &key, text(&key, input)?)?,
                "read_only" => set(&mut options.read_only, &key, hint(&key, input)?)?,
                "destructive" => set(&mut options.destructive, &key, hint(&key, input)?)?,
                "idempotent" => set(&mut options.idempotent, &key, hint(&key, input)?)?,
                "open_world" => set(&mut options.open_world, &key, hint(&key, input)?)?,
                other => {
                    return Err(Error::new(
                        key.span(),
                        format!("`#[tool]` knows no `{other}`; it takes {KNOWN}"),
                    ));
                }
            }
            if input.is_empty() {
                break;
            }
            input.parse::<Token![,]>()?;
        }
        options.check_hints()?;
        Ok(options)
    }
}

impl Options {
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

fn text(key: &Ident, input: ParseStream) -> syn::Result<LitStr> {
    if !input.peek(Token![=]) {
        return Err(Error::new(key.span(), format!("write `{key} = \"…\"`")));
    }
    input.parse::<Token![=]>()?;
    let text: LitStr = input
        .parse()
        .map_err(|error| Error::new(error.span(), format!("`{key}` takes a text in quotes")))?;
    if text.value().trim().is_empty() {
        return Err(Error::new(text.span(), format!("`{key}` is empty")));
    }
    Ok(text)
}

fn hint(key: &Ident, input: ParseStream) -> syn::Result<Hint> {
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
