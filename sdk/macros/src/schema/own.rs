//! What `#[schemars(…)]` says, and doc comments.

use proc_macro2::TokenStream;
use quote::quote;
use syn::meta::ParseNestedMeta;
use syn::parse::ParseStream;
use syn::{Attribute, Expr, ExprLit, Lit, LitStr, Meta, Token, Type, UnOp};

/// Where the attribute stands.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(crate) enum Place {
    Type,
    Variant,
    Field,
}

/// What an author adds to what the type says; numbers and keywords as they are written in JSON.
#[derive(Default)]
pub(crate) struct Own {
    pub(crate) description: Option<String>,
    pub(crate) title: Option<String>,
    pub(crate) with: Option<Type>,
    pub(crate) more: String,
    min: String,
    max: String,
    min_length: String,
    max_length: String,
}

impl Own {
    pub(crate) fn parse(attributes: &[Attribute], place: Place) -> syn::Result<Self> {
        let mut own = Self::default();
        for attribute in attributes {
            if attribute.path().is_ident("schemars") {
                attribute.parse_nested_meta(|meta| own.read(&meta, place))?;
            }
        }
        Ok(own)
    }

    fn read(&mut self, meta: &ParseNestedMeta<'_>, place: Place) -> syn::Result<()> {
        let key = meta
            .path
            .get_ident()
            .map(ToString::to_string)
            .unwrap_or_default();
        match (key.as_str(), place) {
            ("description", _) => self.description = Some(meta.value()?.parse::<LitStr>()?.value()),
            ("title", Place::Field) => self.title = Some(meta.value()?.parse::<LitStr>()?.value()),
            ("with", Place::Field | Place::Type) => {
                self.with = Some(meta.value()?.parse::<LitStr>()?.parse()?);
            }
            ("range", Place::Field) => meta.parse_nested_meta(|meta| {
                let bound = match_ident(&meta, &["min", "max"], "`range` has `min` and `max`")?;
                *[&mut self.min, &mut self.max][bound] = json(meta.value()?)?;
                Ok(())
            })?,
            ("length", Place::Field) => meta.parse_nested_meta(|meta| {
                let message = "`length` has `min`, `max` and `equal`";
                let bound = match_ident(&meta, &["min", "max", "equal"], message)?;
                let length = json(meta.value()?)?;
                if bound != 1 {
                    self.min_length.clone_from(&length);
                }
                if bound != 0 {
                    self.max_length = length;
                }
                Ok(())
            })?,
            ("pattern", Place::Field) => {
                let pattern: LitStr = meta.value()?.parse()?;
                self.keyword("pattern", &quoted(&pattern.value()));
            }
            ("regex", Place::Field) => meta.parse_nested_meta(|meta| {
                match_ident(&meta, &["pattern"], "`regex` has `pattern`")?;
                let pattern: LitStr = meta.value()?.parse()?;
                self.keyword("pattern", &quoted(&pattern.value()));
                Ok(())
            })?,
            ("extend", Place::Field | Place::Type) => {
                let content;
                syn::parenthesized!(content in meta.input);
                while !content.is_empty() {
                    let key: LitStr = content.parse()?;
                    content.parse::<Token![=]>()?;
                    self.keyword(&key.value(), &json(&content)?);
                    if !content.is_empty() {
                        content.parse::<Token![,]>()?;
                    }
                }
            }
            _ => {
                let message = format!(
                    "`{key}` is not known here: a field has `range`, `length`, `pattern`, `extend`, `with`, `title` and \
                     `description`, a type `extend`, `with` and `description`, a variant `description`"
                );
                return Err(meta.error(message));
            }
        }
        Ok(())
    }

    pub(crate) fn keyword(&mut self, key: &str, json: &str) {
        if !self.more.is_empty() {
            self.more.push(',');
        }
        self.more.push_str(&quoted(key));
        self.more.push(':');
        self.more.push_str(json);
    }

    /// The bounds of a field, if it has some.
    pub(crate) fn limits(&self) -> TokenStream {
        let Self {
            more,
            min,
            max,
            min_length,
            max_length,
            ..
        } = self;
        if [more, min, max, min_length, max_length]
            .iter()
            .all(|text| text.is_empty())
        {
            return quote!(::core::option::Option::None);
        }
        quote! {
            ::core::option::Option::Some(&::toolward_sdk::__private::schema::Limits {
                min: #min,
                max: #max,
                min_length: #min_length,
                max_length: #max_length,
                more: #more,
            })
        }
    }
}

fn match_ident(meta: &ParseNestedMeta<'_>, known: &[&str], message: &str) -> syn::Result<usize> {
    let found = known.iter().position(|known| meta.path.is_ident(known));
    found.ok_or_else(|| meta.error(message))
}

/// A literal as JSON. It is written down when the plugin is compiled, so it cannot be a constant's name.
fn json(input: ParseStream<'_>) -> syn::Result<String> {
    let expression: Expr = input.parse()?;
    literal(&expression).ok_or_else(|| {
        syn::Error::new_spanned(
            &expression,
            "this is written out: a number, a text or a boolean",
        )
    })
}

fn literal(expression: &Expr) -> Option<String> {
    match expression {
        Expr::Lit(ExprLit { lit, .. }) => match lit {
            Lit::Int(number) => Some(number.base10_digits().to_owned()),
            Lit::Float(number) => Some(number.base10_digits().to_owned()),
            Lit::Str(text) => Some(quoted(&text.value())),
            Lit::Bool(it) => Some(it.value.to_string()),
            _ => None,
        },
        Expr::Unary(negated) if matches!(negated.op, UnOp::Neg(_)) => {
            Some(format!("-{}", literal(&negated.expr)?))
        }
        _ => None,
    }
}

/// A text as JSON.
fn quoted(text: &str) -> String {
    let mut json = String::from('"');
    for c in text.chars() {
        match c {
            '"' | '\\' => json.extend(['\\', c]),
            c if c < ' ' => json.extend(format!("\\u{:04x}", u32::from(c)).chars()),
            c => json.push(c),
        }
    }
    json.push('"');
    json
}

/// A doc comment as one text, without the space that follows `///`.
pub(crate) fn description(attributes: &[Attribute]) -> syn::Result<String> {
    let mut text = String::new();
    for attribute in attributes.iter().filter(|it| it.path().is_ident("doc")) {
        let Meta::NameValue(pair) = &attribute.meta else {
            continue;
        };
        let Expr::Lit(ExprLit {
            lit: Lit::Str(line),
            ..
        }) = &pair.value
        else {
            return Err(syn::Error::new_spanned(
                &pair.value,
                "a description is written out, not made by a macro",
            ));
        };
        let line = line.value();
        text.push_str(line.strip_prefix(' ').unwrap_or(&line));
        text.push('\n');
    }
    Ok(text.trim().to_owned())
}
