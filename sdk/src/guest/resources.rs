//! The export `resources`.

use super::bindings::resources::exports::toolward::plugin::resources::{
    Found, Guest, Page, ReadOutcome, Template, TemplatePage,
};
use super::bindings::toolward::plugin::{call, values as wit};
use super::{Offers, context, values};
use crate::error::{Cause, RequestError};
use crate::resource::{self, ResourceDefinition};

impl<T: Offers> Guest for T {
    fn list_resources(cx: &call::Context, cursor: Option<String>) -> Result<Page, wit::Failure> {
        let page = T::plugin().resources(context(cx), cursor.as_deref());
        let page = page.map_err(values::failure)?;
        Ok(Page {
            entries: page.entries.into_iter().map(values::link).collect(),
            next: page.next,
            freshness: page.freshness.map(values::freshness),
        })
    }

    fn list_templates(
        _: &call::Context,
        cursor: Option<String>,
    ) -> Result<TemplatePage, wit::Failure> {
        if cursor.is_some() {
            let error = RequestError::new(Cause::InvalidParams, "the list has one page");
            return Err(values::failure(error.into()));
        }
        let templates = T::plugin().templates();
        Ok(TemplatePage {
            templates: templates.into_iter().map(template).collect(),
            next: None,
            freshness: T::plugin().freshness().map(values::freshness),
        })
    }

    fn read_resource(cx: &call::Context, uri: String) -> Result<ReadOutcome, wit::Failure> {
        match T::plugin().read(context(cx), &uri) {
            Ok(found) => Ok(ReadOutcome::Done(self::found(found))),
            Err(failure) => match values::asked(failure) {
                Ok(questions) => Ok(ReadOutcome::InputNeeded(questions)),
                Err(failure) => Err(failure),
            },
        }
    }
}

fn template(definition: ResourceDefinition) -> Template {
    Template {
        uri_template: definition.uri.to_owned(),
        name: definition.name.to_owned(),
        title: definition.title.map(str::to_owned),
        description: Some(definition.description.to_owned()),
        mime_type: definition.mime_type.map(str::to_owned),
        icons: values::icons(definition.icons),
        annotations: definition.annotations.map(values::annotations),
        meta: definition.meta.0,
        extras: Vec::new(),
    }
}

fn found(found: resource::Found) -> Found {
    Found {
        documents: found.documents.into_iter().map(values::document).collect(),
        freshness: found.freshness.map(values::freshness),
        meta: found.meta.0,
        extras: Vec::new(),
    }
}
